/* What goes in and out of a call; tidegate/native/library.py has the same structures. */
#ifndef TIDEGATE_CALL_H
#define TIDEGATE_CALL_H

#include "value.h"

/* Modes. JSONL is JSON with other ends, DIALECT what is no CSV of RFC 4180; NAMES writes nothing. */
enum { CSV, JSON, PACK, TYPED, NAMES, DIALECT };
enum { QUOTES_MINIMAL, QUOTES_ALL, QUOTES_NONNUMERIC };
enum { DONE, UNEXPECTED, OTHER_COLUMN, SHORT_OF_OUT, SHORT_OF_RECORDS, SHORT_OF_NAMES };

/* Bytes of the caller's, followed by SLACK more that may be read. */
typedef struct {
    position at;
    int64_t size;
} bytes;

typedef struct {
    bytes name;
    int64_t roles;
} planned_attribute;

/* A step of a path: its text, and the same read as a name with places in lists behind it. */
typedef struct {
    bytes text, name;
    int64_t place_count;
    const int64_t *places;
} path_step;

/* A path, and the attributes that its whole and its first step name. */
typedef struct {
    int64_t whole, text, name, step_count;
    const path_step *steps;
} planned_path;

typedef struct {
    int64_t attribute; /* -1 for one that is no copy: it has a path, or it is constant and all of it in `before` */
    bytes before;      /* what stands before its value: nothing in CSV, ,"name": in JSON */
    const planned_path *path;
    int64_t type, digits, scale; /* in TYPED, see typed.h */
} planned_column;

typedef struct {
    int64_t mode, guard, unknown_roles;
    int64_t time, notation; /* the time's attribute */
    int64_t owner;          /* that of the attribute which says whose an item is, -1 where all are wanted */
    bytes owner_text;       /* what has to stand there */
    int64_t key_count, attribute_count, column_count, table_count;
    const int64_t *key;
    const planned_attribute *attributes;
    const planned_column *columns;
    const int64_t *table; /* the attributes that name a record's table; in PACK only */
    bytes open, close, separator; /* of records */
    int64_t delimiter, quoting;   /* in DIALECT, as these two */
    bytes null_text, missing_text; /* of size -1 where an empty cell stands for it */
    int64_t fixed, growth;        /* a record's longest output: fixed + growth * the size of its item */
} plan;

/* Of the records of a page more are seldom in different tables than these; then the page is refused. */
#define MOST_TABLES 256

/* A table's records: how many, and where in the output their lines and the table's name are. */
typedef struct {
    int64_t records, at, size, name, name_size;
} table_lines;

typedef struct {
    uint8_t *out;
    int64_t out_size;
    int64_t *ends, *times, *keys;
    int64_t *tables;     /* each record's, by its number in `groups`; where the plan has tables */
    table_lines *groups; /* MOST_TABLES of them, by their first record */
    int64_t records;
    int64_t *kinds; /* one number of bits a column */
    int64_t *names; /* pairs: offset in the input, size; or -1 - number of a planned attribute, 0 */
    int64_t name_count;
} room;

typedef struct {
    int64_t status, count, items, size, first_millis, has_first, last_key, last_key_size, name_count, table_count;
    int64_t capacity, capacity_size;
} outcome;

typedef struct {
    work work;
    const plan *plan;
    const room *room;
    outcome *outcome;
    int64_t low, high;
    uint8_t *start, *out; /* where the records are written, and the next one: the output, or memory before it */
    uint8_t *lines; /* that memory */
    uint8_t *names, *new_name; /* of the tables met so far, one behind the other, and the next one's place */
    value inside; /* of the column that is being written, where it has a path */
    int broken;   /* whether there was no memory for it */
    unsigned other; /* OTHER where the item that is being read has an attribute that is no column */
} call;

static inline int is_constant(const planned_column *column) {
    return column->attribute < 0 && !column->path;
}

static inline uint8_t *written(uint8_t *out, const bytes *text) {
    return copied(out, text->at, text->at + text->size, text->at + text->size + SLACK);
}

static inline int is_in_item(const call *c, const attribute *one) {
    return one->item == c->work.item;
}
#endif
