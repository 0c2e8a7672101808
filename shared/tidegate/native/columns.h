/* Rows of typed cells, as typed.h and the reference write them, to columns: what is in a page of a Parquet file. */
#ifndef TIDEGATE_COLUMNS_H
#define TIDEGATE_COLUMNS_H

#include "scan.h"

/* A column: how wide its values are (0 where each has its length before it, 1 for booleans, which become bits), and
 * whether the smallest and largest are wanted. What is found: where the values go, how long they are, how many. */
typedef struct {
    int64_t width, compared;
    int64_t at, size, present, low, high;
} column;

/* Behind a cell at `at`; NULL where it reaches beyond the end. */
static inline position after_cell(position at, position end, const column *one) {
    if (at >= end)
        return NULL;
    if (!*at)
        return at + 1;
    int64_t left = end - at - 1, size = one->width;
    if (!size) {
        if (left < 4)
            return NULL;
        size = 4 + (int64_t)(at[1] | at[2] << 8 | at[3] << 16 | (uint64_t)at[4] << 24);
    }
    return size <= left ? at + 1 + size : NULL;
}

static inline void put_bit(uint8_t *bits, int64_t place) {
    bits[place >> 3] |= (uint8_t)(1 << (place & 7));
}

static inline int64_t little_number(position at, int64_t width) {
    uint64_t number = 0;
    for (int64_t byte = 0; byte < width; byte++)
        number |= (uint64_t)at[byte] << 8 * byte;
    return width == 4 ? (int64_t)(int32_t)(uint32_t)number : (int64_t)number;
}

static inline void compare(column *one, int64_t number) {
    if (!one->present || number < one->low)
        one->low = number;
    if (!one->present || number > one->high)
        one->high = number;
}

/* Takes the cell from `at` to `stop` into its column's values. */
static inline void keep_value(column *one, position at, position stop, uint8_t *out) {
    if (one->compared)
        compare(one, little_number(at, one->width));
    if (one->width == 1) {
        if (*at)
            put_bit(out + one->at, one->present);
    } else if (one->width == 8) {
        memcpy(out + one->at + one->size, at, 8);
    } else {
        memcpy(out + one->at + one->size, at, (size_t)(stop - at));
    }
}

/* The rows from `rows` on, `most` at most, up to the one that reaches `limit`; where they end, NULL for what is no row.
 *
 * Without `out` the columns' sizes are counted. With it, and with each column's `at` in it, their values are written,
 * and in `bits`, `stride` bytes a column, a bit for each row that has one. Both have to be zero before. */
static position columns_of(position rows, position end, position limit, int64_t most, column *columns, int64_t count,
                           uint8_t *out, uint8_t *bits, int64_t stride, int64_t *records) {
    position at = rows;
    for (int64_t number = 0; number < count; number++)
        columns[number].size = columns[number].present = 0;
    for (*records = 0; at < end && at < limit && *records < most; ++*records) {
        for (int64_t number = 0; number < count; number++) {
            column *one = &columns[number];
            position stop = after_cell(at, end, one);
            if (!stop)
                return NULL;
            if (*at) {
                if (out) {
                    put_bit(bits + number * stride, *records);
                    keep_value(one, at + 1, stop, out);
                }
                one->size += stop - at - 1;
                one->present++;
            }
            at = stop;
        }
    }
    return at;
}
#endif
