// What one call of a kernel is given: whole numbers and pointers, filled by name in Python (bindings.fill).
//
// Rows are sorted by length, longest first, and the steps follow one another without padding: step s owns the rows
// offsets[s] .. offsets[s + 1] of every [P, ...] buffer (P rows in all), and its row r belongs to sequence order[r].
#pragma once
#include "fields.h"

#define CALL_FIELDS(FIELD)                                                                                             \
    FIELD(int64_t, kind)  /* Kind */                                                                                   \
    FIELD(int64_t, threads)  /* at most so many */                                                                     \
    FIELD(int64_t, split)  /* Split */                                                                                 \
    FIELD(int64_t, training)  /* whether everything the backward pass needs is kept */                                 \
    FIELD(int64_t, packed_before)  /* whether an earlier call has left the weights in the three `packed` */            \
    FIELD(int64_t, steps) FIELD(int64_t, rows) FIELD(int64_t, padded_rows)  /* B, B * T */                             \
    FIELD(int64_t, hidden) FIELD(int64_t, output)  /* H, O: the width of the outputs, H but for a projection */        \
    FIELD(Span<const int64_t>, offsets)  /* [steps + 1] */                                                                 \
    FIELD(Span<const int64_t>, padded_index)  /* [P]: which row of outputs [B * T, O] */                                          \
    FIELD(Span<const int64_t>, sorted_indices)  /* [B]: which sequence */                                                           \
    FIELD(Span<const float>, weight)  /* [gates * H, O], of the previous output */                                         \
    FIELD(Span<const float>, bias)  /* GRU: [H], inside the brackets; or null */                                           \
    FIELD(Span<float>, packed)  /* room for the packed weight */                                                           \
    FIELD(Span<const float>, to_output)  /* [O, H], the projection; or null */                                             \
    FIELD(Span<float>, packed_output)  /* room for it, packed */                                                           \
    FIELD(Span<const float>, cell_parameters)  /* what else the formula has: peepholes [3, H]; gains and biases of the normalisations */ \
    FIELD(Span<const float>, inputs)  /* [P, D], or [B * T, D] if they are to be gathered */                               \
    FIELD(Span<float>, gathered)  /* room for [chunk_rows, D] to gather inputs in, or null */                              \
    FIELD(int64_t, input_size)  /* D */                                                                                \
    FIELD(Span<const float>, input_weight)  /* [gates * H, D]; null: the inputs [B * T, gates * H] are projected already */ \
    FIELD(Span<const float>, input_bias)  /* [gates * H] or null */                                                        \
    FIELD(Span<float>, packed_input)  /* room for it, packed */                                                            \
    FIELD(Span<float>, gates)  /* [P, width]: what the backward pass needs; else [chunk_rows, width] */                    \
    FIELD(int64_t, gates_width)                                                                                        \
    FIELD(Span<float>, h_previous)  /* training: [P, O], else [2 * B, O]: the output of the step before */                     \
    FIELD(Span<float>, h_masked)  /* the same times the mask, or null without one */                                           \
    FIELD(Span<float>, c_previous)  /* LSTM: [.., H], the same for the memory cell */                                          \
    FIELD(Span<const float>, h0) FIELD(Span<const float>, c0)  /* [B, O], [B, H] */                                            \
    FIELD(Span<float>, outputs)  /* [B * T, .. O ..], each row output_stride after the last */                             \
    FIELD(int64_t, output_stride)                                                                                      \
    FIELD(Span<float>, h_last) FIELD(Span<float>, c_last)  /* [B, O], [B, H] */                                                \
    /* dropout inside the recurrence; null where there is none */                                                      \
    FIELD(Span<const float>, mask)  /* [B, O]: what the product with the weight sees of the previous output */             \
    FIELD(Span<const float>, zoneout)  /* two rates: how likely (or how much) the output and the memory cell stay as they were */ \
    FIELD(Span<const float>, noise)  /* [T, B * O (+ B * H)] in 0..1: below the rate a unit stays; null: old and new are mixed */ \
    /* the backward pass: null where nothing comes in or nothing is wanted */                                          \
    FIELD(Span<float>, d_gates)  /* [P, width]; may be `gates` itself */                                                   \
    FIELD(Span<const float>, d_outputs)                                                                                    \
    FIELD(int64_t, d_output_stride)                                                                                    \
    FIELD(Span<const float>, d_h_last) FIELD(Span<const float>, d_c_last)                                                      \
    FIELD(Span<float>, d_hidden)  /* the gradient of each output: [P, O] with a projection, else [B, O] where it is needed */ \
    FIELD(Span<float>, d_cell_parameters)  /* [threads, ...], as `own`: each thread's sum */                                           \
    FIELD(Span<float>, carry_h) FIELD(Span<float>, carry_c)  /* [B, O], [B, H]: room */                                        \
    FIELD(Span<float>, d_h0) FIELD(Span<float>, d_c0)
struct Call { CALL_FIELDS(DECLARE_FIELD) };

// The gradient of `count` gates of the recurrent weight, from `gate` on: that of the numbers kept in column `columns` (in H)
// of a step's record, times what the weight saw: the output before, or, if `seen` is not -1, what column `seen` keeps.
struct RecurrentProduct {
    int gate, count, columns, seen = -1;
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
#define PRODUCT_FIELDS(FIELD)                                                                                          \
    FIELD(int64_t, threads) FIELD(int64_t, form)  /* Form */                                                           \
    FIELD(int64_t, rows) FIELD(int64_t, inner) FIELD(int64_t, columns)                                                 \
    FIELD(Span<const float>, a)                                                                                            \
    FIELD(int64_t, a_stride)                                                                                           \
    FIELD(Span<const float>, b)                                                                                            \
    FIELD(int64_t, b_stride)                                                                                           \
    FIELD(Span<float>, c)                                                                                                  \
    FIELD(int64_t, c_stride)                                                                                           \
    FIELD(Span<const float>, bias)                                                                                         \
    FIELD(int64_t, add)  /* to what stands in c */                                                                     \
    FIELD(int64_t, packed)  /* whether b stands in `room` as an earlier call of the same form left it */               \
    FIELD(Span<float>, workspace)  /* for b, packed: product_workspace floats */
struct Product { PRODUCT_FIELDS(DECLARE_FIELD) };

// a bT: a [rows, inner], b [columns, inner]; a b: b [inner, columns]; aT b: a [inner, rows], b [inner, columns], no bias
#define FORMS(FORM) FORM(A_BT, "a bT") FORM(A_B, "a b") FORM(AT_B, "aT b")
enum Form : int64_t { FORMS(CONSTANT) };

// The cross-entropies of rows of logits, which become their gradients if those are wanted.
#define SOFTMAX_FIELDS(FIELD)                                                                                          \
    FIELD(int64_t, threads) FIELD(int64_t, rows) FIELD(int64_t, columns)                                               \
    FIELD(Span<float>, logits)  /* [rows, columns] */                                                                      \
    FIELD(Span<const int64_t>, targets)  /* [rows] */                                                                      \
    FIELD(Span<const float>, smoothing)  /* one number */                                                                  \
    FIELD(int64_t, gradient)                                                                                           \
    FIELD(Span<float>, losses)  /* [rows] */
struct Softmax { SOFTMAX_FIELDS(DECLARE_FIELD) };

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
