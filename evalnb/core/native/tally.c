/* Precision, recall and what follows from them, for any part of a match table; see evalnb/core/metrics. */
#include "native.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const int32_t *image;
    const double *score;
    const uint8_t *rank;
    const uint8_t *flags;
    const int64_t *start; /* (classes + 1,) */
    const int32_t *claim_at;
    const uint64_t *claim_matched;
    const uint64_t *claim_ignored;
    const int64_t *claim_start; /* (classes + 1,) */
    /* Truths sorted by class. */
    const int32_t *truth_image;
    const uint8_t *truth_ignored;
    const int64_t *truth_start; /* (classes + 1,) */
    const double *recalls;      /* (101,) */
    /* What moves a bit, class by class and bit by bit: see evalnb_events. */
    const int64_t *event_start; /* (classes * bits + 1,) */
    const uint32_t *event;
    int32_t threshold_count;
    int32_t area_count;
} Table;

/* What to count, and where. Arrays are (classes asked, …) and may be null where nobody asks. */
typedef struct {
    const int32_t *weights; /* (images,) how often each counts; null: once */
    const int32_t *classes; /* places */
    double confidence;      /* detections below it do not exist */
    int32_t limit;          /* nor do those of this rank and beyond */
    int32_t area;           /* of the recalls at few detections */
    int32_t few[2];
    double *precision; /* (c, areas, thresholds) mean over the recalls; -1 without truths */
    double *recall;    /* (c, areas, thresholds) */
    double *few_recall; /* (c, 2, thresholds) */
    int64_t *truths;   /* (c, areas) */
    int64_t *detections; /* (c,) */
    double *curve;     /* (c, areas, thresholds, 101) precision */
    double *curve_score; /* likewise */
} Asked;

/* An event is a claim (its number within its class) and what it does to one bit. */
enum { HIT = 1, FEWER = 2, MORE = 4, TIED = 8, TAGS = 4 };

/* The claims of one class under one set of weights. */
typedef struct {
    int32_t *weight;
    uint32_t *seen; /* (claims, 4) detections that count in each range up to each claim, as if none had claims */
    int64_t claims; /* those at or above the confidence */
} Weighed;

/* What one bit reads: a precision for each number of true positives, in the order of falling confidence. */
typedef struct {
    double *hits, *precision; /* the precision is the number of detections until all are divided at once */
    int32_t *claim;
    int64_t many;
} Reading;

static inline int64_t weight_of(const int32_t *weights, int32_t image) { return weights ? weights[image] : 1; }

static inline bool ties(const Table *t, int64_t a, int64_t b) {
    return t->image[a] == t->image[b] && t->score[a] == t->score[b];
}

/* Equal scores of one image that counts several times: a copy of the image brings all of them before the next copy
 * does, so the copies are walked one by one. `claim` is the first of them that moves the bit; `hits` and `extra` are
 * what came before. */
static void read_copies(const Table *t, const Asked *q, const Weighed *w, Reading *r, int32_t k, int64_t claim, int bit,
                        int range, int64_t hits, int64_t extra) {
    const int64_t first_claim = t->claim_start[k], at = t->claim_at[first_claim + claim];
    const int64_t weight = w->weight[claim];
    int64_t from = at, to = at + 1, seen = w->seen[4 * claim + range] + extra, first = first_claim + claim;
    while (to < t->start[k + 1] && ties(t, to, at)) to++;
    /* `seen` counts up to and with the claim itself: back to what stood before the first of the run. */
    for (;; from--) {
        if (t->rank[from] < q->limit && !(t->flags[from] >> range & 1)) seen -= weight;
        if (from < at) first -= (t->flags[from] & 128) != 0;
        if (from == t->start[k] || !ties(t, from - 1, at)) break;
    }
    for (int64_t copy = 0; copy < weight; copy++) {
        int64_t c = first;
        for (int64_t i = from; i < to; i++) {
            bool counts = !(t->flags[i] >> range & 1), hit = false;
            const int64_t here = c;
            if (t->flags[i] & 128) {
                counts = !(t->claim_ignored[c] >> bit & 1);
                hit = counts && t->claim_matched[c] >> bit & 1;
                c++;
            }
            if (t->rank[i] >= q->limit) continue;
            seen += counts;
            if (!hit) continue;
            r->hits[r->many] = (double)++hits;
            r->precision[r->many] = (double)seen;
            r->claim[r->many++] = (int32_t)(here - first_claim);
        }
    }
}

/* Walk a bit's events; returns its true positives. */
static int64_t read_bit(const Table *t, const Asked *q, const Weighed *w, Reading *r, int32_t k, int bit, int range) {
    const int64_t place = (int64_t)k * t->threshold_count * t->area_count + bit;
    const uint32_t *e = t->event + t->event_start[place], *end = t->event + t->event_start[place + 1];
    const int32_t *at = t->claim_at + t->claim_start[k];
    const uint32_t *seen_at = w->seen + range;
    int64_t hits = 0, extra = 0, many = 0;
    if (w->claims)
        while (end > e && end[-1] >> TAGS >= (uint64_t)w->claims) end--;
    else
        end = e;
    for (; e < end; e++) {
        const uint32_t event = *e;
        const int64_t claim = event >> TAGS, weight = w->weight[claim], hit = event & HIT;
        if (event & TIED && weight > 1) {
            r->many = many;
            read_copies(t, q, w, r, k, claim, bit, range, hits, extra);
            many = r->many;
            const int64_t run = at[claim];
            for (; e < end && *e & TIED && ties(t, at[*e >> TAGS], run); e++) {
                const int64_t other = w->weight[*e >> TAGS];
                hits += *e & HIT ? other : 0;
                extra += *e & MORE ? other : *e & FEWER ? -other : 0;
            }
            e--;
            continue;
        }
        hits += hit * weight;
        extra += ((event & MORE) / MORE - (int64_t)(event & FEWER) / FEWER) * weight;
        r->hits[many] = (double)hits;
        r->precision[many] = (double)((int64_t)seen_at[4 * claim] + extra);
        r->claim[many] = (int32_t)claim;
        many += hit & (weight > 0);
    }
    for (int64_t i = 0; i < many; i++) r->precision[i] = r->hits[i] / (r->precision[i] + DBL_EPSILON);
    r->many = many;
    return hits;
}

/* COCO's running maximum from the right is the maximum so far, from the last true positive back; a recall is answered
 * as soon as the true positives before do not reach it. Returns the mean over the recalls. */
static double average(const Table *t, const Reading *r, int32_t k, const double *needed, double *curve, double *score) {
    double best = 0, sum = 0;
    int64_t i = r->many;
    for (int recall = RECALLS - 1; recall >= 0; recall--) {
        for (; i > 0 && r->hits[i - 1] >= needed[recall]; i--)
            best = r->precision[i - 1] > best ? r->precision[i - 1] : best;
        sum += best;
        if (curve) curve[recall] = best;
        if (score && i < r->many) score[recall] = t->score[t->claim_at[t->claim_start[k] + r->claim[i]]];
    }
    return sum / RECALLS;
}

/* Two ranges of 32 bits to a word: how often a detection of these flags counts. */
static const uint64_t LOW_RANGES[16] = {
    0x100000001, 0x100000000, 0x000000001, 0, 0x100000001, 0x100000000, 0x000000001, 0,
    0x100000001, 0x100000000, 0x000000001, 0, 0x100000001, 0x100000000, 0x000000001, 0};
static const uint64_t HIGH_RANGES[16] = {
    0x100000001, 0x100000001, 0x100000001, 0x100000001, 0x100000000, 0x100000000, 0x100000000, 0x100000000,
    0x000000001, 0x000000001, 0x000000001, 0x000000001, 0, 0, 0, 0};

static void weigh_class(const Table *t, const Asked *q, Weighed *w, int32_t k, int64_t end) {
    uint64_t low = 0, high = 0;
    int64_t at = t->start[k];
    const bool whole = q->limit > 255;
    w->claims = 0;
    for (int64_t claim = t->claim_start[k]; claim < t->claim_start[k + 1]; claim++) {
        const int64_t next = t->claim_at[claim];
        if (next >= end) break;
        /* Behind the last claim nothing moves any number: only what stands before one is counted. */
        if (!q->weights && whole) {
            for (; at <= next; at++) low += LOW_RANGES[t->flags[at] & 15], high += HIGH_RANGES[t->flags[at] & 15];
        } else if (whole) {
            for (; at <= next; at++) {
                const uint64_t weight = (uint64_t)q->weights[t->image[at]];
                low += LOW_RANGES[t->flags[at] & 15] * weight, high += HIGH_RANGES[t->flags[at] & 15] * weight;
            }
        } else {
            for (; at <= next; at++) {
                const uint64_t weight = t->rank[at] < q->limit ? (uint64_t)weight_of(q->weights, t->image[at]) : 0;
                low += LOW_RANGES[t->flags[at] & 15] * weight, high += HIGH_RANGES[t->flags[at] & 15] * weight;
            }
        }
        w->weight[w->claims] = t->rank[next] < q->limit ? (int32_t)weight_of(q->weights, t->image[next]) : 0;
        uint32_t *seen = w->seen + 4 * w->claims++;
        seen[0] = (uint32_t)low, seen[1] = (uint32_t)(low >> 32);
        seen[2] = (uint32_t)high, seen[3] = (uint32_t)(high >> 32);
    }
}

static int64_t first_below(const double *score, int64_t from, int64_t to, double confidence) {
    while (from < to) {
        const int64_t middle = from + (to - from) / 2;
        if (score[middle] >= confidence) from = middle + 1;
        else to = middle;
    }
    return from;
}

/* The least number of true positives, at least 1, whose share of `truths` reaches each recall. */
static void hits_needed(const double *recalls, int64_t truths, double *needed) {
    const double of = (double)truths;
    for (int r = 0; r < RECALLS; r++) {
        double guess = (double)(int64_t)(recalls[r] * of);
        /* The division decides, as in COCO; the product is off by one where it rounds the other way. */
        while (guess > 0 && (guess - 1) / of >= recalls[r]) guess--;
        while (guess / of < recalls[r]) guess++;
        needed[r] = guess < 1 ? 1 : guess;
    }
}

/* Recalls with few detections of each image, of one bit. */
static void answer_few(const Table *t, const Asked *q, const Weighed *w, int32_t k, int bit, double truths, double *out) {
    const int bits = t->threshold_count * t->area_count;
    const int64_t from = t->event_start[(int64_t)k * bits + bit], to = t->event_start[(int64_t)k * bits + bit + 1];
    const int32_t *at = t->claim_at + t->claim_start[k];
    int64_t few[2] = {0};
    for (int64_t i = from; i < to && t->event[i] >> TAGS < (uint64_t)w->claims; i++) {
        const int64_t claim = t->event[i] >> TAGS, weight = t->event[i] & HIT ? w->weight[claim] : 0;
        const uint8_t rank = t->rank[at[claim]];
        few[0] += rank < q->few[0] ? weight : 0, few[1] += rank < q->few[1] ? weight : 0;
    }
    out[0] = (double)few[0] / truths, out[t->threshold_count] = (double)few[1] / truths;
}

static double first_score_of(const Table *t, const Asked *q, int32_t k, int64_t end) {
    for (int64_t i = t->start[k]; i < end; i++)
        if (weight_of(q->weights, t->image[i]) && t->rank[i] < q->limit) return t->score[i];
    return 0;
}

static void answer_class(const Table *t, const Asked *q, const Weighed *w, Reading *reading, int32_t k, int64_t place,
                         int64_t end) {
    const int thresholds = t->threshold_count, bits = thresholds * t->area_count;
    int64_t counts[MOST_RANGES] = {0};
    double needed[RECALLS];
    for (int64_t i = t->truth_start[k]; i < t->truth_start[k + 1]; i++) {
        const int64_t weight = weight_of(q->weights, t->truth_image[i]);
        for (int a = 0; a < t->area_count; a++) counts[a] += (t->truth_ignored[i] >> a & 1) ? 0 : weight;
    }
    for (int bit = 0; bit < bits; bit++) {
        const int range = bit / thresholds, threshold = bit % thresholds;
        const int64_t here = place * bits + bit;
        const double truths = (double)counts[range];
        double *curve = q->curve ? q->curve + here * RECALLS : NULL;
        double *score = q->curve_score ? q->curve_score + here * RECALLS : NULL;
        double *few = q->few_recall && range == q->area ? q->few_recall + place * 2 * thresholds + threshold : NULL;
        if (threshold == 0 && q->truths) q->truths[place * t->area_count + range] = counts[range];
        if (counts[range]) {
            if (threshold == 0) hits_needed(t->recalls, counts[range], needed);
            q->recall[here] = (double)read_bit(t, q, w, reading, k, bit, range) / truths;
            q->precision[here] = average(t, reading, k, needed, curve, score);
            if (score) score[0] = first_score_of(t, q, k, end); /* the very first detection reaches recall 0 */
            if (few) answer_few(t, q, w, k, bit, truths, few);
            continue;
        }
        q->recall[here] = q->precision[here] = -1;
        if (few) few[0] = few[thresholds] = -1;
        for (int i = 0; i < RECALLS; i++) {
            if (curve) curve[i] = -1;
            if (score) score[i] = -1;
        }
    }
}

static int64_t detections_of(const Table *t, const Asked *q, int32_t k, int64_t end) {
    int64_t many = 0;
    for (int64_t i = t->start[k]; i < end; i++)
        if (t->rank[i] < q->limit) many += weight_of(q->weights, t->image[i]);
    return many;
}

/* How many readings a bit of a class may come to: a true positive, as often as its image counts where it ties. */
static int64_t readings_of(const Table *t, const Asked *q, int32_t k) {
    int64_t many = t->claim_start[k + 1] - t->claim_start[k];
    if (q->weights)
        for (int64_t c = t->claim_start[k]; c < t->claim_start[k + 1]; c++) {
            const int64_t weight = q->weights[t->image[t->claim_at[c]]];
            many += weight > 1 ? weight - 1 : 0;
        }
    return many;
}

/* Answer for the classes asked from `low` to `high`. */
EVALNB_PUBLIC int evalnb_tally(const Table *t, const Asked *q, int32_t low, int32_t high) {
    size_t claims = 1, readings = 1;
    for (int32_t c = low; c < high; c++) {
        const size_t some = (size_t)(t->claim_start[q->classes[c] + 1] - t->claim_start[q->classes[c]]);
        const size_t most = (size_t)readings_of(t, q, q->classes[c]) + 1;
        claims = some > claims ? some : claims;
        readings = most > readings ? most : readings;
    }
    Weighed w = {malloc(claims * sizeof(int32_t)), malloc(claims * 4 * sizeof(uint32_t)), 0};
    Reading r = {malloc(readings * sizeof(double)), malloc(readings * sizeof(double)), malloc(readings * sizeof(int32_t)), 0};
    int status = EVALNB_NO_MEMORY;
    if (w.weight && w.seen && r.hits && r.precision && r.claim) {
        status = EVALNB_OK;
        for (int32_t c = low; c < high; c++) {
            const int32_t k = q->classes[c];
            const int64_t end = first_below(t->score, t->start[k], t->start[k + 1], q->confidence);
            weigh_class(t, q, &w, k, end);
            if (q->detections) q->detections[c] = detections_of(t, q, k, end);
            answer_class(t, q, &w, &r, k, c, end);
        }
    }
    free(w.weight), free(w.seen), free(r.hits), free(r.precision), free(r.claim);
    return status;
}

/* The events of the classes from `low` to `high`. With `event` null they are counted into `many` (classes * bits);
 * else written where `next` (likewise; it moves on) says. */
EVALNB_PUBLIC void evalnb_events(const Table *t, int32_t low, int32_t high, int64_t *many, uint32_t *event) {
    const int bits = t->threshold_count * t->area_count;
    const uint64_t every = word_of((1u << t->area_count) - 1, t->threshold_count, t->area_count);
    for (int32_t k = low; k < high; k++) {
        int64_t *next = many + (int64_t)k * bits;
        for (int64_t c = t->claim_start[k]; c < t->claim_start[k + 1]; c++) {
            const int64_t at = t->claim_at[c];
            const uint64_t usual = word_of(~t->flags[at] & 15u, t->threshold_count, t->area_count);
            const uint64_t ignored = t->claim_ignored[c], hits = t->claim_matched[c] & ~ignored;
            const uint64_t fewer = usual & ignored, more = every & ~usual & ~ignored;
            const bool tied = (at > t->start[k] && ties(t, at - 1, at)) || (at + 1 < t->start[k + 1] && ties(t, at + 1, at));
            for (uint64_t left = hits | fewer | more; left; left &= left - 1) {
                const int bit = __builtin_ctzll(left);
                if (event)
                    event[next[bit]] = (uint32_t)(c - t->claim_start[k]) << TAGS | (hits >> bit & 1 ? HIT : 0) |
                                       (fewer >> bit & 1 ? FEWER : 0) | (more >> bit & 1 ? MORE : 0) |
                                       (tied ? TIED : 0);
                next[bit]++;
            }
        }
    }
}
