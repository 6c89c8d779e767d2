// What one call of a kernel is given: plain numbers and pointers, in the order of `Call` in kernels/bindings.py.
//
// Rows are sorted by length, longest first, and the steps follow one another without padding: step s owns the rows
// offsets[s] .. offsets[s + 1] of every [P, ...] buffer (P rows in all), and its row r belongs to sequence order[r].
#pragma once
#include <cstdint>

struct Call {
    int64_t kind;     // Kind
    int64_t threads;  // at most so many
    int64_t split;    // Split
    int64_t training; // whether everything the backward pass needs is kept
    int64_t packed_before;  // whether an earlier call has left the weights in the three `packed`
    int64_t steps, rows, hidden, output;  // `output`: O, the width of what comes out; H but for a projection
    const int64_t *offsets;  // [steps + 1]
    const int64_t *place;    // [P]: which row of outputs [B * T, O]
    const int64_t *order;    // [B]: which sequence
    const float *weight;     // [gates * H, O], of the previous output
    const float *bias;       // GRU: [H], inside the brackets; or null
    float *packed;           // room for the packed weight
    const float *to_output;  // [O, H], the projection; or null
    float *packed_output;    // room for it, packed
    const float *own;        // what else the formula has: peepholes [3, H]; gains and biases of the normalisations
    const float *inputs;        // [P, D], or [B * T, D] if they are to be gathered
    float *gathered;            // room for [chunk_rows, D] to gather inputs in, or null
    int64_t input_size;         // D
    const float *input_weight;  // [gates * H, D]; null: the inputs [B * T, gates * H] are projected already
    const float *input_bias;    // [gates * H] or null
    float *packed_input;        // room for it, packed
    float *gates;               // [P, width]: what the backward pass needs; else [chunk_rows, width]
    int64_t gates_width;
    float *before;           // training: [P, O], else [2 * B, O]: the output of the step before
    float *seen;             // the same times the mask, or null without one
    float *memory;           // LSTM: [.., H], the same for the memory cell
    const float *h0, *c0;    // [B, O], [B, H]
    float *outputs;          // [B * T, .. O ..], each row output_stride after the last
    int64_t output_stride;
    float *h_last, *c_last;  // [B, O], [B, H]
    // dropout inside the recurrence; null where there is none
    const float *mask;     // [B, O]: what the product with the weight sees of the previous output
    const float *zoneout;  // two rates: how likely (or how much) the output and the memory cell stay as they were
    const float *noise;    // [T, B * O (+ B * H)] in 0..1: below the rate a unit stays; null: old and new are mixed
    // the backward pass: null where nothing comes in or nothing is wanted
    float *d_gates;  // [P, width]; may be `gates` itself
    const float *d_outputs;
    int64_t d_output_stride;
    const float *d_h_last, *d_c_last;
    float *d_hidden;           // the gradient of each output: [P, O] with a projection, else [B, O] where it is needed
    float *d_own;              // [threads, ...], as `own`: each thread's sum
    float *carry_h, *carry_c;  // [B, O], [B, H]: room
    float *d_h0, *d_c0;
};

enum Kind : int64_t {
    RNN_TANH,
    RNN_RELU,
    LSTM,
    GRU,
    LSTM_PROJECTED,
    LSTM_PEEPHOLE,
    LSTM_PEEPHOLE_PROJECTED,
    GRU_RESET_BEFORE,
    LSTM_LAYER_NORM,
    GRU_LAYER_NORM,
    KINDS
};
enum Split : int64_t { AUTOMATIC, BY_ROWS, BY_UNITS };

// c [rows, columns] = a . b (+ bias [columns] or null), in one of three forms.
struct Product {
    int64_t threads, form;  // Form
    int64_t rows, inner, columns;
    const float *a;
    int64_t a_stride;
    const float *b;
    int64_t b_stride;
    float *c;
    int64_t c_stride;
    const float *bias;
    int64_t add;     // to what stands in c
    int64_t packed;  // whether b stands in `room` as an earlier call of the same form left it
    float *room;     // product_room floats
};

enum Form : int64_t {
    A_BT,  // a [rows, inner], b [columns, inner]
    A_B,   // a [rows, inner], b [inner, columns]
    AT_B,  // a [inner, rows], b [inner, columns]; no bias
};

// The cross-entropies of rows of logits, which become their gradients if those are wanted.
struct Softmax {
    int64_t threads, rows, columns;
    float *logits;           // [rows, columns]
    const int64_t *targets;  // [rows]
    const float *smoothing;  // one number
    int64_t gradient;
    float *losses;  // [rows]
};

// One table for each instruction set.
struct Table {
    const char *name;
    void (*forward)(const Call *, int count);  // one call, or two that may run at the same time
    void (*backward)(const Call *, int count);
    int64_t (*packed_size)(int64_t kind, int64_t hidden, int64_t output);  // floats
    int64_t chunk;                                         // rows
    void (*product)(const Product &);
    int64_t (*product_room)(const Product &);  // floats
    void (*cross_entropies)(const Softmax &);
};
