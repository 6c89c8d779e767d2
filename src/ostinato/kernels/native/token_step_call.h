// What a language model's step is given: a token of each row in, logits out, and what is drawn from them. Filled by
// name in Python (bindings.fill).
#pragma once
#include "layer_step_call.h"

// A linear layer behind the recurrence, as it stays from call to call.
#define DENSE_FIELDS(FIELD)                                                                                            \
    FIELD(int64_t, inner) FIELD(int64_t, outer)                                                                        \
    FIELD(Span<const float>, weight)  /* [outer, inner] */                                                                 \
    FIELD(Span<const float>, bias)  /* [outer] or null */                                                                  \
    FIELD(Span<char>, packed)
struct Dense { DENSE_FIELDS(DECLARE_FIELD) };

// How a token is drawn from logits.
#define DRAWING_FIELDS(FIELD)                                                                                          \
    FIELD(double, temperature)  /* 0: the likeliest */                                                                 \
    FIELD(double, top_p)  /* among the fewest tokens that hold this share of the probability */                        \
    FIELD(int64_t, top_k)  /* among so many of the likeliest; 0: all */                                                \
    FIELD(int64_t, forbidden_count)                                                                                    \
    FIELD(Span<const int64_t>, forbidden)
struct Drawing { DRAWING_FIELDS(DECLARE_FIELD) };

#define TOKENS_FIELDS(FIELD)                                                                                           \
    FIELD(Stream, layers)  /* its `inputs` are the embeddings of all tokens [V, D]; no `outputs` */                    \
    FIELD(Span<const float>, table)  /* [V, G * H]: what the first layer's input weights make of each embedding; or null */ \
    FIELD(int64_t, dense_count)                                                                                        \
    FIELD(const Dense *, dense)  /* from the last layer's output to the logits */                                      \
    FIELD(Span<int64_t>, tokens)  /* [rows]: where the next step begins; what is drawn takes its place */                  \
    FIELD(Span<float>, logits)  /* [rows, V] */                                                                            \
    FIELD(Drawing, drawing)
struct Tokens { TOKENS_FIELDS(DECLARE_FIELD) };
