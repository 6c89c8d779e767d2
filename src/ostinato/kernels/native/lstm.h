// i, f, o = sigmoid(...), g = tanh(...) of projected + U h_{t-1};  c_t = f c_{t-1} + i g;  h_t = o tanh(c_t).
#pragma once
#include "loop.h"

namespace {

struct Lstm {
    static constexpr int GATES = 4, WIDTH = 4;
    static constexpr bool MEMORY = true, CARRY = false;

    static Blocks blocks(long H) { return {H, 1}; }

    static void pack(const Call &call, const Blocks &, long block) {
        long H = call.hidden, u = block * W;
        const long start[4] = {u, H + u, 2 * H + u, 3 * H + u};
        const long end[4] = {H, 2 * H, 3 * H, 4 * H};
        pack_rows<4>(call.weight, H, H, start, end, call.packed + u * 4 * H);
    }

    static void forward_block(const Step &step, const Blocks &, long block, const Left &left, const Share &share) {
        const Call &call = step.call;
        long H = call.hidden, u = block * W, valid = at_most(W, H - u);
        product<4>(left, share.rows_of(step.rows), call.packed + u * 4 * H,
                   [&](long index, Vector(&sums)[4]) INLINE_LAMBDA {
                       long row = share.first_row + index * share.row_step;
                       float *kept = step.gates(row, 4 * H) + u;
                       Vector i = sigmoid(sums[0] + load(kept, valid));
                       Vector f = sigmoid(sums[1] + load(kept + H, valid));
                       Vector g = tanh(sums[2] + load(kept + 2 * H, valid));
                       Vector o = sigmoid(sums[3] + load(kept + 3 * H, valid));
                       Vector c = f * load(step.memory + row * H + u, valid) + i * g;
                       if (call.training) {
                           store(kept, i, valid);
                           store(kept + H, f, valid);
                           store(kept + 2 * H, g, valid);
                           store(kept + 3 * H, o, valid);
                       }
                       step.put_memory(row, u, valid, c);
                       step.put_output(row, u, valid, o * tanh(c));
                   });
    }

    static Left left(const float *gates, long H, long row_step) { return {gates, row_step * 4 * H, 4 * H, 0, 0}; }

    static INLINE void backward(const Step &step, long row, long u, long valid, Vector dh) {
        long H = step.call.hidden;
        const float *kept = step.gates(row, 4 * H) + u;
        float *to = step.d_gates(row, 4 * H) + u, *carry = step.call.carry_c + row * H + u;
        Vector one = all(1.0f), before = load(step.memory + row * H + u, valid);
        Vector i = load(kept, valid), f = load(kept + H, valid);
        Vector g = load(kept + 2 * H, valid), o = load(kept + 3 * H, valid);
        Vector squashed = tanh(f * before + i * g);
        Vector dc = dh * o * (one - squashed * squashed) + load(carry, valid);
        store(to, dc * g * i * (one - i), valid);
        store(to + H, dc * before * f * (one - f), valid);
        store(to + 2 * H, dc * i * (one - g * g), valid);
        store(to + 3 * H, dh * squashed * o * (one - o), valid);
        store(carry, dc * f, valid);
    }
};

}  // namespace
