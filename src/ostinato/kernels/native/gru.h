// r, z = sigmoid(projected + U h_{t-1});  h_t = z h_{t-1} + (1 - z) n, in two forms:
// reset after   n = tanh(projected + r (U_n h_{t-1} + b))
// reset before  n = tanh(projected + U_n (r h_{t-1}))
#pragma once
#include "recurrence.h"

namespace {

struct Gru : CellDefaults {
    static constexpr int GATES = 3, WIDTH = 4;  // r, z, n, and the product inside n's brackets
    static constexpr int GRADIENT_GATES = 3;
    static constexpr bool CARRY = true, INNER_BIAS = true;
    static constexpr RecurrentProduct PRODUCTS[] = {{0, 2, 0}, {2, 1, 3}};

    static void pack(const Call &call, const Share &share) {
        pack_gates<3>(call.weight, call.hidden, call.output, call.packed, share);
    }

    static void forward(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden;
        gates_product<3>(
            share, rows_of(share, step.h_masked, H, H), step.rows, call.packed, H,
            [&](long row, long u, long lanes, Vector(&sums)[3]) INLINE_LAMBDA {
                float *record = step.gates(row) + u;
                Vector inner = call.bias ? sums[2] + load(call.bias + u, lanes) : sums[2];
                Vector r = sigmoid(sums[0] + load(record, lanes));
                Vector z = sigmoid(sums[1] + load(record + H, lanes));
                Vector n = tanh(load(record + 2 * H, lanes) + r * inner);
                if (call.training) {
                    store(record, r, lanes);
                    store(record + H, z, lanes);
                    store(record + 2 * H, n, lanes);
                    store(record + 3 * H, inner, lanes);
                }
                step.put_output(row, u, lanes,
                                n + z * (load(step.h_previous + row * H + u, lanes) - n));
            });
    }

    // The gradients of r, z and of the product in the brackets; n's own lies between them.
    static Left gate_gradients(Left gates, long H) { return {gates.a, gates.stride, 2 * H, H, H}; }

    static INLINE Vector backward(const Step &step, long row, long u, long lanes, Vector dh) {
        long H = step.call.hidden;
        const float *record = step.gates(row) + u;
        float *to = step.d_gates(row) + u;
        Vector one = all(1.0f), before = load(step.h_previous + row * H + u, lanes);
        Vector r = load(record, lanes), z = load(record + H, lanes);
        Vector n = load(record + 2 * H, lanes), inner = load(record + 3 * H, lanes);
        Vector dn = dh * (one - z) * (one - n * n);
        store(to, dn * inner * r * (one - r), lanes);
        store(to + H, dh * (before - n) * z * (one - z), lanes);
        store(to + 2 * H, dn, lanes);
        store(to + 3 * H, dn * r, lanes);
        return dh * z;
    }
};

struct GruResetBefore : CellDefaults {
    static constexpr int GATES = 3, WIDTH = 4;  // r, z, n, and r h_{t-1} as the weight sees it
    static constexpr int STAGES = 2, GRADIENT_GATES = 2;
    static constexpr bool CARRY = true;
    static constexpr RecurrentProduct PRODUCTS[] = {{0, 2, 0}, {2, 1, 2, 3}};

    static long reset(const Call &call) { return call.training ? 3 * call.hidden : 0; }

    static void pack(const Call &call, const Share &share) {
        long H = call.hidden;
        pack_gates<2>(call.weight, H, H, call.packed, share);
        pack_units(call.weight + 2 * H * H, H, H, second(call), share);
    }

    static float *second(const Call &call) {
        return call.packed + 2 * vectors(call.hidden) * W * call.hidden;
    }

    static void forward(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden;
        gates_product<2>(share, rows_of(share, step.h_masked, H, H), step.rows, call.packed, H,
                         [&](long row, long u, long lanes, Vector(&sums)[2]) INLINE_LAMBDA {
                             float *record = step.gates(row) + u;
                             Vector r = sigmoid(sums[0] + load(record, lanes));
                             Vector z = sigmoid(sums[1] + load(record + H, lanes));
                             if (call.training) store(record, r, lanes);
                             store(record + H, z, lanes);
                             store(record + reset(call),
                                   r * load(step.h_masked + row * H + u, lanes), lanes);
                         });
    }

    static void forward_second(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden;
        Left left = rows_of(share, step.gates(0) + reset(call), call.gates_width, H);
        units_product(share, left, step.rows, step.rows, second(call), H,
                      [&](long row, long u, long lanes, Vector sum) INLINE_LAMBDA {
                          float *record = step.gates(row) + u;
                          Vector n = tanh(sum + load(record + 2 * H, lanes)),
                                 z = load(record + H, lanes);
                          if (call.training) store(record + 2 * H, n, lanes);
                          step.put_output(row, u, lanes,
                                          n + z * (load(step.h_previous + row * H + u, lanes) - n));
                      });
    }

    static Left gate_gradients(Left gates, long H) { return gates.width = 2 * H, gates; }

    static void pack_backward(const Call &call, const Share &share) {
        long H = call.hidden;
        pack_units_of(call.weight + 2 * H * H, H, H, second(call), share);
    }

    static INLINE Vector backward(const Step &step, long row, long u, long lanes, Vector dh) {
        long H = step.call.hidden;
        const float *record = step.gates(row) + u;
        float *to = step.d_gates(row) + u;
        Vector one = all(1.0f), before = load(step.h_previous + row * H + u, lanes);
        Vector z = load(record + H, lanes), n = load(record + 2 * H, lanes);
        store(to + H, dh * (before - n) * z * (one - z), lanes);
        store(to + 2 * H, dh * (one - z) * (one - n * n), lanes);
        return dh * z;
    }

    // Through the candidate's product to what it saw, r h_{t-1} (times the mask).
    static void backward_second(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden;
        Left left = rows_of(share, step.d_gates(0) + 2 * H, call.gates_width, H);
        units_product(share, left, step.rows, step.rows, second(call), H,
                      [&](long row, long u, long lanes, Vector sum) INLINE_LAMBDA {
                          float *carry = call.carry_h + row * H + u;
                          if (step.masked) sum *= mask_of(call, step.sorted_indices[row], u, lanes);
                          Vector r = load(step.gates(row) + u, lanes),
                                 before = load(step.h_previous + row * H + u, lanes);
                          store(step.d_gates(row) + u, sum * before * r * (all(1.0f) - r), lanes);
                          store(carry, load(carry, lanes) + sum * r, lanes);
                      });
    }
};

}  // namespace
