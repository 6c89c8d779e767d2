// One vector of floats, as wide as the instruction set this file is compiled for, and the functions
// of gates.
//
// The formulas are written once, with the compilers' vector types (GCC, Clang); the flags of each
// .cpp file decide what they become: 16 floats in an AVX-512 register, 8 in an AVX2 one, 4 in
// NEON's or SSE's.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int W = 16, REGISTERS = 32;
#elif defined(__AVX2__)
constexpr int W = 8, REGISTERS = 16;
#elif defined(__aarch64__)
constexpr int W = 4, REGISTERS = 32;
#else
constexpr int W = 4, REGISTERS = 16;
#endif

typedef float Vector __attribute__((vector_size(W * 4)));
typedef int32_t Integers __attribute__((vector_size(W * 4)));
typedef float Unaligned __attribute__((vector_size(W * 4), aligned(4), may_alias));

#define INLINE inline __attribute__((always_inline))
#define NOT_INLINE __attribute__((noinline))
#define INLINE_LAMBDA __attribute__((always_inline))

INLINE Vector load(const float *from) { return *reinterpret_cast<const Unaligned *>(from); }
INLINE void store(float *to, Vector v) { *reinterpret_cast<Unaligned *>(to) = v; }
INLINE Vector all(float x) { return x - Vector{}; }

// The first n <= W floats; the rest reads as zero and is not written.
INLINE Vector load(const float *from, long n) {
    if (__builtin_expect(n == W, 1)) return load(from);
#if defined(__AVX512F__)
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), from);
#else
    Vector v{};
    for (long i = 0; i < n; i++) v[i] = from[i];
    return v;
#endif
}

INLINE void store(float *to, Vector v, long n) {
    if (__builtin_expect(n == W, 1)) return store(to, v);
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << n) - 1), v);
#else
    for (long i = 0; i < n; i++) to[i] = v[i];
#endif
}

// min and max that hand a NaN in x on.
INLINE Vector at_most(Vector x, Vector limit) {
#if defined(__AVX512F__)
    return _mm512_min_ps(limit, x);
#else
    return limit < x ? limit : x;
#endif
}

INLINE Vector at_least(Vector x, Vector limit) {
#if defined(__AVX512F__)
    return _mm512_max_ps(limit, x);
#else
    return limit > x ? limit : x;
#endif
}

// 2^x for x in -126..126 (beyond: the value at the border): 2^n * 2^f with f in -0.5..0.5 by a
// polynomial of degree 5 whose largest relative error is 9e-08.
INLINE Vector power_of_two(Vector x) {
    x = at_least(at_most(x, all(126.0f)), all(-126.0f));
#if defined(__AVX512F__)
    Vector n = _mm512_roundscale_ps(x, 0);
#else
    Vector shifted = x + all(12582912.0f);  // 1.5 * 2^23: the addition rounds to a whole number
    Vector n = shifted - all(12582912.0f);
#endif
    Vector f = x - n;
    Vector p = all(0.00132647261f);
    p = p * f + all(0.00967151299f);
    p = p * f + all(0.0555073358f);
    p = p * f + all(0.240222424f);
    p = p * f + all(0.693147004f);
    p = p * f + all(1.0f);
#if defined(__AVX512F__)
    return _mm512_scalef_ps(p, n);
#else
    return (Vector)((Integers)p + ((Integers)shifted << 23));
#endif
}

constexpr float LOG2_E = 1.44269504f;

INLINE Vector sigmoid(Vector x) { return all(1.0f) / (all(1.0f) + power_of_two(x * all(-LOG2_E))); }

INLINE Vector tanh(Vector x) {
    Vector e = power_of_two(x * all(-2.0f * LOG2_E));
    return (all(1.0f) - e) / (all(1.0f) + e);
}

}  // namespace
