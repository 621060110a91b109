/* Claims among pairs whose overlaps are known, and average precision of whatever counts; see evalnb/core/near.py and
 * evalnb/core/metrics/average.py. */
#include "native.h"

#include <float.h>
#include <stdlib.h>

/* What a truth is to those who would take it. */
enum { COUNTS = 0, IGNORED = 1, CROWD = 2, ABSENT = 3 };

/* The detections of `order` choose, one after the other: the best free truth that counts, else the best that is to be
 * ignored (a crowd may be taken again and again). Pairs of detection d stand at start[d] .. start[d + 1], the best
 * first; those at which `open` is 0 are no candidates (null: all are). `pair` gets the pair taken by each detection of
 * `order`; `used` (truths,) must be zero. */
EVALNB_PUBLIC void evalnb_take(const int32_t *order, int64_t many, const int64_t *start, const int32_t *truth,
                               const double *overlap, const uint8_t *open, const uint8_t *state, double least,
                               uint8_t *used, int64_t *pair) {
    for (int64_t i = 0; i < many; i++) {
        const int64_t end = start[order[i] + 1];
        int64_t taken = -1, second = -1;
        for (int64_t p = start[order[i]]; p < end && overlap[p] >= least; p++) {
            const int32_t t = truth[p];
            if ((open && !open[p]) || state[t] == ABSENT || (used[t] && state[t] != CROWD)) continue;
            if (state[t] == COUNTS) {
                taken = p;
                break;
            }
            if (second < 0) second = p;
        }
        if (taken < 0) taken = second;
        if (taken >= 0) used[truth[taken]] = 1;
        pair[order[i]] = taken;
    }
}

/* COCO's average precision of the classes from `low` to `high`: `hit` and `counts` (detections,) are what each
 * detection is, `positives` (classes,) how many truths there are to find; -1 where there are none. */
EVALNB_PUBLIC int evalnb_average(const int64_t *start, const uint8_t *hit, const uint8_t *counts,
                                 const int64_t *positives, const double *recalls, int32_t low, int32_t high,
                                 double *average) {
    int64_t most = 1;
    for (int32_t k = low; k < high; k++) most = start[k + 1] - start[k] > most ? start[k + 1] - start[k] : most;
    double *precision = malloc((size_t)most * sizeof *precision);
    if (!precision) return EVALNB_NO_MEMORY;
    for (int32_t k = low; k < high; k++) {
        int64_t hits = 0, seen = 0;
        average[k] = -1;
        if (positives[k] <= 0) continue;
        for (int64_t i = start[k]; i < start[k + 1]; i++) {
            seen += counts[i];
            if (!hit[i]) continue;
            hits++;
            precision[hits - 1] = (double)hits / ((double)seen + DBL_EPSILON);
        }
        double best = 0, sum = 0;
        int64_t left = hits;
        for (int recall = RECALLS - 1; recall >= 0; recall--) {
            for (; left > 0 && (double)left / (double)positives[k] >= recalls[recall]; left--)
                best = precision[left - 1] > best ? precision[left - 1] : best;
            sum += best;
        }
        average[k] = sum / RECALLS;
    }
    free(precision);
    return EVALNB_OK;
}
