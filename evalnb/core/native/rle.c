/* Run-length masks, bit for bit as COCO's; see evalnb/core/masks.py. */
#include "native.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t runs_in_both(const uint32_t *a, int64_t a_runs, const uint32_t *b, int64_t b_runs) {
    int64_t both = 0, i = 0, j = 0;
    uint32_t left = a_runs ? a[0] : 0, right = b_runs ? b[0] : 0;
    while (i < a_runs && j < b_runs) {
        const uint32_t step = left < right ? left : right;
        if (i & j & 1) both += step;
        left -= step, right -= step;
        if (!left && ++i < a_runs) left = a[i];
        if (!right && ++j < b_runs) right = b[j];
    }
    return both;
}

/* Intersection over union; over the left one's area where the right is a crowd; 0 where the sizes differ, and 0 where
 * the areas and boxes alone keep it below `at_least`. */
double mask_iou(const Masks *left, int64_t l, const Masks *right, int64_t r, bool crowd, double at_least) {
    if (left->size[2 * l] != right->size[2 * r] || left->size[2 * l + 1] != right->size[2 * r + 1]) return 0;
    const double area_l = (double)left->area[l], area_r = (double)right->area[r];
    const double *a = left->box + 4 * l, *b = right->box + 4 * r;
    const double wide = fmin(a[0] + a[2], b[0] + b[2]) - fmax(a[0], b[0]);
    const double high = fmin(a[1] + a[3], b[1] + b[3]) - fmax(a[1], b[1]);
    if (!(wide > 0) || !(high > 0)) return 0;
    const double most = fmin(wide * high, fmin(area_l, area_r));
    /* A hair below, so that rounding never drops a pair that stands on the threshold. */
    if (most < (crowd ? area_l : area_l + area_r - most) * (at_least - 1e-9)) return 0;
    const int64_t from_l = left->start[l], from_r = right->start[r];
    const int64_t both = runs_in_both(left->counts + from_l, left->stop[l] - from_l, right->counts + from_r,
                                      right->stop[r] - from_r);
    if (!both) return 0;
    return (double)both / (crowd ? area_l : area_l + area_r - (double)both);
}

EVALNB_PUBLIC void evalnb_mask_ious(const Masks *left, const Masks *right, const int64_t *at_left,
                                    const int64_t *at_right, const uint8_t *crowd, int64_t n, double at_least,
                                    double *out) {
    for (int64_t i = 0; i < n; i++)
        out[i] = mask_iou(left, at_left[i], right, at_right[i], crowd[at_right[i]], at_least);
}

/* Area and tight box of one mask; false where its runs do not fill its size. */
static bool measure(const uint32_t *counts, int64_t runs, int64_t height, int64_t width, int64_t *area, double *box) {
    int64_t at = 0, x = 0, y = 0, set = 0, x0 = INT64_MAX, x1 = -1, y0 = INT64_MAX, y1 = -1;
    if (height <= 0 || width <= 0) {
        memset(box, 0, 4 * sizeof *box);
        *area = 0;
        return false;
    }
    for (int64_t i = 0; i < runs; i++) {
        const int64_t run = counts[i];
        if ((i & 1) && run) {
            const int64_t low = y + run - 1;
            const int64_t last_x = low < height ? x : low < 2 * height ? x + 1 : x + low / height;
            if (last_x >= width) return false;
            set += run;
            x0 = x < x0 ? x : x0;
            x1 = last_x > x1 ? last_x : x1;
            if (x != last_x) {
                y0 = 0, y1 = height - 1;
            } else {
                y0 = y < y0 ? y : y0;
                y1 = low > y1 ? low : y1;
            }
        }
        at += run, y += run;
        /* Most runs end in their own column or the next: a division is slow. */
        if (y >= 2 * height) x += y / height, y %= height;
        else if (y >= height) x++, y -= height;
    }
    *area = set;
    const bool some = x1 >= 0;
    box[0] = some ? (double)x0 : 0, box[1] = some ? (double)y0 : 0;
    box[2] = some ? (double)(x1 - x0 + 1) : 0, box[3] = some ? (double)(y1 - y0 + 1) : 0;
    return at == height * width;
}

EVALNB_PUBLIC void evalnb_mask_measure(const uint32_t *counts, const int64_t *start, const int64_t *stop,
                                       const int32_t *size, int64_t low, int64_t high, int64_t *area, double *box,
                                       uint8_t *sound) {
    for (int64_t i = low; i < high; i++)
        sound[i] = measure(counts + start[i], stop[i] - start[i], size[2 * i], size[2 * i + 1], area + i, box + 4 * i);
}

/* COCO's compressed form: 5 bits a character, each run from the third on less the one two before it. Writes at most
 * as many runs as there are characters; -1 where the text is broken. */
int64_t runs_from_text(const uint8_t *text, int64_t length, uint32_t *out) {
    int64_t many = 0;
    for (int64_t i = 0; i < length;) {
        int64_t value = 0;
        int shift = 0;
        bool more = true;
        while (more) {
            if (i >= length || shift > 60) return -1;
            const int c = text[i++] - 48;
            if (c < 0 || c > 63) return -1;
            value |= (int64_t)((uint64_t)(c & 0x1f) << shift);
            shift += 5;
            more = c & 0x20;
            if (!more && (c & 0x10) && shift < 64) value |= (int64_t)(~0ull << shift);
        }
        if (many > 2) value += out[many - 2];
        if (value < 0 || value > UINT32_MAX) return -1;
        out[many++] = (uint32_t)value;
    }
    return many ? many : -1;
}

EVALNB_PUBLIC int64_t evalnb_runs_from_text(const uint8_t *text, int64_t length, uint32_t *out) {
    return runs_from_text(text, length, out);
}

/* Ascending; a byte at a time from the lowest, as many as `below` has. `twin` is as long as the values. */
static void sort_places(int64_t *values, int64_t *twin, int64_t n, int64_t below) {
    if (n <= 24) {
        for (int64_t i = 1; i < n; i++) {
            const int64_t value = values[i];
            int64_t j = i;
            for (; j > 0 && values[j - 1] > value; j--) values[j] = values[j - 1];
            values[j] = value;
        }
        return;
    }
    int64_t *from = values, *to = twin;
    for (int shift = 0; shift < 63 && below >> shift; shift += 8) {
        int32_t many[256] = {0}, sum = 0;
        for (int64_t i = 0; i < n; i++) many[from[i] >> shift & 255]++;
        for (int v = 0; v < 256; v++) {
            const int32_t here = many[v];
            many[v] = sum;
            sum += here;
        }
        for (int64_t i = 0; i < n; i++) to[many[from[i] >> shift & 255]++] = from[i];
        int64_t *swap = from;
        from = to, to = swap;
    }
    if (from != values) memcpy(values, from, (size_t)n * sizeof *values);
}

/* The t-th of an edge's steps. */
static inline void place_on(int64_t xs, int64_t ys, double slope, bool wide, int64_t t, int64_t *u, int64_t *v) {
    *u = wide ? t + xs : (int64_t)((double)xs + slope * (double)t + .5);
    *v = wide ? (int64_t)((double)ys + slope * (double)t + .5) : t + ys;
}

/* The boundary crossings of one polygon part, as COCO rasterises it at five times the resolution; -1 without memory. */
static int64_t crossings_of(const double *xy, int64_t corners, int64_t height, int64_t width, int64_t **out,
                            int64_t *room, int64_t many) {
    const int64_t first = many;
    int64_t u_before = 0, v_before = 0;
    bool begun = false;
    for (int64_t j = 0; j < corners; j++) {
        const int64_t next = j + 1 < corners ? j + 1 : 0;
        int64_t xs = (int64_t)(5 * xy[2 * j] + .5), ys = (int64_t)(5 * xy[2 * j + 1] + .5);
        int64_t xe = (int64_t)(5 * xy[2 * next] + .5), ye = (int64_t)(5 * xy[2 * next + 1] + .5);
        const int64_t dx = llabs(xe - xs), dy = llabs(ys - ye);
        const bool wide = dx >= dy, flip = wide ? xs > xe : ys > ye;
        if (flip) {
            int64_t swap = xs;
            xs = xe, xe = swap;
            swap = ys;
            ys = ye, ye = swap;
        }
        const int64_t along = wide ? dx : dy;
        const double slope = along ? (wide ? (double)(ye - ys) : (double)(xe - xs)) / (double)along : 0;
        for (int64_t d = 0; d <= along; d++) {
            int64_t t = flip ? along - d : d, u = 0, v = 0;
            place_on(xs, ys, slope, wide, t, &u, &v);
            if (begun && u != u_before) {
                const int64_t lower = u < u_before ? u : u_before;
                /* Five steps to a pixel: a crossing lies in the middle of one. */
                if (lower % 5 == 2 && lower / 5 < width) {
                    double y = ((double)(v < v_before ? v : v_before) + .5) / 5 - .5;
                    y = y < 0 ? 0 : y > (double)height ? (double)height : y;
                    if (many == *room) {
                        const int64_t more = *room * 2 + 64;
                        int64_t *larger = realloc(*out, (size_t)more * sizeof **out);
                        if (!larger) return -1;
                        *out = larger, *room = more;
                    }
                    (*out)[many++] = lower / 5 * height + (int64_t)ceil(y);
                }
            }
            if (wide && d + 1 < along) {
                /* Along a wide edge every step is a column of fifths: straight to the one before the next middle. */
                const int64_t towards = flip ? (u % 5 + 5 + 2) % 5 : (12 - u % 5) % 5;
                const int64_t free_steps = towards < along - d - 1 ? towards : along - d - 1;
                if (free_steps > 0) {
                    d += free_steps;
                    t = flip ? along - d : d;
                    place_on(xs, ys, slope, wide, t, &u, &v);
                }
            }
            u_before = u, v_before = v, begun = true;
        }
    }
    if (many == first) return first;
    int64_t *twin = malloc((size_t)(many - first) * sizeof *twin);
    if (!twin) return -1;
    sort_places(*out + first, twin, many - first, height * width + height);
    free(twin);
    /* Crossings of one place cancel in pairs. */
    int64_t kept = first;
    for (int64_t i = first; i < many;) {
        int64_t end = i;
        while (end < many && (*out)[end] == (*out)[i]) end++;
        if ((end - i) & 1 && (*out)[i] < height * width) (*out)[kept++] = (*out)[i];
        i = end;
    }
    return kept;
}

/* The runs of the union of polygon parts (part p: corners part[p] .. part[p + 1] of xy). Returns how many runs there
 * are and writes at most `room` of them; -1 without memory. */
EVALNB_PUBLIC int64_t evalnb_polygons(const double *xy, const int64_t *part, int64_t parts, int64_t height,
                                      int64_t width, uint32_t *out, int64_t out_room) {
    int64_t *places = NULL, room = 0, many = 0, *first = malloc(((size_t)parts + 1) * sizeof *first);
    if (!first) return -1;
    for (int64_t p = 0; p < parts; p++) {
        first[p] = many;
        many = crossings_of(xy + 2 * part[p], part[p + 1] - part[p], height, width, &places, &room, many);
        if (many < 0) {
            free(places), free(first);
            return -1;
        }
    }
    first[parts] = many;
    if (parts > 1) {
        /* Even places of a part switch on, odd ones off: the low bit of a doubled place says which. */
        for (int64_t p = 0; p < parts; p++)
            for (int64_t i = first[p]; i < first[p + 1]; i++) places[i] = 2 * places[i] + ((i - first[p]) & 1);
        /* A part that is never switched off runs to the end. */
        int64_t *twin = malloc(((size_t)many + 1) * sizeof *twin);
        if (!twin) {
            free(places), free(first);
            return -1;
        }
        sort_places(places, twin, many, 2 * (height * width + height));
        free(twin);
        int64_t kept = 0, on = 0;
        for (int64_t i = 0; i < many;) {
            const int64_t at = places[i] >> 1, before = on;
            for (; i < many && places[i] >> 1 == at; i++) on += places[i] & 1 ? -1 : 1;
            if ((before > 0) != (on > 0)) places[kept++] = at;
        }
        many = kept;
    }
    int64_t before = 0, runs = 0;
    for (int64_t i = 0; i <= many; i++) {
        const int64_t at = i < many ? places[i] : height * width;
        if (runs < out_room) out[runs] = (uint32_t)(at - before);
        runs++;
        before = at;
    }
    free(places), free(first);
    return runs;
}

/* Rasterise the rows from `from` on: row i's parts are row_part[i] .. row_part[i + 1], their corners by part_start, its
 * size (height, width) at size[2 i]. Runs go to `out` one row after the other; returns the row it stopped before,
 * which is `to` unless `room` ran out (call again with more), or -1 without memory. */
EVALNB_PUBLIC int64_t evalnb_rasterise(const double *corners, const int64_t *part_start, const int64_t *row_part,
                                       const int32_t *size, int64_t from, int64_t to, uint32_t *out, int64_t room,
                                       int64_t *end) {
    int64_t used = 0, i = from;
    for (; i < to; i++) {
        const int64_t runs = evalnb_polygons(corners, part_start + row_part[i], row_part[i + 1] - row_part[i], size[2 * i],
                                             size[2 * i + 1], out + used, room - used);
        if (runs < 0) return -1;
        if (runs > room - used) break;
        used += runs;
        end[i] = used;
    }
    return i;
}
