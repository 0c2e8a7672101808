/* Reading JSON's smallest pieces: strings, numerals, base64, and whether the bytes are UTF-8 at all.
 *
 * Every function takes the position to read from and the end of the input, reads nothing at or behind the end, and
 * returns the position behind (or at) what it has read, or NULL where the input is not in the grammar.
 */
#ifndef TIDEGATE_SCAN_H
#define TIDEGATE_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef const uint8_t *position;

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS EACH_BYTE(0x80)

/* For what is called for each attribute of each item, and for what would only make that larger. */
#if defined(__GNUC__) || defined(__clang__)
#define HOT static inline __attribute__((always_inline))
#define COLD static __attribute__((noinline))
#else
#define HOT static inline
#define COLD static
#endif

/* Eight bytes as a number whose lowest byte is the first one. */
static inline uint64_t word_at(position at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The high bit of each byte that is zero. Bytes above the lowest zero may be marked too, wrongly; none below it is. */
static inline uint64_t zero_bytes(uint64_t word) {
    return (word - EACH_BYTE(1)) & ~word & HIGH_BITS;
}

/* The same for bytes below 32. */
static inline uint64_t control_bytes(uint64_t word) {
    return (word - EACH_BYTE(0x20)) & ~word & HIGH_BITS;
}

/* The number of the lowest byte whose high bit is marked; at least one has to be. */
static inline int first_marked(uint64_t marks) {
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_ctzll(marks) >> 3;
#else
    int byte = 0;
    while (!(marks & 0x80)) {
        marks >>= 8;
        byte++;
    }
    return byte;
#endif
}

/* The position of the first byte that does not continue ASCII text. */
static inline position after_ascii(position at, position end) {
    while (end - at >= 32) {
        uint64_t all = word_at(at) | word_at(at + 8) | word_at(at + 16) | word_at(at + 24);
        if (all & HIGH_BITS)
            break;
        at += 32;
    }
    while (end - at >= 8) {
        uint64_t marks = word_at(at) & HIGH_BITS;
        if (marks)
            return at + first_marked(marks);
        at += 8;
    }
    while (at < end && *at < 0x80)
        at++;
    return at;
}

static inline int continues(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

/* Behind one character of two to four bytes; neither overlong, nor half of a surrogate pair, nor beyond U+10FFFF. */
static inline position after_multibyte(position at, position end) {
    ptrdiff_t left = end - at;
    uint8_t lead = *at;
    if (lead < 0xC2 || lead > 0xF4)
        return NULL;
    if (lead < 0xE0)
        return left >= 2 && continues(at[1]) ? at + 2 : NULL;
    if (left < 3 || !continues(at[1]) || !continues(at[2]))
        return NULL;
    if (lead < 0xF0)
        return (lead == 0xE0 && at[1] < 0xA0) || (lead == 0xED && at[1] > 0x9F) ? NULL : at + 3;
    if (left < 4 || !continues(at[3]))
        return NULL;
    return (lead == 0xF0 && at[1] < 0x90) || (lead == 0xF4 && at[1] > 0x8F) ? NULL : at + 4;
}

static int is_utf8(position at, position end) {
    for (;;) {
        at = after_ascii(at, end);
        if (at == end)
            return 1;
        while (at < end && *at >= 0x80) {
            at = after_multibyte(at, end);
            if (!at)
                return 0;
        }
    }
}

static inline int hex_digit(uint8_t byte) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Behind one escape, at whose backslash `at` stands. */
static inline position after_escape(position at, position end) {
    if (end - at < 2)
        return NULL;
    switch (at[1]) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        return at + 2;
    case 'u':
        if (end - at < 6)
            return NULL;
        for (int digit = 2; digit < 6; digit++)
            if (hex_digit(at[digit]) < 0)
                return NULL;
        return at + 6;
    default:
        return NULL;
    }
}

enum { HAS_ESCAPE = 1, HAS_COMMA = 2 };

/* The closing quote of the string whose first character is at `at`; adds to `traits` what is in it: commas only where
 * they are asked for, because looking for them takes a fifth of the time. */
static inline position closing_quote(position at, position end, int with_commas, unsigned *traits) {
    for (;;) {
        if (end - at >= 8) {
            uint64_t word = word_at(at);
            uint64_t commas = with_commas ? zero_bytes(word ^ EACH_BYTE(',')) : 0;
            uint64_t stops = zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\')) | control_bytes(word);
            if (!stops) {
                *traits |= commas ? HAS_COMMA : 0;
                at += 8;
                continue;
            }
            /* Of the marks only those below the first stop count. */
            *traits |= commas & ((stops & -stops) - 1) ? HAS_COMMA : 0;
            at += first_marked(stops);
        } else if (at == end) {
            return NULL;
        }
        if (*at == '"')
            return at;
        if (*at == '\\') {
            *traits |= HAS_ESCAPE;
            at = after_escape(at, end);
            if (!at)
                return NULL;
        } else if (*at < 0x20) {
            return NULL;
        } else {
            *traits |= *at == ',' ? HAS_COMMA : 0;
            at++;
        }
    }
}

static inline position after_digits(position at, position end) {
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Behind a numeral as JSON has them, such as -12.5e+3; it may be followed by anything. */
static inline position after_numeral(position at, position end) {
    position digits;
    if (at < end && *at == '-')
        at++;
    if (at < end && *at == '0')
        at++;
    else if (digits = at, (at = after_digits(at, end)) == digits)
        return NULL;
    if (at < end && *at == '.') {
        digits = at + 1;
        if ((at = after_digits(digits, end)) == digits)
            return NULL;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        digits = at;
        if ((at = after_digits(digits, end)) == digits)
            return NULL;
    }
    return at;
}
#endif
