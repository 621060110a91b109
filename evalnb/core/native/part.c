/* The rows of a few images, copied out of a match table in its own order; see evalnb/core/metrics/tally.py. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

/* What lies ahead is asked for this many rows early: the rows of a few images lie far apart. */
enum { AHEAD = 24 };

/* The members of the runs `of` (places in `start`), ascending, without sorting: marked in a bitmap of `rows` bits and
 * read off it. `out` holds all of them. */
EVALNB_PUBLIC int evalnb_members(const int32_t *order, const int64_t *start, const int64_t *of, int64_t many,
                                 int64_t rows, int32_t *out) {
    const size_t words = (size_t)(rows + 63) / 64;
    uint64_t *marked = calloc(words + 1, sizeof *marked);
    if (!marked) return EVALNB_NO_MEMORY;
    for (int64_t i = 0; i < many; i++)
        for (int64_t at = start[of[i]]; at < start[of[i] + 1]; at++)
            marked[order[at] >> 6] |= 1ull << (order[at] & 63);
    for (size_t w = 0; w < words; w++)
        for (uint64_t left = marked[w]; left; left &= left - 1)
            *out++ = (int32_t)(w * 64 + (size_t)__builtin_ctzll(left));
    free(marked);
    return EVALNB_OK;
}

/* The four columns that a count reads, at the rows from `low` to `high`. */
EVALNB_PUBLIC void evalnb_rows(const int32_t *rows, int64_t low, int64_t high, const int32_t *image, const double *score,
                               const uint8_t *rank, const uint8_t *flags, int32_t *image_out, double *score_out,
                               uint8_t *rank_out, uint8_t *flags_out) {
    for (int64_t i = low; i < high; i++) {
        if (i + AHEAD < high) {
            const int32_t next = rows[i + AHEAD];
            __builtin_prefetch(image + next), __builtin_prefetch(score + next);
            __builtin_prefetch(rank + next), __builtin_prefetch(flags + next);
        }
        const int32_t at = rows[i];
        image_out[i] = image[at], score_out[i] = score[at], rank_out[i] = rank[at], flags_out[i] = flags[at];
    }
}
