/* Values inside attributes: where a path such as answers.q1 or visits[0].site leads, as paths.py has it.
 *
 * What is walked through here was read before, so it is in the grammar.
 */
#ifndef TIDEGATE_PATHS_H
#define TIDEGATE_PATHS_H

#include "call.h"

/* Behind a value that is in the grammar, at whose brace `at` stands. */
static position after_value(position at, position end) {
    unsigned traits = 0;
    int depth = 0;
    do {
        if (*at == '"')
            at = closing_quote(at + 1, end, 0, &traits);
        else if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        at++;
    } while (depth);
    return at;
}

static inline int is_kind(position at, unsigned kind) {
    return begins(word_at(at), kind);
}

/* The member of this name in the map at `at`; NULL where there is none, or it is no map. */
static position member_at(position at, position end, const bytes *name) {
    piece wanted = {name->at, name->at + name->size, 0}, found;
    if (!is_kind(at, KIND_M))
        return NULL;
    at += tags[KIND_M].size;
    if (*at == '}')
        return NULL;
    for (;; at++) {
        at = read_string(at, end, &found) + 1;
        if (!compare_text(&found, &wanted))
            return at;
        at = after_value(at, end);
        if (*at != ',')
            return NULL;
    }
}

/* The value at this place of the list at `at`, counted from 0; NULL where there is none, or it is no list. */
static position element_at(position at, position end, int64_t place) {
    if (!is_kind(at, KIND_L))
        return NULL;
    at += tags[KIND_L].size;
    if (*at == ']')
        return NULL;
    for (; place; place--) {
        at = after_value(at, end);
        if (*at != ',')
            return NULL;
        at++;
    }
    return at;
}

static position elements_at(position at, position end, const path_step *step) {
    for (int64_t number = 0; at && number < step->place_count; number++)
        at = element_at(at, end, step->places[number]);
    return at;
}

static position attribute_at(const call *c, int64_t number) {
    const attribute *one = &c->work.attributes[number];
    return is_in_item(c, one) ? one->value.wire : NULL;
}

/* Where the path leads in the item that was just read. At every place the longest name that is there wins. */
static position place_of(const call *c, const planned_path *path) {
    const path_step *step = path->steps;
    position end = c->work.end, at = attribute_at(c, path->whole);
    if (at)
        return at;
    if (!(at = attribute_at(c, path->text)) && step->place_count && (at = attribute_at(c, path->name)))
        at = elements_at(at, end, step);
    for (int64_t number = 1; at && number < path->step_count; number++) {
        position map = at;
        step++;
        if (!(at = member_at(map, end, &step->text)) && step->place_count && (at = member_at(map, end, &step->name)))
            at = elements_at(at, end, step);
    }
    return at;
}

/* The value that a column's path leads to, until the next one is asked for; NULL where there is none. */
COLD const value *value_inside(call *c, const planned_column *column) {
    work *w = &c->work;
    position at = place_of(c, column->path);
    if (!at)
        return NULL;
    uint8_t *nested = w->nested;
    if (!read_other_value(w, at, &c->inside)) {
        c->broken = 1; /* there is no memory for sorting */
        return NULL;
    }
    w->nested = nested;
    c->room->kinds[column - c->plan->columns] |= INT64_C(1) << c->inside.kind;
    return &c->inside;
}

/* The value of a column that is no constant; NULL where the record has none. */
HOT const value *value_of(call *c, const planned_column *column) {
    if (column->attribute < 0)
        return value_inside(c, column);
    attribute *one = &c->work.attributes[column->attribute];
    if (!is_in_item(c, one))
        return NULL;
    one->kinds |= 1u << one->value.kind;
    return &one->value;
}
#endif
