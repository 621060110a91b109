/* Matching by COCO's rules, class by class; see evalnb/core/matching.py, which says what the rules are. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    /* Detections: n rows, listed by class in `order`, in the order of the file within each. */
    const int32_t *order;
    const int64_t *start; /* (classes + 1,) into order */
    const int32_t *image; /* (n,) the image's place */
    const double *score;
    const double *box;         /* (n, 4) x, y, w, h; may be null unless overlaps are those of boxes */
    const double *area;        /* (n,) px, or null: the box's */
    const uint8_t *unsure;     /* (n,) or null: where set, it counts for nothing unless it takes a truth */
    /* Truths: listed by class likewise. */
    const int32_t *truth_order;
    const int64_t *truth_start;
    const int32_t *truth_image;
    const double *truth_box;
    const uint8_t *truth_ignored; /* (t,) bit a: does not count in range a */
    const uint8_t *truth_crowd;
    const uint8_t *truth_nameless; /* (t,) taken, but leaves its taker unmatched */
    /* Where the overlaps come from: masks, or pairs computed before, or (neither given) the boxes. */
    const Masks *masks;
    const Masks *truth_masks;
    const int64_t *pair_start; /* (n + 1,) by detection, into the two below */
    const int32_t *pair_truth;
    const double *pair_overlap;
    const double *thresholds; /* ascending */
    const double *ranges;     /* (areas, 2) px, both ends inclusive */
    int32_t threshold_count;
    int32_t area_count;
    int32_t limit; /* detections of one image and class, at the most */
} Problem;

/* What comes of the classes of one call. `row` .. `flags` are of the whole table, with room for every detection of
 * these classes from `begin` on; `claim_*` are this call's own, with room for as many. */
typedef struct {
    int32_t *row;
    int32_t *image;
    double *score;
    uint8_t *rank;
    uint8_t *flags; /* bit a: outside range a; bit 7: has a claim */
    int32_t *claim_at;
    uint64_t *claim_matched;
    uint64_t *claim_ignored;
    int32_t *claim_truth;
    int64_t *kept;   /* (classes,) detections kept of each class */
    int64_t *claims; /* (classes,) claims of each class */
} Outcome;

typedef struct {
    int32_t truth;
    double overlap;
} Candidate;

typedef struct {
    uint64_t *key, *key2;
    int32_t *at, *at2, *truth;
    uint16_t *place;
    uint8_t *outside;
    uint64_t *matched, *ignored;
    int32_t *first; /* the truth taken at the first bit; -2: nothing taken at all */
    uint64_t *free_bits;
    Candidate *candidate;
} Scratch;

/* Stable, ascending; bytes that are the same throughout are skipped. Leaves the result in key and at. */
static void radix_sort(uint64_t *key, int32_t *at, uint64_t *key2, int32_t *at2, int64_t n) {
    if (n < 2) return;
    bool sorted = true;
    for (int64_t i = 1; sorted && i < n; i++) sorted = key[i - 1] <= key[i];
    if (sorted) return;
    if (n <= 32) {
        for (int64_t i = 1; i < n; i++) {
            const uint64_t k = key[i];
            const int32_t a = at[i];
            int64_t j = i;
            for (; j > 0 && key[j - 1] > k; j--) key[j] = key[j - 1], at[j] = at[j - 1];
            key[j] = k, at[j] = a;
        }
        return;
    }
    static const int bytes = 8;
    int64_t many[8][256];
    memset(many, 0, sizeof many);
    for (int64_t i = 0; i < n; i++)
        for (int b = 0; b < bytes; b++) many[b][key[i] >> (8 * b) & 255]++;
    uint64_t *k0 = key, *k1 = key2;
    int32_t *a0 = at, *a1 = at2;
    for (int b = 0; b < bytes; b++) {
        if (many[b][k0[0] >> (8 * b) & 255] == n) continue;
        int64_t sum = 0;
        for (int v = 0; v < 256; v++) {
            const int64_t here = many[b][v];
            many[b][v] = sum;
            sum += here;
        }
        for (int64_t i = 0; i < n; i++) {
            const int64_t to = many[b][k0[i] >> (8 * b) & 255]++;
            k1[to] = k0[i], a1[to] = a0[i];
        }
        uint64_t *k = k0;
        k0 = k1, k1 = k;
        int32_t *a = a0;
        a0 = a1, a1 = a;
    }
    if (k0 != key) {
        memcpy(key, k0, (size_t)n * sizeof *key);
        memcpy(at, a0, (size_t)n * sizeof *at);
    }
}

/* A key whose ascending order is the descending order of the scores; -0 is 0. */
static inline uint64_t falling(double score) {
    score += 0.0;
    uint64_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 63 ? bits : ~bits & ~(1ull << 63);
}

/* COCO's bbIou, in its very order of operations. */
static inline double box_iou(const double *d, const double *t, bool crowd) {
    const double right_d = d[2] + d[0], right_t = t[2] + t[0], low_d = d[3] + d[1], low_t = t[3] + t[1];
    const double wide = (right_d < right_t ? right_d : right_t) - (d[0] > t[0] ? d[0] : t[0]);
    if (!(wide > 0)) return 0;
    const double high = (low_d < low_t ? low_d : low_t) - (d[1] > t[1] ? d[1] : t[1]);
    if (!(high > 0)) return 0;
    const double both = wide * high, area = d[2] * d[3];
    return both / (crowd ? area : area + t[2] * t[3] - both);
}

static double overlap_of(const Problem *p, int32_t d, int32_t t, double at_least) {
    const bool crowd = p->truth_crowd[t];
    if (p->masks) return mask_iou(p->masks, d, p->truth_masks, t, crowd, at_least);
    return box_iou(p->box + 4 * (int64_t)d, p->truth_box + 4 * (int64_t)t, crowd);
}

/* Best overlap first; of equals the later truth, since COCO replaces its candidate by one just as good. */
static int better(const void *left, const void *right) {
    const Candidate *a = left, *b = right;
    if (a->overlap != b->overlap) return a->overlap > b->overlap ? -1 : 1;
    return a->truth > b->truth ? -1 : 1;
}

static void best_first(Candidate *some, int many) {
    if (many == 2 && better(&some[0], &some[1]) > 0) {
        const Candidate swap = some[0];
        some[0] = some[1], some[1] = swap;
    } else if (many > 2) {
        qsort(some, (size_t)many, sizeof *some, better);
    }
}

static int candidates_of(const Problem *p, int32_t d, const int32_t *truths, int count, Candidate *out) {
    int many = 0;
    if (p->pair_start) {
        /* A truth's place in its group: the group is ascending, as its rows are. */
        for (int64_t i = p->pair_start[d]; i < p->pair_start[d + 1]; i++) {
            int low = 0, high = count;
            while (low < high) {
                const int middle = (low + high) / 2;
                if (truths[middle] < p->pair_truth[i]) low = middle + 1;
                else high = middle;
            }
            if (low < count && truths[low] == p->pair_truth[i] && p->pair_overlap[i] >= p->thresholds[0])
                out[many++] = (Candidate){low, p->pair_overlap[i]};
        }
    } else {
        for (int j = 0; j < count; j++) {
            const double overlap = overlap_of(p, d, truths[j], p->thresholds[0]);
            if (overlap >= p->thresholds[0]) out[many++] = (Candidate){j, overlap};
        }
    }
    best_first(out, many);
    return many;
}

static inline unsigned outside_of(const Problem *p, int32_t d) {
    if (p->unsure && p->unsure[d]) return (1u << p->area_count) - 1;
    const double *box = p->box + 4 * (int64_t)d;
    const double area = p->area ? p->area[d] : box[2] * box[3];
    unsigned out = 0;
    for (int a = 0; a < p->area_count; a++)
        if (area < p->ranges[2 * a] || area > p->ranges[2 * a + 1]) out |= 1u << a;
    return out;
}

/* One image's detections of one class, best first, against its truths. */
static void claim_group(const Problem *p, const int32_t *rows, const int32_t *places, int64_t count,
                        const int32_t *truths, int truth_count, Scratch *s) {
    const uint64_t every = word_of((1u << p->area_count) - 1, p->threshold_count, p->area_count);
    for (int j = 0; j < truth_count; j++) s->free_bits[j] = every;
    for (int64_t i = 0; i < count; i++) {
        const int many = candidates_of(p, rows[i], truths, truth_count, s->candidate);
        uint64_t wanting = every, matched = 0, ignored = 0, taken = 0;
        int32_t first = -1;
        for (int second = 0; second < 2 && wanting; second++) {
            for (int c = 0; c < many && wanting; c++) {
                const int j = s->candidate[c].truth;
                const int32_t t = truths[j];
                const uint64_t counts_not = word_of(p->truth_ignored[t], p->threshold_count, p->area_count);
                int reached = 0;
                while (reached < p->threshold_count && s->candidate[c].overlap >= p->thresholds[reached]) reached++;
                uint64_t take = wanting & (second ? counts_not : ~counts_not);
                take &= p->truth_crowd[t] ? every : s->free_bits[j];
                uint64_t open = 0;
                for (int a = 0; a < p->area_count; a++)
                    open |= (reached == 64 ? ~0ull : (1ull << reached) - 1) << (a * p->threshold_count);
                take &= open;
                if (!take) continue;
                wanting &= ~take;
                taken |= take;
                s->free_bits[j] &= ~take;
                if (!p->truth_nameless[t]) matched |= take;
                if (second) ignored |= take;
                if (take & 1) first = t;
            }
        }
        const int64_t at = places[i];
        s->matched[at] = matched;
        s->ignored[at] = ignored;
        s->first[at] = taken ? first : -2;
    }
}

static bool reserve(Scratch *s, int64_t most, int64_t most_truths) {
    const size_t n = (size_t)most + 1, t = (size_t)most_truths + 1;
    s->key = malloc(n * sizeof *s->key), s->key2 = malloc(n * sizeof *s->key2);
    s->at = malloc(n * sizeof *s->at), s->at2 = malloc(n * sizeof *s->at2);
    s->truth = malloc(t * sizeof *s->truth);
    s->place = malloc(n * sizeof *s->place), s->outside = malloc(n * sizeof *s->outside);
    s->matched = malloc(n * sizeof *s->matched), s->ignored = malloc(n * sizeof *s->ignored);
    s->first = malloc(n * sizeof *s->first);
    s->free_bits = malloc(t * sizeof *s->free_bits), s->candidate = malloc(t * sizeof *s->candidate);
    return s->key && s->key2 && s->at && s->at2 && s->truth && s->place && s->outside && s->matched && s->ignored &&
           s->first && s->free_bits && s->candidate;
}

static void release(Scratch *s) {
    free(s->key), free(s->key2), free(s->at), free(s->at2), free(s->truth), free(s->place), free(s->outside);
    free(s->matched), free(s->ignored), free(s->first), free(s->free_bits), free(s->candidate);
}

/* Sorted by image, in the order of the file within each: rows of `order` between the bounds, into s->at2's twin. */
static void by_image(const int32_t *order, int64_t n, const int32_t *image, Scratch *s, uint64_t *key, int32_t *at) {
    for (int64_t i = 0; i < n; i++) at[i] = order[i], key[i] = (uint64_t)image[order[i]];
    radix_sort(key, at, s->key2, s->at2, n);
}

static int64_t match_class(const Problem *p, int32_t k, int64_t begin, int64_t claims, Outcome *o, Scratch *s,
                           uint64_t *truth_key, int32_t *final) {
    const int64_t from = p->start[k], n = p->start[k + 1] - from;
    const int64_t truth_from = p->truth_start[k], truth_n = p->truth_start[k + 1] - truth_from;
    /* By image, then (stably) best first: the table's own order, -score before image. */
    by_image(p->order + from, n, p->image, s, s->key, s->at);
    for (int64_t i = 0; i < n; i++) s->key[i] = falling(p->score[s->at[i]]);
    radix_sort(s->key, s->at, s->key2, s->at2, n);
    memcpy(final, s->at, (size_t)n * sizeof *final);
    /* Grouped by image again: a group's members stand best first. What is sorted is their places in the table. */
    for (int64_t i = 0; i < n; i++) s->at[i] = (int32_t)i, s->key[i] = (uint64_t)p->image[final[i]];
    radix_sort(s->key, s->at, s->key2, s->at2, n);
    for (int64_t i = 0; i < truth_n; i++) {
        s->truth[i] = p->truth_order[truth_from + i];
        truth_key[i] = (uint64_t)p->truth_image[s->truth[i]];
    }
    if (truth_n > 1) {
        /* The radix sort needs twins as long as its input. */
        uint64_t *key2 = malloc((size_t)truth_n * sizeof *key2);
        int32_t *at2 = malloc((size_t)truth_n * sizeof *at2);
        if (!key2 || !at2) {
            free(key2), free(at2);
            return -1;
        }
        radix_sort(truth_key, s->truth, key2, at2, truth_n);
        free(key2), free(at2);
    }
    int64_t t = 0;
    int32_t *rows = s->at2;
    for (int64_t g = 0; g < n;) {
        int64_t end = g;
        while (end < n && s->key[end] == s->key[g]) end++;
        while (t < truth_n && truth_key[t] < s->key[g]) t++;
        int64_t t_end = t;
        while (t_end < truth_n && truth_key[t_end] == s->key[g]) t_end++;
        const int64_t counted = end - g < p->limit ? end - g : p->limit;
        for (int64_t i = 0; i < end - g; i++) {
            const int32_t at = s->at[g + i];
            rows[i] = final[at];
            s->place[at] = (uint16_t)(i < counted ? (i < 255 ? i : 255) : 0xffff);
            s->first[at] = -2;
        }
        if (t_end > t) claim_group(p, rows, s->at + g, counted, s->truth + t, (int)(t_end - t), s);
        t = t_end, g = end;
    }
    int64_t at = begin, claimed = claims;
    for (int64_t i = 0; i < n; i++) {
        if (s->place[i] == 0xffff) continue;
        const int32_t row = final[i];
        const unsigned outside = outside_of(p, row);
        o->row[at] = row;
        o->image[at] = p->image[row];
        o->score[at] = p->score[row];
        o->rank[at] = (uint8_t)s->place[i];
        o->flags[at] = (uint8_t)outside;
        if (s->first[i] != -2) {
            o->flags[at] |= 128;
            o->claim_at[claimed] = (int32_t)at;
            o->claim_matched[claimed] = s->matched[i];
            o->claim_ignored[claimed] =
                s->ignored[i] | (word_of(outside, p->threshold_count, p->area_count) & ~s->matched[i]);
            o->claim_truth[claimed] = s->first[i];
            claimed++;
        }
        at++;
    }
    o->kept[k] = at - begin;
    o->claims[k] = claimed - claims;
    return claimed;
}

/* Match the classes from `low` to `high`: their detections go to the table from `p->start[low]` on, without gaps. */
EVALNB_PUBLIC int evalnb_match(const Problem *p, int32_t low, int32_t high, Outcome *o) {
    int64_t most = 0, most_truths = 0;
    for (int32_t k = low; k < high; k++) {
        const int64_t n = p->start[k + 1] - p->start[k], t = p->truth_start[k + 1] - p->truth_start[k];
        most = n > most ? n : most;
        most_truths = t > most_truths ? t : most_truths;
    }
    Scratch s = {0};
    uint64_t *truth_key = malloc(((size_t)most_truths + 1) * sizeof *truth_key);
    int32_t *final = malloc(((size_t)most + 1) * sizeof *final);
    int status = EVALNB_NO_MEMORY;
    if (reserve(&s, most, most_truths) && truth_key && final) {
        int64_t begin = p->start[low], claims = 0;
        status = EVALNB_OK;
        for (int32_t k = low; k < high; k++) {
            claims = match_class(p, k, begin, claims, o, &s, truth_key, final);
            if (claims < 0) {
                status = EVALNB_NO_MEMORY;
                break;
            }
            begin += o->kept[k];
        }
    }
    release(&s);
    free(truth_key), free(final);
    return status;
}

/* The rows of each class (places below `classes`; others are left out), in their order: a stable counting sort. */
EVALNB_PUBLIC void evalnb_by_class(const int32_t *place, const int32_t *image, int64_t n, int32_t classes,
                                   int64_t *start, int32_t *order) {
    memset(start, 0, ((size_t)classes + 1) * sizeof *start);
    for (int64_t i = 0; i < n; i++)
        if (place[i] >= 0 && image[i] >= 0) start[place[i] + 1]++;
    for (int32_t k = 0; k < classes; k++) start[k + 1] += start[k];
    for (int64_t i = 0; i < n; i++)
        if (place[i] >= 0 && image[i] >= 0) order[start[place[i]]++] = (int32_t)i;
    for (int32_t k = classes; k > 0; k--) start[k] = start[k - 1];
    start[0] = 0;
}

/* Pairs of one image, whatever the class: detections of the table from `from` to `to`, their truths best first.
 * Returns how many there are, or -1 without memory; writes at most `room` of them (call again with more). */
EVALNB_PUBLIC int64_t evalnb_nearby(const Problem *p, const int32_t *row, const int32_t *image, int64_t from, int64_t to,
                                    double at_least, int64_t room, int32_t *detection, int32_t *truth, double *overlap) {
    int64_t many = 0, most = 1;
    for (int64_t i = from; i < to; i++) {
        const int64_t here = p->truth_start[image[i] + 1] - p->truth_start[image[i]];
        most = here > most ? here : most;
    }
    Candidate *some = malloc((size_t)most * sizeof *some);
    if (!some) return -1;
    for (int64_t i = from; i < to; i++) {
        int found = 0;
        for (int64_t j = p->truth_start[image[i]]; j < p->truth_start[image[i] + 1]; j++) {
            const double value = overlap_of(p, row[i], p->truth_order[j], at_least);
            if (value >= at_least) some[found++] = (Candidate){p->truth_order[j], value};
        }
        best_first(some, found);
        for (int c = 0; c < found; c++, many++)
            if (many < room) detection[many] = (int32_t)i, truth[many] = some[c].truth, overlap[many] = some[c].overlap;
    }
    free(some);
    return many;
}

EVALNB_PUBLIC int evalnb_native_version(void) { return EVALNB_NATIVE_VERSION; }
