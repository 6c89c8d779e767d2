// h_t = g(projected + U h_{t-1}), g tanh or relu.
#pragma once
#include "recurrence.h"

namespace {

template <bool RELU>
struct Rnn : CellDefaults {
    static constexpr int GATES = 1, WIDTH = 1, GRADIENT_GATES = 1;
    static constexpr RecurrentProduct PRODUCTS[] = {{0, 1, 0}};

    static void pack(const Call &call, const Share &share) {
        pack_units(call.weight, call.hidden, call.output, call.packed, share);
    }

    static void forward(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden;
        units_product(share, rows_of(share, step.h_masked, H, H), step.rows, step.rows, call.packed,
                      H, [&](long row, long u, long lanes, Vector sum) INLINE_LAMBDA {
                          float *record = step.gates(row) + u;
                          Vector a = sum + load(record, lanes);
                          Vector h = RELU ? at_least(a, Vector{}) : tanh(a);
                          if (call.training) store(record, h, lanes);
                          step.put_output(row, u, lanes, h);
                      });
    }

    static Left gate_gradients(Left gates, long H) { return gates.width = H, gates; }

    static INLINE Vector backward(const Step &step, long row, long u, long lanes, Vector dh) {
        Vector h = load(step.gates(row) + u, lanes);
        store(step.d_gates(row) + u,
              RELU ? (h > Vector{} ? dh : Vector{}) : dh * (all(1.0f) - h * h), lanes);
        return Vector{};
    }
};

}  // namespace
