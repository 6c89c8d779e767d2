// Adam (Kingma and Ba 2015) over the rows of a table that a batch has read. A row that was not read
// has had gradients of zero since: when it is next read, it takes the steps that it has missed,
// with its numbers in registers.
#pragma once
#include <algorithm>
#include <cmath>

#include "blocks.h"
#include "auxiliary_call.h"
#include "parallel_for.h"

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

constexpr float NOTHING =
    1e-36f;  // smaller ones count as zero, before they become denormal and slow

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

constexpr long LOOKS = 8;  // steps from one look at whether weights still change to the next

// The steps begin .. end - 1 with gradients of zero, of N vectors at a time, whose chains of
// operations overlap. Once the steps have become too small to change a weight, they stay so.
template <int N>
INLINE void catch_up(Moments *now, const LazyAdam &call, long begin, long end, float keep1,
                     float keep2) {
    Integers moves{}, known{};
    for (int n = 0; n < N; n++)
        moves |= now[n].mean != Vector{}, known |= now[n].square != Vector{};
    bool moving = any(moves);
    if (!moving && !any(known)) return;
    for (long step = begin; step < end; step++) {
        const float *rates = call.rates + 2 * (step - call.first);
        moves = Integers{};
#pragma GCC unroll 4
        for (int n = 0; n < N; n++) {
            now[n].mean = without_the_smallest(now[n].mean * all(keep1));
            now[n].square = without_the_smallest(now[n].square * all(keep2));
            if (!moving) continue;
            Vector before = now[n].weight;
            now[n].weight -= step_of(now[n], rates, float(call.epsilon));
            moves |= before != now[n].weight;
        }
        if (step % LOOKS == 0 && moving) moving = any(moves);
    }
}

template <int N>
INLINE void adam_vectors(const LazyAdam &call, long first, const float *gradient, long size,
                         long begin, long end) {
    float keep1 = float(call.beta1), keep2 = float(call.beta2), more1 = float(1 - call.beta1),
          more2 = float(1 - call.beta2);
    Moments now[N];
    for (int n = 0; n < N; n++) {
        long at = first + n * W, lanes = at_most(W, size - n * W);
        now[n] = {load(call.weight + at, lanes), load(call.mean + at, lanes),
                  load(call.square + at, lanes)};
    }
    catch_up<N>(now, call, begin, end, keep1, keep2);
    for (int n = 0; n < N; n++) {
        long at = first + n * W, lanes = at_most(W, size - n * W);
        if (gradient) {
            Vector change = load(gradient + n * W, lanes);
            now[n].mean += (change - now[n].mean) * all(more1);
            now[n].square = now[n].square * all(keep2) + change * change * all(more2);
            now[n].weight -=
                step_of(now[n], call.rates + 2 * (call.now - call.first), float(call.epsilon));
        }
        store(call.weight + at, now[n].weight, lanes);
        store(call.mean + at, now[n].mean, lanes);
        store(call.square + at, now[n].square, lanes);
    }
}

inline void adam_row(const LazyAdam &call, long row, const float *gradient) {
    long begin = call.last_step[row] + 1, end = gradient ? call.now : call.now + 1;
    if (begin >= end && !gradient) return;
    Blocks blocks{long(call.size), 4};
    for (long block = 0; block < blocks.count(); block++)
        with_size(blocks.size(block), [&](auto N) {
            long from = blocks.first(block) * W;
            adam_vectors<N>(call, row * call.size + from, gradient ? gradient + from : nullptr,
                            call.size - from, begin, end);
        });
    call.last_step[row] = call.now;
}

// Each thread has rows of its own, since an index may name a row more than once.
void lazy_adam(const LazyAdam &call) {
    parallel_for(call.threads, double(call.count) * call.size, [&](int thread, int threads) {
        for (long i = 0; i < call.count; i++) {
            long row = call.index ? call.index[i] : i;
            if (row >= 0 && row < call.known && row % threads == thread)
                adam_row(call, row, call.gradient ? call.gradient + i * call.size : nullptr);
        }
    });
}

}  // namespace
