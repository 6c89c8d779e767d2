// r, z = sigmoid(projected + U h_{t-1});  n = tanh(projected + r (U_n h_{t-1} + b));  h_t = z h_{t-1} + (1 - z) n.
#pragma once
#include "loop.h"

namespace {

struct Gru {
    static constexpr int GATES = 3, WIDTH = 4;  // r, z, n, and the product inside n's brackets
    static constexpr bool MEMORY = false, CARRY = true;

    static Blocks blocks(long H) { return {H, 1}; }

    static void pack(const Call &call, const Blocks &, long block) {
        long H = call.hidden, u = block * W;
        const long start[3] = {u, H + u, 2 * H + u};
        const long end[3] = {H, 2 * H, 3 * H};
        pack_rows<3>(call.weight, H, H, start, end, call.packed + u * 3 * H);
    }

    static void forward_block(const Step &step, const Blocks &, long block, const Left &left, const Share &share) {
        const Call &call = step.call;
        long H = call.hidden, u = block * W, valid = at_most(W, H - u), width = call.training ? 4 * H : 3 * H;
        Vector bias = call.bias ? load(call.bias + u, valid) : Vector{};
        product<3>(left, share.rows_of(step.rows), call.packed + u * 3 * H,
                   [&](long index, Vector(&sums)[3]) INLINE_LAMBDA {
                       long row = share.first_row + index * share.row_step;
                       float *kept = step.gates(row, width) + u;
                       Vector inner = sums[2] + bias;
                       Vector r = sigmoid(sums[0] + load(kept, valid));
                       Vector z = sigmoid(sums[1] + load(kept + H, valid));
                       Vector n = tanh(load(kept + 2 * H, valid) + r * inner);
                       if (call.training) {
                           store(kept, r, valid);
                           store(kept + H, z, valid);
                           store(kept + 2 * H, n, valid);
                           store(kept + 3 * H, inner, valid);
                       }
                       step.put_output(row, u, valid, n + z * (load(step.before + row * H + u, valid) - n));
                   });
    }

    // The gradients of r, z and of the product in the brackets; n's own stands between them.
    static Left left(const float *gates, long H, long row_step) { return {gates, row_step * 4 * H, 2 * H, H, H}; }

    static INLINE void backward(const Step &step, long row, long u, long valid, Vector dh) {
        long H = step.call.hidden;
        const float *kept = step.gates(row, 4 * H) + u;
        float *to = step.d_gates(row, 4 * H) + u;
        Vector one = all(1.0f), before = load(step.before + row * H + u, valid);
        Vector r = load(kept, valid), z = load(kept + H, valid);
        Vector n = load(kept + 2 * H, valid), inner = load(kept + 3 * H, valid);
        Vector dn = dh * (one - z) * (one - n * n);
        store(to, dn * inner * r * (one - r), valid);
        store(to + H, dh * (before - n) * z * (one - z), valid);
        store(to + 2 * H, dn, valid);
        store(to + 3 * H, dn * r, valid);
        store(step.call.carry_h + row * H + u, dh * z, valid);
    }
};

}  // namespace
