/* One record written: as a row of the wanted columns, or packed with all that it shows. */
#ifndef TIDEGATE_RECORD_H
#define TIDEGATE_RECORD_H

#include "call.h"

static inline int is_in_item(const call *c, const attribute *one) {
    return one->item == c->work.item;
}

static inline uint8_t *written(uint8_t *out, const bytes *text) {
    return copied(out, text->at, text->at + text->size, text->at + text->size + SLACK);
}

static uint8_t *write_cell(call *c, uint8_t *out, const value *given) {
    int guard = c->plan->guard != 0;
    switch (given->kind) {
    case KIND_NULL:
        return out;
    case KIND_S:
    case KIND_B:
        return csv_text(out, given->start, given->stop, given->traits, guard, c->work.end);
    case KIND_N:
    case KIND_BOOL:
        return copied(out, given->start, given->stop, c->work.end);
    default: {
        uint8_t *end = write_json(&c->work, out, given, 0);
        return end ? csv_json(out, end) : NULL;
    }
    }
}

static uint8_t *write_csv(call *c, uint8_t *out) {
    uint8_t *start = out;
    int64_t count = c->plan->column_count;
    for (int64_t number = 0; number < count; number++) {
        attribute *one = &c->work.attributes[c->plan->columns[number].attribute];
        if (number)
            *out++ = ',';
        if (!is_in_item(c, one))
            continue;
        one->kinds |= 1u << one->value.kind;
        if (!(out = write_cell(c, out, &one->value)))
            return NULL;
    }
    if (count == 1 && out == start) {
        /* A row of one empty cell would be an empty line, which readers skip. */
        *out++ = '"';
        *out++ = '"';
    }
    return out;
}

static uint8_t *write_object(call *c, uint8_t *out) {
    uint8_t *start = out;
    for (int64_t number = 0; number < c->plan->column_count; number++) {
        const planned_column *column = &c->plan->columns[number];
        attribute *one = &c->work.attributes[column->attribute];
        if (!is_in_item(c, one))
            continue;
        one->kinds |= 1u << one->value.kind;
        out = written(out, &column->before);
        if (!(out = write_json(&c->work, out, &one->value, 0)))
            return NULL;
    }
    /* The comma that the first member begins with belongs to none. */
    *start = '{';
    if (out == start)
        out++;
    *out++ = '}';
    return out;
}

/* A value as it is in wire form, its escapes as Python's json writes them. */
static uint8_t *write_wire(call *c, uint8_t *out, position at, const value *given) {
    position stop = given->stop + 1 + (given->kind <= KIND_B);
    if (!(given->traits & HAS_ESCAPE))
        return copied(out, at, stop, c->work.end);
    while (at < stop) {
        piece text;
        if (*at != '"') {
            *out++ = *at++;
            continue;
        }
        at = read_string(at, stop, &text);
        if (!at || !(out = json_string(out, text.start, text.stop, text.traits, c->work.end)))
            return NULL;
    }
    return out;
}

/* Where the value of an attribute begins, from where its content does. */
static inline position wire_start(const value *given) {
    static const uint8_t before[] = {6, 6, 6, 8, 8, 5, 5, 6, 6, 6};
    return given->start - before[given->kind];
}

static uint8_t *write_packed(call *c, uint8_t *out) {
    work *w = &c->work;
    uint8_t separator = '{';
    *out++ = '[';
    for (int64_t number = 0; number < c->plan->key_count; number++) {
        const value *part = &w->attributes[c->plan->key[number]].value;
        *out++ = number ? ',' : '[';
        if (!(out = json_string(out, part->start, part->stop, part->traits, w->end)))
            return NULL;
    }
    *out++ = ']';
    *out++ = ',';
    for (uint32_t place = 0; place < w->order_count; place++) {
        attribute *one = &w->attributes[w->order[place]];
        if (!(one->roles & SHOWN))
            continue;
        one->seen = 1;
        *out++ = separator;
        separator = ',';
        *out++ = '"';
        out = copied(out, one->name, one->name + one->size, one->name + one->size);
        *out++ = '"';
        *out++ = ':';
        if (!(out = write_wire(c, out, wire_start(&one->value), &one->value)))
            return NULL;
    }
    if (separator == '{')
        *out++ = '{';
    memcpy(out, "}]\n", 3);
    return out + 3;
}

/* The key of the item that is being read, as places in the input; a size of -1 - n is one of n with escapes. */
static int note_key(call *c, int64_t *keys) {
    for (int64_t number = 0; number < c->plan->key_count; number++) {
        const attribute *one = &c->work.attributes[c->plan->key[number]];
        const value *part = &one->value;
        if (!is_in_item(c, one) || part->kind > KIND_B || !is_unicode(part->start, part->stop, part->traits))
            return 0;
        int64_t size = part->stop - part->start;
        *keys++ = part->start - c->work.begin;
        *keys++ = part->traits & HAS_ESCAPE ? -1 - size : size;
    }
    return 1;
}

/* Writes the item that was just read, which was `size` long, as the next record; a status. */
static int keep(call *c, position item, position behind) {
    const plan *p = c->plan;
    outcome *o = c->outcome;
    if (c->other)
        return OTHER_COLUMN;
    if (o->count == c->room->records)
        return SHORT_OF_RECORDS;
    /* Everything below writes at most so much: the one check of the output's bounds. */
    if (c->room->out_size - (c->out - c->room->out) - 2 * SLACK < p->fixed + p->growth * (behind - item))
        return SHORT_OF_OUT;
    uint8_t *out = c->out;
    if (o->count)
        out = written(out, &p->separator);
    out = written(out, &p->open);
    out = p->mode == CSV ? write_csv(c, out) : p->mode == JSON ? write_object(c, out) : write_packed(c, out);
    if (!out)
        return UNEXPECTED;
    c->out = written(out, &p->close);
    c->room->ends[o->count++] = c->out - c->room->out;
    return DONE;
}
#endif
