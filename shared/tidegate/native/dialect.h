/* Rows in another layout than RFC 4180's, as dialects.py describes them: between cells any ASCII character, quotes
 * where they are asked for, texts that stand for null and for what is missing. */
#ifndef TIDEGATE_DIALECT_H
#define TIDEGATE_DIALECT_H

#include "paths.h"

static int has_byte(position at, position stop, uint8_t byte) {
    for (; stop - at >= 8; at += 8)
        if (zero_bytes(word_at(at) ^ EACH_BYTE(byte)))
            return 1;
    for (; at < stop; at++)
        if (*at == byte)
            return 1;
    return 0;
}

static uint8_t *dialect_text(uint8_t *out, const piece *text, const plan *p, int quoted, position end) {
    position at = text->start, stop = text->stop;
    /* A backslash that stands in the page begins an escape, and is none of the text's own. */
    quoted = quoted || (p->delimiter != '\\' && has_byte(at, stop, (uint8_t)p->delimiter));
    if (text->traits & HAS_ESCAPE)
        return csv_translated(out, at, stop, quoted, (uint32_t)p->delimiter, p->guard != 0, end);
    return csv_plain(out, at, stop, quoted, p->guard != 0, end);
}

/* What has no quotes to double any more. */
static uint8_t *dialect_bare(uint8_t *out, position at, position stop, int quoted) {
    if (quoted)
        *out++ = '"';
    memcpy(out, at, (size_t)(stop - at));
    out += stop - at;
    if (quoted)
        *out++ = '"';
    return out;
}

static uint8_t *dialect_value(call *c, uint8_t *out, const value *given, int quoted) {
    const piece *text = &given->text;
    if (given->kind == KIND_S || given->kind == KIND_B)
        return dialect_text(out, text, c->plan, quoted, c->work.end);
    if (given->kind > KIND_NULL)
        quoted = quoted || has_byte(text->start, text->stop, '"') ||
                 has_byte(text->start, text->stop, (uint8_t)c->plan->delimiter);
    return dialect_bare(out, text->start, text->stop, quoted);
}

static inline int reads_as(const bytes *mark, const uint8_t *cell, int64_t size) {
    return mark->size == size && !memcmp(mark->at, cell, (size_t)size);
}

/* A value's cell: in quotes where they are asked for, or where without them it would stand for no value. */
static uint8_t *dialect_cell(call *c, uint8_t *out, const value *given) {
    const plan *p = c->plan;
    int quoted = p->quoting == QUOTES_ALL || (p->quoting == QUOTES_NONNUMERIC && given->kind != KIND_N);
    uint8_t *stop = dialect_value(c, out, given, quoted);
    if (quoted || !stop)
        return stop;
    int64_t size = stop - out;
    if (!reads_as(&p->null_text, out, size) && !reads_as(&p->missing_text, out, size))
        return stop;
    memmove(out + 1, out, (size_t)size);
    out[0] = out[size + 1] = '"';
    return out + size + 2;
}

/* The cell of null or of what is missing; `mark` has no size below zero where a text stands for it. */
static uint8_t *dialect_nothing(uint8_t *out, const plan *p, const bytes *mark) {
    if (mark->size >= 0)
        return written(out, mark);
    return p->quoting == QUOTES_MINIMAL ? out : quote(out, 2);
}

static uint8_t *write_dialect(call *c, uint8_t *out) {
    const plan *p = c->plan;
    uint8_t *start = out;
    for (int64_t number = 0; number < p->column_count; number++) {
        const planned_column *column = &p->columns[number];
        if (number)
            *out++ = (uint8_t)p->delimiter;
        if (is_constant(column)) {
            out = written(out, &column->before);
            continue;
        }
        const value *given = value_of(c, column);
        if (!given)
            out = dialect_nothing(out, p, &p->missing_text);
        else if (given->kind == KIND_NULL)
            out = dialect_nothing(out, p, &p->null_text);
        else if (!(out = dialect_cell(c, out, given)))
            return NULL;
    }
    /* A row of one empty cell would be an empty line, which readers skip. */
    return p->column_count == 1 && out == start ? quote(out, 2) : out;
}
#endif
