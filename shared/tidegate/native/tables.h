/* Records by their table, as tables.py names it: the texts of some attributes, joined by ~.
 *
 * Lines are written in the page's order into the call's memory first. Behind the last one each table's are copied to
 * the output, one behind the other, then the tables' names.
 */
#ifndef TIDEGATE_TABLES_H
#define TIDEGATE_TABLES_H

#include "call.h"

/* Bytes for the names: one that is new is shorter than its item. */
static size_t room_for_names(const call *c) {
    return c->plan->table_count ? (size_t)(c->work.end - c->work.begin) + 4 * SLACK : 0;
}

/* 0 where there is no memory. Nearly all of that for the lines is touched, so it had better been touched before. */
static int begin_tables(call *c, uint8_t *names) {
    c->names = c->new_name = names;
    c->start = c->out = c->lines = malloc((size_t)c->room->out_size + 1);
    return c->lines != NULL;
}

/* Writes the name of the table of the item that was just read; NULL where it has no whole name. */
static uint8_t *whole_name(call *c, uint8_t *out) {
    for (int64_t number = 0; number < c->plan->table_count; number++) {
        const attribute *one = &c->work.attributes[c->plan->table[number]];
        const piece *text = &one->value.text;
        if (!is_in_item(c, one) || one->value.kind > KIND_N || text->start == text->stop)
            return NULL;
        if (number)
            *out++ = '~';
        if (!(out = plain_text(out, text, c->work.end)))
            return NULL;
    }
    return out;
}

/* The number of the table of this name; that of none if it is new. Neighbours are often of the same. */
static int64_t number_of_table(const call *c, const uint8_t *name, int64_t size) {
    const outcome *o = c->outcome;
    const table_lines *groups = c->room->groups;
    int64_t before = o->count ? c->room->tables[o->count - 1] : 0;
    for (int64_t tried = 0; tried < o->table_count; tried++) {
        int64_t number = before + tried < o->table_count ? before + tried : before + tried - o->table_count;
        if (groups[number].name_size == size && !memcmp(c->names + groups[number].name, name, (size_t)size))
            return number;
    }
    return o->table_count;
}

/* Takes the record that was just written, and is so long, to its table. 0 where there are too many tables. */
static int note_table(call *c, int64_t size) {
    outcome *o = c->outcome;
    uint8_t *name = c->new_name, *stop = whole_name(c, name);
    if (!stop) {
        memcpy(name, "_none", 5);
        stop = name + 5;
    }
    int64_t number = number_of_table(c, name, stop - name);
    table_lines *group = &c->room->groups[number];
    if (number == o->table_count) {
        if (number == MOST_TABLES)
            return 0;
        o->table_count++;
        *group = (table_lines){.name = name - c->names, .name_size = stop - name};
        c->new_name = stop;
    }
    c->room->tables[o->count] = number;
    group->records++;
    group->size += size;
    return 1;
}

/* Copies each table's lines to where they belong; each record's end counts from its table's first line then. */
static void copy_by_table(call *c, int64_t *ends) {
    const room *r = c->room;
    int64_t next[MOST_TABLES], begin = 0, records = 0, at = 0;
    for (int64_t number = 0; number < c->outcome->table_count; number++) {
        table_lines *group = &r->groups[number];
        next[number] = records;
        records += group->records;
        group->at = at;
        at += group->size;
        group->size = 0;
    }
    for (int64_t record = 0; record < records; record++) {
        table_lines *group = &r->groups[r->tables[record]];
        int64_t stop = r->ends[record];
        memcpy(r->out + group->at + group->size, c->start + begin, (size_t)(stop - begin));
        group->size += stop - begin;
        ends[next[r->tables[record]]++] = group->size;
        begin = stop;
    }
    memcpy(r->ends, ends, (size_t)records * sizeof *ends);
}

/* Fills the output with the lines and the names of all tables; a status. */
static int put_by_table(call *c) {
    const room *r = c->room;
    outcome *o = c->outcome;
    int64_t size = c->out - c->start, names = c->new_name - c->names;
    if (r->out_size < size + names)
        return SHORT_OF_OUT;
    if (!o->count)
        return DONE;
    int64_t *ends = malloc((size_t)o->count * sizeof *ends);
    if (!ends)
        return UNEXPECTED;
    copy_by_table(c, ends);
    free(ends);
    memcpy(r->out + size, c->names, (size_t)names);
    for (int64_t number = 0; number < o->table_count; number++)
        r->groups[number].name += size;
    return DONE;
}
#endif
