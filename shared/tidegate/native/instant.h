/* A record's time in whole milliseconds since 1970, rounded down. */
#ifndef TIDEGATE_INSTANT_H
#define TIDEGATE_INSTANT_H

#include "work.h"

enum { EPOCH_MILLIS, EPOCH_SECONDS, ISO8601 };

/* Of a numeral without an exponent. More digits than these are left to arithmetic that has no bounds. */
#define MOST_MILLIS_DIGITS 18
#define MOST_SECONDS_DIGITS 15
#define MOST_FRACTION_DIGITS 100

/* The number of eight digits: of neighbours first, then of pairs, then of fours. */
static inline int64_t eight_digits(uint64_t word) {
    word = (word & EACH_BYTE(15)) * (10 << 8 | 1) >> 8;
    word = (word & UINT64_C(0x00FF00FF00FF00FF)) * (100 << 16 | 1) >> 16;
    return (int64_t)((word & UINT64_C(0x0000FFFF0000FFFF)) * (UINT64_C(10000) << 32 | 1) >> 32);
}

static int read_epoch(const piece *given, int seconds, int64_t *millis) {
    position at = given->start, stop = given->stop;
    int negative = *at == '-', scale = seconds ? 3 : 0, rest = 0;
    int64_t number = 0;
    at += negative;
    position digits = at;
    if (stop - at >= 8 && !no_digits_in(word_at(at))) {
        number = eight_digits(word_at(at));
        at += 8;
    }
    for (; at < stop && *at >= '0' && *at <= '9'; at++) {
        if (at - digits == (seconds ? MOST_SECONDS_DIGITS : MOST_MILLIS_DIGITS))
            return 0;
        number = 10 * number + (*at - '0');
    }
    if (at < stop) {
        if (*at != '.' || stop - at > MOST_FRACTION_DIGITS)
            return 0;
        for (at++; at < stop; at++) {
            if (*at < '0' || *at > '9')
                return 0;
            if (scale) {
                number = 10 * number + (*at - '0');
                scale--;
            } else {
                rest |= *at - '0';
            }
        }
    }
    for (; scale; scale--)
        number *= 10;
    *millis = negative ? -number - (rest != 0) : number;
    return 1;
}

static inline int two_digits(position at) {
    return at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9' ? -1 : 10 * (at[0] - '0') + at[1] - '0';
}

static int days_in(int year, int month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970 of a date of the years 1 to 9999 in the Gregorian calendar. */
static int64_t days_since_1970(int year, int month, int day) {
    int64_t before = year - 1, days = before * 365 + before / 4 - before / 100 + before / 400 + day - 1;
    for (int earlier = 1; earlier < month; earlier++)
        days += days_in(year, earlier);
    return days - 719162;
}

/* 2026-01-31T00:00:00 with up to nine more digits, then Z or +00:00; in so many parts of a second, rounded down. */
static int read_iso8601(const piece *given, int64_t parts, int64_t *instant) {
    position at = given->start, stop = given->stop;
    if (stop - at < 20 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':')
        return 0;
    int century = two_digits(at), year = two_digits(at + 2), month = two_digits(at + 5), day = two_digits(at + 8);
    int hour = two_digits(at + 11), minute = two_digits(at + 14), second = two_digits(at + 17);
    if ((century | year | month | day | hour | minute | second) < 0)
        return 0;
    year += 100 * century;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return 0;
    if (hour > 23 || minute > 59 || second > 59)
        return 0;
    int64_t fraction = 0;
    at += 19;
    if (*at == '.') {
        position digits = ++at;
        int64_t unit = parts / 10;
        for (; at < stop && *at >= '0' && *at <= '9'; at++, unit /= 10)
            fraction += unit * (*at - '0');
        if (at == digits || at - digits > 9)
            return 0;
    }
    if (!(stop - at == 1 && *at == 'Z') && !(stop - at == 6 && !memcmp(at, "+00:00", 6)))
        return 0;
    int64_t seconds = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *instant = parts * seconds + fraction;
    return 1;
}

/* 0 where the value is no such time, or none that is plain enough to be read here. */
static int read_time(const value *given, int64_t notation, int64_t *millis) {
    if (notation == ISO8601)
        return given->kind == KIND_S && read_iso8601(&given->text, 1000, millis);
    return given->kind == KIND_N && read_epoch(&given->text, notation == EPOCH_SECONDS, millis);
}
#endif
