// The product behind every kernel: a few rows of the left matrix times one packed block of columns,
// in registers.
#pragma once
#include "bfloat16.h"

namespace {

// Rows whose sums stay in registers next to N columns of vectors (and N weights and a broadcast).
template <int N>
constexpr int tile_rows() {
    if (REGISTERS == 32) return N == 1 ? 12 : N == 2 ? 10 : N == 3 ? 8 : 6;
    return N == 1 ? 8 : N == 2 ? 5 : 3;
}

// sum[r][n] += a[r, :] . w[:, n], for a[r, k] at r * stride + k * k_stride and w packed as
// [k][N][W]. Weights AHEAD are prefetched: where each weight is used once, waiting for memory takes
// most of the time.
template <int R, int N, int AHEAD = 0>
INLINE void multiply(Vector (&sum)[R][N], const float *a, long stride, long k_stride,
                     const float *w, long k_count) {
    for (long k = 0; k < k_count; k++) {
        Vector column[N];
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) {
            column[n] = load(w + n * W);
            if (AHEAD) __builtin_prefetch(w + n * W + AHEAD);
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            Vector x = broadcast(a + r * stride + k * k_stride);
#pragma GCC unroll 8
            for (int n = 0; n < N; n++) sum[r][n] = multiply_add(sum[r][n], x, column[n]);
        }
        w += N * W;
    }
}

// How many independent sums are kept for each result, so that additions need not wait for one
// another.
template <int R, int N>
constexpr int ways() {
    return R * N >= 8 ? 1 : R * N >= 3 ? 2 : 4;
}

// As multiply, for a few rows: every other k (or every fourth) adds to sums of its own.
template <int R, int N, int U = ways<R, N>(), int AHEAD = 0>
INLINE void multiply_side_by_side(Vector (&sum)[R][N], const float *a, long stride, const float *w,
                                  long k_count) {
    if constexpr (U == 1) return multiply<R, N, AHEAD>(sum, a, stride, 1, w, k_count);
    Vector apart[U][R][N] = {};
    long k = 0;
    for (; k + U <= k_count; k += U, w += U * N * W) {
#pragma GCC unroll 4
        for (int u = 0; u < U; u++)
            multiply<R, N>(apart[u], a + k + u, stride, 1, w + u * N * W, 1);
    }
    multiply<R, N>(sum, a + k, stride, 1, w, k_count - k);
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int n = 0; n < N; n++)
            for (int u = 0; u < U; u++) sum[r][n] += apart[u][r][n];
}

template <int R, int N>
void tile(const Left &left, long row, const float *w, Vector (*results)[N]) {
    Vector sum[R][N] = {};
    const float *a = left.a + row * left.stride;
    multiply_side_by_side<R, N>(sum, a, left.stride, w, left.width);
    if (left.more)
        multiply_side_by_side<R, N>(sum, a + left.width + left.gap, left.stride,
                                    w + left.width * N * W, left.more);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) results[r][n] = sum[r][n];
}

template <int R, int N>
INLINE void tile_of(int height, const Left &left, long row, const float *w, Vector (*results)[N]) {
    if (height == R) return tile<R, N>(left, row, w, results);
    if constexpr (R > 1) tile_of<R - 1, N>(height, left, row, w, results);
}

// finish(row, sums of N vectors) for each of `rows` rows of a prepared matrix; the rows are shared
// out evenly over the tiles.
template <int N, class Finish>
INLINE void product(const Left &left, long rows, const float *w, Finish finish) {
    constexpr int most = tile_rows<N>();
    long tiles = (rows + most - 1) / most;
    Vector results[most][N];
    for (long i = 0; i < tiles; i++) {
        long begin = rows * i / tiles, end = rows * (i + 1) / tiles;
        tile_of<most, N>(int(end - begin), left, begin, w, results);
        for (long row = begin; row < end; row++) finish(row, results[row - begin]);
    }
}

#if defined(__GNUC__) && !defined(__clang__)
// One stage of a transposition: lanes whose number has the bit HALF change places between rows that
// differ in it.
template <int HALF>
INLINE void exchange(Vector (&rows)[W]) {
    Integers low, high;
    for (int j = 0; j < W; j++) {
        low[j] = j & HALF ? j - HALF + W : j;
        high[j] = j & HALF ? j + W : j + HALF;
    }
#pragma GCC unroll 16
    for (int i = 0; i < W; i++) {
        if (i & HALF) continue;
        Vector a = rows[i], b = rows[i | HALF];
        rows[i] = __builtin_shuffle(a, b, low);
        rows[i | HALF] = __builtin_shuffle(a, b, high);
    }
    if constexpr (HALF > 1) exchange<HALF / 2>(rows);
}
#else
template <int HALF>
INLINE void exchange(Vector (&rows)[W]) {
    for (int i = 0; i < W; i++)
        for (int j = 0; j < i; j++) {
            float x = rows[i][j];
            rows[i][j] = rows[j][i];
            rows[j][i] = x;
        }
}
#endif

// Packs N vectors of columns of w^T: to[k][n][lane] = w[start[n] + lane][k], zero from the row
// end[n] on.
template <int N>
void pack_rows(const float *w, long stride, long k_count, const long (&start)[N],
               const long (&end)[N], float *to) {
    constexpr long TOGETHER = W * PAIR;
    for (long k = 0; k < k_count; k += TOGETHER) {
        long width = k_count - k < TOGETHER ? k_count - k : TOGETHER;
        for (int n = 0; n < N; n++) {
            Vector rows[W];
            for (int lane = 0; lane < W; lane++) {
                long row = start[n] + lane;
                rows[lane] = row < end[n] ? numbers_from(w + row * stride + k, width) : Vector{};
            }
            exchange<W / 2>(rows);
            for (long j = 0; j < depth(width); j++)
                store(to + ((depth(k) + j) * N + n) * W, rows[j]);
        }
    }
}

// Packs `valid` columns of w [k_count, width] from `start` on, or N * W if there are more:
// to[k][column], zero beyond.
template <int N>
void pack_columns(const float *w, long k_count, long width, long start, long lanes, float *to) {
    for (long k = 0; k < k_count; k += PAIR)
        for (int n = 0; n < N; n++) {
            long rest = lanes - n * W;
            const float *from = w + k * width + start + n * W;
            store(to + (depth(k) * N + n) * W,
                  rest <= 0 ? Vector{}
                            : column_of(from, width, k_count - k, rest < W ? rest : W));
        }
}

}  // namespace
