// clang-format off
// The loop over steps, forward and backward, for every cell. A cell is a struct of static members:
//
//   GATES             blocks of H rows that its weights have
//   WIDTH             columns of a step's record, in H: first the projected inputs, then what the
//                     backward pass reads
//   STAGES            1, or 2 if one product of a step waits for another: all threads meet between
//   GRADIENT_GATES    gates that the previous output's gradient comes from, in the first product
//   MEMORY            whether the state has a second part, the memory cell
//   CARRY             whether a part of the output's gradient reaches the previous output directly
//   PARAMETERS        parameters that only this cell has, in H: peepholes, gains, biases of norms
//   NORMS             how many of them, in H, have gradients that are summed along the steps
//   PROJECTED_COLUMN  the record's column, in H, that a projection reads; -1 without a projection
//   INNER_BIAS        whether a bias is added inside the candidate's brackets (GRU, reset after)
//   PROJECTED_INPUTS  whether the caller projects the inputs
//   PRODUCTS          how the recurrent weight's gradient is made from the records
//
//   pack(call, share)                     packs the weight in the order in which forward reads it
//   forward(step, share), forward_second  from the product to gates, state and output
//   gate_gradients(left, H)               the gradients that meet the recurrent weight
//   backward(step, row, unit, lanes, dh)  from the output's gradient to those of the gates; returns
//   backward_second(step, share)          what of it reaches the previous output directly (CARRY)
// clang-format on
#pragma once
#include "gemm.h"
#include "recurrence_step.h"

namespace {

// What most cells have: one stage, one part of the state, nothing of its own.
struct CellDefaults {
    static constexpr int STAGES = 1, NORMS = 0, PARAMETERS = 0, PROJECTED_COLUMN = -1;
    static constexpr bool MEMORY = false, CARRY = false, INNER_BIAS = false,
                          PROJECTED_INPUTS = false;
};

inline long first_rows(const Call &call) { return call.steps ? call.offsets[1] : 0; }

// Copies row sorted_indices[r] of `from` ([B, width] or null: zero) to row r of `to`, each thread
// its part of the rows.
inline void sorted(const Call &call, const Share &share, long width, const float *from, float *to,
                   long rows) {
    for (long r = share.thread; r < rows; r += share.threads) {
        if (from)
            memcpy(to + r * width, from + call.sorted_indices[r] * width, width * sizeof(float));
        else
            memset(to + r * width, 0, width * sizeof(float));
    }
}

// Rows without a single step: what came in goes out.
inline void pass_on(const Call &call, const Share &share, long width, const float *from,
                    float *to) {
    for (long r = first_rows(call) + share.thread; r < call.rows; r += share.threads)
        memcpy(to + call.sorted_indices[r] * width, from + call.sorted_indices[r] * width,
               width * sizeof(float));
}

// The state before the first step.
inline void start(const Call &call, const Share &share, bool memory) {
    long O = call.output, H = call.hidden, rows = first_rows(call);
    sorted(call, share, O, call.h0, call.h_previous, rows);
    pass_on(call, share, O, call.h0, call.h_last);
    if (memory) {
        sorted(call, share, H, call.c0, call.c_previous, rows);
        pass_on(call, share, H, call.c0, call.c_last);
    }
    if (!call.mask) return;
    for (long r = share.thread; r < rows; r += share.threads)
        for (long u = 0; u < O; u++)
            call.h_masked[r * O + u] =
                call.h_previous[r * O + u] * call.mask[call.sorted_indices[r] * O + u];
}

// Weights [N * units, K] as [block of W units][K][N gates][W].
template <int N>
void pack_gates(const float *w, long units, long K, float *to, const Share &share) {
    for (long block = share.thread; block < vectors(units); block += share.threads) {
        long u = block * W, start[N], end[N];
        for (int n = 0; n < N; n++) start[n] = n * units + u, end[n] = (n + 1) * units;
        pack_rows<N>(w, K, K, start, end, to + u * N * depth(K));
    }
}

// Weights [units, K] as [block of up to 4 W units][K][up to 4][W].
inline void pack_units(const float *w, long units, long K, float *to, const Share &share) {
    Blocks blocks{units, 4};
    for (long block = share.thread; block < blocks.count(); block += share.threads) {
        long unit = blocks.first(block) * W;
        with_size(blocks.size(block), [&](auto N) {
            long start[N], end[N];
            for (int n = 0; n < N; n++) start[n] = unit + n * W, end[n] = units;
            pack_rows<N>(w, K, K, start, end, to + unit * depth(K));
        });
    }
}

// The same for weights [K, units].
inline void pack_units_of(const float *w, long units, long K, float *to, const Share &share) {
    Blocks blocks{units, 4};
    for (long block = share.thread; block < blocks.count(); block += share.threads) {
        long unit = blocks.first(block) * W, end = at_most(blocks.first(block + 1) * W, units);
        with_size(blocks.size(block),
                  [&](auto N) { pack_columns<N>(w, K, units, unit, end - unit, to + unit * depth(K)); });
    }
}

// A thread's rows of a matrix whose rows begin at `from`, `from` + stride, ...
inline Left rows_of(const Share &share, const float *from, long stride, long width) {
    return {from + share.first_row() * stride, share.row_step() * stride, width, 0, 0};
}

// finish(row, unit, valid, sums of N gates) for a thread's part of rows and units; weights as
// `pack_gates` left them.
template <int N, class Finish>
INLINE void gates_product(const Share &share, const Left &left, long rows, const float *packed,
                          long units, Finish finish) {
    long K = depth(left.width + left.more), mine = share.rows_of(rows);
    long end = share.end_of(vectors(units));
    const Left factor = prepared(left, mine);
    long first = share.first_row(), row_step = share.row_step();
    for (long block = share.first_of(vectors(units)); block < end; block++) {
        long u = block * W, lanes = at_most(W, units - u);
        product<N>(factor, mine, packed + u * N * K, [&](long i, Vector(&sums)[N]) INLINE_LAMBDA {
            finish(first + i * row_step, u, lanes, sums);
        });
    }
}

// finish(row, unit, valid, sum) likewise, for weights as `pack_units` left them; rows that have no
// product get zero.
template <class Finish>
INLINE void units_product(const Share &share, const Left &left, long product_rows, long rows,
                          const float *packed, long units, Finish finish) {
    Blocks blocks{units, 4};
    long K = depth(left.width + left.more), with = share.rows_of(product_rows),
         all_rows = share.rows_of(rows);
    const Left factor = prepared(left, with);
    long end = share.end_of(blocks.count()), first = share.first_row(), row_step = share.row_step();
    for (long block = share.first_of(blocks.count()); block < end; block++) {
        long unit = blocks.first(block) * W;
        with_size(blocks.size(block), [&](auto N) {
            auto each = [&](long i, Vector(&sums)[N]) INLINE_LAMBDA {
                for (int n = 0; n < N; n++) {
                    long u = unit + n * W;
                    finish(first + i * row_step, u, at_most(W, units - u), sums[n]);
                }
            };
            product<N>(factor, with, packed + unit * K, each);
            for (long i = with; i < all_rows; i++) {
                Vector nothing[N] = {};
                each(i, nothing);
            }
        });
    }
}

// The input projection of the next steps, some 256 rows at a time, just before they need it.
struct Projection {
    Product product;
    Blocks panels;
    long begin = 0, end = 0;  // the steps whose gates are there

    Projection(const Call &call, long gates)
        : product{call.threads,
                  A_BT,
                  0,
                  call.input_size,
                  gates * call.hidden,
                  {},
                  call.input_size,
                  call.input_weight,
                  call.input_size,
                  {},
                  call.gates_width,
                  call.input_bias,
                  0,
                  0,
                  call.packed_input},
          panels{gates * call.hidden, 4} {}

    void pack(const Share &share) const {
        if (!product.b) return;
        for (long panel = share.thread; panel < panels.count(); panel += share.threads)
            pack_panel(product, panels, panel);
    }

    // Row by row to where they are used, each thread its part.
    static void gather(const Call &call, const Share &share, long first, long rows, float *to,
                       long stride) {
        long D = call.input_size;
        for (long row = share.thread; row < rows; row += share.threads)
            memcpy(to + row * stride, call.inputs + call.padded_index[first + row] * D,
                   D * sizeof(float));
    }

    // All threads together, when the first step that lacks its gates comes.
    void advance(const Call &call, const Share &share) {
        const int64_t *at = call.offsets;
        begin = end;
        do end++;
        while (end < call.steps && at[end + 1] - at[begin] <= CHUNK);
        product.rows = at[end] - at[begin];
        product.a.data = call.inputs + at[begin] * call.input_size;
        product.c.data = call.gates + (call.training ? at[begin] * call.gates_width : 0);
        if (begin > 0) share.meet();  // the others may still read the gates of the last steps
        if (!product.b) {  // projected already
            gather(call, share, at[begin], product.rows, product.c, call.gates_width);
            return share.meet();
        }
        if (call.gathered) {
            gather(call, share, at[begin], product.rows, call.gathered, call.input_size);
            product.a = {call.gathered.data, call.gathered.count};
            share.meet();
        }
        share_of_rows(product, panels, share);
        share.meet();
    }
};

template <class Cell>
Size size_of(const Call &call, long units, long lanes) {
    long weights =
        Cell::GATES * call.hidden * call.output + (call.to_output ? call.hidden * call.output : 0);
    return {Blocks{units, lanes}.count(), weights * 4};
}

template <class Cell>
void forward_pass(const Call *calls, int count) {
    in_parallel(calls, count, size_of<Cell>(calls[0], calls[0].hidden, Cell::GATES == 1 ? 4 : 1),
                [&](const Call &call, const Share &share) {
                    Projection projection(call, Cell::GATES);
                    if (!call.packed_before) {
                        projection.pack(share);
                        Cell::pack(call, share);
                    }
                    start(call, share, Cell::MEMORY);
                    share.meet();
                    for (long s = 0; s < call.steps; s++) {
                        if (s == projection.end) projection.advance(call, share);
                        Step step = step_at(call, s);
                        if (!call.training) step.gates_begin = call.offsets[projection.begin];
                        Cell::forward(step, share);
                        share.end_of_step();
                        if constexpr (Cell::STAGES == 2) {
                            Cell::forward_second(step, share);
                            share.end_of_step();
                        }
                    }
                });
}

// The gradient of the output before its cell's own part: from the next step, from outside, and what
// zoneout passes by.
template <class Cell>
INLINE void to_cell(const Step &step, long row, long u, long lanes, Vector sum) {
    const Call &call = step.call;
    long O = step.O;
    float *carry = call.carry_h + row * O + u;
    Vector dh = sum;
    if (row >= step.next_rows) {
        if (call.d_h_last) dh = load(call.d_h_last + call.sorted_indices[row] * O + u, lanes);
    } else {
        if (step.masked) dh *= mask_of(call, step.sorted_indices[row], u, lanes);
        if (Cell::CARRY || step.zoned) dh += load(carry, lanes);
    }
    if (step.number < 0) return store(call.d_h0 + call.sorted_indices[row] * O + u, dh, lanes);
    dh += step.d_output(row, u, lanes);
    Vector past{};
    if (step.zoned) {
        past = stays(call, step.number, 0, step.sorted_indices[row], u, lanes) * dh;
        dh -= past;
    }
    past += Cell::backward(step, row, u, lanes, dh);
    if (Cell::CARRY || step.zoned) store(carry, past, lanes);
}

template <class Cell>
void backward_pass(const Call *calls, int count) {
    in_parallel(
        calls, count, size_of<Cell>(calls[0], calls[0].output, 4),
        [&](const Call &call, const Share &share) {
            long H = call.hidden, O = call.output;
            pack_units_of(call.weight, O, Cell::GRADIENT_GATES * H, call.packed, share);
            if constexpr (Cell::STAGES == 2) Cell::pack_backward(call, share);
            if (Cell::MEMORY) sorted(call, share, H, call.d_c_last, call.carry_c, call.rows);
            if (call.d_cell_parameters)
                memset(call.d_cell_parameters + share.thread * Cell::NORMS * H, 0,
                       Cell::NORMS * H * sizeof(float));
            share.meet();
            // The step -1 is the initial state: its gradient is that of an output without a cell.
            for (long s = call.steps - 1; s >= (call.d_h0 ? -1 : 0); s--) {
                Step step =
                    s >= 0 ? step_at(call, s) : Step{call, -1, 0, call.rows, first_rows(call)};
                const float *next =
                    call.d_gates + (s >= 0 ? call.offsets[s + 1] : 0) * call.gates_width;
                Left left = Cell::gate_gradients(rows_of(share, next, call.gates_width, 0), H);
                units_product(share, left, step.next_rows, step.rows, call.packed, O,
                              [&](long row, long u, long lanes, Vector sum)
                                  INLINE_LAMBDA { to_cell<Cell>(step, row, u, lanes, sum); });
                share.end_of_step();
                if constexpr (Cell::STAGES == 2) {
                    if (s < 0) continue;
                    Cell::backward_second(step, share);
                    share.end_of_step();
                }
            }
            if (Cell::MEMORY && call.d_c0) {
                share.meet();
                for (long r = share.thread; r < call.rows; r += share.threads)
                    memcpy(call.d_c0 + call.sorted_indices[r] * H, call.carry_c + r * H,
                           H * sizeof(float));
            }
        });
}

}  // namespace
