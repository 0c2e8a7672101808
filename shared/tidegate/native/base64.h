/* Base64 as it stands in a page: checked, compared by the bytes that it means, never decoded. */
#ifndef TIDEGATE_BASE64_H
#define TIDEGATE_BASE64_H

#include "scan.h"

/* What each character stands for; 255 for those that stand for nothing. */
static const uint8_t sextets[256] = {
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,  62, 255, 255, 255,  63,
     52,  53,  54,  55,  56,  57,  58,  59,  60,  61, 255, 255, 255, 255, 255, 255,
    255,   0,   1,   2,   3,   4,   5,   6,   7,   8,   9,  10,  11,  12,  13,  14,
     15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25, 255, 255, 255, 255, 255,
    255,  26,  27,  28,  29,  30,  31,  32,  33,  34,  35,  36,  37,  38,  39,  40,
     41,  42,  43,  44,  45,  46,  47,  48,  49,  50,  51, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};

/* The closing quote of a string of canonical base64: the standard alphabet, padded, the unused last bits zero. */
static inline position after_base64(position at, position end) {
    while (end - at >= 4 && (sextets[at[0]] | sextets[at[1]] | sextets[at[2]] | sextets[at[3]]) < 64)
        at += 4;
    if (at < end && *at == '"')
        return at;
    if (end - at < 5 || at[3] != '=' || at[4] != '"' || (sextets[at[0]] | sextets[at[1]]) > 63)
        return NULL;
    if (at[2] == '=')
        return sextets[at[1]] & 15 ? NULL : at + 4;
    return sextets[at[2]] > 63 || sextets[at[2]] & 3 ? NULL : at + 4;
}

/* Compares canonical base64 as the bytes that it means. Padding ends it; equal sextets up to there mean a prefix. */
static int compare_base64(position a, position a_stop, position b, position b_stop) {
    for (;; a++, b++) {
        int a_ends = a == a_stop || *a == '=', b_ends = b == b_stop || *b == '=';
        if (a_ends || b_ends)
            return b_ends - a_ends;
        if (*a != *b)
            return sextets[*a] < sextets[*b] ? -1 : 1;
    }
}
#endif
