// What the functions around a tagger's recurrence are given: plain numbers and pointers, in the order of kernels/crf.py,
// kernels/char_features.py and kernels/lazy_adam.py.
#pragma once
#include <cstdint>

// A linear-chain conditional random field: B rows of T steps, K labels.
struct Chain {
    int64_t threads, rows, steps, labels;
    const float *emissions;                 // [B, T, K]
    const int64_t *lengths;                 // [B]
    const int64_t *targets;                 // [B, T]; null: only the logarithm of the sum over all paths is wanted
    const float *start, *transitions, *end; // [K], [K, K], [K]
    double *before;                         // [B, T, K]: the share of each label among all paths up to a step; null: not kept
    double *here;                           // [B, T, K]: exp(emission - the highest one of the step); null: not kept
    float *results;                         // [B]: log Z, or the score of the targets less log Z
    // the backward pass
    const float *gradient;  // [B], of the results
    float *d_emissions;     // [B, T, K]
    double *sums;           // [threads, K * K + 2 * K], zeros: of transitions, start and end
};

// A convolution over each word's characters, and the largest response of each filter: W words of at most C characters, F filters.
struct Spelled {
    int64_t threads, words, longest, width, filters, characters_known;
    const int64_t *characters;  // [W, C]
    const int64_t *lengths;     // [W]
    const float *tables;        // [width, characters_known, F]: what each character adds at each place of the window
    const float *bias;          // [F]
    float *vectors;             // [W, F]
    int32_t *chosen;            // [W, F]: the place of the window that won
    // the backward pass
    const float *d_vectors;  // [W, F]
    float *d_tables;         // as tables, zeros
    float *d_bias;           // [F], zeros
};

// The first and the last `longest_affix` characters of each word, as numbers of buckets.
struct Affixes {
    int64_t words, longest, longest_affix, buckets, characters_known;
    const int64_t *characters;  // [W, C]
    const int64_t *lengths;     // [W]
    const int64_t *folded;      // [characters_known]
    int64_t *found;             // [W, 2 * longest_affix]
};

// Adam over some rows of a table [V, D], each brought up to date from the step at which it stands.
struct Rows {
    int64_t threads, known, count, size;  // known: V
    const int64_t *index;  // [count], what is no row being passed over; null: the first `count` rows
    float *weight, *mean, *square;
    int64_t *stands;        // [V]: the step up to which a row has been brought
    const float *gradient;  // [count, D] of the step `now`; null: no row has one since it was brought here
    const float *rates;     // [.., 2] from step `first` on: the rate over the correction of the mean, 1 / root of that of the square
    int64_t first, now;
    double beta1, beta2, epsilon;
};

// Dropout of `count` units.
struct Drop {
    int64_t threads, count, seed;
    int64_t limit;  // 32 bits drawn below it: the unit is dropped
    double scale;   // of those that stay
    const float *from;
    float *to;
};

struct SequenceTable {
    const char *name;
    bool (*chain_forward)(const Chain &);
    void (*chain_backward)(const Chain &);
    bool (*spelled_forward)(const Spelled &);
    void (*spelled_backward)(const Spelled &);
    bool (*affixes)(const Affixes &);
    void (*rows)(const Rows &);
    void (*drop)(const Drop &);
};
