/* Reading JSON's smallest pieces: strings, which have to be UTF-8, numerals, and what they are made of.
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

/* Characters of so many bytes, each one's bytes as a number, the first byte first: the least, the greatest, and the two
 * highest bits of each byte but the first. Of a size that no character has there is no number between the two. */
static const struct { uint32_t least, greatest, mask; int shift; } multibytes[] = {
    {1, 0, 0, 0}, {1, 0, 0, 0}, {0xC280, 0xDFBF, 0xC0, 16}, {0xE0A080, 0xEFBFBF, 0xC0C0, 8},
    {0xF0908080, 0xF48FBFBF, 0xC0C0C0, 0},
};
/* How many, by the first byte's five highest bits. */
static const uint8_t multibyte_sizes[32] = {[24] = 2, [25] = 2, [26] = 2, [27] = 2, [28] = 3, [29] = 3, [30] = 4};

/* Four bytes as a number whose highest byte is the first one, with zeros for those behind the end. */
static inline uint32_t four_bytes(position at, position end) {
    uint32_t number = 0;
    if (end - at >= 4)
        return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    for (int shift = 24; at < end; at++, shift -= 8)
        number |= (uint32_t)*at << shift;
    return number;
}

/* Behind one character of two to four bytes; NULL for what is overlong, half of a surrogate pair or beyond U+10FFFF.
 * Lengths vary from character to character, so there is one branch for all of them. */
static inline position after_multibyte(position at, position end) {
    int size = multibyte_sizes[*at >> 3];
    uint32_t number = four_bytes(at, end) >> multibytes[size].shift, mask = multibytes[size].mask;
    int is_one = number >= multibytes[size].least && number <= multibytes[size].greatest &&
                 (number & mask) == (mask & 0x808080) && number >> 13 != 0xEDA080 >> 13;
    return is_one ? at + size : NULL;
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

/* The high bit of each byte that ends plain text: a quote, a backslash, a control character, or part of a character of
 * several bytes. Bytes above the lowest such may be marked too, wrongly; none below it is. */
static inline uint64_t stops_in(uint64_t word) {
    /* With quotes and spaces in each other's place, quotes and control characters are what is below 0x21. */
    uint64_t quotes_and_controls = (word ^ EACH_BYTE('"' ^ ' ')) - EACH_BYTE(' ' + 1);
    uint64_t backslashes = (word ^ EACH_BYTE('\\')) - EACH_BYTE(1);
    return (quotes_and_controls | backslashes | word) & HIGH_BITS;
}

/* The high bit of each comma, where those below it are ASCII; wrong marks as above. */
static inline uint64_t commas_in(uint64_t word) {
    return (word ^ EACH_BYTE(',')) - EACH_BYTE(1);
}

/* The bits below the lowest mark; all where there is none. */
static inline uint64_t below(uint64_t marks) {
    return (marks & -marks) - 1;
}

/* The closing quote, from a byte on that is not plain, or one of the input's last. */
COLD position closing_quote_from(position at, position end, unsigned *traits) {
    while (at && at < end) {
        if (end - at >= 8) {
            uint64_t word = word_at(at), stops = stops_in(word);
            *traits |= commas_in(word) & below(stops) & HIGH_BITS ? HAS_COMMA : 0;
            if (!stops) {
                at += 8;
                continue;
            }
            at += first_marked(stops);
        }
        if (*at == '"')
            return at;
        if (*at >= 0x80) {
            at = after_multibyte(at, end);
        } else if (*at == '\\') {
            *traits |= HAS_ESCAPE;
            at = after_escape(at, end);
        } else if (*at < 0x20) {
            return NULL;
        } else {
            *traits |= *at == ',' ? HAS_COMMA : 0;
            at++;
        }
    }
    return NULL;
}

/* The closing quote of the string whose first character is at `at`; NULL also where the string is not UTF-8. Adds to
 * `traits` what is in it: commas only where they are asked for. */
HOT position closing_quote(position at, position end, int with_commas, unsigned *traits) {
    uint64_t commas = 0;
    while (end - at >= 8) {
        uint64_t word = word_at(at), stops = stops_in(word), found = with_commas ? commas_in(word) : 0;
        if (stops) {
            commas |= found & below(stops);
            at += first_marked(stops);
            break;
        }
        commas |= found;
        at += 8;
    }
    *traits |= commas & HIGH_BITS ? HAS_COMMA : 0;
    return at < end && *at == '"' ? at : closing_quote_from(at, end, traits);
}

/* The high bit of each byte that is no digit. Bytes above the lowest such may be marked too, wrongly. */
static inline uint64_t no_digits_in(uint64_t word) {
    uint64_t values = word ^ EACH_BYTE('0');
    return ((values + EACH_BYTE(0x80 - 10)) | values) & HIGH_BITS;
}

static inline position after_digits(position at, position end) {
    for (; end - at >= 8; at += 8) {
        uint64_t marks = no_digits_in(word_at(at));
        if (marks)
            return at + first_marked(marks);
    }
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    return at;
}

/* Behind an exponent's sign and digits; NULL where it has none of these. */
COLD position after_exponent(position at, position end) {
    if (at < end && (*at == '+' || *at == '-'))
        at++;
    position digits = at;
    at = after_digits(at, end);
    return at == digits ? NULL : at;
}

/* Behind a numeral as JSON has them, such as -12.5e+3; what follows it is no digit. */
static inline position after_numeral(position at, position end) {
    if (at < end && *at == '-')
        at++;
    position digits = at;
    at = after_digits(at, end);
    if (at == digits || (*digits == '0' && at - digits > 1))
        return NULL;
    if (at < end && *at == '.') {
        digits = at + 1;
        if ((at = after_digits(digits, end)) == digits)
            return NULL;
    }
    return at < end && (*at == 'e' || *at == 'E') ? after_exponent(at + 1, end) : at;
}
#endif
