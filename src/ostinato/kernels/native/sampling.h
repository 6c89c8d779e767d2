// From logits to a token: the likeliest, or one drawn as the probabilities have it, sharpened or
// cut if so asked. The same as decoding/sample.py: the inverse of the cumulative distribution at a
// random number.
#pragma once
#include <algorithm>
#include <cmath>

#include "blocks.h"
#include "token_step_call.h"

namespace {

constexpr long PART = 256, FIRST = 64;

inline long parts_of(long size) { return (size + PART - 1) / PART; }

// The largest number of a row; NaN if one of them is none.
inline float largest_of(const float *z, long size) {
    Vector most = all(-INFINITY);
    Integers strange{};
    long whole = size - size % W;
    for (long i = 0; i < whole; i += W) {
        Vector x = load(z + i);
        strange |= (Integers)(x != x);
        most = x > most ? x : most;
    }
    float largest = -INFINITY;
    bool bad = false;
    for (int lane = 0; lane < W; lane++) {
        bad = bad || strange[lane];
        largest = most[lane] > largest ? most[lane] : largest;
    }
    for (long i = whole; i < size; i++) {
        bad = bad || z[i] != z[i];
        largest = z[i] > largest ? z[i] : largest;
    }
    return bad ? NAN : largest;
}

// e^((z - largest) / temperature) of up to W numbers, zero beyond them and where it is next to
// nothing.
INLINE Vector exponential(const float *z, long lanes, float largest, float scale) {
    Vector x = (load(z, lanes) - all(largest)) * all(scale);
    Vector e = x < all(-126.0f) ? Vector{} : power_of_two(x);
    if (__builtin_expect(lanes < W, 0))
        for (long lane = lanes; lane < W; lane++) e[lane] = 0;
    return e;
}

// Drawn among all: z becomes the exponentials; `sums` holds one number for each part.
inline long draw_among_all(float *z, long size, float largest, double temperature, double chance,
                           double *sums) {
    const float scale = float(LOG2_E / temperature);
    double total = 0;
    for (long part = 0; part < parts_of(size); part++) {
        Vector sum{};
        for (long i = part * PART; i < at_most(size, (part + 1) * PART); i += W) {
            long lanes = at_most(W, size - i);
            Vector e = exponential(z + i, lanes, largest, scale);
            store(z + i, e, lanes);
            sum += e;
        }
        for (int lane = 0; lane < W; lane++) total += sum[lane];
        sums[part] = total;
    }
    double wanted = chance * total;
    long part = std::upper_bound(sums, sums + parts_of(size) - 1, wanted) - sums;
    double reached = part ? sums[part - 1] : 0;
    long i = part * PART, end = at_most(size, i + PART) - 1;
    for (reached += z[i]; i < end && reached <= wanted; reached += z[i]) i++;
    while (z[i] == 0) i--;  // where rounding has carried it beyond the last that may be drawn
    return i;
}

// Drawn among the likeliest: `candidates` holds all ids.
inline long draw_among_some(const float *z, long size, float largest, const Drawing &how,
                            double chance, int32_t *candidates) {
    auto weight = [&](long i) { return std::exp((double(z[i]) - largest) / how.temperature); };
    auto before = [z](int32_t a, int32_t b) { return z[a] > z[b] || (z[a] == z[b] && a < b); };
    long count = 0, sorted = 0;
    double mass = 0;
    if (how.top_k && how.top_k < size) {
        for (long i = 0; i < size; i++) candidates[i] = int32_t(i);
        count = sorted = how.top_k;
        std::partial_sort(candidates, candidates + count, candidates + size, before);
        for (long i = 0; i < count; i++) mass += weight(candidates[i]);
    } else {
        const float scale = float(LOG2_E / how.temperature);
        Vector sums{};
        for (long i = 0; i < size; i += W)
            sums += exponential(z + i, at_most(W, size - i), largest, scale);
        for (int lane = 0; lane < W; lane++) mass += sums[lane];
        // all below this together have less than what is left out
        double least =
            largest +
            how.temperature * std::log(std::max(0.5 * (1 - how.top_p) * mass / size, 1e-300));
        for (long i = 0; i < size; i++) {
            candidates[count] = int32_t(i);
            count += z[i] > least;
        }
    }
    double reached = 0;
    long nucleus = 0;
    for (; nucleus < count && (nucleus == 0 || how.top_p >= 1 || reached < how.top_p * mass);
         nucleus++) {
        if (nucleus == sorted) {
            long next = at_most(count, sorted ? 8 * sorted : FIRST);
            std::partial_sort(candidates + sorted, candidates + next, candidates + count, before);
            sorted = next;
        }
        reached += weight(candidates[nucleus]);
    }
    double wanted = chance * reached, passed = 0;
    long found = candidates[0];
    for (long i = 0; i < nucleus && passed <= wanted; i++) {
        double own = weight(candidates[i]);
        if (own > 0) found = candidates[i];
        passed += own;
    }
    return found;
}

inline long draw_bytes(long size) { return parts_of(size) * 8 + (size + 1) * 4 + 64; }

// One row; the logits are used up. -1 if they are NaN, +inf, or nothing but -inf.
NOT_INLINE long draw(float *z, long size, const Drawing &how, double chance, char *workspace) {
    for (long i = 0; i < how.forbidden_count; i++) z[how.forbidden[i]] = -INFINITY;
    float largest = largest_of(z, size);
    if (!std::isfinite(largest)) return -1;
    if (how.temperature == 0 || how.top_p == 0) return std::find(z, z + size, largest) - z;
    double *sums = reinterpret_cast<double *>(workspace);
    if (how.top_k == 0 && how.top_p >= 1)
        return draw_among_all(z, size, largest, how.temperature, chance, sums);
    return draw_among_some(z, size, largest, how, chance,
                           reinterpret_cast<int32_t *>(workspace + parts_of(size) * 8));
}

}  // namespace
