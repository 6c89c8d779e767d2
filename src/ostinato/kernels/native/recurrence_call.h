// The arguments of one call of a kernel, filled by name in Python (bindings.fill).
//
// Rows are sorted by length, longest first, and the steps follow one another without padding: step
// s owns the rows offsets[s] .. offsets[s + 1] of every [P, ...] buffer (P rows in all), and its
// row r belongs to sequence sorted_indices[r].
#pragma once
#include "fields.h"

// clang-format off
#define CALL_FIELDS(FIELD) \
    FIELD(int64_t, kind)  /* Kind */ \
    FIELD(int64_t, threads)  /* at most */ \
    FIELD(int64_t, split)  /* Split */ \
    FIELD(int64_t, training)  /* whether to save what the backward pass needs */ \
    FIELD(int64_t, packed_before)  /* whether an earlier call has filled the three `packed` */ \
    FIELD(int64_t, steps) FIELD(int64_t, rows) FIELD(int64_t, padded_rows)  /* B, B * T */ \
    FIELD(int64_t, hidden) FIELD(int64_t, output) \
    /* H, O: the width of the outputs, H but for a projection */ \
    FIELD(Span<const int64_t>, offsets)  /* [steps + 1] */ \
    FIELD(Span<const int64_t>, padded_index)  /* [P]: the row of the padded batch [B * T, ..] */ \
    FIELD(Span<const int64_t>, sorted_indices)  /* [B]: the sequence that a row belongs to */ \
    FIELD(Span<const float>, weight)  /* [gates * H, O], of the previous output */ \
    FIELD(Span<const float>, bias)  /* GRU: [H], inside the brackets; or null */ \
    FIELD(Span<float>, packed)  /* memory for the packed weight */ \
    FIELD(Span<const float>, to_output)  /* [O, H], the projection; or null */ \
    FIELD(Span<float>, packed_output)  /* memory for it, packed */ \
    /* peepholes [3, H]; gains and biases of normalisations; or null */ \
    FIELD(Span<const float>, cell_parameters) \
    FIELD(Span<const float>, inputs)  /* training: [P, D]; else, or projected, [B * T, .] */ \
    /* [chunk_rows, D], inputs in the order of the steps; or null */ \
    FIELD(Span<float>, gathered) \
    FIELD(int64_t, input_size)  /* D */ \
    FIELD(Span<const float>, input_weight)  /* [gates * H, D]; null: the inputs are projected */ \
    FIELD(Span<const float>, input_bias)  /* [gates * H] or null */ \
    FIELD(Span<float>, packed_input)  /* memory for it, packed */ \
    FIELD(Span<float>, gates)  /* training: [P, width], the record; else [chunk_rows, width] */ \
    FIELD(int64_t, gates_width) \
    FIELD(Span<float>, h_previous)  /* training: [P, O]; else [2 * B, O] */ \
    FIELD(Span<float>, h_masked)  /* the same after recurrent dropout; or null */ \
    FIELD(Span<float>, c_previous)  /* LSTM: [.., H], the memory cell */ \
    FIELD(Span<const float>, h0) FIELD(Span<const float>, c0)  /* [B, O], [B, H] */ \
    FIELD(Span<float>, outputs)  /* [B * T, .. O ..], rows output_stride apart */ \
    FIELD(int64_t, output_stride) \
    FIELD(Span<float>, h_last) FIELD(Span<float>, c_last)  /* [B, O], [B, H] */ \
    /* dropout inside the recurrence; null where there is none */ \
    FIELD(Span<const float>, mask)  /* [B, O], of recurrent dropout on the previous output */ \
    FIELD(Span<const float>, zoneout)  /* [2]: the rates of output and memory cell */ \
    /* [T, B * O (+ B * H)]: below the rate a unit stays; or null */ \
    FIELD(Span<const float>, noise) \
    /* the backward pass: null where there is no gradient, or none is needed */ \
    FIELD(Span<float>, d_gates)  /* [P, width]; may be `gates` itself */ \
    FIELD(Span<const float>, d_outputs) \
    FIELD(int64_t, d_output_stride) \
    FIELD(Span<const float>, d_h_last) FIELD(Span<const float>, d_c_last) \
    /* of each output: [P, O] with a projection; [B, O] with norms */ \
    FIELD(Span<float>, d_hidden) \
    FIELD(Span<float>, d_cell_parameters)  /* [threads, ..], each thread's sum */ \
    FIELD(Span<float>, carry_h) FIELD(Span<float>, carry_c)  /* [B, O], [B, H]: memory */ \
    FIELD(Span<float>, d_h0) FIELD(Span<float>, d_c0)
// clang-format on
struct Call {
    CALL_FIELDS(DECLARE_FIELD)
};

// The gradient of `count` gates of the recurrent weight, from `gate` on, is a product over all
// steps: of the gate gradients in column `columns` (in H) of a step's record, and of what the
// weight was multiplied with, which is the previous output, or the record's column `factor` if that
// is not -1.
struct RecurrentProduct {
    int gate, count, columns, factor = -1;
};

// What Python must know of a cell: the constants of its struct, which recurrence.h explains.
struct Shape {
    const char *name;
    int gates, width;
    bool memory, inner_bias, projected_inputs;
    int projected_column, norms, parameters, product_count;
    RecurrentProduct products[2];
};

// Every cell that has a kernel: its constant, its name (`Cell.kernel` in Python), its struct.
#define CELLS(CELL)                                                            \
    CELL(RNN_TANH, "rnn-tanh", Rnn<false>)                                     \
    CELL(RNN_RELU, "rnn-relu", Rnn<true>)                                      \
    CELL(LSTM, "lstm", Lstm<false, false>)                                     \
    CELL(GRU, "gru", Gru)                                                      \
    CELL(LSTM_PROJECTED, "lstm-projected", Lstm<false, true>)                  \
    CELL(LSTM_PEEPHOLE, "lstm-peephole", Lstm<true, false>)                    \
    CELL(LSTM_PEEPHOLE_PROJECTED, "lstm-peephole-projected", Lstm<true, true>) \
    CELL(GRU_RESET_BEFORE, "gru-reset-before", GruResetBefore)                 \
    CELL(LSTM_LAYER_NORM, "lstm-layer-norm", LayerNormLstm)                    \
    CELL(GRU_LAYER_NORM, "gru-layer-norm", LayerNormGru)

#define CONSTANT(kind, name, ...) kind,
enum Kind : int64_t { CELLS(CONSTANT) KINDS };

// How threads share the work: as the sizes suggest, by rows of the batch, or by units.
#define SPLITS(SPLIT) SPLIT(AUTOMATIC, "automatic") SPLIT(BY_ROWS, "rows") SPLIT(BY_UNITS, "units")
enum Split : int64_t { SPLITS(CONSTANT) };

// c [rows, columns] = a . b (+ bias [columns] or null), in one of three forms.
// clang-format off
#define PRODUCT_FIELDS(FIELD) \
    FIELD(int64_t, threads) FIELD(int64_t, form)  /* Form */ \
    FIELD(int64_t, rows) FIELD(int64_t, inner) FIELD(int64_t, columns) \
    FIELD(Span<const float>, a) \
    FIELD(int64_t, a_stride) \
    FIELD(Span<const float>, b) \
    FIELD(int64_t, b_stride) \
    FIELD(Span<float>, c) \
    FIELD(int64_t, c_stride) \
    FIELD(Span<const float>, bias) \
    FIELD(int64_t, add)  /* to the numbers in c */ \
    FIELD(int64_t, packed)  /* whether b is packed in `workspace` already */ \
    FIELD(Span<float>, workspace)  /* of product_workspace floats */
// clang-format on
struct Product {
    PRODUCT_FIELDS(DECLARE_FIELD)
};

// a bT: a [rows, inner], b [columns, inner]; a b: b [inner, columns]; aT b: a [inner, rows], b
// [inner, columns], no bias
#define FORMS(FORM) FORM(A_BT, "a bT") FORM(A_B, "a b") FORM(AT_B, "aT b")
enum Form : int64_t { FORMS(CONSTANT) };

// The cross-entropies of rows of logits, which are overwritten by their gradients if those are
// needed.
// clang-format off
#define SOFTMAX_FIELDS(FIELD) \
    FIELD(int64_t, threads) FIELD(int64_t, rows) FIELD(int64_t, columns) \
    FIELD(Span<float>, logits)  /* [rows, columns] */ \
    FIELD(Span<const int64_t>, targets)  /* [rows] */ \
    FIELD(Span<const float>, smoothing)  /* one number */ \
    FIELD(int64_t, gradient) \
    FIELD(Span<float>, losses)  /* [rows] */
// clang-format on
struct Softmax {
    SOFTMAX_FIELDS(DECLARE_FIELD)
};

// One table for each instruction set.
struct Table {
    const char *name;
    const Shape *shapes;  // [KINDS]
    void (*forward)(const Call *, int count);  // one call, or two that may run at the same time
    void (*backward)(const Call *, int count);
    int64_t (*packed_size)(int64_t kind, int64_t hidden, int64_t output);  // floats
    int64_t chunk, lanes;  // rows that are projected at a time; floats of a vector
    void (*product)(const Product &);
    int64_t (*product_workspace)(const Product &);  // floats
    void (*cross_entropies)(const Softmax &);
};
