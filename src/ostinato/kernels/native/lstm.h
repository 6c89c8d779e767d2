// i, f, o = sigmoid(...), g = tanh(...) of projected + U h_{t-1};  c_t = f c_{t-1} + i g;  h_t = o tanh(c_t).
//
// With peepholes i and f see p c_{t-1} too, and o sees p c_t. With a projection h_t = W_p (o tanh(c_t)).
#pragma once
#include "recurrence.h"

namespace {

// From the gradient of the memory cell to those of i, f, g and of the memory cell before.
INLINE Vector to_memory(const Step &step, long row, long u, long valid, Vector dc, Vector carried, Vector i, Vector f,
                        Vector g, Vector before, Vector (&d)[3]) {
    Vector one = all(1.0f), past{};
    if (step.zoned) {
        past = stays(step.call, step.number, 1, step.order[row], u, valid) * carried;
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
    static constexpr int GATES = 4, STAGES = PROJECTED ? 2 : 1, SEEN = 4;
    static constexpr int WIDTH = 4 + PEEPHOLE + PROJECTED;  // i, f, g, o; c_t with peepholes; o tanh(c_t) to project
    static constexpr int MIDDLE = PROJECTED ? 4 + PEEPHOLE : -1;
    static constexpr bool MEMORY = true;
    static constexpr RecurrentProduct PRODUCTS[] = {{0, 4, 0}};

    // Where o tanh(c_t) is kept: without a backward pass in the place of i, which is not needed any more.
    static long middle(const Call &call) { return call.training ? MIDDLE * call.hidden : 0; }

    static void pack(const Call &call, const Share &share) {
        pack_gates<4>(call.weight, call.hidden, call.output, call.packed, share);
        if (PROJECTED) pack_units(call.to_output, call.output, call.hidden, call.packed_output, share);
    }

    static void forward(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden, O = call.output;
        gates_product<4>(share, rows_of(share, step.seen, O, O), step.rows, call.packed, H,
                         [&, training = bool(call.training)](long row, long u, long valid, Vector(&sums)[4]) INLINE_LAMBDA {
                             float *kept = step.gates(row) + u;
                             Vector before = load(step.memory + row * H + u, valid);
                             if (PEEPHOLE) {
                                 sums[0] += load(call.own + u, valid) * before;
                                 sums[1] += load(call.own + H + u, valid) * before;
                             }
                             Vector i = sigmoid(sums[0] + load(kept, valid));
                             Vector f = sigmoid(sums[1] + load(kept + H, valid));
                             Vector g = tanh(sums[2] + load(kept + 2 * H, valid));
                             Vector c = f * before + i * g;
                             if (PEEPHOLE) sums[3] += load(call.own + 2 * H + u, valid) * c;
                             Vector o = sigmoid(sums[3] + load(kept + 3 * H, valid));
                             if (training) {
                                 store(kept, i, valid);
                                 store(kept + H, f, valid);
                                 store(kept + 2 * H, g, valid);
                                 store(kept + 3 * H, o, valid);
                                 if (PEEPHOLE) store(kept + 4 * H, c, valid);
                             }
                             step.put_memory(row, u, valid, c);
                             if (PROJECTED)
                                 store(kept + middle(call), o * tanh(c), valid);
                             else
                                 step.put_output(row, u, valid, o * tanh(c));
                         });
    }

    static void forward_second(Step step, Share share) {
        const Call &call = step.call;
        Left left = rows_of(share, step.gates(0) + middle(call), call.gates_width, call.hidden);
        units_product(share, left, step.rows, step.rows, call.packed_output, call.output,
                      [&](long row, long u, long valid, Vector h) INLINE_LAMBDA { step.put_output(row, u, valid, h); });
    }

    static Left seen_by(Left gates, long H) { return gates.width = 4 * H, gates; }

    static void pack_backward(const Call &call, const Share &share) {
        pack_units_of(call.to_output, call.hidden, call.output, call.packed_output, share);
    }

    static INLINE Vector backward(const Step &step, long row, long u, long valid, Vector dh) {
        if (PROJECTED)
            store(step.call.d_hidden + (step.begin + row) * step.call.output + u, dh, valid);
        else
            to_gates(step, row, u, valid, dh);
        return Vector{};
    }

    static void backward_second(Step step, Share share) {
        const Call &call = step.call;
        Left left = rows_of(share, call.d_hidden + step.begin * call.output, call.output, call.output);
        units_product(share, left, step.rows, step.rows, call.packed_output, call.hidden,
                      [&](long row, long u, long valid, Vector sum) INLINE_LAMBDA { to_gates(step, row, u, valid, sum); });
    }

    static INLINE void to_gates(const Step &step, long row, long u, long valid, Vector dh) {
        const Call &call = step.call;
        long H = call.hidden;
        const float *kept = step.gates(row) + u, *own = call.own + u;
        float *to = step.d_gates(row) + u, *carry = call.carry_c + row * H + u;
        Vector one = all(1.0f), before = load(step.memory + row * H + u, valid);
        Vector i = load(kept, valid), f = load(kept + H, valid);
        Vector g = load(kept + 2 * H, valid), o = load(kept + 3 * H, valid);
        Vector squashed = tanh(PEEPHOLE ? load(kept + 4 * H, valid) : f * before + i * g);
        Vector dc = dh * o * (one - squashed * squashed), d_o = dh * squashed * o * (one - o), d[3];
        if (PEEPHOLE) dc += d_o * load(own + 2 * H, valid);
        Vector past = to_memory(step, row, u, valid, dc, load(carry, valid), i, f, g, before, d);
        if (PEEPHOLE) past += d[0] * load(own, valid) + d[1] * load(own + H, valid);
        for (int n = 0; n < 3; n++) store(to + n * H, d[n], valid);
        store(to + 3 * H, d_o, valid);
        store(carry, past, valid);
    }
};

}  // namespace
