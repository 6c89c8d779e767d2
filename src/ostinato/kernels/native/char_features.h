// From a word's characters to the largest response of each filter, and to the numbers of its first
// and last letters.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>

#include "auxiliary_call.h"
#include "parallel_for.h"

namespace {

inline bool known(const int64_t *characters, long length, long count) {
    for (long position = 0; position < length; position++)
        if (characters[position] < 0 || characters[position] >= count) return false;
    return true;
}

// Filters `from` .. `from + n` of one word: the response at each place of the window, and where it
// is largest.
inline void respond(const CharFeatures &call, const int64_t *characters, long length, long from,
                    long n, float *to, int32_t *chosen) {
    long margin = call.width / 2;
    Vector best = all(-INFINITY), bias = load(call.bias + from, n);
    Integers at{};
    for (long position = 0; position < length; position++) {
        Vector sum = bias;
        for (long k = 0; k < call.width; k++) {
            long where = position - margin + k;
            if (where < 0 || where >= length) continue;
            sum += load(
                call.tables + (k * call.characters_known + characters[where]) * call.filters + from,
                n);
        }
        auto better = sum > best;
        at = better ? Integers{} + int32_t(position) : at;
        best = better ? sum : best;
    }
    store(to + from, tanh(best), n);
    for (long i = 0; i < n; i++) chosen[from + i] = at[i];
}

// Whether every character was known.
bool char_features_forward(const CharFeatures &call) {
    std::atomic<bool> fine{true};
    double operations = double(call.words) * call.longest * call.width * call.filters / W;
    parallel_for(call.threads, operations, [&](int thread, int threads) {
        for (long word = thread; word < call.words; word += threads) {
            const int64_t *characters = call.characters + word * call.longest;
            if (!known(characters, call.lengths[word], call.characters_known)) {
                fine = false;
                continue;
            }
            for (long from = 0; from < call.filters; from += W)
                respond(call, characters, call.lengths[word], from,
                        std::min<long>(W, call.filters - from), call.vectors + word * call.filters,
                        call.chosen + word * call.filters);
        }
    });
    return fine;
}

// Each thread has filters of its own, so that no two add to one number.
void char_features_backward(const CharFeatures &call) {
    long margin = call.width / 2;
    parallel_for(call.threads, double(call.words) * call.width * call.filters,
                 [&](int thread, int threads) {
                     long first = call.filters * thread / threads,
                          end = call.filters * (thread + 1) / threads;
                     for (long word = 0; word < call.words; word++) {
                         const int64_t *characters = call.characters + word * call.longest;
                         long length = call.lengths[word], row = word * call.filters;
                         for (long i = first; length && i < end; i++) {
                             float value = call.vectors[row + i],
                                   gradient = call.d_vectors[row + i] * (1 - value * value);
                             call.d_bias[i] += gradient;
                             for (long k = 0; k < call.width; k++) {
                                 long where = call.chosen[row + i] - margin + k;
                                 if (where < 0 || where >= length || !characters[where])
                                     continue;  // padding learns nothing
                                 call.d_tables[(k * call.characters_known + characters[where]) *
                                                   call.filters +
                                               i] += gradient;
                             }
                         }
                     }
                 });
}

// Words stand between two marks; what is longer than a word counts as the word. Whether every
// character was known.
bool affixes(const Affixes &call) {
    for (long word = 0; word < call.words; word++) {
        const int64_t *characters = call.characters + word * call.longest;
        if (!known(characters, std::min(call.lengths[word], call.longest), call.characters_known))
            return false;
        long last = std::max<long>(call.lengths[word] - 2, 0);
        int64_t *to = call.found + word * 2 * call.longest_affix;
        for (long side = 0; side < 2; side++) {
            int64_t code = side + 1;
            for (long i = 0; i < call.longest_affix; i++) {
                long where = side ? last - i : 1 + i;
                int64_t letter = where >= 1 && where <= last ? call.folded[characters[where]] : 0;
                code = (code * 1000003 + letter) % 2147483647;
                *to++ = 1 + (code ^ (code >> 13)) % call.buckets;
            }
        }
    }
    return true;
}

}  // namespace
