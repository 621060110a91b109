/* The boundary of a run-length mask: what an erosion takes away; see evalnb/core/boundary.py. */
#include "native.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    uint8_t *set;     /* the mask within its box, column after column */
    int32_t *streak;  /* for each row: in how many columns up to this one it has survived the vertical erosion */
    size_t set_room, streak_room;
} Plate;

/* The runs are laid out within the mask's box: nothing outside of it is set. */
static void lay_out(const uint32_t *counts, int64_t runs, int64_t height, const double *box, uint8_t *set) {
    const int64_t x0 = (int64_t)box[0], y0 = (int64_t)box[1], high = (int64_t)box[3];
    int64_t at = 0;
    for (int64_t i = 0; i < runs; i++) {
        for (int64_t left = i & 1 ? counts[i] : 0, p = at; left > 0;) {
            const int64_t row = p % height, some = height - row < left ? height - row : left;
            memset(set + (p / height - x0) * high + row - y0, 1, (size_t)some);
            p += some, left -= some;
        }
        at += counts[i];
    }
}

/* A pixel survives if the square of `reach` pixels around it is set throughout: first along its column, then, by a
 * streak of columns, along its row. A column is cleared only when it has been read. */
static void hollow(uint8_t *set, int64_t wide, int64_t high, int64_t reach, int32_t *streak) {
    memset(streak, 0, (size_t)high * sizeof *streak);
    for (int64_t x = 0; x < wide; x++) {
        const uint8_t *column = set + x * high;
        uint8_t *cleared = x >= reach ? set + (x - reach) * high : NULL;
        int64_t done = 0;
        for (int64_t y = 0; y < high;) {
            if (!column[y]) {
                y++;
                continue;
            }
            const int64_t from = y + reach;
            while (y < high && column[y]) y++;
            const int64_t to = y - reach;
            if (from >= to) continue;
            memset(streak + done, 0, (size_t)(from - done) * sizeof *streak);
            for (int64_t row = from; row < to; row++)
                if (++streak[row] > 2 * reach) cleared[row] = 0;
            done = to;
        }
        memset(streak + done, 0, (size_t)(high - done) * sizeof *streak);
    }
}

/* The runs of what is left; returns how many there are and writes at most `room` of them. */
static int64_t runs_of(const uint8_t *set, const double *box, int64_t height, int64_t width, uint32_t *out,
                       int64_t room) {
    const int64_t x0 = (int64_t)box[0], y0 = (int64_t)box[1], wide = (int64_t)box[2], high = (int64_t)box[3];
    int64_t many = 0, ended = 0, begin = -1, end = -1;
    for (int64_t x = 0; x < wide; x++)
        for (int64_t y = 0; y < high;) {
            if (!set[x * high + y]) {
                y++;
                continue;
            }
            const int64_t from = (x0 + x) * height + y0 + y;
            while (y < high && set[x * high + y]) y++;
            if (from != end) {
                if (begin >= 0) {
                    if (many + 2 <= room) out[many] = (uint32_t)(begin - ended), out[many + 1] = (uint32_t)(end - begin);
                    many += 2, ended = end;
                }
                begin = from;
            }
            end = (x0 + x) * height + y0 + y;
        }
    if (begin >= 0) {
        if (many + 2 <= room) out[many] = (uint32_t)(begin - ended), out[many + 1] = (uint32_t)(end - begin);
        many += 2, ended = end;
    }
    if (ended < height * width) {
        if (many < room) out[many] = (uint32_t)(height * width - ended);
        many++;
    }
    return many;
}

static bool reserve(Plate *p, size_t set, size_t streak) {
    if (set > p->set_room) {
        free(p->set);
        p->set = malloc(set);
        p->set_room = p->set ? set : 0;
    }
    if (streak > p->streak_room) {
        free(p->streak);
        p->streak = malloc(streak * sizeof *p->streak);
        p->streak_room = p->streak ? streak : 0;
    }
    return p->set && p->streak;
}

/* The boundaries of the masks from `from` on, `reach` pixels wide: runs go to `out` one mask after the other, each
 * mask's end to `end`. Returns the mask it stopped before, which is `to` unless `room` ran out (call again with more),
 * or -1 without memory. */
EVALNB_PUBLIC int64_t evalnb_boundaries(const Masks *m, const int32_t *reach, int64_t from, int64_t to, uint32_t *out,
                                        int64_t room, int64_t *end) {
    Plate plate = {0};
    int64_t used = 0, i = from;
    for (; i < to; i++) {
        const double *box = m->box + 4 * i;
        const size_t wide = (size_t)box[2], high = (size_t)box[3];
        if (!reserve(&plate, wide * high + 1, high + 1)) {
            i = -1;
            break;
        }
        memset(plate.set, 0, wide * high);
        const int64_t height = m->size[2 * i], width = m->size[2 * i + 1];
        lay_out(m->counts + m->start[i], m->stop[i] - m->start[i], height, box, plate.set);
        hollow(plate.set, (int64_t)wide, (int64_t)high, reach[i], plate.streak);
        const int64_t runs = runs_of(plate.set, box, height, width, out + used, room - used);
        if (runs > room - used) break;
        used += runs;
        end[i] = used;
    }
    free(plate.set), free(plate.streak);
    return i;
}
