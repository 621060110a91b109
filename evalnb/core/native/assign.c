/* The pairing of the greatest total weight: Kuhn's Hungarian method with potentials, for small dense tables; see
 * evalnb/core/crowd.py. */
#include "native.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    double *cost, *row_price, *column_price, *least;
    int *holder, *way, *left_at, *right_at;
    bool *done;
    size_t room;
} Desk;

static void release(Desk *d) {
    free(d->cost), free(d->row_price), free(d->column_price), free(d->least);
    free(d->holder), free(d->way), free(d->left_at), free(d->right_at), free(d->done);
}

static bool reserve(Desk *d, size_t side, size_t cells) {
    Desk fresh = {malloc(cells * sizeof(double)),   malloc(side * sizeof(double)), malloc(side * sizeof(double)),
                  malloc(side * sizeof(double)),    malloc(side * sizeof(int)),    malloc(side * sizeof(int)),
                  malloc(side * sizeof(int)),       malloc(side * sizeof(int)),    malloc(side * sizeof(bool)),
                  side};
    release(d);
    *d = fresh;
    return d->cost && d->row_price && d->column_price && d->least && d->holder && d->way && d->left_at && d->right_at &&
           d->done;
}

/* Rows and columns count from 1; column 0 stands for the row that is being placed. `holder` is each column's row. */
static void place_all(Desk *d, int rows, int columns) {
    const int width = columns + 1;
    memset(d->row_price, 0, (size_t)(rows + 1) * sizeof(double));
    memset(d->column_price, 0, (size_t)width * sizeof(double));
    memset(d->holder, 0, (size_t)width * sizeof(int));
    for (int row = 1; row <= rows; row++) {
        int column = 0;
        d->holder[0] = row;
        for (int j = 0; j < width; j++) d->least[j] = DBL_MAX, d->done[j] = false;
        do {
            d->done[column] = true;
            const int from = d->holder[column];
            double step = DBL_MAX;
            int next = 0;
            for (int j = 1; j < width; j++) {
                if (d->done[j]) continue;
                const double price = d->cost[(size_t)from * width + j] - d->row_price[from] - d->column_price[j];
                if (price < d->least[j]) d->least[j] = price, d->way[j] = column;
                if (d->least[j] < step) step = d->least[j], next = j;
            }
            for (int j = 0; j < width; j++) {
                if (d->done[j]) d->row_price[d->holder[j]] += step, d->column_price[j] -= step;
                else d->least[j] -= step;
            }
            column = next;
        } while (d->holder[column]);
        while (column) {
            d->holder[column] = d->holder[d->way[column]];
            column = d->way[column];
        }
    }
}

static int places_of(const int32_t *one, int64_t from, int64_t to, int32_t first, int *at) {
    int many = 0;
    for (int64_t i = from; i < to; i++) at[one[i] - first] = 0;
    for (int64_t i = from; i < to; i++)
        if (!at[one[i] - first]) at[one[i] - first] = ++many;
    return many;
}

/* Choose among the pairs of each group, pair p being left[p] and right[p] at weight[p] > 0, none of either twice, so
 * that the weights add up to the most; chosen[p] says which. Pairs of group g stand at start[g] .. start[g + 1]. */
EVALNB_PUBLIC int evalnb_assign(const int64_t *start, int64_t groups, const int32_t *left, const int32_t *right,
                                const double *weight, uint8_t *chosen) {
    Desk d = {0};
    int status = EVALNB_OK;
    for (int64_t g = 0; g < groups && status == EVALNB_OK; g++) {
        const int64_t from = start[g], to = start[g + 1];
        if (to - from <= 1) {
            if (to > from) chosen[from] = 1;
            continue;
        }
        int32_t low_l = left[from], high_l = left[from], low_r = right[from], high_r = right[from];
        for (int64_t i = from; i < to; i++) {
            low_l = left[i] < low_l ? left[i] : low_l, high_l = left[i] > high_l ? left[i] : high_l;
            low_r = right[i] < low_r ? right[i] : low_r, high_r = right[i] > high_r ? right[i] : high_r;
        }
        const size_t wide_l = (size_t)(high_l - low_l) + 2, wide_r = (size_t)(high_r - low_r) + 2;
        const size_t side = (wide_l > wide_r ? wide_l : wide_r) + 1;
        if (side > d.room && !reserve(&d, side, side * side)) {
            status = EVALNB_NO_MEMORY;
            break;
        }
        int rows = places_of(left, from, to, low_l, d.left_at), columns = places_of(right, from, to, low_r, d.right_at);
        const bool turned = rows > columns;
        if (turned) {
            const int swap = rows;
            rows = columns, columns = swap;
        }
        const size_t width = (size_t)columns + 1;
        /* No pair costs nothing: whoever is placed there has nobody. */
        memset(d.cost, 0, (size_t)(rows + 1) * width * sizeof(double));
        for (int64_t i = from; i < to; i++) {
            const int l = d.left_at[left[i] - low_l], r = d.right_at[right[i] - low_r];
            d.cost[(size_t)(turned ? r : l) * width + (size_t)(turned ? l : r)] = -weight[i];
        }
        place_all(&d, rows, columns);
        for (int64_t i = from; i < to; i++) {
            const int l = d.left_at[left[i] - low_l], r = d.right_at[right[i] - low_r];
            chosen[i] = d.holder[turned ? l : r] == (turned ? r : l);
        }
    }
    release(&d);
    return status;
}
