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

/* What to count, and where. Arrays are (classes asked, …, lanes) and may be null where nobody asks. */
typedef struct {
    const int32_t *weights; /* (images, lanes) how often each counts; null: once, in one lane */
    const int32_t *classes; /* places */
    double confidence;      /* detections below it do not exist */
    int32_t lanes;          /* sets of weights that are counted side by side: 1 or LANES */
    int32_t limit;          /* detections of this rank and beyond do not exist either */
    int32_t area;           /* of the recalls at few detections */
    int32_t few[2];
    double *precision; /* (c, areas, thresholds, lanes) mean over the recalls; -1 without truths */
    double *recall;    /* (c, areas, thresholds, lanes) */
    double *few_recall; /* (c, 2, thresholds, lanes) */
    int64_t *truths;   /* (c, areas, lanes) */
    int64_t *detections; /* (c, lanes) */
    double *curve;     /* (c, areas, thresholds, 101) precision; one lane only, as the next */
    double *curve_score; /* likewise */
} Asked;

/* An event is a claim (its number within its class) and what it does to one bit. */
enum { HIT = 1, FEWER = 2, MORE = 4, TIED = 8, TAGS = 4 };
enum { LANES = 8 };

/* Every function that takes `lanes` is compiled for one lane and for LANES: loops over lanes have constant bounds. */
#define INLINE static inline __attribute__((always_inline))
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

/* One class under its sets of weights. */
typedef struct {
    int32_t *weight;  /* (claims, lanes) */
    uint8_t *few;     /* (claims,) bits: whether its rank is within each of the lower limits */
    int32_t *seen;    /* (claims, areas, lanes) detections that count up to each claim, as if none had claims */
    uint8_t *reached; /* (lanes, stride) how many recalls each number of true positives reaches, in one area range */
    int64_t claims;   /* those at or above the confidence */
    int64_t stride;
    int64_t truths[MOST_RANGES * LANES];
} Weighed;

/* What one bit comes to. The best precision is kept by how many recalls were reached when it stood: the most at or
 * behind a recall, COCO's running maximum from the right, is then the most of the entries from there on. */
typedef struct {
    double best[(RECALLS + 1) * LANES];
    int32_t hits[LANES], extra[LANES];
    int32_t top;   /* the last entry of `best` in use */
    double *score; /* (101,) the score at which each recall is reached; may be null */
} Reading;

INLINE int32_t weight_of(const Asked *q, int32_t image, int lane, const int lanes) {
    return q->weights ? q->weights[(int64_t)image * lanes + lane] : 1;
}

static inline bool ties(const Table *t, int64_t a, int64_t b) {
    return t->image[a] == t->image[b] && t->score[a] == t->score[b];
}

/* A true positive of one lane, the `hits`-th, where `seen` detections count up to it. */
INLINE void keep_best(const Weighed *w, Reading *r, int range, int lane, int32_t hits, double precision, double score,
                      const int lanes) {
    const int64_t truths = w->truths[range * lanes + lane];
    const int32_t at = w->reached[lane * w->stride + (hits < truths ? hits : truths)];
    double *best = r->best + at * lanes + lane;
    *best = precision > *best ? precision : *best;
    if (lanes > 1 || !r->score) return;
    for (; r->top < at; r->top++) r->score[r->top] = score;
}

/* Equal scores of one image that counts several times: a copy of the image brings all of them before the next copy
 * does, so the copies are walked one by one. `claim` is the first of them that moves the bit. */
static void read_copies(const Table *t, const Asked *q, const Weighed *w, Reading *r, int32_t k, int64_t claim, int bit,
                        int range, int lane, const int lanes) {
    const int64_t first_claim = t->claim_start[k], at = t->claim_at[first_claim + claim];
    const int64_t weight = w->weight[claim * lanes + lane];
    int64_t from = at, to = at + 1, first = first_claim + claim;
    int64_t seen = w->seen[(claim * MOST_RANGES + range) * lanes + lane] + r->extra[lane];
    int32_t hits = r->hits[lane];
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
            if (t->flags[i] & 128) {
                counts = !(t->claim_ignored[c] >> bit & 1);
                hit = counts && t->claim_matched[c] >> bit & 1;
                c++;
            }
            if (t->rank[i] >= q->limit) continue;
            seen += counts;
            if (!hit) continue;
            hits++;
            keep_best(w, r, range, lane, hits, (double)hits / ((double)seen + DBL_EPSILON), t->score[i], lanes);
        }
    }
}

INLINE bool any_twice(const int32_t *weight, const int lanes) {
    int32_t most = 0;
    for (int l = 0; l < lanes; l++) most = weight[l] > most ? weight[l] : most;
    return most > 1;
}

INLINE void move_on(Reading *r, const int32_t *weight, uint32_t event, const int lanes) {
    const int32_t hit = -(int32_t)(event & HIT), sign = (int32_t)(event / MORE & 1) - (int32_t)(event / FEWER & 1);
    for (int l = 0; l < lanes; l++) r->hits[l] += weight[l] & hit, r->extra[l] += weight[l] * sign;
}

/* Walk a bit's events. */
INLINE void read_bit(const Table *t, const Asked *q, const Weighed *w, Reading *r, int32_t k, int bit, int range,
                     const int lanes) {
    const int64_t place = (int64_t)k * t->threshold_count * t->area_count + bit;
    const uint32_t *e = t->event + t->event_start[place], *end = t->event + t->event_start[place + 1];
    const int32_t *at = t->claim_at + t->claim_start[k];
    while (end > e && end[-1] >> TAGS >= (uint64_t)w->claims) end--;
    for (; e < end; e++) {
        const int64_t claim = *e >> TAGS;
        const int32_t *weight = w->weight + claim * lanes, *seen = w->seen + (claim * MOST_RANGES + range) * lanes;
        if (*e & TIED && any_twice(weight, lanes)) {
            for (int l = 0; l < lanes; l++) read_copies(t, q, w, r, k, claim, bit, range, l, lanes);
            for (const int64_t run = at[claim]; e < end && *e & TIED && ties(t, at[*e >> TAGS], run); e++)
                move_on(r, w->weight + (*e >> TAGS) * lanes, *e, lanes);
            e--;
            continue;
        }
        move_on(r, weight, *e, lanes);
        if (!(*e & HIT)) continue;
        double precision[LANES];
        for (int l = 0; l < lanes; l++)
            precision[l] = (double)r->hits[l] / ((double)(seen[l] + r->extra[l]) + DBL_EPSILON);
        for (int l = 0; l < lanes; l++)
            keep_best(w, r, range, l, r->hits[l], precision[l], t->score[at[claim]], lanes);
    }
}

/* The mean over the recalls; leaves the reading as it was before a bit was read. */
INLINE void average(const Weighed *w, Reading *r, int range, double *out, double *curve, const int lanes) {
    double most[LANES] = {0}, sum[LANES] = {0};
    int top = 0;
    for (int l = 0; l < lanes; l++) {
        const int64_t truths = w->truths[range * lanes + l];
        const int at = w->reached[l * w->stride + (r->hits[l] < truths ? r->hits[l] : truths)];
        top = at > top ? at : top;
    }
    for (int recall = top; recall > 0; recall--) {
        for (int l = 0; l < lanes; l++) {
            const double here = r->best[recall * lanes + l];
            most[l] = here > most[l] ? here : most[l];
            sum[l] += most[l];
        }
        if (curve) curve[recall - 1] = most[0];
    }
    for (int l = 0; l < lanes; l++) out[l] = sum[l] / RECALLS, r->hits[l] = r->extra[l] = 0;
    memset(r->best, 0, (size_t)((top + 1) * lanes) * sizeof *r->best);
    r->top = 0;
}

/* How often a detection of these flags counts in each of the ranges. */
#define COUNTS(f) {-!(f & 1), -!(f & 2), -!(f & 4), -!(f & 8)}
static const int32_t COUNTS_IN[16][MOST_RANGES] = {COUNTS(0),  COUNTS(1),  COUNTS(2),  COUNTS(3), COUNTS(4),  COUNTS(5),
                                                   COUNTS(6),  COUNTS(7),  COUNTS(8),  COUNTS(9), COUNTS(10), COUNTS(11),
                                                   COUNTS(12), COUNTS(13), COUNTS(14), COUNTS(15)};

INLINE void weigh_class(const Table *t, const Asked *q, Weighed *w, int32_t k, int64_t end, const int lanes) {
    int32_t so_far[MOST_RANGES * LANES] = {0};
    int64_t at = t->start[k];
    w->claims = 0;
    for (int64_t claim = t->claim_start[k]; claim < t->claim_start[k + 1]; claim++) {
        const int64_t next = t->claim_at[claim];
        if (next >= end) break;
        /* Behind the last claim nothing moves any number: only what stands before one is counted. */
        for (; at <= next; at++) {
            if (t->rank[at] >= q->limit) continue;
            const int32_t *counts = COUNTS_IN[t->flags[at] & 15];
            for (int a = 0; a < MOST_RANGES; a++)
                for (int l = 0; l < lanes; l++)
                    so_far[a * lanes + l] += weight_of(q, t->image[at], l, lanes) & counts[a];
        }
        const uint8_t rank = t->rank[next];
        for (int l = 0; l < lanes; l++)
            w->weight[w->claims * lanes + l] = rank < q->limit ? weight_of(q, t->image[next], l, lanes) : 0;
        w->few[w->claims] = (uint8_t)((rank < q->few[0]) | (rank < q->few[1]) << 1);
        memcpy(w->seen + w->claims++ * MOST_RANGES * lanes, so_far, (size_t)(MOST_RANGES * lanes) * sizeof *so_far);
    }
    memset(w->truths, 0, sizeof w->truths);
    for (int64_t i = t->truth_start[k]; i < t->truth_start[k + 1]; i++)
        for (int a = 0; a < t->area_count; a++)
            if (!(t->truth_ignored[i] >> a & 1))
                for (int l = 0; l < lanes; l++) w->truths[a * lanes + l] += weight_of(q, t->truth_image[i], l, lanes);
}

static int64_t first_below(const double *score, int64_t from, int64_t to, double confidence) {
    while (from < to) {
        const int64_t middle = from + (to - from) / 2;
        if (score[middle] >= confidence) from = middle + 1;
        else to = middle;
    }
    return from;
}

/* How many recalls each number of true positives up to all of them reaches; none of them none. */
static void list_reached(const double *recalls, int64_t truths, uint8_t *reached) {
    const double of = (double)truths;
    int64_t from = 0;
    if (truths < RECALLS) {
        /* Of few truths each number of them is asked, not each recall. */
        reached[0] = 0;
        for (int64_t hits = 1, r = 0; hits <= truths; hits++) {
            const double share = (double)hits / of;
            while (r < RECALLS && recalls[r] <= share) r++;
            reached[hits] = (uint8_t)r;
        }
        return;
    }
    for (int r = 0; r < RECALLS; r++) {
        int64_t needed = (int64_t)(recalls[r] * of);
        /* The division decides, as in COCO; the product is off by one where it rounds the other way. */
        while (needed > 0 && (double)(needed - 1) / of >= recalls[r]) needed--;
        while ((double)needed / of < recalls[r]) needed++;
        if (needed < 1) needed = 1;
        for (; from < needed && from <= truths; from++) reached[from] = (uint8_t)r;
    }
    for (; from <= truths; from++) reached[from] = RECALLS;
}

/* Recalls with few detections of each image, of one bit. */
INLINE void answer_few(const Table *t, const Weighed *w, int32_t k, int bit, int range, double *out, const int lanes) {
    const int bits = t->threshold_count * t->area_count;
    const int64_t from = t->event_start[(int64_t)k * bits + bit], to = t->event_start[(int64_t)k * bits + bit + 1];
    int32_t few[2][LANES] = {0};
    for (int64_t i = from; i < to && t->event[i] >> TAGS < (uint64_t)w->claims; i++) {
        const int64_t claim = t->event[i] >> TAGS;
        const int32_t hit = t->event[i] & HIT, counts[2] = {-(hit & w->few[claim]), -(hit & w->few[claim] >> 1)};
        for (int f = 0; f < 2; f++)
            for (int l = 0; l < lanes; l++) few[f][l] += w->weight[claim * lanes + l] & counts[f];
    }
    for (int f = 0; f < 2; f++)
        for (int l = 0; l < lanes; l++) {
            const int64_t truths = w->truths[range * lanes + l];
            out[f * t->threshold_count * lanes + l] = truths ? (double)few[f][l] / (double)truths : -1;
        }
}

static double first_score_of(const Table *t, const Asked *q, int32_t k, int64_t end) {
    for (int64_t i = t->start[k]; i < end; i++)
        if (weight_of(q, t->image[i], 0, 1) && t->rank[i] < q->limit) return t->score[i];
    return 0;
}

INLINE void answer_range(const Table *t, const Asked *q, Weighed *w, Reading *r, int32_t k, int64_t place, int range,
                         int64_t end, const int lanes) {
    const int thresholds = t->threshold_count, bits = thresholds * t->area_count;
    const int64_t *truths = w->truths + range * lanes;
    for (int l = 0; l < lanes; l++) {
        if (q->truths) q->truths[(place * t->area_count + range) * lanes + l] = truths[l];
        list_reached(t->recalls, truths[l], w->reached + l * w->stride);
    }
    for (int threshold = 0; threshold < thresholds; threshold++) {
        const int bit = range * thresholds + threshold;
        const int64_t here = place * bits + bit;
        double *curve = q->curve ? q->curve + here * RECALLS : NULL;
        double *recall = q->recall + here * lanes, *precision = q->precision + here * lanes;
        r->score = q->curve_score ? q->curve_score + here * RECALLS : NULL;
        read_bit(t, q, w, r, k, bit, range, lanes);
        for (int l = 0; l < lanes; l++) recall[l] = truths[l] ? (double)r->hits[l] / (double)truths[l] : -1;
        average(w, r, range, precision, curve, lanes);
        if (r->score) r->score[0] = first_score_of(t, q, k, end); /* the very first detection reaches recall 0 */
        for (int l = 0; l < lanes; l++) precision[l] = truths[l] ? precision[l] : -1;
        for (int i = 0; i < RECALLS && !truths[0]; i++) {
            if (curve) curve[i] = -1;
            if (r->score) r->score[i] = -1;
        }
        if (q->few_recall && range == q->area)
            answer_few(t, w, k, bit, range, q->few_recall + (place * 2 * thresholds + threshold) * lanes, lanes);
    }
}

INLINE void count_detections(const Table *t, const Asked *q, int32_t k, int64_t end, int64_t *out, const int lanes) {
    for (int l = 0; l < lanes; l++) out[l] = 0;
    for (int64_t i = t->start[k]; i < end; i++)
        for (int l = 0; l < lanes && t->rank[i] < q->limit; l++) out[l] += weight_of(q, t->image[i], l, lanes);
}

INLINE void answer(const Table *t, const Asked *q, int32_t low, int32_t high, Weighed *w, Reading *r, const int lanes) {
    for (int32_t c = low; c < high; c++) {
        const int32_t k = q->classes[c];
        const int64_t end = first_below(t->score, t->start[k], t->start[k + 1], q->confidence);
        weigh_class(t, q, w, k, end, lanes);
        if (q->detections) count_detections(t, q, k, end, q->detections + (int64_t)c * lanes, lanes);
        for (int range = 0; range < t->area_count; range++) answer_range(t, q, w, r, k, c, range, end, lanes);
    }
}

/* The most truths that a class comes to in any lane. */
static int64_t most_truths(const Table *t, const Asked *q, int32_t k) {
    int64_t many[LANES] = {0}, most = 0;
    for (int64_t i = t->truth_start[k]; i < t->truth_start[k + 1]; i++)
        for (int l = 0; l < q->lanes; l++) many[l] += weight_of(q, t->truth_image[i], l, q->lanes);
    for (int l = 0; l < q->lanes; l++) most = many[l] > most ? many[l] : most;
    return most;
}

/* Answer for the classes asked from `low` to `high`. */
WIDE EVALNB_PUBLIC int evalnb_tally(const Table *t, const Asked *q, int32_t low, int32_t high) {
    size_t claims = 1;
    Weighed w = {0};
    for (int32_t c = low; c < high; c++) {
        const size_t some = (size_t)(t->claim_start[q->classes[c] + 1] - t->claim_start[q->classes[c]]);
        const int64_t truths = most_truths(t, q, q->classes[c]);
        claims = some > claims ? some : claims;
        w.stride = truths + 1 > w.stride ? truths + 1 : w.stride;
    }
    const size_t lanes = (size_t)q->lanes;
    w.weight = malloc(claims * lanes * sizeof *w.weight);
    w.few = malloc(claims);
    w.seen = malloc(claims * lanes * MOST_RANGES * sizeof *w.seen);
    w.reached = malloc((size_t)(w.stride + 1) * lanes);
    Reading *r = calloc(1, sizeof *r);
    const bool room = w.weight && w.few && w.seen && w.reached && r;
    if (room && q->lanes == 1) answer(t, q, low, high, &w, r, 1);
    if (room && q->lanes == LANES) answer(t, q, low, high, &w, r, LANES);
    free(w.weight), free(w.few), free(w.seen), free(w.reached), free(r);
    return room ? EVALNB_OK : EVALNB_NO_MEMORY;
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
