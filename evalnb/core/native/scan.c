/* COCO's truth and result files, read row by row into columns without a tree of objects between.
 *
 * The text comes in pieces of any size; a row that a piece cuts is read again with the next one. A row that is not
 * plainly what the format says (a missing or repeated field, a wrong type, a number beyond double, an escaped key) is
 * *odd*: its place in the file is noted, and Python reads it with its own checks and words. What lies in fields that
 * nobody asked for is stepped over by its brackets and quotes alone. */
#define _GNU_SOURCE /* strtod_l */
#include "native.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MORE = 0, DONE = 1, BROKEN_TEXT = 2, FULL = 3, STOPPED = 4, OTHER_SHAPE = 5 };
enum { START, KEY, COLON, VALUE, AFTER_VALUE, SKIP, ROW, AFTER_ROW, END };
enum { IS_RESULTS, IS_TRUTHS };
enum { NO_SHAPE, POLYGONS, RUNS };
enum { F_IMAGE = 1, F_CLASS = 2, F_SCORE = 4, F_BOX = 8, F_ID = 16, F_AREA = 32, F_CROWD = 64, F_SHAPE = 128 };
enum { NO_KEY_YET = -2, DEEPEST = 64 };

#define FARTHEST_PX 1e9 /* evalnb/runs/columns.py has the same */

typedef struct {
    /* Columns, with room for `room` rows. */
    int64_t *index; /* the row's place in its list */
    int64_t *image, *class_id, *id;
    double *score, *box, *area;
    uint8_t *crowd, *has_box, *shape;
    int32_t *size; /* (rows, 2) of runs: height, width */
    /* Shapes end to end: runs, and corners (x, y) of polygon parts. */
    uint32_t *runs;
    int64_t *run_start; /* (room + 1,) */
    double *corners;
    int64_t *part_start; /* into corners, in corners */
    int64_t *row_part;   /* (room + 1,) into part_start */
    int64_t *odd;        /* (odd_room, 3) place in the list, first byte, byte after the last */
    int64_t *extent;     /* (2, 2) first byte and byte after the last of the values of images and categories */
    int64_t room, run_room, corner_room, part_room, odd_room;
    int64_t stop_at; /* a row that begins at this byte is left to somebody else; -1 */
    /* State. */
    int64_t rows, run_count, corner_count, part_count, odds, listed;
    int64_t offset;   /* of the next byte to be read, in the file */
    int64_t value_at; /* where the value being skipped began */
    int64_t depth;
    uint64_t nest; /* a bit a level: 1 for an object */
    int32_t kind, want_shapes, phase, key, status, found_list, in_text, escaped;
} Scan;

typedef struct {
    const uint8_t *at, *end;
    bool last; /* nothing follows this piece */
    bool cut;  /* the piece ended too early */
    bool broken;
} Text;

typedef struct {
    double value;
    int64_t whole;
    bool is_whole, is_number;
} Number;

static inline void space(Text *t) {
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\r' || *t->at == '\t')) t->at++;
}

/* The next byte that is no space; 0 where the piece ends. */
static inline uint8_t next_byte(Text *t) {
    space(t);
    if (t->at < t->end) return *t->at;
    t->cut = true;
    return 0;
}

static double slowly(const uint8_t *text, size_t length) {
    char copy[128];
    if (length >= sizeof copy) return NAN;
    memcpy(copy, text, length);
    copy[length] = 0;
    static locale_t plain;
    if (!plain) {
        locale_t made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        locale_t none = (locale_t)0;
        /* Two threads may come here at once: the second one's goes away. */
        if (!__atomic_compare_exchange_n(&plain, &none, made, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) freelocale(made);
    }
    return strtod_l(copy, NULL, plain);
}

/* Correctly rounded, as strtod is. Digits that fit 64 bits and a power of ten that is exact in the wide type need one
 * operation; rounding its result again is safe unless it lies halfway between two doubles. */
static double decimal(uint64_t digits, int power, const uint8_t *text, size_t length) {
    static const double TENS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (digits < 1ull << 53 && power >= -22 && power <= 22)
        return power < 0 ? (double)digits / TENS[-power] : (double)digits * TENS[power];
#if LDBL_MANT_DIG == 64
    static const long double WIDE[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
                                       1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
                                       1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
    if (power >= -27 && power <= 27) {
        const long double value = power < 0 ? (long double)digits / WIDE[-power] : (long double)digits * WIDE[power];
        uint64_t mantissa;
        memcpy(&mantissa, &value, sizeof mantissa);
        if ((mantissa & 0x7ff) != 0x400) return (double)value;
    }
#endif
    return slowly(text, length);
}

static Number number(Text *t) {
    Number out = {0};
    const uint8_t *p = t->at;
    bool negative = false;
    if (p < t->end && *p == '-') negative = true, p++;
    const uint8_t *digits_at = p;
    uint64_t digits = 0;
    int many = 0, power = 0;
    bool exact = true;
    for (; p < t->end && (unsigned)(*p - '0') < 10; p++, many++) {
        if (many < 19) digits = digits * 10 + (uint64_t)(*p - '0');
        else exact = false;
    }
    const bool sound = many > 0 && !(many > 1 && *digits_at == '0');
    bool whole = true, fine = sound;
    if (p < t->end && *p == '.') {
        whole = false;
        const uint8_t *fraction = ++p;
        for (; p < t->end && (unsigned)(*p - '0') < 10; p++, many++) {
            if (many < 19 || (digits == 0 && many < 19 + (p - fraction))) digits = digits * 10 + (uint64_t)(*p - '0'), power--;
            else exact = false;
        }
        fine &= p > fraction;
    }
    if (p < t->end && (*p == 'e' || *p == 'E')) {
        whole = false;
        p++;
        bool down = false;
        if (p < t->end && (*p == '+' || *p == '-')) down = *p++ == '-';
        const uint8_t *exponent = p;
        int value = 0;
        for (; p < t->end && (unsigned)(*p - '0') < 10; p++) value = value < 10000 ? value * 10 + (*p - '0') : value;
        fine &= p > exponent;
        power += down ? -value : value;
    }
    if (p == t->end && !t->last) {
        t->cut = true;
        return out;
    }
    if (!fine) return out;
    t->at = p;
    out.is_number = true;
    const double size = exact ? decimal(digits, power, digits_at, (size_t)(p - digits_at))
                              : slowly(digits_at, (size_t)(p - digits_at));
    out.value = negative ? -size : size;
    out.is_whole = whole && exact && digits <= INT64_MAX;
    if (out.is_whole) out.whole = negative ? -(int64_t)digits : (int64_t)digits;
    return out;
}

/* Behind the closing quote of a text whose opening quote is at hand; `plain` says that it holds no escapes. */
static const uint8_t *text_end(Text *t, bool *plain) {
    const uint8_t *p = t->at + 1;
    *plain = true;
    while (p < t->end) {
        if (*p == '"') return p + 1;
        if (*p == '\\') {
            *plain = false;
            p++;
        } else if (*p < 32) {
            *plain = false;
        }
        p++;
    }
    t->cut = true;
    return NULL;
}

/* Step over a value of any kind; false where it is cut or its brackets do not match. */
static bool step_over(Text *t) {
    uint64_t nest = 0;
    int depth = 0;
    do {
        const uint8_t c = next_byte(t);
        if (t->cut) return false;
        if (c == '"') {
            bool plain;
            const uint8_t *after = text_end(t, &plain);
            if (!after) return false;
            t->at = after;
        } else if (c == '[' || c == '{') {
            if (depth == DEEPEST) return t->broken = true, false;
            nest = nest << 1 | (c == '{');
            depth++, t->at++;
            continue;
        } else if (c == ']' || c == '}') {
            if (!depth || (nest & 1) != (c == '}')) return t->broken = true, false;
            nest >>= 1, depth--, t->at++;
        } else if ((c == ',' || c == ':') && depth) {
            t->at++;
            continue;
        } else {
            const uint8_t *p = t->at;
            while (p < t->end && ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                                  *p == '-' || *p == '+' || *p == '.'))
                p++;
            if (p == t->end && !t->last) return t->cut = true, false;
            if (p == t->at) return t->broken = true, false;
            t->at = p;
        }
    } while (depth);
    return true;
}

static bool numbers(Text *t, int count, double *out) {
    for (int i = 0; i < count; i++) {
        const uint8_t c = next_byte(t);
        if (c != (i ? ',' : '[')) return false;
        t->at++;
        space(t);
        const Number one = number(t);
        if (!one.is_number || !isfinite(one.value)) return false;
        out[i] = one.value;
    }
    if (next_byte(t) != ']') return false;
    t->at++;
    return true;
}

/* {"size": [h, w], "counts": "…" or […]} appended to the runs of the scan. */
static bool run_lengths(Scan *s, Text *t, int32_t *size) {
    bool sized = false, counted = false;
    t->at++;
    for (;;) {
        bool plain;
        if (next_byte(t) != '"') return false;
        const uint8_t *key = t->at + 1, *after = text_end(t, &plain);
        if (!after || !plain) return false;
        const size_t length = (size_t)(after - key) - 1;
        t->at = after;
        if (next_byte(t) != ':') return false;
        t->at++;
        if (length == 4 && !memcmp(key, "size", 4) && !sized) {
            double two[2];
            (void)next_byte(t);
            if (!numbers(t, 2, two)) return false;
            for (int i = 0; i < 2; i++) {
                if (two[i] < 1 || two[i] > INT32_MAX || two[i] != floor(two[i])) return false;
                size[i] = (int32_t)two[i];
            }
            sized = true;
        } else if (length == 6 && !memcmp(key, "counts", 6) && !counted) {
            const uint8_t c = next_byte(t);
            if (c == '"') {
                const uint8_t *text = t->at + 1, *end = text_end(t, &plain);
                /* COCO's alphabet has one character that JSON escapes: the backslash. */
                if (!end) return false;
                /* Each run takes a character or more. */
                if (s->run_count + (end - text) > s->run_room) return false;
                uint8_t *letters = malloc((size_t)(end - text));
                if (!letters) return false;
                int64_t kept = 0;
                bool fine = true;
                for (const uint8_t *p = text; fine && p < end - 1; p++) {
                    if (*p == '\\') fine = *++p == '\\';
                    letters[kept++] = *p;
                }
                const int64_t many = fine ? runs_from_text(letters, kept, s->runs + s->run_count) : -1;
                free(letters);
                if (many < 0) return false;
                s->run_count += many;
                t->at = end;
            } else if (c == '[') {
                t->at++;
                if (next_byte(t) == ']') return false;
                for (;;) {
                    space(t);
                    const Number one = number(t);
                    if (!one.is_whole || one.whole < 0 || one.whole > UINT32_MAX || s->run_count + 1 > s->run_room)
                        return false;
                    s->runs[s->run_count++] = (uint32_t)one.whole;
                    const uint8_t d = next_byte(t);
                    if (d != ',' && d != ']') return false;
                    t->at++;
                    if (d == ']') break;
                }
            } else {
                return false;
            }
            counted = true;
        } else {
            return false;
        }
        const uint8_t d = next_byte(t);
        if (d != ',' && d != '}') return false;
        t->at++;
        if (d == '}') return sized && counted;
    }
}

/* [[x, y, …], …] appended to the corners of the scan. */
static bool polygons(Scan *s, Text *t) {
    t->at++;
    for (;;) {
        if (next_byte(t) != '[') return false;
        t->at++;
        int64_t many = 0;
        for (;;) {
            space(t);
            const Number one = number(t);
            if (!one.is_number || !(fabs(one.value) <= 1e6) || 2 * s->corner_count + many + 1 > 2 * s->corner_room) return false;
            s->corners[2 * s->corner_count + many++] = one.value;
            const uint8_t d = next_byte(t);
            if (d != ',' && d != ']') return false;
            t->at++;
            if (d == ']') break;
        }
        if (many < 6 || many % 2 || s->part_count + 1 > s->part_room) return false;
        s->corner_count += many / 2;
        s->part_start[++s->part_count] = s->corner_count;
        const uint8_t d = next_byte(t);
        if (d != ',' && d != ']') return false;
        t->at++;
        if (d == ']') return true;
    }
}

static bool field(Scan *s, Text *t, int which, int64_t at) {
    switch (which) {
    case F_IMAGE:
    case F_CLASS:
    case F_ID: {
        const Number one = number(t);
        if (!one.is_whole) return false;
        (which == F_IMAGE ? s->image : which == F_CLASS ? s->class_id : s->id)[at] = one.whole;
        return true;
    }
    case F_SCORE:
    case F_AREA: {
        const Number one = number(t);
        if (!one.is_number || !isfinite(one.value) || (which == F_AREA && one.value < 0)) return false;
        (which == F_SCORE ? s->score : s->area)[at] = one.value;
        return true;
    }
    case F_BOX: {
        double *box = s->box + 4 * at;
        s->has_box[at] = 1;
        if (!numbers(t, 4, box)) return false;
        for (int i = 0; i < 4; i++)
            if (fabs(box[i]) > FARTHEST_PX) return false;
        return box[2] >= 0 && box[3] >= 0;
    }
    case F_CROWD: {
        const Number one = number(t);
        if (!one.is_whole || one.whole < 0 || one.whole > 1) return false;
        s->crowd[at] = (uint8_t)one.whole;
        return true;
    }
    case F_SHAPE: {
        const uint8_t c = *t->at;
        s->shape[at] = c == '{' ? RUNS : POLYGONS;
        return c == '{' ? run_lengths(s, t, s->size + 2 * at) : c == '[' && s->corners && polygons(s, t);
    }
    default:
        return false;
    }
}

static int field_of(const Scan *s, const uint8_t *key, size_t length) {
#define IS(name) (length == sizeof name - 1 && !memcmp(key, name, sizeof name - 1))
    if (IS("image_id")) return F_IMAGE;
    if (IS("category_id")) return F_CLASS;
    if (IS("bbox")) return F_BOX;
    if (IS("segmentation")) return s->want_shapes ? F_SHAPE : 0;
    if (s->kind == IS_RESULTS) return IS("score") ? F_SCORE : 0;
    if (IS("id")) return F_ID;
    if (IS("area")) return F_AREA;
    if (IS("iscrowd")) return F_CROWD;
#undef IS
    return 0;
}

/* One row, its opening brace at hand. True where it was stepped past: as a row of the columns, or as an odd one. */
static bool row(Scan *s, Text *t) {
    const uint8_t *begin = t->at;
    const int64_t at = s->rows, runs = s->run_count, corners = s->corner_count, parts = s->part_count;
    bool odd = *t->at != '{';
    int seen = 0;
    if (!odd) {
        s->has_box[at] = 0;
        if (s->crowd) s->crowd[at] = 0;
        if (s->shape) s->shape[at] = NO_SHAPE;
        t->at++;
        if (next_byte(t) == '}') t->at++, odd = true;
        else
            for (;;) {
                bool plain;
                if (next_byte(t) != '"') {
                    t->broken |= !t->cut;
                    return false;
                }
                const uint8_t *key = t->at + 1, *after = text_end(t, &plain);
                if (!after) return false;
                t->at = after;
                if (next_byte(t) != ':') {
                    t->broken |= !t->cut;
                    return false;
                }
                t->at++;
                (void)next_byte(t);
                if (t->cut) return false;
                const int which = plain ? field_of(s, key, (size_t)(after - key) - 1) : 0;
                const uint8_t *value = t->at;
                odd |= !plain || (which & seen);
                if (which && !odd) {
                    const bool fine = field(s, t, which, at);
                    if (t->cut) return false;
                    if (!fine) odd = true, t->at = value, t->broken = false;
                    seen |= which;
                }
                if ((!which || odd) && t->at == value && !step_over(t)) return false;
                const uint8_t c = next_byte(t);
                if (c != ',' && c != '}') {
                    t->broken |= !t->cut;
                    return false;
                }
                t->at++;
                if (c == '}') break;
            }
        int needed = F_IMAGE | F_CLASS;
        if (s->kind == IS_RESULTS) needed |= F_SCORE | (s->want_shapes ? F_SHAPE : F_BOX);
        else needed |= F_ID | F_AREA | (s->want_shapes ? F_SHAPE : F_BOX);
        odd |= (seen & needed) != needed;
    } else if (!step_over(t)) {
        return false;
    }
    if (odd) {
        s->run_count = runs, s->corner_count = corners, s->part_count = parts;
        int64_t *place = s->odd + 3 * s->odds++;
        place[0] = s->listed, place[1] = s->offset + (begin - t->at), place[2] = 0; /* mended by the caller */
    } else {
        s->index[at] = s->listed;
        s->rows++;
        if (s->want_shapes) s->run_start[s->rows] = s->run_count, s->row_part[s->rows] = s->part_count;
    }
    s->listed++;
    return true;
}

/* Step over a long value in as many pieces as it takes. True when it is behind us. */
static bool skip_on(Scan *s, Text *t) {
    while (t->at < t->end) {
        const uint8_t c = *t->at;
        if (s->in_text) {
            if (s->escaped) s->escaped = 0;
            else if (c == '\\') s->escaped = 1;
            else if (c == '"') s->in_text = 0;
            t->at++;
            if (!s->in_text && !s->depth) return true;
            continue;
        }
        if (!s->depth && (c == ',' || c == '}')) return true; /* behind a bare number or word */
        t->at++;
        if (c == '"') {
            s->in_text = 1;
        } else if (c == '[' || c == '{') {
            if (s->depth == DEEPEST) return t->broken = true, false;
            s->nest = s->nest << 1 | (c == '{');
            s->depth++;
        } else if (c == ']' || c == '}') {
            if ((s->nest & 1) != (c == '}')) return t->broken = true, false;
            s->nest >>= 1;
            if (!--s->depth) return true;
        }
    }
    t->cut = true;
    return false;
}

/* Read on in `length` bytes of the file at hand; returns how many were used up. s->status says how it stands. */
EVALNB_PUBLIC int64_t evalnb_scan(Scan *s, const uint8_t *data, int64_t length, int32_t last) {
    Text t = {data, data + length, last, false, false};
    const int64_t base = s->offset;
    const uint8_t *done = data;
    s->status = MORE;
    while (s->status == MORE && !t.cut && !t.broken) {
        done = t.at;
        s->offset = base + (done - data);
        if (s->phase == SKIP) {
            if (skip_on(s, &t)) {
                if (s->key >= 0) s->extent[2 * s->key] = s->value_at, s->extent[2 * s->key + 1] = base + (t.at - data);
                s->phase = AFTER_VALUE;
            } else {
                done = t.at; /* what was skipped need not come again */
            }
            continue;
        }
        const uint8_t c = next_byte(&t);
        if (t.cut) {
            if (s->phase == END && last) s->status = DONE, done = t.at, t.cut = false;
            break;
        }
        done = t.at;
        s->offset = base + (done - data);
        switch (s->phase) {
        case START:
            if (c != (s->kind == IS_RESULTS ? '[' : '{')) s->status = OTHER_SHAPE;
            else t.at++, s->phase = s->kind == IS_RESULTS ? ROW : KEY, s->key = NO_KEY_YET;
            break;
        case KEY: {
            bool plain;
            if (c == '}' && s->key == NO_KEY_YET) {
                t.at++, s->phase = END;
                break;
            }
            const uint8_t *after = c == '"' ? text_end(&t, &plain) : NULL;
            if (!after) {
                t.broken |= !t.cut;
                break;
            }
            const uint8_t *key = t.at + 1;
            const size_t size = (size_t)(after - key) - 1;
            s->key = size == 6 && !memcmp(key, "images", 6)             ? 0
                     : size == 10 && !memcmp(key, "categories", 10)     ? 1
                     : size == 11 && !memcmp(key, "annotations", 11)    ? 2
                                                                        : -1;
            t.at = after, s->phase = COLON;
            break;
        }
        case COLON:
            if (c != ':') t.broken = true;
            else t.at++, s->phase = VALUE;
            break;
        case VALUE:
            if (s->key == 2 && c == '[' && !s->found_list) {
                t.at++, s->phase = ROW, s->found_list = 1;
            } else if (s->key == 2) {
                s->status = OTHER_SHAPE;
            } else {
                s->value_at = s->offset, s->depth = 0, s->nest = 0, s->in_text = s->escaped = 0;
                s->phase = SKIP;
            }
            break;
        case AFTER_VALUE:
            if (c != ',' && c != '}') t.broken = true;
            else t.at++, s->phase = c == ',' ? KEY : END;
            break;
        case ROW:
            if (c == ']' && !s->listed) {
                t.at++, s->phase = s->kind == IS_RESULTS ? END : AFTER_VALUE;
                break;
            }
            if (s->offset == s->stop_at) {
                s->status = STOPPED;
                break;
            }
            if (s->rows >= s->room || s->odds >= s->odd_room ||
                (s->want_shapes && (s->run_count + 16 > s->run_room || (s->corners && s->corner_count + 8 > s->corner_room)))) {
                s->status = FULL;
                break;
            }
            {
                const int64_t odds = s->odds, runs = s->run_count, corners = s->corner_count, parts = s->part_count;
                if (row(s, &t)) {
                    if (s->odds > odds) {
                        s->odd[3 * odds + 1] = s->offset;
                        s->odd[3 * odds + 2] = base + (t.at - data);
                    }
                    s->phase = AFTER_ROW;
                } else {
                    s->run_count = runs, s->corner_count = corners, s->part_count = parts;
                }
            }
            break;
        case AFTER_ROW:
            if (c == ',') t.at++, s->phase = ROW;
            else if (c == ']') t.at++, s->phase = s->kind == IS_RESULTS ? END : AFTER_VALUE;
            else t.broken = true;
            break;
        default: /* END: nothing but space may follow */
            t.broken = true;
        }
        if (!t.cut && !t.broken) done = t.at;
    }
    if (t.broken || (t.cut && last)) s->status = BROKEN_TEXT;
    s->offset = base + (done - data);
    return done - data;
}
