/* Exact squared Euclidean distances on a grid, after Meijster, Roerdink and Hesselink 2000: whole numbers alone, in time
 * that does not depend on how far they are; see evalnb/core/distances.py. */
#include "native.h"

#include <stdlib.h>

static int64_t squared(int64_t x) { return x * x; }

/* Rounds down, also below zero. */
static int64_t quotient(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

/* The lower envelope of one row's parabolas (x - i)^2 + g[i]^2; `at` and `from` hold w places each. */
static void envelope(const int64_t *g, int64_t w, int64_t *at, int64_t *from, int64_t *out) {
    int64_t q = 0;
    at[0] = from[0] = 0;
    for (int64_t u = 1; u < w; u++) {
        while (q >= 0 && squared(from[q] - at[q]) + squared(g[at[q]]) > squared(from[q] - u) + squared(g[u])) q--;
        if (q < 0) {
            q = 0, at[0] = u;
            continue;
        }
        const int64_t i = at[q];
        const int64_t begins = 1 + quotient(squared(u) - squared(i) + squared(g[u]) - squared(g[i]), 2 * (u - i));
        if (begins < w) q++, at[q] = u, from[q] = begins;
    }
    for (int64_t u = w - 1; u >= 0; u--) {
        out[u] = squared(u - at[q]) + squared(g[at[q]]);
        if (u == from[q]) q--;
    }
}

/* The squared distance of each of h rows of w pixels to the nearest pixel that is 0; (h + w)^2 or more where none is. */
EVALNB_PUBLIC int evalnb_distances(const uint8_t *set, int64_t h, int64_t w, int64_t *out) {
    if (h < 1 || w < 1) return EVALNB_OK;
    int64_t *rows = malloc((size_t)(3 * w) * sizeof *rows);
    if (!rows) return EVALNB_NO_MEMORY;
    /* First down and up the columns, row by row, so that memory is read in order. */
    for (int64_t x = 0; x < w; x++) out[x] = set[x] ? h + w : 0;
    for (int64_t i = w; i < h * w; i++) out[i] = set[i] ? out[i - w] + 1 : 0;
    for (int64_t i = (h - 1) * w - 1; i >= 0; i--)
        if (out[i] > out[i + w] + 1) out[i] = out[i + w] + 1;
    for (int64_t y = 0; y < h; y++) {
        for (int64_t x = 0; x < w; x++) rows[x] = out[y * w + x];
        envelope(rows, w, rows + w, rows + 2 * w, out + y * w);
    }
    free(rows);
    return EVALNB_OK;
}
