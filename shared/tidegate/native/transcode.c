/* A page of DynamoDB's answers, or lines of packed records, to the bytes of a part: docs/transcoder.md.
 *
 * What is not exactly in the grammar is refused as a whole, and the reference in Python takes it. Nothing is kept
 * between calls; a call touches nothing but its arguments and what it allocates and frees itself.
 */
#define _DEFAULT_SOURCE /* for anonymous maps */

#include "columns.h"
#include "page.h"

#define EXPORTED __attribute__((visibility("default")))

/* Changes with the structures in page.h, so that a library of another time is noticed. */
EXPORTED int64_t tidegate_interface(void) {
    return 7;
}

static void begin(call *c, const plan *p, position input, int64_t size, int64_t low, int64_t high, const room *r,
                  outcome *o) {
    memset(c, 0, sizeof *c);
    memset(o, 0, sizeof *o);
    c->plan = p;
    c->room = r;
    c->outcome = o;
    c->low = low;
    c->high = high;
    c->start = c->out = r->out;
    c->work.begin = input;
    c->work.end = input + size;
    c->work.quotes = p->mode == CSV || p->mode == DIALECT ? 2 : 1;
    c->work.with_commas = p->mode == CSV;
    c->work.unknown_roles = (unsigned)p->unknown_roles;
}

static void finish(call *c, int status) {
    outcome *o = c->outcome;
    o->status = status == DONE ? report_attributes(c) : status;
    o->size = c->out - c->start;
    free(c->lines);
    end_work(&c->work);
}

static int transcribed(call *c, int (*whole)(call *)) {
    return prepare(c) ? whole(c) : UNEXPECTED;
}

/* The records of a Query's or Scan's answer whose time is in [low, high). */
EXPORTED void tidegate_page(const plan *p, position body, int64_t size, int64_t low, int64_t high, const room *r,
                            outcome *o) {
    call c;
    begin(&c, p, body, size, low, high, r, o);
    finish(&c, transcribed(&c, whole_page));
}

/* The records of lines such as pack mode writes. */
EXPORTED void tidegate_lines(const plan *p, position lines, int64_t size, const room *r, outcome *o) {
    call c;
    begin(&c, p, lines, size, 0, 0, r, o);
    finish(&c, transcribed(&c, whole_lines));
}

/* Rows to columns, from offset `start` on: the offset behind the last, -1 for what is no row. See columns_of. */
EXPORTED int64_t tidegate_columns(position rows, int64_t size, int64_t start, int64_t limit, int64_t most,
                                  column *columns, int64_t count, uint8_t *out, uint8_t *bits, int64_t stride,
                                  int64_t *records) {
    if (start > size)
        return -1;
    limit = limit < size ? limit : size;
    position behind = columns_of(rows + start, rows + size, rows + limit, most, columns, count, out, bits, stride, records);
    return behind ? behind - rows : -1;
}
