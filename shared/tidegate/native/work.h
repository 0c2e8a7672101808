/* What one call needs while it runs: the attributes met so far, and a stack for sets and maps that are being sorted. */
#ifndef TIDEGATE_WORK_H
#define TIDEGATE_WORK_H

#include <stdlib.h>

#include "text.h"

/* The address sanitizer watches what malloc gives. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#endif
#if (defined(__unix__) || defined(__APPLE__)) && !defined(WATCHED)
#include <sys/mman.h>
#define MAPPED 1
#endif

enum kind { KIND_S, KIND_N, KIND_B, KIND_BOOL, KIND_NULL, KIND_L, KIND_M, KIND_SS, KIND_NS, KIND_BS };

/* A value of an attribute. */
typedef struct {
    /* S, N, B: what is between the quotes. BOOL, NULL: the literal. Others: JSON in the work's own memory. */
    piece text;
    position wire, behind; /* the value in wire form, as it stands in the input */
    unsigned kind;
} value;

/* A member of a set, or of a map with where it was written. */
typedef struct {
    piece text;
    uint8_t *json;
    size_t json_size;
} member;

enum { SHOWN = 1, OTHER = 2 };

/* An attribute, met or asked for, and its value in the item that is being read. */
typedef struct {
    position name;
    size_t size;
    size_t whole; /* the size of the name as it stands before its value: in quotes, and with a colon behind it */
    uint64_t head, tail, mask; /* the first and the last eight bytes of that; both are all of it where it is shorter */
    uint64_t item; /* the number of the last item that has it */
    uint32_t next; /* what followed it there */
    unsigned roles;
    unsigned kinds; /* bits of those that occurred in records that were kept */
    int seen;       /* in a record that was kept */
    value value;
} attribute;

typedef struct {
    position begin, end; /* of the input */
    uint8_t *memory;     /* for the item's nested values as JSON, at most twice the item, as much for one that a path
                            leads to, and as much for sorting */
    size_t memory_size;
    uint8_t *nested;     /* where the next one goes */
    int quotes;          /* how many times each quote in them is written */
    int with_commas;     /* whether strings are looked through for these while they are read */
    unsigned unknown_roles;
    uint64_t item; /* the number of the item that is being read, from 1 on */
    attribute *attributes;
    uint32_t attribute_count, attribute_room;
    uint32_t *table; /* open addressing: 0 for free, otherwise the attribute's number and 1 */
    uint32_t table_size;
    uint32_t *order; /* the attributes of the item, as they came */
    uint32_t order_count;
    uint32_t first; /* the attribute that the last item began with */
    member *members;
    size_t member_count, member_room;
} work;

#define NOWHERE UINT32_MAX
#define LONGEST_PROBE 64

static uint64_t first_bytes(position name, size_t size) {
    uint64_t head = 0;
    for (size_t byte = 0; byte < size && byte < 8; byte++)
        head |= (uint64_t)name[byte] << 8 * byte;
    return head;
}

static inline uint64_t mixed(uint64_t hash) {
    hash = (hash ^ hash >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ hash >> 29) * UINT64_C(0xBF58476D1CE4E5B9);
    return hash ^ hash >> 32;
}

static uint32_t hashed(position name, size_t size) {
    uint64_t hash = size;
    for (; size > 8; name += 8, size -= 8)
        hash = mixed(hash ^ word_at(name));
    return (uint32_t)mixed(hash ^ first_bytes(name, size));
}

static int table_put(work *w, uint32_t number) {
    const attribute *one = &w->attributes[number];
    uint32_t place = hashed(one->name, one->size);
    for (int probe = 0; probe < LONGEST_PROBE; probe++, place++) {
        uint32_t *cell = &w->table[place & (w->table_size - 1)];
        if (!*cell) {
            *cell = number + 1;
            return 1;
        }
    }
    return 0;
}

/* Makes room for twice as many attributes. 0 where there is no memory, or too many names fall on one place. */
static int more_attributes(work *w) {
    uint32_t room = w->attribute_room ? 2 * w->attribute_room : 64;
    attribute *attributes = realloc(w->attributes, room * sizeof *attributes);
    if (!attributes)
        return 0;
    w->attributes = attributes;
    uint32_t *order = realloc(w->order, room * sizeof *order);
    if (!order)
        return 0;
    w->order = order;
    free(w->table);
    w->attribute_room = room;
    w->table_size = 4 * room;
    w->table = calloc(w->table_size, sizeof *w->table);
    if (!w->table)
        return 0;
    for (uint32_t number = 0; number < w->attribute_count; number++)
        if (!table_put(w, number))
            return 0;
    return 1;
}

/* Byte number `at` of "name": as it stands before a value. */
static uint8_t byte_of_whole(const attribute *one, size_t at) {
    if (at && at <= one->size)
        return one->name[at - 1];
    return at == one->size + 2 ? ':' : '"';
}

static uint64_t eight_of_whole(const attribute *one, size_t at) {
    uint64_t word = 0;
    for (size_t byte = 0; byte < 8 && at + byte < one->whole; byte++)
        word |= (uint64_t)byte_of_whole(one, at + byte) << 8 * byte;
    return word;
}

/* The number of a new attribute; NOWHERE as more_attributes has it. */
static uint32_t add_attribute(work *w, position name, size_t size, unsigned roles) {
    if (w->attribute_count == w->attribute_room && !more_attributes(w))
        return NOWHERE;
    uint32_t number = w->attribute_count;
    attribute *one = &w->attributes[number];
    memset(one, 0, sizeof *one);
    one->name = name;
    one->size = size;
    one->whole = size + 3;
    one->mask = one->whole < 8 ? (UINT64_C(1) << 8 * one->whole) - 1 : UINT64_MAX;
    one->head = eight_of_whole(one, 0);
    one->tail = eight_of_whole(one, one->whole < 8 ? 0 : one->whole - 8);
    one->roles = roles;
    one->next = number;
    if (!table_put(w, number))
        return NOWHERE;
    w->attribute_count++;
    return number;
}

static inline int has_name(const attribute *one, position name, size_t size) {
    return one->size == size && !memcmp(one->name, name, size);
}

/* Whether the attribute's name stands at `at`, in quotes and with a colon; eight bytes have to be left behind it. */
HOT int stands_at(const attribute *one, position at, position end) {
    size_t whole = one->whole;
    if ((size_t)(end - at) < whole + 8)
        return 0;
    uint64_t differences = (word_at(at) ^ one->head) | (word_at(at + (whole < 8 ? 0 : whole - 8)) ^ one->tail);
    return !(differences & one->mask) && (whole <= 16 || !memcmp(at + 8, one->name + 7, whole - 16));
}

/* The attribute of this name, added where it is new; NOWHERE as more_attributes has it. */
static uint32_t attribute_of(work *w, position name, size_t size) {
    uint32_t place = hashed(name, size);
    for (int probe = 0; probe < LONGEST_PROBE; probe++, place++) {
        uint32_t cell = w->table[place & (w->table_size - 1)];
        if (!cell)
            return add_attribute(w, name, size, w->unknown_roles);
        if (has_name(&w->attributes[cell - 1], name, size))
            return cell - 1;
    }
    return NOWHERE;
}

/* Puts one on the stack of members. 0 where there is no memory. */
static int push_member(work *w, piece text, uint8_t *json) {
    if (w->member_count == w->member_room) {
        size_t room = w->member_room ? 2 * w->member_room : 64;
        member *members = realloc(w->members, room * sizeof *members);
        if (!members)
            return 0;
        w->members = members;
        w->member_room = room;
    }
    w->members[w->member_count++] = (member){text, json, 0};
    return 1;
}

/* Memory for the largest item that there can be, of which hardly any is touched. From malloc it would be carved out of
 * what pages and rows were in before, and the process would grow by as much for each thread. 0 where there is none. */
static int take_memory(work *w, size_t size) {
#ifdef MAPPED
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    w->memory = memory == MAP_FAILED ? NULL : memory;
#else
    w->memory = malloc(size);
#endif
    w->memory_size = size;
    return w->memory != NULL;
}

static void end_work(work *w) {
#ifdef MAPPED
    if (w->memory)
        munmap(w->memory, w->memory_size);
#else
    free(w->memory);
#endif
    free(w->attributes);
    free(w->table);
    free(w->order);
    free(w->members);
}
#endif
