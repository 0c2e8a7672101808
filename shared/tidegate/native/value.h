/* Values in wire form: checked, and those that are nested or sets written as JSON in the same pass. */
#ifndef TIDEGATE_VALUE_H
#define TIDEGATE_VALUE_H

#include "order.h"

/* DynamoDB nests 32 levels deep at most. */
#define DEEPEST 40

/* Eight bytes in the order of a page, as word_at reads them. */
#define BYTES(a, b, c, d, e, f, g, h)                                                                                 \
    ((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | (uint64_t)(d) << 24 | (uint64_t)(e) << 32 |           \
     (uint64_t)(f) << 40 | (uint64_t)(g) << 48 | (uint64_t)(h) << 56)
#define TAG1(letter, opening) {BYTES('{', '"', letter, '"', ':', opening, 0, 0), UINT64_MAX >> 16, 6}
#define TAG2(letter) {BYTES('{', '"', letter, 'S', '"', ':', '[', 0), UINT64_MAX >> 8, 7}

/* How a value of each kind begins, and how long that is. */
static const struct { uint64_t text, mask; int size; } tags[] = {
    [KIND_S] = TAG1('S', '"'),
    [KIND_N] = TAG1('N', '"'),
    [KIND_B] = TAG1('B', '"'),
    [KIND_BOOL] = {BYTES('{', '"', 'B', 'O', 'O', 'L', '"', ':'), UINT64_MAX, 8},
    [KIND_NULL] = {BYTES('{', '"', 'N', 'U', 'L', 'L', '"', ':'), UINT64_MAX, 8},
    [KIND_L] = TAG1('L', '['),
    [KIND_M] = TAG1('M', '{'),
    [KIND_SS] = TAG2('S'),
    [KIND_NS] = TAG2('N'),
    [KIND_BS] = TAG2('B'),
};
#define NO_KIND 10

/* Whether `word` begins a value of this kind. */
static inline int begins(uint64_t word, unsigned kind) {
    return (word & tags[kind].mask) == tags[kind].text;
}

static inline unsigned kind_of(uint64_t word) {
    unsigned kind = 0;
    while (kind < NO_KIND && !begins(word, kind))
        kind++;
    return kind;
}

/* A string, behind whose opening quote `at` stands. */
static inline position read_inside(position at, position end, piece *text) {
    text->traits = 0;
    text->start = at;
    text->stop = closing_quote(at, end, 0, &text->traits);
    return text->stop ? text->stop + 1 : NULL;
}

/* The same for text that may become a cell of CSV. */
static inline position read_cell(position at, position end, piece *text) {
    text->traits = 0;
    text->start = at;
    text->stop = closing_quote(at, end, 1, &text->traits);
    return text->stop ? text->stop + 1 : NULL;
}

static inline position read_string(position at, position end, piece *text) {
    return at < end && *at == '"' ? read_inside(at + 1, end, text) : NULL;
}

static inline position read_numeral(position at, position end, piece *text) {
    text->traits = 0;
    text->start = at;
    text->stop = after_numeral(at, end);
    return text->stop && text->stop < end && *text->stop == '"' ? text->stop + 1 : NULL;
}

static inline position read_base64(position at, position end, piece *text) {
    text->traits = 0;
    text->start = at;
    text->stop = after_base64(at, end);
    return text->stop ? text->stop + 1 : NULL;
}

/* The content of S, N or B, or a member of their sets, behind whose opening quote `at` stands. */
static inline position read_scalar(unsigned kind, position at, position end, piece *text) {
    return kind == KIND_S   ? read_inside(at, end, text)
           : kind == KIND_N ? read_numeral(at, end, text)
                            : read_base64(at, end, text);
}

/* Behind the literal of BOOL or NULL. */
static inline position read_literal(unsigned kind, position at, position end) {
    if (end - at >= 4 && !memcmp(at, "true", 4))
        return at + 4;
    return kind == KIND_BOOL && end - at >= 5 && !memcmp(at, "false", 5) ? at + 5 : NULL;
}

/* What is being written: where it goes on, the traits of all strings that were read for it, and how many times each
 * quote is written: once, or twice where it will be in a cell of CSV. */
typedef struct {
    uint8_t *out;
    unsigned traits;
    int quotes;
} json;

static inline int put_piece(work *w, json *to, const piece *text, int quoted) {
    to->traits |= text->traits;
    to->out = quoted ? json_string(to->out, text, to->quotes, w->end)
                     : copied(to->out, text->start, text->stop, w->end);
    return to->out != NULL;
}

/* Behind the member of a set of S, N or B, at whose quote `at` stands. */
static inline position read_member(work *w, position at, unsigned kind, piece *text) {
    if (at >= w->end || *at != '"')
        return NULL;
    at = read_scalar(kind, at + 1, w->end, text);
    return at && at < w->end ? at : NULL;
}

/* The same as json_set, of one or more members in any order. */
COLD position json_set_in_disorder(work *w, position at, unsigned kind, json *to) {
    size_t base = w->member_count;
    for (;; at++) {
        piece text;
        at = read_member(w, at, kind, &text);
        if (!at || !push_member(w, text, NULL))
            return NULL;
        if (*at != ',')
            break;
    }
    size_t count = w->member_count - base;
    if (*at != ']' || !sort_set(kind, w->members + base, count))
        return NULL;
    for (size_t number = 0; number < count; number++) {
        *to->out++ = number ? ',' : '[';
        if (!put_piece(w, to, &w->members[base + number].text, kind != KIND_N))
            return NULL;
    }
    *to->out++ = ']';
    w->member_count = base;
    return at + 1;
}

/* A set of S, N or B, behind whose bracket `at` stands; its members are written as they come, while they are in order. */
static position json_set(work *w, position at, unsigned kind, json *to) {
    position start = at;
    uint8_t *out = to->out;
    piece text, before;
    *to->out++ = '[';
    if (at < w->end && *at == ']') {
        *to->out++ = ']';
        return at + 1;
    }
    for (;; at++, before = text) {
        int is_first = at == start;
        at = read_member(w, at, kind, &text);
        if (!at)
            return NULL;
        if ((kind == KIND_N && after_digits(text.start, w->end) != text.stop) ||
            (!is_first && !is_behind(kind, &text, &before))) {
            to->out = out;
            return json_set_in_disorder(w, start, kind, to);
        }
        if (!put_piece(w, to, &text, kind != KIND_N))
            return NULL;
        *to->out++ = ',';
        if (*at != ',')
            break;
    }
    to->out[-1] = ']';
    return *at == ']' ? at + 1 : NULL;
}

static position json_value(work *w, position at, unsigned depth, json *to);

/* A list, behind whose bracket `at` stands. */
static position json_list(work *w, position at, unsigned depth, json *to) {
    *to->out++ = '[';
    if (at < w->end && *at == ']') {
        *to->out++ = ']';
        return at + 1;
    }
    for (;; at++) {
        at = json_value(w, at, depth + 1, to);
        if (!at || at >= w->end)
            return NULL;
        if (*at != ',')
            break;
        *to->out++ = ',';
    }
    *to->out++ = ']';
    return *at == ']' ? at + 1 : NULL;
}

/* A map, behind whose brace `at` stands; its members are written as they come, then put in order. */
static position json_map(work *w, position at, unsigned depth, json *to) {
    size_t base = w->member_count;
    uint8_t *start = to->out;
    if (at < w->end && *at == '}') {
        memcpy(to->out, "{}", 2);
        to->out += 2;
        return at + 1;
    }
    for (;; at++) {
        piece name;
        at = read_string(at, w->end, &name);
        if (!at || at >= w->end || *at != ':' || !push_member(w, name, to->out))
            return NULL;
        *to->out++ = ',';
        if (!put_piece(w, to, &name, 1))
            return NULL;
        *to->out++ = ':';
        at = json_value(w, at + 1, depth + 1, to);
        if (!at || at >= w->end)
            return NULL;
        if (*at != ',')
            break;
    }
    if (*at != '}' || !put_in_order(w->members + base, w->member_count - base, to->out))
        return NULL;
    *start = '{';
    *to->out++ = '}';
    w->member_count = base;
    return at + 1;
}

/* What stands behind the tag, up to the value's closing brace, for the kinds that hold others. */
static inline position json_nested(work *w, position at, unsigned kind, unsigned depth, json *to) {
    return kind == KIND_L   ? json_list(w, at, depth, to)
           : kind == KIND_M ? json_map(w, at, depth, to)
                            : json_set(w, at, kind - KIND_SS, to);
}

/* A value, at whose brace `at` stands: {"S":"..."} and so on. Writes no more than it has read. */
static position json_value(work *w, position at, unsigned depth, json *to) {
    position end = w->end;
    if (end - at < 8 || depth > DEEPEST)
        return NULL;
    unsigned kind = kind_of(word_at(at));
    if (kind == NO_KIND)
        return NULL;
    at += tags[kind].size;
    if (kind <= KIND_B) {
        piece text;
        at = read_scalar(kind, at, end, &text);
        if (!at || !put_piece(w, to, &text, kind != KIND_N))
            return NULL;
    } else if (kind <= KIND_NULL) {
        position literal = at;
        at = read_literal(kind, at, end);
        if (!at)
            return NULL;
        if (kind == KIND_NULL)
            memcpy(to->out, "null", 4);
        else
            memcpy(to->out, literal, (size_t)(at - literal));
        to->out += at - literal;
    } else {
        at = json_nested(w, at, kind, depth, to);
        if (!at)
            return NULL;
    }
    return at < end && *at == '}' ? at + 1 : NULL;
}

/* The value of an attribute, at whose brace `at` stands. What is nested is written to the work's own memory. */
HOT position read_value(work *w, position at, value *found) {
    position end = w->end;
    if (end - at < 8)
        return NULL;
    uint64_t word = word_at(at);
    unsigned kind = found->kind;
    if (!begins(word, kind) && (kind = kind_of(word)) == NO_KIND)
        return NULL;
    found->kind = kind;
    found->wire = at;
    at += tags[kind].size;
    if (kind == KIND_S && w->with_commas) {
        at = read_cell(at, end, &found->text);
    } else if (kind <= KIND_B) {
        at = read_scalar(kind, at, end, &found->text);
    } else if (kind <= KIND_NULL) {
        found->text.start = at;
        found->text.stop = at = read_literal(kind, at, end);
        found->text.traits = 0;
    } else {
        json to = {w->nested, 0, w->quotes};
        found->text.start = to.out;
        at = json_nested(w, at, kind, 0, &to);
        found->text.stop = w->nested = to.out;
        found->text.traits = to.traits;
    }
    if (!at || at >= end || *at != '}')
        return NULL;
    found->behind = at + 1;
    return at + 1;
}

/* The same for the few values that are not an item's attributes. */
COLD position read_other_value(work *w, position at, value *found) {
    return read_value(w, at, found);
}
#endif
