/* Overlap of rotated boxes: exact areas of convex quadrilaterals; see evalnb/core/rotated.py. */
#include "native.h"

#include <math.h>

/* A quadrilateral clipped by the four edges of another has eight corners at the most. */
enum { MOST_CORNERS = 8 };

static double area_of(const double *xy, int corners) {
    double sum = 0;
    for (int i = 1; i + 1 < corners; i++) {
        const double ax = xy[2 * i] - xy[0], ay = xy[2 * i + 1] - xy[1];
        const double bx = xy[2 * i + 2] - xy[0], by = xy[2 * i + 3] - xy[1];
        sum += ax * by - ay * bx;
    }
    return sum / 2;
}

/* What of a polygon lies left of the line from a to b; returns its corners (Sutherland and Hodgman, CACM 1974). */
static int clipped(const double *xy, int corners, const double *a, const double *b, double *out) {
    const double ex = b[0] - a[0], ey = b[1] - a[1];
    int many = 0;
    for (int i = 0; i < corners; i++) {
        const double *p = xy + 2 * i, *q = xy + 2 * (i + 1 < corners ? i + 1 : 0);
        const double at_p = ex * (p[1] - a[1]) - ey * (p[0] - a[0]), at_q = ex * (q[1] - a[1]) - ey * (q[0] - a[0]);
        if (at_p >= 0 && many < MOST_CORNERS) out[2 * many] = p[0], out[2 * many + 1] = p[1], many++;
        if (((at_p > 0 && at_q < 0) || (at_p < 0 && at_q > 0)) && many < MOST_CORNERS) {
            const double along = at_p / (at_p - at_q);
            out[2 * many] = p[0] + along * (q[0] - p[0]), out[2 * many + 1] = p[1] + along * (q[1] - p[1]), many++;
        }
    }
    return many;
}

static bool apart(const double *a, const double *b, int axis) {
    double low_a = a[axis], high_a = a[axis], low_b = b[axis], high_b = b[axis];
    for (int i = 1; i < 4; i++) {
        low_a = fmin(low_a, a[2 * i + axis]), high_a = fmax(high_a, a[2 * i + axis]);
        low_b = fmin(low_b, b[2 * i + axis]), high_b = fmax(high_b, b[2 * i + axis]);
    }
    return !(low_a < high_b && low_b < high_a);
}

static double rotated_iou(const double *left, const double *right, bool crowd) {
    if (apart(left, right, 0) || apart(left, right, 1)) return 0;
    double a[2 * MOST_CORNERS], b[8], spare[2 * MOST_CORNERS];
    /* Far from the origin the products would lose the digits that matter. */
    for (int i = 0; i < 8; i++) a[i] = left[i] - right[i & 1], b[i] = right[i] - right[i & 1];
    const double area_a = area_of(a, 4), area_b = area_of(b, 4);
    int corners = 4;
    double *now = a, *next = spare;
    for (int edge = 0; edge < 4 && corners > 2; edge++) {
        corners = clipped(now, corners, b + 2 * edge, b + 2 * ((edge + 1) & 3), next);
        double *swap = now;
        now = next, next = swap;
    }
    const double both = corners > 2 ? area_of(now, corners) : 0;
    const double whole = crowd ? area_a : area_a + area_b - both;
    return both > 0 && whole > 0 ? both / whole : 0;
}

/* Pairs of convex quadrilaterals, (n, 4, 2) each, their corners in the order that makes the area positive. */
EVALNB_PUBLIC void evalnb_rotated_ious(const double *left, const double *right, const int64_t *at_left,
                                       const int64_t *at_right, const uint8_t *crowd, int64_t n, double *out) {
    for (int64_t i = 0; i < n; i++)
        out[i] = rotated_iou(left + 8 * at_left[i], right + 8 * at_right[i], crowd[at_right[i]]);
}
