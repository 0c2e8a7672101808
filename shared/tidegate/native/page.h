/* The whole of an input: a page's members and items, or lines of packed records. */
#ifndef TIDEGATE_PAGE_H
#define TIDEGATE_PAGE_H

#include "instant.h"
#include "record.h"

/* Takes memory, and puts the plan's attributes first, so that their numbers are the plan's. */
static int prepare(call *c) {
    size_t size = (size_t)(c->work.end - c->work.begin), nested = 6 * size + 2 * SLACK;
    if (!take_memory(&c->work, nested + room_for_names(c)) || !c->plan->attribute_count)
        return 0;
    memset(c->room->kinds, 0, (size_t)c->plan->column_count * sizeof *c->room->kinds);
    if (c->plan->table_count && !begin_tables(c, c->work.memory + nested))
        return 0;
    for (int64_t number = 0; number < c->plan->attribute_count; number++) {
        const planned_attribute *one = &c->plan->attributes[number];
        if (add_attribute(&c->work, one->name.at, (size_t)one->name.size, (unsigned)one->roles) == NOWHERE)
            return 0;
    }
    return 1;
}

/* Behind the name at `at` and its colon, where it is another one than what *follows says; that says which one then. */
COLD position read_other_name(work *w, position at, uint32_t **follows) {
    piece name;
    at = read_string(at, w->end, &name);
    if (!at || name.traits & HAS_ESCAPE || at >= w->end || *at != ':')
        return NULL;
    uint32_t number = attribute_of(w, name.start, (size_t)(name.stop - name.start));
    if (number == NOWHERE)
        return NULL;
    /* The attributes may have moved. */
    *follows = w->order_count ? &w->attributes[w->order[w->order_count - 1]].next : &w->first;
    **follows = number;
    return at + 1;
}

/* Behind an item, at whose brace `at` stands; its attributes hold their values then. */
static position read_item(call *c, position at) {
    work *w = &c->work;
    position end = w->end;
    uint32_t *follows = &w->first;
    if (at >= end || *at != '{')
        return NULL;
    w->item++;
    w->order_count = 0;
    w->nested = w->memory;
    c->other = 0;
    if (end - at >= 2 && at[1] == '}')
        return at + 2;
    do {
        attribute *one = &w->attributes[*follows];
        at++;
        if (stands_at(one, at, end)) {
            at += one->whole;
        } else {
            if (!(at = read_other_name(w, at, &follows)))
                return NULL;
            one = &w->attributes[*follows];
        }
        if (one->item == w->item)
            return NULL;
        one->item = w->item;
        at = read_value(w, at, &one->value);
        if (!at || at >= end)
            return NULL;
        w->order[w->order_count++] = *follows;
        c->other |= one->roles & OTHER;
        follows = &one->next;
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

/* Whether the item that was just read is of the wanted owner and has a time. */
static int is_wanted(const call *c, const attribute *time) {
    const attribute *one = &c->work.attributes[c->plan->owner];
    const bytes *text = &c->plan->owner_text;
    piece wanted = {text->at, text->at + text->size, 0};
    if (!is_in_item(c, one) || one->value.kind > KIND_B || !is_in_item(c, time))
        return 0;
    return !compare_text(&one->value.text, &wanted);
}

/* An item of a page that was just read: where its time puts it, and what becomes of it. */
static int take_item(call *c, position item, position behind) {
    const attribute *time = &c->work.attributes[c->plan->time];
    outcome *o = c->outcome;
    int64_t millis;
    if (c->plan->owner >= 0 && !is_wanted(c, time))
        return DONE;
    if (!is_in_item(c, time) || !read_time(&time->value, c->plan->notation, &millis))
        return UNEXPECTED;
    if (!o->has_first) {
        o->has_first = 1;
        o->first_millis = millis;
    }
    if (millis < c->low || millis >= c->high)
        return DONE;
    if (o->count < c->room->records) {
        if (!note_key(c, c->room->keys + 2 * c->plan->key_count * o->count))
            return UNEXPECTED;
        c->room->times[o->count] = millis;
    }
    return keep(c, item, behind);
}

/* Behind the items, at whose bracket `at` stands; otherwise *status says why not. */
static position read_items(call *c, position at, int *status) {
    position end = c->work.end;
    *status = UNEXPECTED;
    if (end - at < 2 || *at != '[')
        return NULL;
    if (at[1] == ']')
        return at + 2;
    do {
        position item = at + 1;
        at = read_item(c, item);
        if (!at || at >= end)
            return NULL;
        c->outcome->items++;
        if ((*status = take_item(c, item, at)) != DONE)
            return NULL;
        *status = UNEXPECTED;
    } while (*at == ',');
    return *at == ']' ? at + 1 : NULL;
}

static position read_count(position at, position end, int64_t *count) {
    position digits = at;
    *count = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (at - digits == 18)
            return NULL;
        *count = 10 * *count + (*at - '0');
    }
    return at == digits || (*digits == '0' && at - digits > 1) ? NULL : at;
}

/* Behind a key, whose values are S, N or B, and at whose brace `at` stands; Python reads it again. */
static position read_last_key(call *c, position at) {
    position start = at, end = c->work.end;
    value found = {.kind = KIND_S};
    piece name;
    if (at >= end || *at != '{')
        return NULL;
    c->work.nested = c->work.memory;
    do {
        at = read_string(at + 1, end, &name);
        if (!at || at >= end || *at != ':')
            return NULL;
        at = read_other_value(&c->work, at + 1, &found);
        if (!at || at >= end || found.kind > KIND_B)
            return NULL;
    } while (*at == ',');
    if (*at != '}')
        return NULL;
    c->outcome->last_key = start - c->work.begin;
    c->outcome->last_key_size = at + 1 - start;
    return at + 1;
}

/* Behind any JSON of objects and short numbers: what ConsumedCapacity is made of. */
static position read_capacity(position at, position end, int depth) {
    piece text;
    if (at >= end)
        return NULL;
    if (*at == '"')
        return read_string(at, end, &text);
    if (*at != '{') {
        position behind = after_numeral(at, end);
        return behind && behind - at <= 30 ? behind : NULL;
    }
    if (depth == 8)
        return NULL;
    if (end - at >= 2 && at[1] == '}')
        return at + 2;
    do {
        at = read_string(at + 1, end, &text);
        if (!at || at >= end || *at != ':')
            return NULL;
        at = read_capacity(at + 1, end, depth + 1);
        if (!at || at >= end)
            return NULL;
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

enum { COUNT = 1, ITEMS = 2, LAST_KEY = 4, SCANNED = 8, CAPACITY = 16 };

static int member_named(position name, int64_t size) {
    static const struct { const char *name; int64_t size; int member; } known[] = {
        {"Count", 5, COUNT}, {"Items", 5, ITEMS}, {"LastEvaluatedKey", 16, LAST_KEY},
        {"ScannedCount", 12, SCANNED}, {"ConsumedCapacity", 16, CAPACITY},
    };
    for (size_t number = 0; number < sizeof known / sizeof *known; number++)
        if (known[number].size == size && !memcmp(known[number].name, name, (size_t)size))
            return known[number].member;
    return 0;
}

static int whole_page(call *c) {
    position at = c->work.begin, end = c->work.end;
    int members = 0, status = UNEXPECTED;
    int64_t count = 0, scanned = 0;
    if (at >= end || *at != '{')
        return UNEXPECTED;
    do {
        piece name;
        at = read_string(at + 1, end, &name);
        if (!at || at >= end || *at != ':')
            return UNEXPECTED;
        int member = member_named(name.start, name.stop - name.start);
        if (!member || members & member)
            return UNEXPECTED;
        members |= member;
        position content = ++at;
        at = member == ITEMS      ? read_items(c, at, &status)
             : member == COUNT    ? read_count(at, end, &count)
             : member == SCANNED  ? read_count(at, end, &scanned)
             : member == LAST_KEY ? read_last_key(c, at)
                                  : read_capacity(at, end, 0);
        if (!at)
            return member == ITEMS ? status : UNEXPECTED;
        if (at >= end)
            return UNEXPECTED;
        if (member == CAPACITY) {
            c->outcome->capacity = content - c->work.begin;
            c->outcome->capacity_size = at - content;
        }
    } while (*at == ',');
    if (*at != '}' || at + 1 != end || (members & (ITEMS | COUNT)) != (ITEMS | COUNT) || count != c->outcome->items)
        return UNEXPECTED;
    return c->plan->table_count ? put_by_table(c) : DONE;
}

/* Behind [["key",...], of a line; the key's places go to `keys`. */
static position read_packed_key(call *c, position at, int64_t *keys) {
    position end = c->work.end;
    if (end - at < 2 || at[0] != '[' || at[1] != '[')
        return NULL;
    at++;
    for (int64_t number = 0; number < c->plan->key_count; number++) {
        piece part;
        if (at >= end || *at != (number ? ',' : '['))
            return NULL;
        at = read_string(at + 1, end, &part);
        if (!at || !is_unicode(&part))
            return NULL;
        int64_t size = part.stop - part.start;
        *keys++ = part.start - c->work.begin;
        *keys++ = part.traits & HAS_ESCAPE ? -1 - size : size;
    }
    return end - at >= 2 && at[0] == ']' && at[1] == ',' ? at + 2 : NULL;
}

static int whole_lines(call *c) {
    position at = c->work.begin, end = c->work.end;
    while (at < end) {
        outcome *o = c->outcome;
        if (o->count == c->room->records)
            return SHORT_OF_RECORDS;
        position item = read_packed_key(c, at, c->room->keys + 2 * c->plan->key_count * o->count);
        at = item ? read_item(c, item) : NULL;
        if (!at || end - at < 2 || at[0] != ']' || at[1] != '\n')
            return UNEXPECTED;
        o->items++;
        int status = keep(c, item, at);
        if (status != DONE)
            return status;
        at += 2;
    }
    return DONE;
}

/* What occurred in the records that were kept: kinds by column, and in pack mode the names. */
static int report_attributes(call *c) {
    const work *w = &c->work;
    outcome *o = c->outcome;
    for (int64_t number = 0; number < c->plan->column_count; number++) {
        const planned_column *column = &c->plan->columns[number];
        if (column->attribute >= 0)
            c->room->kinds[number] = w->attributes[column->attribute].kinds;
    }
    for (uint32_t number = 0; number < w->attribute_count; number++) {
        const attribute *one = &w->attributes[number];
        if (!one->seen)
            continue;
        if (o->name_count == c->room->name_count)
            return SHORT_OF_NAMES;
        int64_t *pair = c->room->names + 2 * o->name_count++;
        int planned = number < c->plan->attribute_count;
        pair[0] = planned ? -1 - (int64_t)number : one->name - w->begin;
        pair[1] = planned ? 0 : (int64_t)one->size;
    }
    return DONE;
}
#endif
