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
    FIELD(int64_t, steps) FIELD(int64_t, rows) FIELD(int64_t, hidden) FIELD(int64_t, output)  /* `output`: O, the width of what comes out; H but for a projection */ \
    FIELD(const int64_t *, offsets)  /* [steps + 1] */                                                                 \
    FIELD(const int64_t *, place)  /* [P]: which row of outputs [B * T, O] */                                          \
    FIELD(const int64_t *, order)  /* [B]: which sequence */                                                           \
    FIELD(const float *, weight)  /* [gates * H, O], of the previous output */                                         \
    FIELD(const float *, bias)  /* GRU: [H], inside the brackets; or null */                                           \
    FIELD(float *, packed)  /* room for the packed weight */                                                           \
    FIELD(const float *, to_output)  /* [O, H], the projection; or null */                                             \
    FIELD(float *, packed_output)  /* room for it, packed */                                                           \
    FIELD(const float *, own)  /* what else the formula has: peepholes [3, H]; gains and biases of the normalisations */ \
    FIELD(const float *, inputs)  /* [P, D], or [B * T, D] if they are to be gathered */                               \
    FIELD(float *, gathered)  /* room for [chunk_rows, D] to gather inputs in, or null */                              \
    FIELD(int64_t, input_size)  /* D */                                                                                \
    FIELD(const float *, input_weight)  /* [gates * H, D]; null: the inputs [B * T, gates * H] are projected already */ \
    FIELD(const float *, input_bias)  /* [gates * H] or null */                                                        \
    FIELD(float *, packed_input)  /* room for it, packed */                                                            \
    FIELD(float *, gates)  /* [P, width]: what the backward pass needs; else [chunk_rows, width] */                    \
    FIELD(int64_t, gates_width)                                                                                        \
    FIELD(float *, before)  /* training: [P, O], else [2 * B, O]: the output of the step before */                     \
    FIELD(float *, seen)  /* the same times the mask, or null without one */                                           \
    FIELD(float *, memory)  /* LSTM: [.., H], the same for the memory cell */                                          \
    FIELD(const float *, h0) FIELD(const float *, c0)  /* [B, O], [B, H] */                                            \
    FIELD(float *, outputs)  /* [B * T, .. O ..], each row output_stride after the last */                             \
    FIELD(int64_t, output_stride)                                                                                      \
    FIELD(float *, h_last) FIELD(float *, c_last)  /* [B, O], [B, H] */                                                \
    /* dropout inside the recurrence; null where there is none */                                                      \
    FIELD(const float *, mask)  /* [B, O]: what the product with the weight sees of the previous output */             \
    FIELD(const float *, zoneout)  /* two rates: how likely (or how much) the output and the memory cell stay as they were */ \
    FIELD(const float *, noise)  /* [T, B * O (+ B * H)] in 0..1: below the rate a unit stays; null: old and new are mixed */ \
    /* the backward pass: null where nothing comes in or nothing is wanted */                                          \
    FIELD(float *, d_gates)  /* [P, width]; may be `gates` itself */                                                   \
    FIELD(const float *, d_outputs)                                                                                    \
    FIELD(int64_t, d_output_stride)                                                                                    \
    FIELD(const float *, d_h_last) FIELD(const float *, d_c_last)                                                      \
    FIELD(float *, d_hidden)  /* the gradient of each output: [P, O] with a projection, else [B, O] where it is needed */ \
    FIELD(float *, d_own)  /* [threads, ...], as `own`: each thread's sum */                                           \
    FIELD(float *, carry_h) FIELD(float *, carry_c)  /* [B, O], [B, H]: room */                                        \
    FIELD(float *, d_h0) FIELD(float *, d_c0)
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
    int middle, norms, product_count;
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
    FIELD(const float *, a)                                                                                            \
    FIELD(int64_t, a_stride)                                                                                           \
    FIELD(const float *, b)                                                                                            \
    FIELD(int64_t, b_stride)                                                                                           \
    FIELD(float *, c)                                                                                                  \
    FIELD(int64_t, c_stride)                                                                                           \
    FIELD(const float *, bias)                                                                                         \
    FIELD(int64_t, add)  /* to what stands in c */                                                                     \
    FIELD(int64_t, packed)  /* whether b stands in `room` as an earlier call of the same form left it */               \
    FIELD(float *, room)  /* product_room floats */
struct Product { PRODUCT_FIELDS(DECLARE_FIELD) };

// a bT: a [rows, inner], b [columns, inner]; a b: b [inner, columns]; aT b: a [inner, rows], b [inner, columns], no bias
#define FORMS(FORM) FORM(A_BT, "a bT") FORM(A_B, "a b") FORM(AT_B, "aT b")
enum Form : int64_t { FORMS(CONSTANT) };

// The cross-entropies of rows of logits, which become their gradients if those are wanted.
#define SOFTMAX_FIELDS(FIELD)                                                                                          \
    FIELD(int64_t, threads) FIELD(int64_t, rows) FIELD(int64_t, columns)                                               \
    FIELD(float *, logits)  /* [rows, columns] */                                                                      \
    FIELD(const int64_t *, targets)  /* [rows] */                                                                      \
    FIELD(const float *, smoothing)  /* one number */                                                                  \
    FIELD(int64_t, gradient)                                                                                           \
    FIELD(float *, losses)  /* [rows] */
struct Softmax { SOFTMAX_FIELDS(DECLARE_FIELD) };

// One table for each instruction set.
struct Table {
    const char *name;
    const Shape *shapes;  // [KINDS]
    void (*forward)(const Call *, int count);  // one call, or two that may run at the same time
    void (*backward)(const Call *, int count);
    int64_t (*packed_size)(int64_t kind, int64_t hidden, int64_t output);  // floats
    int64_t chunk;                                         // rows
    void (*product)(const Product &);
    int64_t (*product_room)(const Product &);  // floats
    void (*cross_entropies)(const Softmax &);
};
