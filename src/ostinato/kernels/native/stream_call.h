// What a step of stacked layers is given. Plain numbers and pointers, in the order of kernels/steps/streaming.py.
#pragma once
#include <cstdint>

constexpr int PLACES = 5, PLACE_BYTES = 32;  // of each weight, by which a change behind PyTorch's back is noticed

// One layer, as it stays from call to call.
struct Layer {
    int64_t input_size, hidden;
    const float *input_weight, *hidden_weight;  // [G * H, D], [G * H, H]
    const float *input_bias, *hidden_bias;      // [G * H] or null
    char *packed_input, *packed_hidden;         // room for both, packed
    char seen[2][PLACES][PLACE_BYTES];          // what stood in the weights when they were packed
};

// The state of one layer, before and after, each [rows, H]; the two may be one. No c but for the LSTM.
struct LayerState {
    const float *h_before;
    float *h;
    const float *c_before;
    float *c;
};

struct Stream {
    int64_t kind;    // Kind of call.h
    int64_t format;  // Format
    int64_t residual, threads, layers;
    const Layer *plan;  // [layers]
    int64_t rows, steps;
    const int64_t *offsets;  // [steps + 1]: step s takes the rows offsets[s] .. of inputs and outputs, and as many of
                             // the first rows of the state; or null, and every step takes `rows`
    const float *inputs;     // [P, D]
    float *outputs;          // [P, H]
    const LayerState *state;  // [layers]
};

enum Format : int64_t { FLOAT32, BFLOAT16, INT8 };

struct Dense;
struct Tokens;

struct StreamTable {
    const char *name;
    int64_t (*packed_bytes)(int64_t kind, int64_t format, int64_t inner, int64_t hidden);
    void (*pack)(int64_t kind, int64_t format, const Layer &);
    int64_t (*room_bytes)(const Stream &);
    void (*run)(const Stream &, char *room);
    // of tokens_call.h
    int64_t (*dense_bytes)(int64_t format, int64_t inner, int64_t outer);
    void (*dense_pack)(int64_t format, const Dense &);
    int64_t (*tokens_room_bytes)(const Tokens &);
    bool (*tokens_run)(const Tokens &, int64_t *drawn, const double *chances, char *room);
};
