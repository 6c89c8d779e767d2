// From logits to their cross-entropy and its gradient, in place.
#pragma once
#include <cmath>

#include "blocks.h"
#include "parallel.h"

namespace {

INLINE float sum_of(Vector v) {
    float sum = 0;
    for (int i = 0; i < W; i++) sum += v[i];
    return sum;
}

// One row: the loss is returned; the logits z become softmax(z) - ((1 - e) one-hot + e / V) if the
// gradient is wanted.
inline float cross_entropy(float *z, long size, int64_t target, float smoothing, bool gradient) {
    Vector most = all(z[0]), total{};
    for (long i = 0; i < size; i += W) {
        long lanes = at_most(W, size - i);
        Vector x = load(z + i, lanes);
        total += x;
        if (lanes == W) most = at_least(x, most);
    }
    float largest = most[0];
    for (int i = 1; i < W; i++) largest = most[i] > largest ? most[i] : largest;
    for (long i = size - size % W; i < size; i++) largest = z[i] > largest ? z[i] : largest;
    Vector sums{}, shift = all(largest);
    float sum = 0, right = z[target];
    for (long i = 0; i < size; i += W) {
        long lanes = at_most(W, size - i);
        Vector e = power_of_two((load(z + i, lanes) - shift) * all(LOG2_E));
        if (lanes < W) {
            for (long j = 0; j < lanes; j++) sum += e[j];
        } else {
            sums += e;
        }
        if (gradient) store(z + i, e, lanes);
    }
    sum += sum_of(sums);
    float loss =
        std::log(sum) + largest - (1 - smoothing) * right - smoothing * (sum_of(total) / size);
    if (gradient) {
        Vector scale = all(1 / sum), less = all(smoothing / size);
        for (long i = 0; i < size; i += W) {
            long lanes = at_most(W, size - i);
            store(z + i, load(z + i, lanes) * scale - less, lanes);
        }
        z[target] -= 1 - smoothing;
    }
    return loss;
}

inline void cross_entropies(const Softmax &call) {
    Call how{};
    how.threads = call.threads;
    how.split = BY_ROWS;
    in_parallel(&how, 1, Size{1, 0}, [&](const Call &, const Share &share) {
        for (long row = share.thread; row < call.rows; row += share.threads)
            call.losses[row] = cross_entropy(call.logits + row * call.columns, call.columns,
                                             call.targets[row], *call.smoothing, call.gradient);
    });
}

}  // namespace
