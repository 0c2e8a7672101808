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

/* What may come next in UTF-8: nothing any more, a character, so many more bytes of one, or what comes behind a first
 * byte of E0, ED, F0 or F4, where fewer second ones will do. Each is its place in the words of `utf8_steps`. */
enum {
    NEVER = 0, CHARACTER = 6, ONE = 12, TWO = 18, THREE = 24,
    BEHIND_E0 = 30, BEHIND_ED = 36, BEHIND_F0 = 42, BEHIND_F4 = 48,
};

#define STEP(from, to) ((uint64_t)(to) << (from))
#define FIRST(to) STEP(CHARACTER, to)
#define MORE (STEP(ONE, CHARACTER) | STEP(TWO, ONE) | STEP(THREE, TWO))
#define TWICE(a) a, a
#define FOUR(a) a, a, a, a
#define SIXTEEN(a) FOUR(a), FOUR(a), FOUR(a), FOUR(a)

/* What comes next behind each byte, for all that it may be at the same time. */
static const uint64_t utf8_steps[256] = {
    FOUR(SIXTEEN(FIRST(CHARACTER))), FOUR(SIXTEEN(FIRST(CHARACTER))),
    /* 80 */ SIXTEEN(MORE | STEP(BEHIND_ED, ONE) | STEP(BEHIND_F4, TWO)),
    /* 90 */ SIXTEEN(MORE | STEP(BEHIND_ED, ONE) | STEP(BEHIND_F0, TWO)),
    /* A0 */ TWICE(SIXTEEN(MORE | STEP(BEHIND_E0, ONE) | STEP(BEHIND_F0, TWO))),
    /* C0 */ TWICE(NEVER), TWICE(FIRST(ONE)), FOUR(FIRST(ONE)), FOUR(FIRST(ONE)), FOUR(FIRST(ONE)), SIXTEEN(FIRST(ONE)),
    /* E0 */ FIRST(BEHIND_E0), FOUR(FIRST(TWO)), FOUR(FIRST(TWO)), FOUR(FIRST(TWO)),
    /* ED */ FIRST(BEHIND_ED), TWICE(FIRST(TWO)),
    /* F0 */ FIRST(BEHIND_F0), TWICE(FIRST(THREE)), FIRST(THREE), FIRST(BEHIND_F4), /* the others: NEVER */
};

/* The bytes from `at` to `stop`, eight at most, with zeros behind them. */
static inline uint64_t word_up_to(position at, position stop, position end) {
    ptrdiff_t size = stop - at;
    if (size >= 8)
        return word_at(at);
    if (end - at >= 8)
        return word_at(at) & ((UINT64_C(1) << 8 * size) - 1);
    uint64_t word = 0;
    for (int byte = 0; byte < size; byte++)
        word |= (uint64_t)at[byte] << 8 * byte;
    return word;
}

/* Whether the text is UTF-8, byte by byte without a branch: how long characters are is hard to foresee. */
COLD int is_utf8(position at, position stop, position end) {
    uint64_t now = CHARACTER;
    for (; at < stop; at += 8) {
        uint64_t word = word_up_to(at, stop, end);
        for (int byte = 0; byte < 64; byte += 8)
            now = utf8_steps[word >> byte & 0xFF] >> (now & 63);
    }
    return (now & 63) == CHARACTER;
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

/* The high bit of each quote, backslash and control character. Bytes above the lowest such may be marked too, wrongly;
 * none below it is. */
static inline uint64_t stops_in(uint64_t word) {
    /* With quotes and spaces in each other's place, quotes and control characters are what is below 0x21. */
    uint64_t quotes_and_controls = (word ^ EACH_BYTE('"' ^ ' ')) - EACH_BYTE(' ' + 1);
    uint64_t backslashes = (word ^ EACH_BYTE('\\')) - EACH_BYTE(1);
    return (quotes_and_controls | backslashes) & ~word & HIGH_BITS;
}

/* The bits below the lowest mark; all where there is none. */
static inline uint64_t below(uint64_t marks) {
    return (marks & -marks) - 1;
}

/* The closing quote, from an escape on, or from one of the input's last bytes. */
COLD position closing_quote_from(position at, position end, unsigned *traits) {
    while (at && at < end) {
        if (end - at >= 8) {
            uint64_t word = word_at(at), stops = stops_in(word);
            *traits |= zero_bytes(word ^ EACH_BYTE(',')) & below(stops) ? HAS_COMMA : 0;
            if (!stops) {
                at += 8;
                continue;
            }
            at += first_marked(stops);
        }
        if (*at == '"')
            return at;
        if (*at == '\\') {
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
    position start = at;
    uint64_t high = 0, commas = 0;
    while (end - at >= 8) {
        uint64_t word = word_at(at), stops = stops_in(word);
        uint64_t found = with_commas ? zero_bytes(word ^ EACH_BYTE(',')) : 0;
        if (stops) {
            high |= word & below(stops);
            commas |= found & below(stops);
            at += first_marked(stops);
            break;
        }
        high |= word;
        commas |= found;
        at += 8;
    }
    *traits |= commas ? HAS_COMMA : 0;
    if (at == end || *at != '"') {
        at = closing_quote_from(at, end, traits);
        high = HIGH_BITS;
    }
    return at && high & HIGH_BITS && !is_utf8(start, at, end) ? NULL : at;
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
