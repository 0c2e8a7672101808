/* One record written: as a row of the wanted columns, or packed with all that it shows. */
#ifndef TIDEGATE_RECORD_H
#define TIDEGATE_RECORD_H

#include "dialect.h"
#include "tables.h"
#include "typed.h"

/* Whether nested JSON, which is followed by memory enough, has a quote or a comma. */
static inline int has_quote_or_comma(position at, position stop) {
    for (; at < stop; at += 8) {
        uint64_t word = word_at(at), marks = zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE(','));
        if (marks)
            return at + first_marked(marks) < stop;
    }
    return 0;
}

/* Nested JSON as a cell, its own quotes doubled already: between quotes where it has a quote or a comma. */
static uint8_t *write_nested_cell(uint8_t *out, position at, position stop) {
    int quoted = has_quote_or_comma(at, stop);
    *out = '"';
    out = copied(out + quoted, at, stop, stop + SLACK);
    *out = '"';
    return out + quoted;
}

static inline uint8_t *write_cell(call *c, uint8_t *out, const value *given) {
    const piece *text = &given->text;
    switch (given->kind) {
    case KIND_NULL:
        return out;
    case KIND_S:
    case KIND_B:
        return csv_text(out, text, c->plan->guard != 0, c->work.end);
    case KIND_N:
    case KIND_BOOL:
        return copied(out, text->start, text->stop, c->work.end);
    default:
        return write_nested_cell(out, text->start, text->stop);
    }
}

static inline uint8_t *write_json(call *c, uint8_t *out, const value *given) {
    const piece *text = &given->text;
    switch (given->kind) {
    case KIND_S:
    case KIND_B:
        return json_string(out, text, 1, c->work.end);
    case KIND_NULL:
        memcpy(out, "null", 4);
        return out + 4;
    case KIND_N:
    case KIND_BOOL:
        return copied(out, text->start, text->stop, c->work.end);
    default:
        /* The nested values are followed by memory enough. */
        return copied(out, text->start, text->stop, text->stop + SLACK);
    }
}

static uint8_t *write_csv(call *c, uint8_t *out) {
    uint8_t *start = out;
    const planned_column *column = c->plan->columns, *behind = column + c->plan->column_count;
    for (; column < behind; column++) {
        const value *given = NULL;
        if (is_constant(column))
            out = written(out, &column->before);
        else if ((given = value_of(c, column)) && !(out = write_cell(c, out, given)))
            return NULL;
        *out++ = ',';
    }
    if (out > start)
        out--;
    if (out == start && c->plan->column_count == 1) {
        /* A row of one empty cell would be an empty line, which readers skip. */
        *out++ = '"';
        *out++ = '"';
    }
    return out;
}

static uint8_t *write_typed(call *c, uint8_t *out) {
    for (int64_t number = 0; number < c->plan->column_count; number++) {
        const planned_column *column = &c->plan->columns[number];
        if (is_constant(column)) {
            out = written(out, &column->before);
            continue;
        }
        const value *given = value_of(c, column);
        int here = given && given->kind != KIND_NULL;
        *out++ = (uint8_t)here;
        if (here && !(out = typed_value(out, given, column, c->work.end)))
            return NULL;
    }
    return out;
}

static uint8_t *write_object(call *c, uint8_t *out) {
    uint8_t *start = out;
    for (int64_t number = 0; number < c->plan->column_count; number++) {
        const planned_column *column = &c->plan->columns[number];
        if (is_constant(column)) {
            out = written(out, &column->before);
            continue;
        }
        const value *given = value_of(c, column);
        if (!given)
            continue;
        out = written(out, &column->before);
        if (!(out = write_json(c, out, given)))
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
static uint8_t *write_wire(call *c, uint8_t *out, const value *given) {
    position at = given->wire, stop = given->behind;
    if (!(given->text.traits & HAS_ESCAPE))
        return copied(out, at, stop, c->work.end);
    while (at < stop) {
        piece text;
        if (*at != '"') {
            *out++ = *at++;
            continue;
        }
        at = read_string(at, stop, &text);
        if (!at || !(out = json_string(out, &text, 1, c->work.end)))
            return NULL;
    }
    return out;
}

/* Writes nothing, but notes which attributes the record shows. */
static uint8_t *note_names(call *c, uint8_t *out) {
    work *w = &c->work;
    for (uint32_t place = 0; place < w->order_count; place++) {
        attribute *one = &w->attributes[w->order[place]];
        one->seen |= (one->roles & SHOWN) != 0;
    }
    return out;
}

static uint8_t *write_packed(call *c, uint8_t *out) {
    work *w = &c->work;
    uint8_t separator = '{';
    *out++ = '[';
    for (int64_t number = 0; number < c->plan->key_count; number++) {
        const piece *part = &w->attributes[c->plan->key[number]].value.text;
        *out++ = number ? ',' : '[';
        if (!(out = json_string(out, part, 1, w->end)))
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
        if (!(out = write_wire(c, out, &one->value)))
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
        const piece *part = &one->value.text;
        if (!is_in_item(c, one) || one->value.kind > KIND_B || !is_unicode(part))
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
    if (c->room->out_size - (c->out - c->start) - 2 * SLACK < p->fixed + p->growth * (behind - item))
        return SHORT_OF_OUT;
    uint8_t *out = c->out;
    if (o->count)
        out = written(out, &p->separator);
    out = written(out, &p->open);
    out = p->mode == CSV     ? write_csv(c, out)
          : p->mode == JSON  ? write_object(c, out)
          : p->mode == PACK  ? write_packed(c, out)
          : p->mode == TYPED ? write_typed(c, out)
          : p->mode == NAMES ? note_names(c, out)
                             : write_dialect(c, out);
    if (!out || c->broken)
        return UNEXPECTED;
    out = written(out, &p->close);
    if (p->table_count && !note_table(c, out - c->out))
        return UNEXPECTED;
    c->out = out;
    c->room->ends[o->count++] = out - c->start;
    return DONE;
}
#endif
