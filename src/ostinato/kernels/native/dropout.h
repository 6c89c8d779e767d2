// Dropout: units are set to zero, the rest is scaled up. The seed and a unit's index decide which,
// so that the backward pass draws the same units again and no mask is stored.
#pragma once
#include "auxiliary_call.h"
#include "parallel_for.h"

namespace {

// 32 pseudo-random bits of a counter (the finaliser of MurmurHash3, Appleby 2011), another sequence
// for each seed.
INLINE uint32_t drawn(uint32_t number, uint32_t low, uint32_t high) {
    uint32_t x = number * 0x9e3779b9u + low;
    x = (x ^ x >> 16) * 0x85ebca6bu ^ high;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return x ^ x >> 16;
}

void dropout(const Dropout &call) {
    parallel_for(call.threads, double(call.count), [&](int thread, int threads) {
        uint32_t low = uint32_t(call.seed), limit = uint32_t(call.limit);
        float scale = float(call.scale);
        for (int64_t block = thread; block << 12 < call.count; block += threads) {
            int64_t first = block << 12,
                    size = call.count - first < 4096 ? call.count - first : 4096;
            uint32_t high = uint32_t(call.seed >> 32) + uint32_t(first >> 32),
                     start = uint32_t(first);
            const float *from = call.input + first;
            float *to = call.output + first;
            for (uint32_t i = 0; i < uint32_t(size); i++) {
                float scaled = from[i] * scale;
                to[i] = drawn(start + i, low, high) < limit ? 0.0f : scaled;
            }
        }
    });
}

}  // namespace
