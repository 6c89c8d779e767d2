// The arguments of a step of stacked layers, filled by name in Python (bindings.fill).
#pragma once
#include "recurrence_call.h"

// Bytes of each weight, from a few places, by which a change that PyTorch does not count is
// noticed.
constexpr int SAMPLES = 5, SAMPLE_BYTES = 32;
using Fingerprint = char[2][SAMPLES][SAMPLE_BYTES];

// One layer; the same from call to call.
// clang-format off
#define LAYER_FIELDS(FIELD) \
    FIELD(int64_t, input_size) FIELD(int64_t, hidden) \
    FIELD(Span<const float>, input_weight) FIELD(Span<const float>, hidden_weight) \
    /* [G * H, D], [G * H, H] */ \
    FIELD(Span<const float>, input_bias) FIELD(Span<const float>, hidden_bias) \
    /* [G * H] or null */ \
    FIELD(Span<char>, packed_input) FIELD(Span<char>, packed_hidden) \
    /* memory for both, packed */ \
    FIELD(Fingerprint, fingerprint)  /* samples of the weights, as they were packed */
// clang-format on
struct Layer {
    LAYER_FIELDS(DECLARE_FIELD)
};

// The state of one layer, before and after, each [rows, H]; the two may be one. No c but for the
// LSTM.
struct LayerState {
    const float *h_before;
    float *h;
    const float *c_before;
    float *c;
};

// clang-format off
#define STREAM_FIELDS(FIELD) \
    FIELD(int64_t, kind)  /* Kind */ \
    FIELD(int64_t, format)  /* Format */ \
    FIELD(int64_t, residual) FIELD(int64_t, threads) FIELD(int64_t, layers) \
    FIELD(const Layer *, plan)  /* [layers] */ \
    FIELD(int64_t, rows) FIELD(int64_t, steps) \
    /* [steps + 1], the first row of each step; null: s * rows */ \
    FIELD(Span<const int64_t>, offsets) \
    FIELD(Span<const float>, inputs)  /* [P, D] */ \
    FIELD(Span<float>, outputs)  /* [P, H] */ \
    FIELD(const LayerState *, state)  /* [layers] */
// clang-format on
struct Stream {
    STREAM_FIELDS(DECLARE_FIELD)
};

#define FORMATS(FORMAT)                 \
    FORMAT(FLOAT32, "float32", Float32) \
    FORMAT(BFLOAT16, "bfloat16", BFloat16) FORMAT(INT8, "int8", Int8)
enum Format : int64_t { FORMATS(CONSTANT) };

// The cells that have a single step: kind, name, the struct of layer_step.h.
#define STEPS(STEP)                            \
    STEP(RNN_TANH, "rnn-tanh", RnnStep<false>) \
    STEP(RNN_RELU, "rnn-relu", RnnStep<true>)  \
    STEP(LSTM, "lstm", LstmStep)               \
    STEP(GRU, "gru", GruStep)

struct Dense;
struct Tokens;

struct StreamTable {
    const char *name;
    int64_t (*packed_bytes)(int64_t kind, int64_t format, int64_t inner, int64_t hidden);
    void (*pack)(int64_t kind, int64_t format, const Layer &);
    int64_t (*workspace_bytes)(const Stream &);
    void (*run)(const Stream &, char *workspace);
    // of token_step_call.h
    int64_t (*dense_bytes)(int64_t format, int64_t inner, int64_t outer);
    void (*dense_pack)(int64_t format, const Dense &);
    int64_t (*tokens_workspace_bytes)(const Tokens &);
    bool (*tokens_run)(const Tokens &, int64_t *drawn, const double *chances, char *workspace);
};
