/* Strings of a page as the text that they mean: translated, compared, written as JSON and as CSV.
 *
 * The input of every function here was checked by closing_quote before; what is still found out is a lone half of a
 * surrogate pair, which no file can hold. Writers return where the output goes on, NULL for such a half.
 */
#ifndef TIDEGATE_TEXT_H
#define TIDEGATE_TEXT_H

#include "scan.h"

/* What copies may write behind their end, and prefixes are followed by. */
#define SLACK 32

/* A string's inside, and what is in it. */
typedef struct {
    position start, stop;
    unsigned traits;
} piece;

/* Copies; may write up to SLACK bytes behind the end of the copy, and reads nothing at or behind `end`. */
static inline uint8_t *copied(uint8_t *out, position from, position stop, position end) {
    ptrdiff_t size = stop - from;
    if (size <= SLACK && end - from >= SLACK)
        memcpy(out, from, SLACK);
    else
        memcpy(out, from, (size_t)size);
    return out + size;
}

static inline uint32_t four_hex_digits(position at) {
    return (uint32_t)(hex_digit(at[0]) << 12 | hex_digit(at[1]) << 8 | hex_digit(at[2]) << 4 | hex_digit(at[3]));
}

#define LONE_SURROGATE UINT32_MAX

/* The character of the escape at *at, which moves behind it; LONE_SURROGATE for half of a pair. */
static uint32_t escaped_character(position *at, position stop) {
    position here = *at;
    *at += 2;
    switch (here[1]) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'u': break;
    default: return here[1];
    }
    uint32_t unit = four_hex_digits(here + 2);
    *at = here + 6;
    if (unit < 0xD800 || unit > 0xDFFF)
        return unit;
    if (unit > 0xDBFF || stop - *at < 6 || here[6] != '\\' || here[7] != 'u')
        return LONE_SURROGATE;
    uint32_t low = four_hex_digits(here + 8);
    if (low < 0xDC00 || low > 0xDFFF)
        return LONE_SURROGATE;
    *at = here + 12;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

static inline uint8_t *utf8(uint8_t *out, uint32_t character) {
    if (character < 0x80) {
        *out++ = (uint8_t)character;
        return out;
    }
    if (character < 0x800) {
        *out++ = (uint8_t)(0xC0 | character >> 6);
    } else {
        if (character < 0x10000) {
            *out++ = (uint8_t)(0xE0 | character >> 12);
        } else {
            *out++ = (uint8_t)(0xF0 | character >> 18);
            *out++ = (uint8_t)(0x80 | (character >> 12 & 0x3F));
        }
        *out++ = (uint8_t)(0x80 | (character >> 6 & 0x3F));
    }
    *out++ = (uint8_t)(0x80 | (character & 0x3F));
    return out;
}

/* The next backslash, or stop. */
static inline position next_escape(position at, position stop) {
    while (stop - at >= 8) {
        uint64_t marks = zero_bytes(word_at(at) ^ EACH_BYTE('\\'));
        if (marks)
            return at + first_marked(marks);
        at += 8;
    }
    while (at < stop && *at != '\\')
        at++;
    return at;
}

/* A quote of JSON, `quotes` times: twice inside a cell of CSV. Writes two in any case. */
static inline uint8_t *quote(uint8_t *out, int quotes) {
    out[0] = out[1] = '"';
    return out + quotes;
}

/* One character as Python's json writes it between quotes where it need not keep to ASCII. */
static uint8_t *json_character(uint8_t *out, uint32_t character, int quotes) {
    static const char hex[] = "0123456789abcdef";
    uint8_t letter = 0;
    switch (character) {
    case '"': *out++ = '\\'; return quote(out, quotes);
    case '\\': letter = '\\'; break;
    case '\b': letter = 'b'; break;
    case '\f': letter = 'f'; break;
    case '\n': letter = 'n'; break;
    case '\r': letter = 'r'; break;
    case '\t': letter = 't'; break;
    default:
        if (character >= 0x20)
            return utf8(out, character);
        memcpy(out, "\\u00", 4);
        out[4] = (uint8_t)hex[character >> 4];
        out[5] = (uint8_t)hex[character & 15];
        return out + 6;
    }
    *out++ = '\\';
    *out++ = letter;
    return out;
}

static uint8_t *json_translated(uint8_t *out, position at, position stop, int quotes, position end) {
    while (at < stop) {
        position escape = next_escape(at, stop);
        out = copied(out, at, escape, end);
        at = escape;
        while (at < stop && *at == '\\') {
            uint32_t character = escaped_character(&at, stop);
            if (character == LONE_SURROGATE)
                return NULL;
            out = json_character(out, character, quotes);
        }
    }
    return out;
}

/* A JSON string. With single quotes it is never longer than what stood in the page, with doubled ones twice that. */
static inline uint8_t *json_string(uint8_t *out, const piece *text, int quotes, position end) {
    out = quote(out, quotes);
    out = text->traits & HAS_ESCAPE ? json_translated(out, text->start, text->stop, quotes, end)
                                    : copied(out, text->start, text->stop, end);
    return out ? quote(out, quotes) : NULL;
}

/* The text itself, in UTF-8; never longer than what stood in the page. */
static uint8_t *plain_text(uint8_t *out, const piece *text, position end) {
    position at = text->start, stop = text->stop;
    while (at < stop) {
        position escape = next_escape(at, stop);
        out = copied(out, at, escape, end);
        for (at = escape; at < stop && *at == '\\';) {
            uint32_t character = escaped_character(&at, stop);
            if (character == LONE_SURROGATE)
                return NULL;
            out = utf8(out, character);
        }
    }
    return out;
}

/* 1 where every escape is a character, 0 where there is half of a surrogate pair. */
static int is_unicode(const piece *text) {
    position at = text->start, stop = text->stop;
    if (!(text->traits & HAS_ESCAPE))
        return 1;
    while ((at = next_escape(at, stop)) < stop)
        if (escaped_character(&at, stop) == LONE_SURROGATE)
            return 0;
    return 1;
}

static inline int needs_quotes(uint32_t character, uint32_t delimiter) {
    return character == '"' || character == delimiter || character == '\r' || character == '\n';
}

static inline int starts_formula(uint32_t character) {
    return character == '=' || character == '+' || character == '-' || character == '@' || character == '\t' ||
           character == '\r';
}

/* Text with escapes as a cell; `quoted` is 1 where it has a delimiter that is none. */
static uint8_t *csv_translated(uint8_t *out, position at, position stop, int quoted, uint32_t delimiter, int guard,
                               position end) {
    for (position p = at; !quoted && (p = next_escape(p, stop)) < stop;)
        quoted = needs_quotes(escaped_character(&p, stop), delimiter);
    if (quoted)
        *out++ = '"';
    position first = at;
    if (guard && at < stop && starts_formula(*at == '\\' ? escaped_character(&first, stop) : *at))
        *out++ = '\'';
    while (at < stop) {
        position escape = next_escape(at, stop);
        out = copied(out, at, escape, end);
        at = escape;
        while (at < stop && *at == '\\') {
            uint32_t character = escaped_character(&at, stop);
            if (character == LONE_SURROGATE)
                return NULL;
            if (character == '"')
                *out++ = '"';
            out = utf8(out, character);
        }
    }
    if (quoted)
        *out++ = '"';
    return out;
}

static inline uint8_t *csv_plain(uint8_t *out, position at, position stop, int quoted, int guard, position end) {
    if (quoted)
        *out++ = '"';
    if (guard && at < stop && starts_formula(*at))
        *out++ = '\'';
    out = copied(out, at, stop, end);
    if (quoted)
        *out++ = '"';
    return out;
}

/* Text as a cell: at most three bytes longer than what stood in the page. */
static inline uint8_t *csv_text(uint8_t *out, const piece *text, int guard, position end) {
    position at = text->start, stop = text->stop;
    int quoted = (text->traits & HAS_COMMA) != 0;
    return text->traits & HAS_ESCAPE ? csv_translated(out, at, stop, quoted, ',', guard, end)
                                     : csv_plain(out, at, stop, quoted, guard, end);
}

static uint32_t next_character(position *at, position stop) {
    uint8_t lead = **at;
    if (lead == '\\')
        return escaped_character(at, stop);
    int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    uint32_t character = more ? lead & (0x3Fu >> more) : lead;
    for ((*at)++; more; more--)
        character = character << 6 | (*(*at)++ & 0x3F);
    return character;
}

/* Compares texts by code points. Without escapes that is the order of their UTF-8. */
static int compare_text(const piece *a, const piece *b) {
    if (!((a->traits | b->traits) & HAS_ESCAPE)) {
        ptrdiff_t a_size = a->stop - a->start, b_size = b->stop - b->start, both = a_size < b_size ? a_size : b_size;
        ptrdiff_t at = 0;
        /* Most differ in the first few bytes, which takes less time than a call. */
        for (; at < both && at < 4; at++)
            if (a->start[at] != b->start[at])
                return a->start[at] < b->start[at] ? -1 : 1;
        int order = both > at ? memcmp(a->start + at, b->start + at, (size_t)(both - at)) : 0;
        return order ? order : (a_size > b_size) - (a_size < b_size);
    }
    position p = a->start, q = b->start;
    while (p < a->stop && q < b->stop) {
        uint32_t x = next_character(&p, a->stop), y = next_character(&q, b->stop);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (p < a->stop) - (q < b->stop);
}
#endif
