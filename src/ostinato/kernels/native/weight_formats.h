// The formats of a step's weights: float32, bfloat16, or int8 with a scale for each output. Each
// format packs a weight, prepares the rows that meet it, and multiplies the two in registers.
//
// Packed weights are ordered [block of units][group of k][n][lane][k of the group], n running over
// the gates of a block (or over its vectors of units, for a cell of one gate), so that the
// multiplication reads straight on.
#pragma once
#include <cmath>

#include "blocks.h"
#include "product.h"

namespace {

inline long round_up(long x, long to) { return (x + to - 1) / to * to; }

// Prepared rows: row r at rows + r * stride; `scales`: the factor of each row, or null.
struct Operand {
    const char *rows;
    long stride;
    const float *scales;
};

// A weight [gates * H, K] in the order above, and the order itself.
struct Columns {
    long gates, hidden, inner;  // G, H, K
    Blocks blocks;

    long count() const { return gates * vectors(hidden) * W; }
    long first(long block) const { return gates * blocks.first(block) * W; }
    int vectors_of(long block) const { return int(gates * blocks.size(block)); }

    // Which row of the weight the lane of vector n is, or -1 for padding.
    long row(long block, long n, long lane) const {
        long unit = (blocks.first(block) + n % blocks.size(block)) * W + lane;
        return unit < hidden ? n / blocks.size(block) * hidden + unit : -1;
    }
};

// Calls put(column, row of the weight or -1) for every column in packed order.
template <class Put>
void each_column(const Columns &columns, Put put) {
    for (long block = 0; block < columns.blocks.count(); block++)
        for (long n = 0; n < columns.vectors_of(block); n++)
            for (long lane = 0; lane < W; lane++)
                put(columns.first(block) + n * W + lane, columns.row(block, n, lane));
}

// Calls put(place, row, k) for every packed number, in order; row is -1 in padding, and so is k
// beyond K.
template <int GROUP, class Put>
void each_number(const Columns &columns, Put put) {
    long position = 0, groups = (columns.inner + GROUP - 1) / GROUP;
    for (long block = 0; block < columns.blocks.count(); block++)
        for (long g = 0; g < groups; g++)
            for (long n = 0; n < columns.vectors_of(block); n++)
                for (long lane = 0; lane < W; lane++) {
                    long row = columns.row(block, n, lane);
                    for (long k = g * GROUP; k < (g + 1) * GROUP; k++)
                        put(position++, row, k < columns.inner ? k : -1);
                }
}

inline void copy_row(const float *x, long size, char *to) {
    memcpy(to, x, size * sizeof(float));
    memset(to + size * sizeof(float), 0, (round_up(size, 16) - size) * sizeof(float));
}

struct Float32 {
    static constexpr int GROUP = 1;
    static long row_bytes(long size) {
        return round_up(size, 16) * 4 + 64;
    }  // rows keep off one another's cache sets
    static long head_bytes(const Columns &) { return 0; }
    static long packed_bytes(const Columns &columns) { return columns.count() * columns.inner * 4; }

    static void pack(const Columns &columns, const float *w, char *workspace) {
        float *to = reinterpret_cast<float *>(workspace);
        each_number<1>(columns, [&](long i, long row, long k) {
            to[i] = row < 0 ? 0.0f : w[row * columns.inner + k];
        });
    }

    static float prepare(const float *x, long size, char *to) {
        copy_row(x, size, to);
        return 1;
    }

    template <int R, int N>
    static void sums(const Operand &rows, long row, const Columns &columns, long block,
                     const char *workspace, Vector (*to)[N]) {
        const float *w =
            reinterpret_cast<const float *>(workspace) + columns.first(block) * columns.inner;
        const float *a = reinterpret_cast<const float *>(rows.rows + row * rows.stride);
        Vector sum[R][N] = {};
        // added up in the same order however many rows there are: a row's numbers do not depend on
        // those beside it
        multiply_side_by_side<R, N, (N >= 3 ? 1 : 4 / N), (R == 1 ? 512 : 0)>(
            sum, a, rows.stride / 4, w, columns.inner);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++)
#pragma GCC unroll 8
            for (int n = 0; n < N; n++) to[r][n] = sum[r][n];
    }
};

typedef Integers UnalignedIntegers __attribute__((aligned(4), may_alias));
INLINE Integers load_integers(const void *from) {
    return *reinterpret_cast<const UnalignedIntegers *>(from);
}
INLINE Integers all_integers(int32_t x) { return x - Integers{}; }
INLINE int32_t integer_at(const char *from) {
    int32_t x;
    memcpy(&x, from, 4);
    return x;
}

// The upper half of a float, rounded to the nearest (ties to even).
inline uint16_t bfloat16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (x != x) return uint16_t(bits >> 16 | 64);
    return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

struct BFloat16 {
    static constexpr int GROUP = 2;
    static long row_bytes(long size) { return Float32::row_bytes(size); }
    static long head_bytes(const Columns &) { return 0; }
    static long packed_bytes(const Columns &columns) {
        return columns.count() * round_up(columns.inner, 2) * 2;
    }

    static void pack(const Columns &columns, const float *w, char *workspace) {
        uint16_t *to = reinterpret_cast<uint16_t *>(workspace);
        each_number<2>(columns, [&](long i, long row, long k) {
            to[i] = row < 0 || k < 0 ? 0 : bfloat16(w[row * columns.inner + k]);
        });
    }

    static float prepare(const float *x, long size, char *to) {
        return Float32::prepare(x, size, to);
    }

    // Two weights in each lane: the lower one becomes a float by a shift, the upper one by a mask.
    template <int R, int N>
    static void sums(const Operand &rows, long row, const Columns &columns, long block,
                     const char *workspace, Vector (*to)[N]) {
        constexpr int U = R * N >= 8 ? 1 : 2;
        const long pairs = (columns.inner + 1) / 2, stride = rows.stride / 4;
        const char *w = workspace + columns.first(block) * pairs * 4;
        const float *a = reinterpret_cast<const float *>(rows.rows + row * rows.stride);
        Vector sum[2][R][N] = {};
        for (long g = 0; g < pairs; g++, w += N * W * 4, a += 2) {
            Vector low[N], high[N];
#pragma GCC unroll 8
            for (int n = 0; n < N; n++) {
                Integers both = load_integers(w + n * W * 4);
                low[n] = (Vector)(both << 16);
                high[n] = (Vector)(both & all_integers(int32_t(0xffff0000)));
            }
#pragma GCC unroll 16
            for (int r = 0; r < R; r++) {
                Vector x = all(a[r * stride]), y = all(a[r * stride + 1]);
#pragma GCC unroll 8
                for (int n = 0; n < N; n++) {
                    sum[0][r][n] += x * low[n];
                    sum[U - 1][r][n] += y * high[n];
                }
            }
        }
#pragma GCC unroll 16
        for (int r = 0; r < R; r++)
#pragma GCC unroll 8
            for (int n = 0; n < N; n++)
                to[r][n] = U == 2 ? sum[0][r][n] + sum[1][r][n] : sum[0][r][n];
    }
};

// Weights q * scale[output], rows q * scale[row], q in -127..127; the sums are exact integers, the
// same on every processor.
struct Int8 {
    static constexpr int GROUP = 4;
#if defined(__AVX512VNNI__)
    static constexpr int SHIFT = 128, ROW_BYTES = 1;  // the instruction wants rows without a sign
#else
    static constexpr int SHIFT = 0,
                         ROW_BYTES = 2;  // k = 0, 2, 1, 3 of each group, as 16-bit numbers
#endif
    static long row_bytes(long size) { return round_up(size, 64) * ROW_BYTES + 64; }
    static long head_bytes(const Columns &columns) {
        return columns.count() * 8;
    }  // scales, and what SHIFT adds
    static long packed_bytes(const Columns &columns) {
        return head_bytes(columns) + columns.count() * round_up(columns.inner, 4);
    }

    static float scale_of(const float *w, long size) {
        float most = 0;
        for (long k = 0; k < size; k++) {
            if (!(std::fabs(w[k]) < INFINITY)) return NAN;
            most = std::fabs(w[k]) > most ? std::fabs(w[k]) : most;
        }
        return most / 127;
    }

    static void pack(const Columns &columns, const float *w, char *workspace) {
        long K = columns.inner, count = columns.count();
        float *scales = reinterpret_cast<float *>(workspace);
        int32_t *shifts = reinterpret_cast<int32_t *>(workspace) + count;
        int8_t *to = reinterpret_cast<int8_t *>(workspace + head_bytes(columns));
        auto quantised = [&](float x, float scale) {
            return scale > 1e-30f ? int8_t(std::lrint(x / scale)) : int8_t(0);
        };
        each_column(columns, [&](long column, long row) {
            scales[column] = row < 0 ? 0.0f : scale_of(w + row * K, K);
            int32_t sum = 0;
            for (long k = 0; row >= 0 && k < K; k++)
                sum += quantised(w[row * K + k], scales[column]);
            shifts[column] = SHIFT * sum;
        });
        long groups = round_up(K, 4) / 4, position = 0;
        for (long block = 0; block < columns.blocks.count(); block++)
            for (long g = 0; g < groups; g++)
                for (long n = 0; n < columns.vectors_of(block); n++)
                    for (long lane = 0; lane < W; lane++) {
                        long row = columns.row(block, n, lane);
                        float scale = scales[columns.first(block) + n * W + lane];
                        for (long k = 4 * g; k < 4 * g + 4; k++)
                            to[position++] =
                                row < 0 || k >= K ? 0 : quantised(w[row * K + k], scale);
                    }
    }

    // The scale of one row; not a number where the row has something that is not finite.
    static float prepare(const float *x, long size, char *to) {
        Vector most{}, strange{};
        for (long k = 0; k < size; k += W) {
            Vector v = load(x + k, at_most(W, size - k));
            strange += v * all(0.0f);
            most = at_least((Vector)((Integers)v & all_integers(0x7fffffff)), most);
        }
        float largest = 0, bad = 0;
        for (int i = 0; i < W; i++) {
            largest = most[i] > largest ? most[i] : largest;
            bad += strange[i];
        }
        float inverse = largest > 1e-30f && bad == 0 ? 127 / largest : 0;
        const Vector magic =
            all(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number in the lowest bits
        for (long k = 0; k < round_up(size, W); k += W) {
            Vector v = k < size ? load(x + k, at_most(W, size - k)) * all(inverse) : Vector{};
            Integers q = (Integers)(v + magic) - (Integers)magic;
            write(q, to, k);
        }
        for (long k = round_up(size, W); k < round_up(size, 64); k += W) write(Integers{}, to, k);
        return bad == 0 ? largest / 127 : NAN;
    }

    static INLINE void write(Integers q, char *to, long k) {
#if defined(__AVX512VNNI__)
        _mm_storeu_si128(reinterpret_cast<__m128i *>(to + k),
                         _mm512_cvtepi32_epi8((__m512i)(q + SHIFT)));
#else
        int16_t *position = reinterpret_cast<int16_t *>(to) + k;
        for (int i = 0; i < W; i += 4) {
            position[i] = int16_t(q[i]);
            position[i + 1] = int16_t(q[i + 2]);
            position[i + 2] = int16_t(q[i + 1]);
            position[i + 3] = int16_t(q[i + 3]);
        }
#endif
    }

    // sum[n] += four numbers of a row times four weights in each lane.
    template <int N>
    static INLINE void add_products(Integers (&sum)[N], const char *a, const char *w) {
#if defined(__AVX512VNNI__)
        __m512i x = _mm512_set1_epi32(integer_at(a));
#pragma GCC unroll 8
        for (int n = 0; n < N; n++)
            sum[n] = (Integers)_mm512_dpbusd_epi32((__m512i)sum[n], x,
                                                   (__m512i)load_integers(w + n * W * 4));
#elif defined(__AVX512BW__)
        __m512i even = _mm512_set1_epi32(integer_at(a)), odd = _mm512_set1_epi32(integer_at(a + 4));
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) {
            __m512i four = (__m512i)load_integers(w + n * W * 4);
            sum[n] +=
                (Integers)_mm512_madd_epi16(_mm512_srai_epi16(_mm512_slli_epi16(four, 8), 8), even);
            sum[n] += (Integers)_mm512_madd_epi16(_mm512_srai_epi16(four, 8), odd);
        }
#elif defined(__AVX2__)
        __m256i even = _mm256_set1_epi32(integer_at(a)), odd = _mm256_set1_epi32(integer_at(a + 4));
#pragma GCC unroll 8
        for (int n = 0; n < N; n++) {
            __m256i four = (__m256i)load_integers(w + n * W * 4);
            sum[n] +=
                (Integers)_mm256_madd_epi16(_mm256_srai_epi16(_mm256_slli_epi16(four, 8), 8), even);
            sum[n] += (Integers)_mm256_madd_epi16(_mm256_srai_epi16(four, 8), odd);
        }
#else
        const int16_t *x = reinterpret_cast<const int16_t *>(a);
        for (int n = 0; n < N; n++) {
            Integers four = load_integers(w + n * W * 4);
            sum[n] +=
                (four << 24 >> 24) * all_integers(x[0]) + (four << 8 >> 24) * all_integers(x[1]);
            sum[n] += (four << 16 >> 24) * all_integers(x[2]) + (four >> 24) * all_integers(x[3]);
        }
#endif
    }

    template <int R, int N>
    static void sums(const Operand &rows, long row, const Columns &columns, long block,
                     const char *workspace, Vector (*to)[N]) {
        constexpr int U = ways<R, N>();
        const long groups = (columns.inner + 3) / 4, first = columns.first(block);
        const float *scales = reinterpret_cast<const float *>(workspace) + first;
        const char *shifts = workspace + (columns.count() + first) * 4;
        const char *w = workspace + head_bytes(columns) + first * groups * 4,
                   *a = rows.rows + row * rows.stride;
        Integers sum[U][R][N] = {};
        auto group = [&](int u, long g) INLINE_LAMBDA {
#pragma GCC unroll 16
            for (int r = 0; r < R; r++)
                add_products<N>(sum[u][r], a + r * rows.stride + g * 4 * ROW_BYTES,
                                w + g * N * W * 4);
        };
        long g = 0;
        for (; g + U <= groups; g += U) {
#pragma GCC unroll 4
            for (int u = 0; u < U; u++) group(u, g + u);
        }
        for (; g < groups; g++) group(0, g);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++)
#pragma GCC unroll 8
            for (int n = 0; n < N; n++) {
                Integers total = sum[0][r][n];
                for (int u = 1; u < U; u++) total += sum[u][r][n];
                total -= load_integers(shifts + n * W * 4);
                to[r][n] = __builtin_convertvector(total, Vector) * load(scales + n * W) *
                           all(rows.scales[row + r]);
            }
    }
};

}  // namespace
