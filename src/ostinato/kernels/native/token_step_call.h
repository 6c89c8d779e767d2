// The arguments of a language model's step: a token of each row in, logits out, and tokens drawn
// from them. Filled by name in Python (bindings.fill).
#pragma once
#include "layer_step_call.h"

// A linear layer after the recurrent ones; the same from call to call.
// clang-format off
#define DENSE_FIELDS(FIELD) \
    FIELD(int64_t, inner) FIELD(int64_t, outer) \
    FIELD(Span<const float>, weight)  /* [outer, inner] */ \
    FIELD(Span<const float>, bias)  /* [outer] or null */ \
    FIELD(Span<char>, packed)
// clang-format on
struct Dense {
    DENSE_FIELDS(DECLARE_FIELD)
};

// How a token is drawn from logits.
// clang-format off
#define DRAWING_FIELDS(FIELD) \
    FIELD(double, temperature)  /* 0: the likeliest */ \
    FIELD(double, top_p)  /* of the probability, by the likeliest tokens */ \
    FIELD(int64_t, top_k)  /* among this many of the likeliest; 0: all */ \
    FIELD(int64_t, forbidden_count) \
    FIELD(Span<const int64_t>, forbidden)
// clang-format on
struct Drawing {
    DRAWING_FIELDS(DECLARE_FIELD)
};

// clang-format off
#define TOKENS_FIELDS(FIELD) \
    FIELD(Stream, layers)  /* `inputs`: the embedding [V, D]; no `outputs` */ \
    FIELD(Span<const float>, table)  /* [V, G * H], projected embeddings; or null */ \
    FIELD(int64_t, dense_count) \
    FIELD(const Dense *, dense)  /* from the last layer's output to the logits */ \
    FIELD(Span<int64_t>, tokens)  /* [rows]; overwritten by those drawn */ \
    FIELD(Span<float>, logits)  /* [rows, V] */ \
    FIELD(Drawing, drawing)
// clang-format on
struct Tokens {
    TOKENS_FIELDS(DECLARE_FIELD)
};
