// What the kernels beside the recurrence are given, filled by name in Python (bindings.fill).
#pragma once
#include "fields.h"

// A linear-chain conditional random field: B rows of T steps, K labels.
#define CRF_FIELDS(FIELD)                                                                                              \
    FIELD(int64_t, threads) FIELD(int64_t, rows) FIELD(int64_t, steps) FIELD(int64_t, labels)                          \
    FIELD(const float *, emissions)  /* [B, T, K] */                                                                   \
    FIELD(const int64_t *, lengths)  /* [B] */                                                                         \
    FIELD(const int64_t *, targets)  /* [B, T]; null: only the logarithm of the sum over all paths is wanted */        \
    FIELD(const float *, start) FIELD(const float *, transitions) FIELD(const float *, end)  /* [K], [K, K], [K] */    \
    FIELD(double *, before)  /* [B, T, K]: the share of each label among all paths up to a step; null: not kept */     \
    FIELD(double *, here)  /* [B, T, K]: exp(emission - the highest one of the step); null: not kept */                \
    FIELD(float *, results)  /* [B]: log Z, or the score of the targets less log Z */                                  \
    /* the backward pass */                                                                                            \
    FIELD(const float *, gradient)  /* [B], of the results */                                                          \
    FIELD(float *, d_emissions)  /* [B, T, K] */                                                                       \
    FIELD(double *, sums)  /* [threads, K * K + 2 * K], zeros: of transitions, start and end */
struct Crf { CRF_FIELDS(DECLARE_FIELD) };

// A convolution over each word's characters, and the largest response of each filter: W words of at most C characters, F filters.
#define CHAR_FEATURES_FIELDS(FIELD)                                                                                    \
    FIELD(int64_t, threads) FIELD(int64_t, words) FIELD(int64_t, longest) FIELD(int64_t, width) FIELD(int64_t, filters) FIELD(int64_t, characters_known) \
    FIELD(const int64_t *, characters)  /* [W, C] */                                                                   \
    FIELD(const int64_t *, lengths)  /* [W] */                                                                         \
    FIELD(const float *, tables)  /* [width, characters_known, F]: what each character adds at each place of the window */ \
    FIELD(const float *, bias)  /* [F] */                                                                              \
    FIELD(float *, vectors)  /* [W, F] */                                                                              \
    FIELD(int32_t *, chosen)  /* [W, F]: the place of the window that won */                                           \
    /* the backward pass */                                                                                            \
    FIELD(const float *, d_vectors)  /* [W, F] */                                                                      \
    FIELD(float *, d_tables)  /* as tables, zeros */                                                                   \
    FIELD(float *, d_bias)  /* [F], zeros */
struct CharFeatures { CHAR_FEATURES_FIELDS(DECLARE_FIELD) };

// The first and the last `longest_affix` characters of each word, as numbers of buckets.
#define AFFIXES_FIELDS(FIELD)                                                                                          \
    FIELD(int64_t, words) FIELD(int64_t, longest) FIELD(int64_t, longest_affix) FIELD(int64_t, buckets) FIELD(int64_t, characters_known) \
    FIELD(const int64_t *, characters)  /* [W, C] */                                                                   \
    FIELD(const int64_t *, lengths)  /* [W] */                                                                         \
    FIELD(const int64_t *, folded)  /* [characters_known] */                                                           \
    FIELD(int64_t *, found)  /* [W, 2 * longest_affix] */
struct Affixes { AFFIXES_FIELDS(DECLARE_FIELD) };

// Adam over some rows of a table [V, D], each brought up to date from the step at which it stands.
#define LAZY_ADAM_FIELDS(FIELD)                                                                                        \
    FIELD(int64_t, threads) FIELD(int64_t, known) FIELD(int64_t, count) FIELD(int64_t, size)  /* known: V */           \
    FIELD(const int64_t *, index)  /* [count], what is no row being passed over; null: the first `count` rows */       \
    FIELD(float *, weight) FIELD(float *, mean) FIELD(float *, square)                                                 \
    FIELD(int64_t *, stands)  /* [V]: the step up to which a row has been brought */                                   \
    FIELD(const float *, gradient)  /* [count, D] of the step `now`; null: no row has one since it was brought here */ \
    FIELD(const float *, rates)  /* [.., 2] from step `first` on: the rate over the correction of the mean, 1 / root of that of the square */ \
    FIELD(int64_t, first) FIELD(int64_t, now)                                                                          \
    FIELD(double, beta1) FIELD(double, beta2) FIELD(double, epsilon)
struct LazyAdam { LAZY_ADAM_FIELDS(DECLARE_FIELD) };

// Dropout of `count` units.
#define DROPOUT_FIELDS(FIELD)                                                                                          \
    FIELD(int64_t, threads) FIELD(int64_t, count) FIELD(int64_t, seed)                                                 \
    FIELD(int64_t, limit)  /* 32 bits drawn below it: the unit is dropped */                                           \
    FIELD(double, scale)  /* of those that stay */                                                                     \
    FIELD(const float *, input)                                                                                         \
    FIELD(float *, output)
struct Dropout { DROPOUT_FIELDS(DECLARE_FIELD) };

struct AuxiliaryTable {
    const char *name;
    bool (*crf_forward)(const Crf &);
    void (*crf_backward)(const Crf &);
    bool (*char_features_forward)(const CharFeatures &);
    void (*char_features_backward)(const CharFeatures &);
    bool (*affixes)(const Affixes &);
    void (*lazy_adam)(const LazyAdam &);
    void (*dropout)(const Dropout &);
};
