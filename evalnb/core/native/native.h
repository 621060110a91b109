/* The native half of evalnb.core: loops over detections that numpy cannot express without building arrays it would
 * throw away. Plain C11, no Python API: it is loaded with ctypes, which lets go of the interpreter's lock, so that
 * Python's own threads share the work. Every function works on the ranges that its caller gives and writes nothing
 * outside of them. */
#ifndef EVALNB_NATIVE_H
#define EVALNB_NATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EVALNB_PUBLIC __declspec(dllexport)
#else
#define EVALNB_PUBLIC __attribute__((visibility("default")))
#endif

/* Raised whenever a structure or a signature below changes; evalnb/core/native/__init__.py asks for the same number. */
#define EVALNB_NATIVE_VERSION 12

enum { EVALNB_OK = 0, EVALNB_NO_MEMORY = 1, EVALNB_BROKEN = 2 };

/* Areas of one word: 4 ranges at the most, and 64 bits for ranges x thresholds. */
enum { MOST_RANGES = 4, MOST_BITS = 64, RECALLS = 101 };

/* A word with the bits of every threshold set in each range whose bit is set in `ranges`. */
static inline uint64_t word_of(unsigned ranges, int thresholds, int areas) {
    const uint64_t one = thresholds == 64 ? ~0ull : (1ull << thresholds) - 1;
    uint64_t word = 0;
    for (int a = 0; a < areas; a++)
        if (ranges >> a & 1) word |= one << (a * thresholds);
    return word;
}

/* Run-length masks: n of them, the runs of mask m at counts[start[m]] .. counts[stop[m]]. */
typedef struct {
    const uint32_t *counts;
    const int64_t *start, *stop;
    const int32_t *size; /* (n, 2) height, width */
    const int64_t *area; /* (n,) px */
    const double *box;   /* (n, 4) the tight box */
} Masks;

int64_t runs_from_text(const uint8_t *text, int64_t length, uint32_t *out);
double mask_iou(const Masks *left, int64_t l, const Masks *right, int64_t r, bool crowd, double at_least);

#endif
