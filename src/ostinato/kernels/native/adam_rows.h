// Adam (Kingma and Ba 2015) over the rows of a table that a batch has read. A row that was not read has had gradients of zero
// since: it is brought up to date by the very steps that it has missed, with its numbers in registers, when it is next read.
#pragma once
#include <algorithm>
#include <cmath>

#include "sequence_call.h"
#include "share.h"

namespace {

INLINE Vector root(Vector x) {
#if defined(__AVX512F__)
    return _mm512_sqrt_ps(x);
#elif defined(__AVX2__)
    return _mm256_sqrt_ps(x);
#else
    for (int i = 0; i < W; i++) x[i] = std::sqrt(x[i]);
    return x;
#endif
}

INLINE bool any(Integers set) {
    int32_t found = 0;
    for (int i = 0; i < W; i++) found |= set[i];
    return found;
}

constexpr float NOTHING = 1e-36f;  // smaller ones count as zero, before they become slow to reckon with

INLINE Vector without_the_smallest(Vector x) {
    auto small = (x < all(NOTHING)) & (x > all(-NOTHING));
    return small ? Vector{} : x;
}

struct Moments {
    Vector weight, mean, square;
};

INLINE Vector step_of(const Moments &now, const float *rates, float epsilon) {
    return now.mean * all(rates[0]) / (root(now.square) * all(rates[1]) + all(epsilon));
}

// The steps first .. end - 1 with gradients of zero. Once they have become too small to change a weight, they stay so.
INLINE void catch_up(Moments &now, const Rows &call, long begin, long end, float keep1, float keep2) {
    bool moving = any(now.mean != Vector{});
    if (!moving && !any(now.square != Vector{})) return;
    for (long step = begin; step < end; step++) {
        now.mean = without_the_smallest(now.mean * all(keep1));
        now.square = without_the_smallest(now.square * all(keep2));
        if (!moving) continue;
        Vector before = now.weight;
        now.weight -= step_of(now, call.rates + 2 * (step - call.first), float(call.epsilon));
        moving = any(before != now.weight);
    }
}

inline void adam_row(const Rows &call, long row, const float *gradient) {
    float keep1 = float(call.beta1), keep2 = float(call.beta2), more1 = float(1 - call.beta1), more2 = float(1 - call.beta2);
    long begin = call.stands[row] + 1, end = gradient ? call.now : call.now + 1, place = row * call.size;
    if (begin >= end && !gradient) return;
    for (long i = 0; i < call.size; i += W) {
        long n = std::min<long>(W, call.size - i);
        Moments now{load(call.weight + place + i, n), load(call.mean + place + i, n), load(call.square + place + i, n)};
        catch_up(now, call, begin, end, keep1, keep2);
        if (gradient) {
            Vector change = load(gradient + i, n);
            now.mean += (change - now.mean) * all(more1);
            now.square = now.square * all(keep2) + change * change * all(more2);
            now.weight -= step_of(now, call.rates + 2 * (call.now - call.first), float(call.epsilon));
        }
        store(call.weight + place + i, now.weight, n);
        store(call.mean + place + i, now.mean, n);
        store(call.square + place + i, now.square, n);
    }
    call.stands[row] = call.now;
}

// Each thread has rows of its own, since an index may name a row more than once.
void adam_rows(const Rows &call) {
    shared_out(call.threads, double(call.count) * call.size, [&](int thread, int threads) {
        for (long i = 0; i < call.count; i++) {
            long row = call.index ? call.index[i] : i;
            if (row >= 0 && row < call.known && row % threads == thread) adam_row(call, row, call.gradient ? call.gradient + i * call.size : nullptr);
        }
    });
}

}  // namespace
