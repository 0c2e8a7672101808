/* Values as cells of a row of typed columns: the row that parquet/rowgroup.py describes.
 *
 * A cell is a byte 0 for null, or a byte 1 and the value. What does not fit its column's type, and numbers that take
 * more than two words of arithmetic, are refused with their page.
 */
#ifndef TIDEGATE_TYPED_H
#define TIDEGATE_TYPED_H

#include "call.h"
#include "instant.h"

/* No double and no date: the reference writes those. */
enum { TYPE_TEXT, TYPE_BINARY, TYPE_BOOLEAN, TYPE_SHORT, TYPE_LONG, TYPE_INSTANT };

#define MOST_POWER 19
static const uint64_t powers[MOST_POWER + 1] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

static inline uint8_t *put_little(uint8_t *out, uint64_t word, int size) {
    for (int byte = 0; byte < size; byte++)
        out[byte] = (uint8_t)(word >> 8 * byte);
    return out + size;
}

static inline uint8_t *put_big(uint8_t *out, uint64_t word) {
    for (int byte = 0; byte < 8; byte++)
        out[byte] = (uint8_t)(word >> (56 - 8 * byte));
    return out + 8;
}

/* A numeral's digits before the point, and `scale` of them behind it; those that follow have to be zeros. */
static int read_scaled(const piece *given, int64_t scale, uint64_t *whole, uint64_t *fraction) {
    position at = given->start, stop = given->stop;
    at += *at == '-';
    position digits = at;
    for (*whole = 0; at < stop && *at >= '0' && *at <= '9'; at++) {
        if (at - digits == MOST_POWER)
            return 0;
        *whole = 10 * *whole + (uint64_t)(*at - '0');
    }
    *fraction = 0;
    if (at < stop && *at == '.') {
        for (at++; at < stop && *at >= '0' && *at <= '9'; at++) {
            if (scale) {
                *fraction = 10 * *fraction + (uint64_t)(*at - '0');
                scale--;
            } else if (*at != '0') {
                return 0;
            }
        }
    }
    *fraction *= powers[scale];
    return at == stop; /* no exponent */
}

/* A number times ten to the power of the column's scale, in 8 bytes. */
static uint8_t *short_number(uint8_t *out, const piece *given, const planned_column *column) {
    uint64_t whole, fraction;
    if (!read_scaled(given, column->scale, &whole, &fraction) || whole >= powers[column->digits - column->scale])
        return NULL;
    uint64_t number = whole * powers[column->scale] + fraction;
    return put_little(out, *given->start == '-' ? 0 - number : number, 8);
}

/* The same in 16 bytes, the highest first. */
static uint8_t *long_number(uint8_t *out, const piece *given, const planned_column *column) {
    uint64_t whole, fraction;
    int64_t before = column->digits - column->scale;
    if (!read_scaled(given, column->scale, &whole, &fraction) || (before <= MOST_POWER && whole >= powers[before]))
        return NULL;
    uint64_t factor = powers[column->scale];
    uint64_t a = whole & UINT32_MAX, b = whole >> 32, c = factor & UINT32_MAX, d = factor >> 32;
    uint64_t middle = (a * c >> 32) + (a * d & UINT32_MAX) + (b * c & UINT32_MAX);
    uint64_t low = middle << 32 | (a * c & UINT32_MAX);
    uint64_t high = b * d + (a * d >> 32) + (b * c >> 32) + (middle >> 32);
    low += fraction;
    high += low < fraction;
    if (*given->start == '-') {
        low = 0 - low;
        high = ~high + !low;
    }
    return put_big(put_big(out, high), low);
}

/* Microseconds of an instant in UTC, with the column's number of fraction digits or, where that is -1, up to 6. */
static uint8_t *instant(uint8_t *out, const piece *given, const planned_column *column) {
    int64_t micros, size = given->stop - given->start;
    if (!read_iso8601(given, 1000000, &micros))
        return NULL;
    int zulu = given->stop[-1] == 'Z';
    int64_t fraction = size - (zulu ? 20 : 25);
    fraction -= fraction > 0;
    if (column->digits < 0 ? fraction > 6 : !zulu || fraction != column->digits)
        return NULL;
    return put_little(out, (uint64_t)micros, 8);
}

static uint8_t *text_translated(uint8_t *out, position at, position stop, position end) {
    while (at < stop) {
        position escape = next_escape(at, stop);
        out = copied(out, at, escape, end);
        at = escape;
        while (at < stop && *at == '\\') {
            uint32_t character = escaped_character(&at, stop);
            if (character == LONE_SURROGATE)
                return NULL;
            out = utf8(out, character);
        }
    }
    return out;
}

/* Canonical base64 as the bytes that it means. */
static uint8_t *base64_decoded(uint8_t *out, position at, position stop) {
    for (; stop - at >= 4; at += 4) {
        uint32_t third = at[2] == '=' ? 0 : sextets[at[2]], fourth = at[3] == '=' ? 0 : sextets[at[3]];
        uint32_t bits = (uint32_t)sextets[at[0]] << 18 | (uint32_t)sextets[at[1]] << 12 | third << 6 | fourth;
        *out++ = (uint8_t)(bits >> 16);
        if (at[2] != '=')
            *out++ = (uint8_t)(bits >> 8);
        if (at[3] != '=')
            *out++ = (uint8_t)bits;
    }
    return out;
}

/* What is behind a length that it gets now; NULL where there is nothing. */
static inline uint8_t *sized(uint8_t *length, uint8_t *stop) {
    if (stop)
        put_little(length, (uint64_t)(stop - length - 4), 4);
    return stop;
}

static uint8_t *text_cell(uint8_t *out, const value *given, position end) {
    const piece *text = &given->text;
    if (given->kind > KIND_NULL) /* The nested values are followed by memory enough. */
        return sized(out, copied(out + 4, text->start, text->stop, text->stop + SLACK));
    if (given->kind == KIND_S && text->traits & HAS_ESCAPE)
        return sized(out, text_translated(out + 4, text->start, text->stop, end));
    return sized(out, copied(out + 4, text->start, text->stop, end));
}

/* A value that is not null, behind the byte that says so; at most 17 bytes longer than it stood in the page. */
static uint8_t *typed_value(uint8_t *out, const value *given, const planned_column *column, position end) {
    switch (column->type) {
    case TYPE_TEXT:
        return text_cell(out, given, end);
    case TYPE_BINARY:
        return given->kind == KIND_B ? sized(out, base64_decoded(out + 4, given->text.start, given->text.stop)) : NULL;
    case TYPE_BOOLEAN:
        *out = *given->text.start == 't';
        return given->kind == KIND_BOOL ? out + 1 : NULL;
    case TYPE_SHORT:
        return given->kind == KIND_N ? short_number(out, &given->text, column) : NULL;
    case TYPE_LONG:
        return given->kind == KIND_N ? long_number(out, &given->text, column) : NULL;
    default:
        return given->kind == KIND_S ? instant(out, &given->text, column) : NULL;
    }
}
#endif
