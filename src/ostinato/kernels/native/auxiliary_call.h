// The arguments of the kernels beside the recurrence, filled by name in Python (bindings.fill).
#pragma once
#include "fields.h"

// A linear-chain conditional random field: B rows of T steps, K labels.
// clang-format off
#define CRF_FIELDS(FIELD) \
    FIELD(int64_t, threads) FIELD(int64_t, rows) FIELD(int64_t, steps) FIELD(int64_t, labels) \
    FIELD(Span<const float>, emissions)  /* [B, T, K] */ \
    FIELD(Span<const int64_t>, lengths)  /* [B] */ \
    FIELD(Span<const int64_t>, targets)  /* [B, T]; null: only log Z is computed */ \
    FIELD(Span<const float>, start) FIELD(Span<const float>, transitions) \
    FIELD(Span<const float>, end)  /* [K], [K, K], [K] */ \
    FIELD(Span<double>, before)  /* [B, T, K]: forward probabilities; or null */ \
    FIELD(Span<double>, here)  /* [B, T, K]: exp(emission - highest of the step); or null */ \
    FIELD(Span<float>, results)  /* [B]: log Z, or the score of the targets less log Z */ \
    /* the backward pass */ \
    FIELD(Span<const float>, gradient)  /* [B], of the results */ \
    FIELD(Span<float>, d_emissions)  /* [B, T, K] */ \
    FIELD(Span<double>, sums)  /* [threads, K * K + 2 * K], zeros: d potentials */
// clang-format on
struct Crf {
    CRF_FIELDS(DECLARE_FIELD)
};

// A convolution over each word's characters, and the largest response of each filter: W words of at
// most C characters, F filters.
// clang-format off
#define CHAR_FEATURES_FIELDS(FIELD) \
    FIELD(int64_t, threads) FIELD(int64_t, words) FIELD(int64_t, longest) FIELD(int64_t, width) \
    FIELD(int64_t, filters) FIELD(int64_t, characters_known) \
    FIELD(Span<const int64_t>, characters)  /* [W, C] */ \
    FIELD(Span<const int64_t>, lengths)  /* [W] */ \
    FIELD(Span<const float>, tables)  /* [width, characters_known, F]: each one's response */ \
    FIELD(Span<const float>, bias)  /* [F] */ \
    FIELD(Span<float>, vectors)  /* [W, F] */ \
    FIELD(Span<int32_t>, chosen)  /* [W, F]: the position of the largest response */ \
    /* the backward pass */ \
    FIELD(Span<const float>, d_vectors)  /* [W, F] */ \
    FIELD(Span<float>, d_tables)  /* as tables, zeros */ \
    FIELD(Span<float>, d_bias)  /* [F], zeros */
// clang-format on
struct CharFeatures {
    CHAR_FEATURES_FIELDS(DECLARE_FIELD)
};

// The first and the last `longest_affix` characters of each word, as numbers of buckets.
// clang-format off
#define AFFIXES_FIELDS(FIELD) \
    FIELD(int64_t, words) FIELD(int64_t, longest) FIELD(int64_t, longest_affix) \
    FIELD(int64_t, buckets) FIELD(int64_t, characters_known) \
    FIELD(Span<const int64_t>, characters)  /* [W, C] */ \
    FIELD(Span<const int64_t>, lengths)  /* [W] */ \
    FIELD(Span<const int64_t>, folded)  /* [characters_known] */ \
    FIELD(Span<int64_t>, found)  /* [W, 2 * longest_affix] */
// clang-format on
struct Affixes {
    AFFIXES_FIELDS(DECLARE_FIELD)
};

// Adam over some rows of a table [V, D], each from the last step that it has taken.
// clang-format off
#define LAZY_ADAM_FIELDS(FIELD) \
    FIELD(int64_t, threads) FIELD(int64_t, known) FIELD(int64_t, count) FIELD(int64_t, size) \
    /* known: V */ \
    FIELD(Span<const int64_t>, index)  /* [count], others than rows are skipped; null: all */ \
    FIELD(Span<float>, weight) FIELD(Span<float>, mean) FIELD(Span<float>, square) \
    FIELD(Span<int64_t>, last_step)  /* [V]: the last step of each row */ \
    FIELD(Span<const float>, gradient)  /* [count, D], of the step `now`; or null */ \
    FIELD(Span<const float>, rates)  /* [.., 2], of each step from `first` on */ \
    FIELD(int64_t, first) FIELD(int64_t, now) \
    FIELD(double, beta1) FIELD(double, beta2) FIELD(double, epsilon)
// clang-format on
struct LazyAdam {
    LAZY_ADAM_FIELDS(DECLARE_FIELD)
};

// Dropout of `count` units.
// clang-format off
#define DROPOUT_FIELDS(FIELD) \
    FIELD(int64_t, threads) FIELD(int64_t, count) FIELD(int64_t, seed) \
    FIELD(int64_t, limit)  /* 32 bits drawn below it: the unit is dropped */ \
    FIELD(double, scale)  /* of those that stay */ \
    FIELD(Span<const float>, input) \
    FIELD(Span<float>, output)
// clang-format on
struct Dropout {
    DROPOUT_FIELDS(DECLARE_FIELD)
};

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
