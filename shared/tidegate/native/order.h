/* The order of what has none in DynamoDB: the members of sets, the names of maps. */
#ifndef TIDEGATE_ORDER_H
#define TIDEGATE_ORDER_H

#include "base64.h"
#include "work.h"

static int by_text(const void *a, const void *b) {
    return compare_text(&((const member *)a)->text, &((const member *)b)->text);
}

static int by_bytes(const void *a, const void *b) {
    const piece *x = &((const member *)a)->text, *y = &((const member *)b)->text;
    return compare_base64(x->start, x->stop, y->start, y->stop);
}

/* A numeral as its sign, its digits without leading zeros (a point may be among them), and their place. */
typedef struct {
    int sign;          /* -1, 0 for zero, 1 */
    int64_t magnitude; /* the power of ten of the first digit */
    position digits, stop;
} decimal;

static decimal decimal_of(const piece *text) {
    decimal one = {1, 0, text->start, text->stop};
    position at = text->start;
    if (at < text->stop && *at == '-') {
        one.sign = -1;
        at++;
    }
    position e = at;
    while (e < text->stop && *e != 'e' && *e != 'E')
        e++;
    position point = at;
    while (point < e && *point != '.')
        point++;
    while (at < e && (*at == '0' || *at == '.'))
        at++;
    one.digits = at;
    one.stop = e;
    if (at == e) {
        one.sign = 0;
        return one;
    }
    one.magnitude = at < point ? point - at - 1 : point - at;
    if (e < text->stop) {
        int64_t exponent = 0;
        int negative = e[1] == '-';
        for (position p = e + 1 + (e[1] == '-' || e[1] == '+'); p < text->stop; p++)
            exponent = 10 * exponent + (*p - '0');
        one.magnitude += negative ? -exponent : exponent;
    }
    return one;
}

/* The next digit, 0 behind the last one. */
static int next_digit(position *at, position stop) {
    if (*at < stop && **at == '.')
        (*at)++;
    return *at < stop ? *(*at)++ - '0' : 0;
}

static int compare_decimals(const decimal *a, const decimal *b) {
    if (a->sign != b->sign || !a->sign)
        return (a->sign > b->sign) - (a->sign < b->sign);
    if (a->magnitude != b->magnitude)
        return a->magnitude < b->magnitude ? -a->sign : a->sign;
    position p = a->digits, q = b->digits;
    while (p < a->stop || q < b->stop) {
        int x = next_digit(&p, a->stop), y = next_digit(&q, b->stop);
        if (x != y)
            return x < y ? -a->sign : a->sign;
    }
    return 0;
}

static int by_number(const void *a, const void *b) {
    const piece *x = &((const member *)a)->text, *y = &((const member *)b)->text;
    decimal p = decimal_of(x), q = decimal_of(y);
    int order = compare_decimals(&p, &q);
    return order ? order : compare_text(x, y);
}

/* Integers without a sign: more digits are more. */
static int compare_sizes(const piece *x, const piece *y) {
    ptrdiff_t x_size = x->stop - x->start, y_size = y->stop - y->start;
    return x_size != y_size ? (x_size < y_size ? -1 : 1) : memcmp(x->start, y->start, (size_t)x_size);
}

static int by_size(const void *a, const void *b) {
    return compare_sizes(&((const member *)a)->text, &((const member *)b)->text);
}

typedef int comparison(const void *, const void *);

static void sort_members(member *members, size_t count, comparison *compare) {
    if (count > 12) {
        qsort(members, count, sizeof *members, compare);
        return;
    }
    for (size_t sorted = 1; sorted < count; sorted++) {
        member one = members[sorted];
        size_t place = sorted;
        for (; place && compare(&members[place - 1], &one) > 0; place--)
            members[place] = members[place - 1];
        members[place] = one;
    }
}

/* Exponents of so few digits that no sum of them overflows; DynamoDB's have three. */
static int has_short_exponent(const piece *text) {
    position at = text->start;
    while (at < text->stop && *at != 'e' && *at != 'E')
        at++;
    return text->stop - at < 9;
}

/* How to compare these numerals; NULL where one of them is odd. */
static comparison *order_of_numbers(const member *members, size_t count) {
    comparison *order = by_size;
    for (size_t number = 0; number < count; number++) {
        const piece *text = &members[number].text;
        if (after_digits(text->start, text->stop) != text->stop)
            order = by_number;
        if (!has_short_exponent(text))
            return NULL;
    }
    return order;
}

/* As SPEC 6 has it: texts by code point, numbers by value and then by text, binary by bytes. 0 for odd numbers. */
static int sort_set(unsigned kind, member *members, size_t count) {
    comparison *order = kind == KIND_S ? by_text : kind == KIND_N ? order_of_numbers(members, count) : by_bytes;
    if (order)
        sort_members(members, count, order);
    return order != NULL;
}

/* Whether the text is that of a set's member behind the other one; of numbers both have only digits. */
static int is_behind(unsigned kind, const piece *text, const piece *other) {
    if (kind == KIND_S)
        return compare_text(text, other) > 0;
    if (kind == KIND_N)
        return compare_sizes(text, other) > 0;
    return compare_base64(text->start, text->stop, other->start, other->stop) > 0;
}

/* Whether the members of a map have different names in order; -1 where two have the same one. */
static int are_in_order(const member *members, size_t count) {
    for (size_t number = 1; number < count; number++) {
        int order = compare_text(&members[number - 1].text, &members[number].text);
        if (order >= 0)
            return order ? 0 : -1;
    }
    return 1;
}

/* Puts a map's members, written one behind the other up to `stop`, in the order of their names by code point.
 * There has to be as much memory behind `stop`. 0 where two have the same name: json.loads would keep the last. */
static int put_in_order(member *members, size_t count, uint8_t *stop) {
    int in_order = are_in_order(members, count);
    if (in_order)
        return in_order > 0;
    uint8_t *start = members[0].json, *to = stop;
    for (size_t number = 0; number < count; number++)
        members[number].json_size = (size_t)((number + 1 < count ? members[number + 1].json : stop) - members[number].json);
    sort_members(members, count, by_text);
    if (are_in_order(members, count) < 0)
        return 0;
    for (size_t number = 0; number < count; number++) {
        memcpy(to, members[number].json, members[number].json_size);
        to += members[number].json_size;
    }
    memcpy(start, stop, (size_t)(stop - start));
    return 1;
}
#endif
