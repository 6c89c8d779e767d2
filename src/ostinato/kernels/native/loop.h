// The loop over steps, forward and backward, for every cell. A cell is a struct of static members:
//
//   GATES, COLUMNS     gates; vectors of columns a block of the forward product has at most
//   WIDTH              numbers kept of each step for the backward pass, in multiples of H
//   MEMORY             whether the state has a second part, the memory cell
//   forward<N>(step, row, unit, sums)      from the product to gates, state and output
//   backward(step, row, unit, valid, dh)   from the gradient of the output to those of the gates and the state before
//   left(...)          where the gradients that meet the recurrent weight stand
#pragma once
#include "gemm.h"

namespace {

// What a cell sees of one step. Rows are those of the step; `row` always means the row of the step.
struct Step {
    const Call &call;
    long begin, rows, next_rows;  // first row in the [P, ...] buffers; how many; how many the next step has
    float *before, *memory;       // [rows, H]: output and memory cell of the step before
    float *after, *memory_after;  // [next_rows, H]: the same for the next step
    long gates_begin = 0;         // the row with which call.gates begins

    float *gates(long row, long width) const { return call.gates + (begin - gates_begin + row) * width; }
    float *d_gates(long row, long width) const { return call.d_gates + (begin + row) * width; }

    void put_output(long row, long unit, long valid, Vector h) const {
        long H = call.hidden;
        store(call.outputs + call.place[begin + row] * H + unit, h, valid);
        store(row < next_rows ? after + row * H + unit : call.h_last + call.order[row] * H + unit, h, valid);
    }

    void put_memory(long row, long unit, long valid, Vector c) const {
        long H = call.hidden;
        store(row < next_rows ? memory_after + row * H + unit : call.c_last + call.order[row] * H + unit, c, valid);
    }

    Vector d_output(long row, long unit, long valid) const {
        return call.d_outputs ? load(call.d_outputs + call.place[begin + row] * call.hidden + unit, valid) : Vector{};
    }
};

inline Step step_at(const Call &call, long s) {
    const int64_t *at = call.offsets;
    long H = call.hidden, begin = at[s], rows = at[s + 1] - begin;
    long next_rows = s + 1 < call.steps ? at[s + 2] - at[s + 1] : 0;
    long now = call.training ? begin : (s % 2) * call.rows, next = call.training ? at[s + 1] : ((s + 1) % 2) * call.rows;
    float *c = call.memory;
    return Step{call, begin, rows, next_rows, call.before + now * H, c ? c + now * H : nullptr,
                call.before + next * H, c ? c + next * H : nullptr, 0};
}

inline long first_rows(const Call &call) { return call.steps ? call.offsets[1] : 0; }

// Copies row order[r] of `from` ([B, H] or null: zero) to row r of `to`, each thread its part of the rows.
inline void sorted(const Call &call, const Share &share, const float *from, float *to, long rows) {
    long H = call.hidden;
    for (long r = share.thread; r < rows; r += share.threads) {
        if (from)
            memcpy(to + r * H, from + call.order[r] * H, H * sizeof(float));
        else
            memset(to + r * H, 0, H * sizeof(float));
    }
}

// Rows without a single step: what came in goes out.
inline void pass_on(const Call &call, const Share &share, const float *from, float *to) {
    long H = call.hidden;
    for (long r = first_rows(call) + share.thread; r < call.rows; r += share.threads) {
        float *row = to + call.order[r] * H;
        if (from)
            memcpy(row, from + call.order[r] * H, H * sizeof(float));
        else
            memset(row, 0, H * sizeof(float));
    }
}

// The input projection of the next steps, some 256 rows at a time, just before they need it.
struct Projection {
    Product product;
    Blocks panels;
    long begin = 0, end = 0;  // the steps whose gates are there

    Projection(const Call &call, long gates)
        : product{call.threads, A_BT, 0, call.input_size, gates * call.hidden, nullptr, call.input_size,
                  call.input_weight, call.input_size, nullptr, call.gates_width, call.input_bias, 0, 0,
                  call.packed_input},
          panels{gates * call.hidden, 4} {}

    void pack(const Share &share) const {
        for (long panel = share.thread; panel < panels.count(); panel += share.threads)
            pack_panel(product, panels, panel);
    }

    // All threads together, when the first step that lacks its gates comes.
    void advance(const Call &call, const Share &share) {
        const int64_t *at = call.offsets;
        begin = end;
        do end++;
        while (end < call.steps && at[end + 1] - at[begin] <= CHUNK);
        product.rows = at[end] - at[begin];
        product.a = call.inputs + at[begin] * call.input_size;
        product.c = call.gates + (call.training ? at[begin] * call.gates_width : 0);
        if (begin > 0) share.meet();  // the others may still read the gates of the last steps
        if (call.gathered) {
            long D = call.input_size;
            for (long row = share.thread; row < product.rows; row += share.threads)
                memcpy(call.gathered + row * D, call.inputs + call.place[at[begin] + row] * D, D * sizeof(float));
            product.a = call.gathered;
            share.meet();
        }
        share_of_rows(product, panels, share);
        share.meet();
    }
};

template <class Cell>
void forward_pass(const Call &call) {
    long H = call.hidden;
    Blocks blocks = Cell::blocks(H);
    in_parallel(call, blocks.count(), Cell::GATES * H * H * 4, [&](const Share &share) {
        Projection projection(call, Cell::GATES);
        if (!call.packed_before) {
            projection.pack(share);
            for (long block = share.thread; block < blocks.count(); block += share.threads)
                Cell::pack(call, blocks, block);
        }
        sorted(call, share, call.h0, call.before, first_rows(call));
        pass_on(call, share, call.h0, call.h_last);
        if (Cell::MEMORY) {
            sorted(call, share, call.c0, call.memory, first_rows(call));
            pass_on(call, share, call.c0, call.c_last);
        }
        share.meet();
        for (long s = 0; s < call.steps; s++) {
            if (s == projection.end) projection.advance(call, share);
            Step step = step_at(call, s);
            if (!call.training) step.gates_begin = call.offsets[projection.begin];
            Left left{step.before + share.first_row * H, share.row_step * H, H, 0, 0};
            for (long block = share.first_block; block < share.end_block; block++)
                Cell::forward_block(step, blocks, block, left, share);
            share.end_of_step();
        }
    });
}

template <class Cell>
void backward_pass(const Call &call) {
    long H = call.hidden;
    Blocks blocks{H, 4};
    constexpr long K = Cell::GATES;
    in_parallel(call, blocks.count(), K * H * H * 4, [&](const Share &share) {
        for (long block = share.thread; block < blocks.count(); block += share.threads) {
            long unit = blocks.first(block) * W, end = at_most(blocks.first(block + 1) * W, H);
            float *to = call.packed + unit * K * H;
            with_size(blocks.size(block), [&](auto N) { pack_columns<N>(call.weight, K * H, H, unit, end - unit, to); });
        }
        if (Cell::MEMORY) sorted(call, share, call.d_c_last, call.carry_c, call.rows);
        share.meet();
        // The step -1 is the initial state: its gradient is that of an output without a cell.
        for (long s = call.steps - 1; s >= (call.d_h0 ? -1 : 0); s--) {
            Step step = s >= 0 ? step_at(call, s)
                               : Step{call, 0, call.rows, first_rows(call), nullptr, nullptr, nullptr, nullptr, 0};
            long next = s >= 0 ? call.offsets[s + 1] : 0;
            Left left = Cell::left(call.d_gates + (next + share.first_row) * Cell::WIDTH * H, H, share.row_step);
            long product_rows = share.rows_of(step.next_rows), rows = share.rows_of(step.rows);
            for (long block = share.first_block; block < share.end_block; block++) {
                long unit = blocks.first(block) * W;
                with_size(blocks.size(block), [&](auto N) {
                    auto finish = [&](long i, Vector(&sums)[N]) INLINE_LAMBDA {
                        long row = share.first_row + i * share.row_step;
                        for (int n = 0; n < N; n++) {
                            long u = unit + n * W, valid = at_most(W, H - u);
                            Vector dh = sums[n];
                            if (row >= step.next_rows && call.d_h_last)
                                dh = load(call.d_h_last + call.order[row] * H + u, valid);
                            if (Cell::CARRY && row < step.next_rows) dh += load(call.carry_h + row * H + u, valid);
                            if (s < 0)
                                store(call.d_h0 + call.order[row] * H + u, dh, valid);
                            else
                                Cell::backward(step, row, u, valid, dh + step.d_output(row, u, valid));
                        }
                    };
                    product<N>(left, product_rows, call.packed + unit * K * H, finish);
                    for (long i = product_rows; i < rows; i++) {
                        Vector nothing[N] = {};
                        finish(i, nothing);
                    }
                });
            }
            share.end_of_step();
        }
        if (Cell::MEMORY && call.d_c0) {
            share.meet();
            for (long r = share.thread; r < call.rows; r += share.threads)
                memcpy(call.d_c0 + call.order[r] * H, call.carry_c + r * H, H * sizeof(float));
        }
    });
}

}  // namespace
