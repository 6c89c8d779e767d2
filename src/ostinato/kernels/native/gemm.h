// The large products around the loop: the projected inputs before it, the gradients of inputs and
// weights after it.
#pragma once
#include "blocks.h"
#include "parallel.h"
#include "product.h"

namespace {

constexpr long INNER =
    512;  // numbers summed up in registers at a time: a packed panel of them stays in the cache
constexpr long CHUNK = 256;  // rows whose gates are made just before the steps that read them
constexpr long ROWS = 192;  // rows that meet all panels before the next rows do

// Writes sums to row `row` of c, from column `column` on, or adds them.
template <int N>
INLINE void put(const Product &p, long row, long column, const Vector (&sums)[N], bool add) {
    float *c = p.c + row * p.c_stride;
    for (int n = 0; n < N; n++) {
        long at = column + n * W, lanes = at_most(W, p.columns - at);
        Vector sum = sums[n];
        if (add)
            sum += load(c + at, lanes);
        else if (p.bias)
            sum += load(p.bias + at, lanes);
        store(c + at, sum, lanes);
    }
}

inline void pack_panel(const Product &p, const Blocks &panels, long panel) {
    long column = panels.first(panel) * W;
    with_size(panels.size(panel), [&](auto N) {
        float *to = p.workspace + column * depth(p.inner);
        if (p.form == A_B)
            return pack_columns<N>(p.b, p.inner, p.b_stride, column, p.columns - column, to);
        long start[N], end[N];
        for (int n = 0; n < N; n++) start[n] = column + n * W, end[n] = p.columns;
        pack_rows<N>(p.b, p.b_stride, p.inner, start, end, to);
    });
}

// A few rows times a few panels.
inline void rows_by_panels(const Product &p, const Blocks &panels, long row, long rows, long panel,
                           long end_panel) {
    for (long k = 0; k < p.inner || k == 0; k += INNER) {
        long width = at_most(INNER, p.inner - k);
        Left left = prepared({p.a + row * p.a_stride + k, p.a_stride, width, 0, 0}, rows);
        for (long i = panel; i < end_panel; i++) {
            long column = panels.first(i) * W;
            with_size(panels.size(i), [&](auto N) {
                product<N>(left, rows, p.workspace + column * depth(p.inner) + depth(k) * N * W,
                           [&](long r, Vector(&sums)[N])
                               INLINE_LAMBDA { put<N>(p, row + r, column, sums, p.add || k > 0); });
            });
        }
    }
}

// A thread's part of the rows, or of the panels if there are few rows.
inline void share_of_rows(const Product &p, const Blocks &panels, const Share &share) {
    bool few = p.rows < 16 * share.threads;
    long parts = few ? 1 : share.threads, part = few ? 0 : share.thread;
    long first = few ? panels.count() * share.thread / share.threads : 0;
    long last = few ? panels.count() * (share.thread + 1) / share.threads : panels.count();
    long end = p.rows * (part + 1) / parts;
    for (long row = p.rows * part / parts; row < end; row += ROWS)
        rows_by_panels(p, panels, row, at_most(ROWS, end - row), first, last);
}

inline void by_rows(const Product &p, const Share &share) {
    Blocks panels{p.columns, 4};
    if (!p.packed) {
        for (long panel = share.thread; panel < panels.count(); panel += share.threads)
            pack_panel(p, panels, panel);
        share.meet();
    }
    share_of_rows(p, panels, share);
}

// a^T b: of some inner rows at a time all of b is packed, and of a as many columns as stay in the
// cache beside a panel of b.
constexpr int TALL = tile_rows<4>();
constexpr long SOME = 256, BAND = 16 * TALL;

// `height` numbers of a row of a (and of the next one, if there is one, to be pairs), zero up to
// TALL.
inline void put_transposed(const float *from, long stride, long rows, long height, float *to) {
    if constexpr (PAIR == 1) {
        for (long r = 0; r < TALL; r++) to[r] = r < height ? from[r] : 0.0f;
    } else {
        static_assert(PAIR == 1 || TALL <= W, "a tile's rows fit one vector");
        store(to, column_of(from, stride, rows, height), TALL);
    }
}

inline void pack_transposed(const Product &p, long k, long width, long row, long rows, float *to) {
    for (long i = 0; i < rows; i += TALL) {
        long height = at_most(TALL, rows - i);
        float *tile = to + i * depth(width);
        for (long j = 0; j < width; j += PAIR)
            put_transposed(p.a + (k + j) * p.a_stride + row + i, p.a_stride, width - j, height,
                           tile + depth(j) * TALL);
    }
}

// A band of rows of c times one packed panel.
template <int N>
void band_by_panel(const Product &p, long row, long rows, long column, long k, long width,
                   const float *a, const float *b) {
    for (long i = 0; i < rows; i += TALL) {
        Vector sums[TALL][N] = {};
        multiply<TALL, N>(sums, a + i * depth(width), 1, TALL, b, depth(width));
        for (long r = 0; r < at_most(TALL, rows - i); r++)
            put<N>(p, row + i + r, column, sums[r], p.add || k > 0);
    }
}

inline void by_columns(const Product &p, const Share &share) {
    Blocks panels{p.columns, 4};
    long tiles = (p.rows + TALL - 1) / TALL;
    long first = tiles * share.thread / share.threads * TALL;
    long last = at_most(tiles * (share.thread + 1) / share.threads * TALL, p.rows);
    long a_size = BAND * SOME, b_size = vectors(p.columns) * W * SOME;
    float *a = p.workspace + share.thread * (a_size + b_size), *b = a + a_size;
    for (long k = 0; k < p.inner || k == 0; k += SOME) {
        long width = at_most(SOME, p.inner - k);
        for (long panel = 0; panel < panels.count(); panel++) {
            long column = panels.first(panel) * W;
            with_size(panels.size(panel), [&](auto N) {
                pack_columns<N>(p.b + k * p.b_stride, width, p.b_stride, column, p.columns - column,
                                b + column * depth(width));
            });
        }
        for (long row = first; row < last; row += BAND) {
            long rows = at_most(BAND, last - row);
            pack_transposed(p, k, width, row, rows, a);
            for (long panel = 0; panel < panels.count(); panel++) {
                long column = panels.first(panel) * W;
                with_size(panels.size(panel), [&](auto N) {
                    band_by_panel<N>(p, row, rows, column, k, width, a,
                                     b + column * depth(width));
                });
            }
        }
    }
}

inline int64_t product_workspace(const Product &p) {
    long threads = p.threads > 1 ? p.threads : 1;
    if (p.form != AT_B) return vectors(p.columns) * W * p.inner + 1;
    return threads * (BAND + vectors(p.columns) * W) * SOME;
}

inline void multiply_matrices(const Product &p) {
    if (p.rows == 0 || p.columns == 0) return;
    Call how{};
    how.threads = p.rows * p.columns * p.inner < 200000 ? 1 : p.threads;
    how.split = BY_UNITS;
    in_parallel(&how, 1, Size{1, 0}, [&](const Call &, const Share &share) {
        if (p.form == AT_B)
            by_columns(p, share);
        else
            by_rows(p, share);
    });
}

}  // namespace
