// h_t = g(projected + U h_{t-1}), g tanh or relu.
#pragma once
#include "loop.h"

namespace {

template <bool RELU>
struct Rnn {
    static constexpr int GATES = 1, WIDTH = 1;
    static constexpr bool MEMORY = false, CARRY = false;

    static Blocks blocks(long H) { return {H, 4}; }

    static void pack(const Call &call, const Blocks &blocks, long block) {
        long H = call.hidden, unit = blocks.first(block) * W;
        with_size(blocks.size(block), [&](auto N) {
            long start[N], end[N];
            for (int n = 0; n < N; n++) start[n] = unit + n * W, end[n] = H;
            pack_rows<N>(call.weight, H, H, start, end, call.packed + unit * H);
        });
    }

    static void forward_block(const Step &step, const Blocks &blocks, long block, const Left &left, const Share &share) {
        long H = step.call.hidden, unit = blocks.first(block) * W;
        with_size(blocks.size(block), [&](auto N) {
            product<N>(left, share.rows_of(step.rows), step.call.packed + unit * H,
                       [&](long i, Vector(&sums)[N]) INLINE_LAMBDA {
                           long row = share.first_row + i * share.row_step;
                           float *kept = step.gates(row, H);
                           for (int n = 0; n < N; n++) {
                               long u = unit + n * W, valid = at_most(W, H - u);
                               Vector a = sums[n] + load(kept + u, valid);
                               Vector h = RELU ? at_least(a, Vector{}) : tanh(a);
                               if (step.call.training) store(kept + u, h, valid);
                               step.put_output(row, u, valid, h);
                           }
                       });
        });
    }

    static Left left(const float *gates, long H, long row_step) { return {gates, row_step * H, H, 0, 0}; }

    static INLINE void backward(const Step &step, long row, long u, long valid, Vector dh) {
        long H = step.call.hidden;
        Vector h = load(step.gates(row, H) + u, valid);
        store(step.d_gates(row, H) + u, RELU ? (h > Vector{} ? dh : Vector{}) : dh * (all(1.0f) - h * h), valid);
    }
};

}  // namespace
