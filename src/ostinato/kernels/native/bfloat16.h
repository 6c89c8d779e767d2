// What the products' factors are: float32, or pairs of bfloat16 where the file is compiled for
// AVX-512 BF16. Sums are float32 in either case.
//
// A packed weight and a prepared row are addressed in floats by everything that uses them: with
// bfloat16 each such float is a pair, the numbers k and k + 1 of the inner dimension, and a row of K
// numbers is depth(K) of them. An odd K is filled up with a zero.
#pragma once
#include <cstdlib>

#include "simd.h"

namespace {

// The left matrix: rows at a, a + stride, ...; of each row `width` numbers and, `gap` numbers
// later, `more` others.
struct Left {
    const float *a;
    long stride, width, gap, more;
};

#if defined(__AVX512BF16__)

constexpr int PAIR = 2;  // numbers of the inner dimension that one lane holds
INLINE long depth(long k) { return (k + 1) / 2; }

// sum + the two products of each lane
INLINE Vector multiply_add(Vector sum, Vector x, Vector y) {
    return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)x, (__m512bh)y);
}

// The pair at `from` in every lane; arithmetic would change the bits of one that is not a number.
INLINE Vector broadcast(const float *from) {
    int32_t bits;
    memcpy(&bits, from, 4);
    return (Vector)_mm512_set1_epi32(bits);
}

// 16 numbers, rounded to the nearest (ties to even), in the lower halves of 16 lanes.
INLINE __m512i rounded(Vector v) {
    return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)v));
}

// Lane by lane a pair of a number of `first` and one of `second`.
INLINE Vector paired(Vector first, Vector second) {
    return (Vector)_mm512_or_si512(rounded(first), _mm512_slli_epi32(rounded(second), 16));
}

// 16 pairs from n <= 32 numbers one after another; the rest is zero.
INLINE Vector numbers_from(const float *from, long n) {
    Vector first = load(from, n < W ? n : W), second = n > W ? load(from + W, n - W) : Vector{};
    return (Vector)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
}

// The first `lanes` numbers of a row, paired with those of the next row if `rows` > 1.
INLINE Vector column_of(const float *from, long stride, long rows, long lanes) {
    return paired(load(from, lanes), rows > 1 ? load(from + stride, lanes) : Vector{});
}

// Memory of a thread for its rows in bfloat16, which grows as it must.
struct Scratch {
    float *data = nullptr;
    long size = 0;
    ~Scratch() { free(data); }
    float *of(long wanted) {
        if (wanted > size) {
            free(data);
            data = static_cast<float *>(aligned_alloc(64, (wanted * 4 + 63) / 64 * 64));
            if (!data) abort();
            size = wanted;
        }
        return data;
    }
};

// Writes `count` numbers from number `at` of a row of pairs on; `at` may be odd.
inline void append(const float *from, long count, uint16_t *row, long at) {
    uint16_t *to = row + at;
    for (long i = 0; i < count; i += W) {
        long lanes = count - i < W ? count - i : W;
        __m256i numbers = (__m256i)_mm512_cvtneps_pbh((__m512)load(from + i, lanes));
        _mm256_mask_storeu_epi16(to + i, (__mmask16)((1u << lanes) - 1), numbers);
    }
}

// The rows as the products read them: rounded once, used for every block of columns.
inline Left prepared(const Left &left, long rows) {
    static thread_local Scratch scratch;
    long numbers = left.width + left.more;
    // rows begin at a cache line, and keep off one another's cache sets
    long stride = (depth(numbers) + W - 1) / W * W + W;
    float *to = scratch.of(rows * stride + 1);
    for (long r = 0; r < rows; r++) {
        uint16_t *row = reinterpret_cast<uint16_t *>(to + r * stride);
        const float *from = left.a + r * left.stride;
        append(from, left.width, row, 0);
        if (left.more) append(from + left.width + left.gap, left.more, row, left.width);
        if (numbers % 2) row[numbers] = 0;
    }
    return {to, stride, depth(numbers), 0, 0};
}

#else

constexpr int PAIR = 1;
INLINE long depth(long k) { return k; }
INLINE Vector multiply_add(Vector sum, Vector x, Vector y) { return sum + x * y; }
INLINE Vector broadcast(const float *from) { return all(*from); }
INLINE Vector numbers_from(const float *from, long n) { return load(from, n); }
INLINE Vector column_of(const float *from, long, long, long lanes) { return load(from, lanes); }
INLINE const Left &prepared(const Left &left, long) { return left; }

#endif

}  // namespace
