// What a language model's step is given: a token of each row in, logits out, and what is drawn from them. Plain numbers and
// pointers, in the order of kernels/steps/token_step.py.
#pragma once
#include "stream_call.h"

// A linear layer behind the recurrence, as it stays from call to call.
struct Dense {
    int64_t inner, outer;
    const float *weight;  // [outer, inner]
    const float *bias;    // [outer] or null
    char *packed;
};

// How a token is drawn from logits.
struct Drawing {
    double temperature;  // 0: the likeliest
    double top_p;        // among the fewest tokens that hold this share of the probability
    int64_t top_k;       // among so many of the likeliest; 0: all
    int64_t forbidden_count;
    const int64_t *forbidden;
};

struct Tokens {
    Stream layers;       // its `inputs` are the embeddings of all tokens [V, D]; no `outputs`
    const float *table;  // [V, G * H]: what the first layer's input weights make of each embedding; or null
    int64_t dense_count;
    const Dense *dense;  // from the last layer's output to the logits
    int64_t *tokens;     // [rows]: where the next step begins; what is drawn takes its place
    float *logits;       // [rows, V]
    Drawing drawing;
};
