/* One scanner, straight through: each attribute's place is noted, then the columns are written in their order. */
#include "transcode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct column { const char *name; size_t size; };
struct value { const char *start; char tag; };   /* start: behind the tag's colon; 0 where the item lacks it */

static struct column columns[MAX_COLUMNS];
static int column_count, by_name[MAX_COLUMNS];

char *out;
size_t out_size;

static inline void put(const char *data, size_t size) { memcpy(out + out_size, data, size); out_size += size; }
static inline void put1(char c) { out[out_size++] = c; }

/* The next quote. Most strings are shorter than a call of strchr is worth. */
static inline const char *next_quote(const char *p) {
    for (int i = 0; i < 12; i++) if (p[i] == '"') return p + i;
    p = strchr(p, '"');
    if (!p) end("a string has no end");
    return p;
}

/* From the byte behind an opening quote to its closing quote. */
static inline const char *closing(const char *p) {
    for (;;) {
        p = next_quote(p);
        const char *back = p;
        while (back[-1] == '\\') back--;
        if (!((p - back) & 1)) return p;
        p++;
    }
}

const char *skip_value(const char *p) {   /* behind any JSON value */
    if (*p == '"') return closing(p + 1) + 1;
    if (*p == '{' || *p == '[') {
        for (int depth = 0;;) {
            if (*p == '"') { p = closing(p + 1) + 1; continue; }
            if (*p == '{' || *p == '[') depth++;
            if (*p == '}' || *p == ']') if (!--depth) return p + 1;
            p++;
        }
    }
    while (*p != ',' && *p != '}' && *p != ']') p++;
    return p;
}

static char tag_of(const char *p) {   /* at the tag's opening quote; a letter that says which it is */
    if (p[2] == '"') return p[1];
    if (p[3] == '"') return p[1] == 'S' ? 's' : p[1] == 'N' ? 'n' : 'b';
    return p[1] == 'B' ? 'O' : '0';
}

static inline const char *behind_tag(const char *p) {   /* from the tag's opening quote to its value */
    return p + (p[2] == '"' ? 4 : p[3] == '"' ? 5 : p[5] == '"' ? 7 : 6);
}

/* Writes an attribute value as JSON; p is behind its tag's colon. Returns the byte behind the value. */
static const char *put_json(const char *p, char tag) {
    const char *e;
    switch (tag) {
    case 'S': case 'B': e = closing(p + 1) + 1; put(p, (size_t)(e - p)); return e;
    case 'N': e = next_quote(p + 1); put(p + 1, (size_t)(e - p - 1)); return e + 1;
    case 'O': e = skip_value(p); put(p, (size_t)(e - p)); return e;
    case '0': put("null", 4); return skip_value(p);
    case 's': case 'b': e = skip_value(p); put(p, (size_t)(e - p)); return e;
    case 'n':
        for (put1('['), p++; *p != ']';) {
            if (*p == ',') { put1(','); p++; }
            e = next_quote(p + 1);
            put(p + 1, (size_t)(e - p - 1));
            p = e + 1;
        }
        put1(']');
        return p + 1;
    case 'L':
        for (put1('['), p++; *p != ']';) {
            if (*p == ',') { put1(','); p++; }
            char inner = tag_of(p + 1);
            p = put_json(behind_tag(p + 1), inner) + 1;
        }
        put1(']');
        return p + 1;
    default:   /* M */
        for (put1('{'), p++; *p != '}';) {
            if (*p == ',') { put1(','); p++; }
            e = closing(p + 1) + 1;
            put(p, (size_t)(e - p) + 1);
            p = e + 1;
            char inner = tag_of(p + 1);
            p = put_json(behind_tag(p + 1), inner) + 1;
        }
        put1('}');
        return p + 1;
    }
}

/* Puts what stands in `out` from `from` on into quotes if RFC 4180 wants that. */
static void quote(size_t from) {
    size_t size = out_size - from, quotes = 0, needed = 0;
    for (size_t i = from; i < out_size; i++) {
        quotes += out[i] == '"';
        needed |= out[i] == ',' || out[i] == '\n' || out[i] == '\r';
    }
    if (!quotes && !needed) return;
    size_t to = out_size + quotes + 2;
    out_size = to;
    out[--to] = '"';
    for (size_t i = from + size; i > from;) {
        char c = out[--i];
        out[--to] = c;
        if (c == '"') out[--to] = '"';
    }
    out[from] = '"';
}

static void put_utf8(unsigned code) {
    if (code < 0x80) put1((char)code);
    else if (code < 0x800) { put1((char)(0xC0 | code >> 6)); put1((char)(0x80 | (code & 63))); }
    else if (code < 0x10000) {
        put1((char)(0xE0 | code >> 12)); put1((char)(0x80 | (code >> 6 & 63))); put1((char)(0x80 | (code & 63)));
    } else {
        put1((char)(0xF0 | code >> 18)); put1((char)(0x80 | (code >> 12 & 63)));
        put1((char)(0x80 | (code >> 6 & 63))); put1((char)(0x80 | (code & 63)));
    }
}

static void put_unescaped(const char *p, const char *e) {
    while (p < e) {
        const char *back = memchr(p, '\\', (size_t)(e - p));
        if (!back) { put(p, (size_t)(e - p)); return; }
        put(p, (size_t)(back - p));
        p = back + 2;
        switch (back[1]) {
        case 'n': put1('\n'); break;
        case 't': put1('\t'); break;
        case 'r': put1('\r'); break;
        case 'b': put1('\b'); break;
        case 'f': put1('\f'); break;
        case 'u': {
            unsigned code, low;
            sscanf(p, "%4x", &code);
            p += 4;
            if (code >= 0xD800 && code < 0xDC00 && sscanf(p, "\\u%4x", &low) == 1) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                p += 6;
            }
            put_utf8(code);
            break;
        }
        default: put1(back[1]);
        }
    }
}

static void put_cell(struct value v) {
    if (!v.start || v.tag == '0') return;
    size_t from = out_size;
    if (v.tag == 'S') {
        const char *p = v.start + 1, *e = closing(p);
        size_t size = (size_t)(e - p);
        if (size && strchr("=+-@", *p)) put1('\'');
        if (!memchr(p, '\\', size)) {   /* without escapes there is no quote and no line break either */
            int quoted = memchr(p, ',', size) != NULL;
            if (quoted) { out_size = from; put1('"'); if (strchr("=+-@", *p)) put1('\''); }
            put(p, size);
            if (quoted) put1('"');
            return;
        }
        put_unescaped(p, e);
    } else {
        put_json(v.start, v.tag);
        if (v.tag == 'N' || v.tag == 'O') return;
    }
    quote(from);
}

static void put_row(const struct value *values) {
    for (int c = 0; c < column_count; c++) {
        if (c) put1(',');
        put_cell(values[c]);
    }
    put("\r\n", 2);
}

static void put_line(const struct value *values) {
    char before = '{';
    for (int i = 0; i < column_count; i++) {
        int c = by_name[i];
        if (!values[c].start) continue;
        put1(before); put1('"'); put(columns[c].name, columns[c].size); put("\":", 2);
        put_json(values[c].start, values[c].tag);
        before = ',';
    }
    put("}\n", 2);
}

static int column_at(const char *name, size_t size, int guess) {
    for (int tried = 0; tried < column_count; tried++) {
        int c = (guess + tried) % column_count;
        if (columns[c].size == size && !memcmp(columns[c].name, name, size)) return c;
    }
    end("an attribute is not among the columns");
    return 0;
}

const char *transcode(const char *p, int jsonl, long *records) {
    static int usual[MAX_COLUMNS];   /* the column that the attribute at this place had last: most items look alike */
    struct value values[MAX_COLUMNS];
    for (p++; *p != ']'; p += *p == ',') {
        memset(values, 0, sizeof values[0] * (size_t)column_count);
        for (int place = 0; *p != '}'; place++) {
            const char *name = p + 2, *e = closing(name);
            int c = usual[place] = column_at(name, (size_t)(e - name), usual[place]);
            const char *tag = e + 3;
            values[c].tag = tag_of(tag);
            values[c].start = behind_tag(tag);
            p = skip_value(values[c].start) + 1;
        }
        p++;
        if (jsonl) put_line(values); else put_row(values);
        if (out_size > FLUSH_AT) flush();
        ++*records;
    }
    return p + 1;
}

static int earlier(const void *a, const void *b) {
    return strcmp(columns[*(const int *)a].name, columns[*(const int *)b].name);
}

void name_columns(char *names) {
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
        if (column_count == MAX_COLUMNS) end("too many columns");
        by_name[column_count] = column_count;
        columns[column_count++] = (struct column){name, strlen(name)};
    }
    qsort(by_name, (size_t)column_count, sizeof by_name[0], earlier);
    out = malloc(OUT_BYTES);
}

void put_header(void) {
    for (int c = 0; c < column_count; c++) {
        if (c) put1(',');
        put(columns[c].name, columns[c].size);
    }
    put("\r\n", 2);
}
