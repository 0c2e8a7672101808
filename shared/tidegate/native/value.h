/* Values in wire form: read (checked, measured), sorted where they have no order of their own, written as JSON. */
#ifndef TIDEGATE_VALUE_H
#define TIDEGATE_VALUE_H

#include "base64.h"
#include "order.h"

/* DynamoDB nests 32 levels deep at most. */
#define DEEPEST 40

static position read_value(work *w, position at, unsigned depth, value *found);

static inline position read_string(position at, position end, piece *text) {
    if (at >= end || *at != '"')
        return NULL;
    text->traits = 0;
    text->start = at + 1;
    text->stop = closing_quote(at + 1, end, &text->traits);
    return text->stop ? text->stop + 1 : NULL;
}

static inline position read_numeral(position at, position end, piece *text) {
    if (at >= end || *at != '"')
        return NULL;
    text->traits = 0;
    text->start = at + 1;
    text->stop = after_numeral(at + 1, end);
    return text->stop && text->stop < end && *text->stop == '"' ? text->stop + 1 : NULL;
}

static inline position read_base64(position at, position end, piece *text) {
    if (at >= end || *at != '"')
        return NULL;
    text->traits = 0;
    text->start = at + 1;
    text->stop = after_base64(at + 1, end);
    return text->stop ? text->stop + 1 : NULL;
}

static inline position read_member(enum kind set, position at, position end, piece *text) {
    return set == KIND_SS   ? read_string(at, end, text)
           : set == KIND_NS ? read_numeral(at, end, text)
                            : read_base64(at, end, text);
}

/* Behind a set, at whose bracket `at` stands. */
static position read_set(work *w, position at, value *found, int collect) {
    position end = w->end;
    piece text;
    if (at >= end || *at != '[')
        return NULL;
    if (end - at >= 2 && at[1] == ']')
        return at + 2;
    do {
        at = read_member(found->kind, at + 1, end, &text);
        if (!at || at == end || (collect && !push_member(w, text, NULL)))
            return NULL;
        found->traits |= text.traits;
    } while (*at == ',');
    return *at == ']' ? at + 1 : NULL;
}

static position read_list(work *w, position at, unsigned depth, value *found) {
    value inner;
    if (at >= w->end || *at != '[')
        return NULL;
    if (w->end - at >= 2 && at[1] == ']')
        return at + 2;
    do {
        at = read_value(w, at + 1, depth + 1, &inner);
        if (!at || at == w->end)
            return NULL;
        found->traits |= inner.traits;
    } while (*at == ',');
    return *at == ']' ? at + 1 : NULL;
}

static position read_members(work *w, position at, unsigned depth, value *found, int collect) {
    value inner;
    piece name;
    if (at >= w->end || *at != '{')
        return NULL;
    if (w->end - at >= 2 && at[1] == '}')
        return at + 2;
    do {
        at = read_string(at + 1, w->end, &name);
        if (!at || at == w->end || *at != ':' || (collect && !push_member(w, name, at + 1)))
            return NULL;
        at = read_value(w, at + 1, depth + 1, &inner);
        if (!at || at == w->end)
            return NULL;
        found->traits |= inner.traits | name.traits;
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

static position read_map(work *w, position at, unsigned depth, value *found) {
    if (!w->distinct)
        return read_members(w, at, depth, found, 0);
    size_t base = w->member_count;
    at = read_members(w, at, depth, found, 1);
    if (at && !sort_names(w->members + base, w->member_count - base))
        return NULL;
    w->member_count = base;
    return at;
}

static position read_literal(position at, position end, value *found) {
    static const char truth[] = "\"BOOL\":true", falsehood[] = "\"BOOL\":false", nothing[] = "\"NULL\":true";
    found->kind = KIND_BOOL;
    found->start = at + 7;
    if (end - at >= 12 && !memcmp(at, falsehood, 12))
        return at + 12;
    if (end - at < 11)
        return NULL;
    if (!memcmp(at, truth, 11))
        return at + 11;
    found->kind = KIND_NULL;
    return memcmp(at, nothing, 11) ? NULL : at + 11;
}

static inline position read_content(work *w, position at, unsigned depth, value *found) {
    position end = w->end;
    piece text;
    if (at[2] == '"') {
        if (at[3] != ':')
            return NULL;
        switch (at[1]) {
        case 'S': found->kind = KIND_S; at = read_string(at + 4, end, &text); break;
        case 'N': found->kind = KIND_N; at = read_numeral(at + 4, end, &text); break;
        case 'B': found->kind = KIND_B; at = read_base64(at + 4, end, &text); break;
        case 'L': found->kind = KIND_L; found->start = at + 4; return read_list(w, at + 4, depth, found);
        case 'M': found->kind = KIND_M; found->start = at + 4; return read_map(w, at + 4, depth, found);
        default: return NULL;
        }
        if (!at)
            return NULL;
        found->start = text.start;
        found->stop = text.stop;
        found->traits = text.traits;
        return at;
    }
    if (at[3] != '"')
        return read_literal(at, end, found);
    if (at[2] != 'S' || at[4] != ':')
        return NULL;
    switch (at[1]) {
    case 'S': found->kind = KIND_SS; break;
    case 'N': found->kind = KIND_NS; break;
    case 'B': found->kind = KIND_BS; break;
    default: return NULL;
    }
    found->start = at + 5;
    return read_set(w, at + 5, found, 0);
}

/* Behind a value, at whose brace `at` stands: {"S":"..."} and so on. */
static position read_value(work *w, position at, unsigned depth, value *found) {
    position end = w->end;
    /* The shortest is {"S":""}. */
    if (end - at < 8 || at[0] != '{' || at[1] != '"' || depth > DEEPEST)
        return NULL;
    found->traits = 0;
    found->stop = NULL;
    at = read_content(w, at + 1, depth, found);
    if (!at || at == end || *at != '}')
        return NULL;
    if (!found->stop)
        found->stop = at;
    return at + 1;
}

static uint8_t *write_json(work *w, uint8_t *out, const value *given, unsigned depth);

static uint8_t *write_list(work *w, uint8_t *out, const value *given, unsigned depth) {
    value inner;
    position at = given->start;
    if (at[1] == ']')
        return copied(out, at, given->stop, w->end);
    *out++ = '[';
    do {
        at = read_value(w, at + 1, depth + 1, &inner);
        if (!at || !(out = write_json(w, out, &inner, depth + 1)))
            return NULL;
        *out++ = *at == ',' ? ',' : ']';
    } while (*at == ',');
    return out;
}

static uint8_t *write_map(work *w, uint8_t *out, const value *given, unsigned depth) {
    value inner = {.traits = 0};
    size_t base = w->member_count;
    if (!read_members(w, given->start, depth, &inner, 1))
        return NULL;
    size_t count = w->member_count - base;
    if (!sort_names(w->members + base, count))
        return NULL;
    *out++ = '{';
    for (size_t number = 0; number < count; number++) {
        /* The stack may move while a value is written. */
        member one = w->members[base + number];
        if (number)
            *out++ = ',';
        out = json_string(out, one.text.start, one.text.stop, one.text.traits, w->end);
        if (!out)
            return NULL;
        *out++ = ':';
        if (!read_value(w, one.value, depth + 1, &inner) || !(out = write_json(w, out, &inner, depth + 1)))
            return NULL;
    }
    *out++ = '}';
    w->member_count = base;
    return out;
}

static uint8_t *write_set(work *w, uint8_t *out, const value *given) {
    value set = *given;
    size_t base = w->member_count;
    if (!read_set(w, given->start, &set, 1))
        return NULL;
    size_t count = w->member_count - base;
    if (!sort_set(given->kind, w->members + base, count))
        return NULL;
    *out++ = '[';
    for (size_t number = 0; number < count; number++) {
        const piece *one = &w->members[base + number].text;
        if (number)
            *out++ = ',';
        out = given->kind == KIND_NS ? copied(out, one->start, one->stop, w->end)
                                     : json_string(out, one->start, one->stop, one->traits, w->end);
        if (!out)
            return NULL;
    }
    *out++ = ']';
    w->member_count = base;
    return out;
}

/* A value as JSON: never longer than it is in wire form. NULL where it cannot be written as plainly as that. */
static uint8_t *write_json(work *w, uint8_t *out, const value *given, unsigned depth) {
    switch (given->kind) {
    case KIND_S:
    case KIND_B:
        return json_string(out, given->start, given->stop, given->traits, w->end);
    case KIND_N:
    case KIND_BOOL:
        return copied(out, given->start, given->stop, w->end);
    case KIND_NULL:
        memcpy(out, "null", 4);
        return out + 4;
    case KIND_L:
        return write_list(w, out, given, depth);
    case KIND_M:
        return write_map(w, out, given, depth);
    default:
        return write_set(w, out, given);
    }
}
#endif
