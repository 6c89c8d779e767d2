// i, f, o = sigmoid(...), g = tanh(...) of projected + U h_{t-1};  c_t = f c_{t-1} + i g;  h_t = o
// tanh(c_t).
//
// With peepholes i and f see p c_{t-1} too, and o sees p c_t. With a projection h_t = W_p (o
// tanh(c_t)).
#pragma once
#include "recurrence.h"

namespace {

// From the gradient of the memory cell to those of i, f, g and of the memory cell before.
INLINE Vector to_memory(const Step &step, long row, long u, long lanes, Vector dc, Vector carried,
                        Vector i, Vector f, Vector g, Vector before, Vector (&d)[3]) {
    Vector one = all(1.0f), past{};
    if (step.zoned) {
        past = stays(step.call, step.number, 1, step.sorted_indices[row], u, lanes) * carried;
        carried -= past;
    }
    dc += carried;
    d[0] = dc * g * i * (one - i);
    d[1] = dc * before * f * (one - f);
    d[2] = dc * i * (one - g * g);
    return dc * f + past;
}

template <bool PEEPHOLE, bool PROJECTED>
struct Lstm : CellDefaults {
    static constexpr int GATES = 4, STAGES = PROJECTED ? 2 : 1, GRADIENT_GATES = 4;
    static constexpr int WIDTH =
        4 + PEEPHOLE + PROJECTED;  // i, f, g, o; c_t with peepholes; o tanh(c_t) to project
    static constexpr int PROJECTED_COLUMN = PROJECTED ? 4 + PEEPHOLE : -1;
    static constexpr int PARAMETERS = PEEPHOLE ? 3 : 0;
    static constexpr bool MEMORY = true;
    static constexpr RecurrentProduct PRODUCTS[] = {{0, 4, 0}};

    // The column of o tanh(c_t): without a backward pass that of i, which is not needed any
    // more.
    static long projected_column(const Call &call) {
        return call.training ? PROJECTED_COLUMN * call.hidden : 0;
    }

    static void pack(const Call &call, const Share &share) {
        pack_gates<4>(call.weight, call.hidden, call.output, call.packed, share);
        if (PROJECTED)
            pack_units(call.to_output, call.output, call.hidden, call.packed_output, share);
    }

    static void forward(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden, O = call.output;
        gates_product<4>(share, rows_of(share, step.h_masked, O, O), step.rows, call.packed, H,
                         [&, training = bool(call.training)](long row, long u, long lanes,
                                                             Vector(&sums)[4]) INLINE_LAMBDA {
                             float *record = step.gates(row) + u;
                             Vector before = load(step.c_previous + row * H + u, lanes);
                             if (PEEPHOLE) {
                                 sums[0] += load(call.cell_parameters + u, lanes) * before;
                                 sums[1] += load(call.cell_parameters + H + u, lanes) * before;
                             }
                             Vector i = sigmoid(sums[0] + load(record, lanes));
                             Vector f = sigmoid(sums[1] + load(record + H, lanes));
                             Vector g = tanh(sums[2] + load(record + 2 * H, lanes));
                             Vector c = f * before + i * g;
                             if (PEEPHOLE)
                                 sums[3] += load(call.cell_parameters + 2 * H + u, lanes) * c;
                             Vector o = sigmoid(sums[3] + load(record + 3 * H, lanes));
                             if (training) {
                                 store(record, i, lanes);
                                 store(record + H, f, lanes);
                                 store(record + 2 * H, g, lanes);
                                 store(record + 3 * H, o, lanes);
                                 if (PEEPHOLE) store(record + 4 * H, c, lanes);
                             }
                             step.put_memory(row, u, lanes, c);
                             if (PROJECTED)
                                 store(record + projected_column(call), o * tanh(c), lanes);
                             else
                                 step.put_output(row, u, lanes, o * tanh(c));
                         });
    }

    static void forward_second(Step step, Share share) {
        const Call &call = step.call;
        Left left =
            rows_of(share, step.gates(0) + projected_column(call), call.gates_width, call.hidden);
        units_product(share, left, step.rows, step.rows, call.packed_output, call.output,
                      [&](long row, long u, long lanes, Vector h)
                          INLINE_LAMBDA { step.put_output(row, u, lanes, h); });
    }

    static Left gate_gradients(Left gates, long H) { return gates.width = 4 * H, gates; }

    static void pack_backward(const Call &call, const Share &share) {
        pack_units_of(call.to_output, call.hidden, call.output, call.packed_output, share);
    }

    static INLINE Vector backward(const Step &step, long row, long u, long lanes, Vector dh) {
        if (PROJECTED)
            store(step.call.d_hidden + (step.begin + row) * step.call.output + u, dh, lanes);
        else
            to_gates(step, row, u, lanes, dh);
        return Vector{};
    }

    static void backward_second(Step step, Share share) {
        const Call &call = step.call;
        Left left =
            rows_of(share, call.d_hidden + step.begin * call.output, call.output, call.output);
        units_product(share, left, step.rows, step.rows, call.packed_output, call.hidden,
                      [&](long row, long u, long lanes, Vector sum)
                          INLINE_LAMBDA { to_gates(step, row, u, lanes, sum); });
    }

    static INLINE void to_gates(const Step &step, long row, long u, long lanes, Vector dh) {
        const Call &call = step.call;
        long H = call.hidden;
        const float *record = step.gates(row) + u, *peepholes = call.cell_parameters + u;
        float *to = step.d_gates(row) + u, *carry = call.carry_c + row * H + u;
        Vector one = all(1.0f), before = load(step.c_previous + row * H + u, lanes);
        Vector i = load(record, lanes), f = load(record + H, lanes);
        Vector g = load(record + 2 * H, lanes), o = load(record + 3 * H, lanes);
        Vector squashed = tanh(PEEPHOLE ? load(record + 4 * H, lanes) : f * before + i * g);
        Vector dc = dh * o * (one - squashed * squashed), d_o = dh * squashed * o * (one - o), d[3];
        if (PEEPHOLE) dc += d_o * load(peepholes + 2 * H, lanes);
        Vector past = to_memory(step, row, u, lanes, dc, load(carry, lanes), i, f, g, before, d);
        if (PEEPHOLE) past += d[0] * load(peepholes, lanes) + d[1] * load(peepholes + H, lanes);
        for (int n = 0; n < 3; n++) store(to + n * H, d[n], lanes);
        store(to + 3 * H, d_o, lanes);
        store(carry, past, lanes);
    }
};

}  // namespace
