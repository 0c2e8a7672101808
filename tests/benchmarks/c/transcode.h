/* Items of a page to rows of CSV or lines of JSON; see limit.c. */
#ifndef TRANSCODE_H
#define TRANSCODE_H

#include <stddef.h>

enum { MAX_COLUMNS = 64, OUT_BYTES = 2 << 20, FLUSH_AT = 1 << 20 };

/* What is written, until `flush` takes it. There is always room for an item: none is larger than OUT_BYTES - FLUSH_AT. */
extern char *out;
extern size_t out_size;
void flush(void);

/* Prints what happened and ends the process. */
_Noreturn void end(const char *what);

/* Sets the columns from their names, which are cut out of the text at its commas. */
void name_columns(char *names);

/* Writes the header of CSV. */
void put_header(void);

/* Writes the items of a page, `p` at the opening bracket, and counts them. Returns the byte behind the closing one. */
const char *transcode(const char *p, int jsonl, long *records);

/* The byte behind the JSON value at p. */
const char *skip_value(const char *p);

#endif
