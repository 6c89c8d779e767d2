// The LSTM and the GRU whose products are normalised over the units before they become gates.
//
// A row's mean waits for all its units, so a step has two stages: the product by blocks of units,
// then everything else row by row. What comes in is projected and normalised already.
#pragma once
#include <cmath>

#include "lstm.h"

namespace {

constexpr float EPSILON = 1e-5f;  // nn.LayerNorm's

INLINE float across(Vector v) {
    float sum = 0;
    for (int lane = 0; lane < W; lane++) sum += v[lane];
    return sum;
}

// Of n numbers, and what follows from it: (x - mean) * scale is normalised.
struct Spread {
    float mean, scale;

    Spread(const float *x, long n) {
        Vector sum{}, squares{};
        for (long i = 0; i < n; i += W) sum += load(x + i, at_most(W, n - i));
        mean = across(sum) / float(n);
        for (long i = 0; i + W <= n; i += W) {
            Vector away = load(x + i) - all(mean);
            squares += away * away;
        }
        float total = across(squares);
        for (long i = n - n % W; i < n; i++) total += (x[i] - mean) * (x[i] - mean);
        scale = 1.0f / std::sqrt(total / float(n) + EPSILON);
    }

    INLINE Vector normal(Vector x) const { return (x - all(mean)) * all(scale); }
};

// A normalisation of n numbers: gain and bias; in the backward pass, where their gradients are
// summed up.
struct Norm {
    const float *gain, *bias;
    float *d_gain, *d_bias;
    long n;

    Norm(const Call &call, const Share &share, long norms, long at, long n) : n(n) {
        gain = call.cell_parameters + at, bias = gain + n;
        d_gain = call.d_cell_parameters
                     ? call.d_cell_parameters + share.thread * norms * call.hidden + at
                     : nullptr,
        d_bias = d_gain + n;
    }

    INLINE Vector apply(const Spread &spread, Vector x, long i, long lanes) const {
        return spread.normal(x) * load(gain + i, lanes) + load(bias + i, lanes);
    }

    // Sums up the gradients of gain and bias; returns that of the normalised number.
    INLINE Vector back(Vector dy, Vector normal, long i, long lanes) const {
        store(d_gain + i, load(d_gain + i, lanes) + dy * normal, lanes);
        store(d_bias + i, load(d_bias + i, lanes) + dy, lanes);
        return dy * load(gain + i, lanes);
    }

    // From the gradients dy of the results to those of the numbers x that were normalised; `to` may
    // be x.
    void backward(const float *dy, const float *x, float *to) const {
        Spread spread(x, n);
        Vector sum{}, with{};
        for (long i = 0; i < n; i += W) {
            long lanes = at_most(W, n - i);
            Vector normal = spread.normal(load(x + i, lanes)),
                   d = back(load(dy + i, lanes), normal, i, lanes);
            sum += d, with += d * normal;
        }
        float mean = across(sum) / float(n), slope = across(with) / float(n);
        for (long i = 0; i < n; i += W) {
            long lanes = at_most(W, n - i);
            Vector normal = spread.normal(load(x + i, lanes)),
                   d = load(dy + i, lanes) * load(gain + i, lanes);
            store(to + i, all(spread.scale) * (d - all(mean) - normal * all(slope)), lanes);
        }
    }
};

// What both have in common: the product, recorded after the gates.
template <int GATES, int PRODUCT>
struct Normalised : CellDefaults {
    static constexpr bool PROJECTED_INPUTS = true;
    static constexpr int STAGES = 2, GRADIENT_GATES = GATES;

    static void pack(const Call &call, const Share &share) {
        pack_units(call.weight, GATES * call.hidden, call.output, call.packed, share);
    }

    static void forward(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden;
        units_product(share, rows_of(share, step.h_masked, H, H), step.rows, step.rows, call.packed,
                      GATES * H, [&](long row, long u, long lanes, Vector sum) INLINE_LAMBDA {
                          store(step.gates(row) + PRODUCT * H + u, sum, lanes);
                      });
    }

    static Left gate_gradients(Left gates, long H) {
        return gates.a += PRODUCT * H, gates.width = GATES * H, gates;
    }

    static void pack_backward(const Call &, const Share &) {}

    static INLINE void keep(const Step &step, long row, long u, long lanes, Vector dh) {
        store(step.call.d_hidden + row * step.call.hidden + u, dh, lanes);
    }
};

struct LayerNormLstm : Normalised<4, 4> {
    static constexpr int GATES = 4, WIDTH = 9;  // i, f, g, o; the four products; c_t
    static constexpr int NORMS = 10, PARAMETERS = NORMS;  // gain and bias of the products (4 H
                                                          // each), of the memory cell (H each)
    static constexpr bool MEMORY = true;
    static constexpr RecurrentProduct PRODUCTS[] = {{0, 4, 4}};

    static void forward_second(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden;
        Norm products(call, share, NORMS, 0, 4 * H), cell(call, share, NORMS, 8 * H, H);
        for (long row = share.thread; row < step.rows; row += share.threads) {
            float *record = step.gates(row), *raw = record + 4 * H, *memory = record + 8 * H;
            Spread spread(raw, 4 * H);
            for (long u = 0; u < H; u += W) {
                long lanes = at_most(W, H - u);
                auto sum = [&](long at) INLINE_LAMBDA {
                    return load(record + at, lanes) +
                           products.apply(spread, load(raw + at, lanes), at, lanes);
                };
                Vector i = sigmoid(sum(u)), f = sigmoid(sum(H + u)), g = tanh(sum(2 * H + u));
                Vector o = sigmoid(sum(3 * H + u)),
                       c = f * load(step.c_previous + row * H + u, lanes) + i * g;
                store(record + u, i, lanes);
                store(record + H + u, f, lanes);
                store(record + 2 * H + u, g, lanes);
                store(record + 3 * H + u, o, lanes);
                store(memory + u, c, lanes);
            }
            Spread of_cell(memory, H);
            for (long u = 0; u < H; u += W) {
                long lanes = at_most(W, H - u);
                Vector c = load(memory + u, lanes), o = load(record + 3 * H + u, lanes);
                step.put_memory(row, u, lanes, c);
                step.put_output(row, u, lanes, o * tanh(cell.apply(of_cell, c, u, lanes)));
            }
        }
    }

    static INLINE Vector backward(const Step &step, long row, long u, long lanes, Vector dh) {
        keep(step, row, u, lanes, dh);
        return Vector{};
    }

    static void backward_second(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden;
        Norm products(call, share, NORMS, 0, 4 * H), cell(call, share, NORMS, 8 * H, H);
        for (long row = share.thread; row < step.rows; row += share.threads) {
            const float *record = step.gates(row), *memory = record + 8 * H;
            float *to = step.d_gates(row), *dh = call.d_hidden + row * H,
                  *carry = call.carry_c + row * H;
            Spread spread(memory, H);
            Vector one = all(1.0f), sum{}, with{};
            for (long u = 0; u < H; u += W) {
                long lanes = at_most(W, H - u);
                Vector normal = spread.normal(load(memory + u, lanes)),
                       o = load(record + 3 * H + u, lanes);
                Vector squashed = tanh(cell.apply(spread, load(memory + u, lanes), u, lanes)),
                       d = load(dh + u, lanes);
                store(to + 3 * H + u, d * squashed * o * (one - o), lanes);
                d = cell.back(d * o * (one - squashed * squashed), normal, u, lanes);
                store(dh + u, d, lanes);
                sum += d, with += d * normal;
            }
            float mean = across(sum) / float(H), slope = across(with) / float(H);
            for (long u = 0; u < H; u += W) {
                long lanes = at_most(W, H - u);
                Vector normal = spread.normal(load(memory + u, lanes)),
                       before = load(step.c_previous + row * H + u, lanes);
                Vector dc = all(spread.scale) *
                            (load(dh + u, lanes) - all(mean) - normal * all(slope)),
                       d[3];
                Vector i = load(record + u, lanes), f = load(record + H + u, lanes),
                       g = load(record + 2 * H + u, lanes);
                store(
                    carry + u,
                    to_memory(step, row, u, lanes, dc, load(carry + u, lanes), i, f, g, before, d),
                    lanes);
                for (int n = 0; n < 3; n++) store(to + n * H + u, d[n], lanes);
            }
            products.backward(to, record + 4 * H, to + 4 * H);
        }
    }
};

struct LayerNormGru : Normalised<3, 3> {
    static constexpr int GATES = 3, WIDTH = 6;  // r, z, n; the three products
    static constexpr int
        NORMS = 6,
        PARAMETERS = NORMS;  // gain and bias of the gates' products (2 H each), of n's (H each)
    static constexpr bool CARRY = true;
    static constexpr RecurrentProduct PRODUCTS[] = {{0, 3, 3}};

    static void forward_second(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden;
        Norm gates(call, share, NORMS, 0, 2 * H), candidate(call, share, NORMS, 4 * H, H);
        for (long row = share.thread; row < step.rows; row += share.threads) {
            float *record = step.gates(row), *raw = record + 3 * H;
            Spread of_gates(raw, 2 * H), of_candidate(raw + 2 * H, H);
            for (long u = 0; u < H; u += W) {
                long lanes = at_most(W, H - u);
                auto sum = [&](long at) INLINE_LAMBDA {
                    return load(record + at, lanes) +
                           gates.apply(of_gates, load(raw + at, lanes), at, lanes);
                };
                Vector r = sigmoid(sum(u)), z = sigmoid(sum(H + u));
                Vector inner =
                    candidate.apply(of_candidate, load(raw + 2 * H + u, lanes), u, lanes);
                Vector n = tanh(load(record + 2 * H + u, lanes) + r * inner);
                if (call.training) {
                    store(record + u, r, lanes);
                    store(record + H + u, z, lanes);
                    store(record + 2 * H + u, n, lanes);
                }
                step.put_output(row, u, lanes,
                                n + z * (load(step.h_previous + row * H + u, lanes) - n));
            }
        }
    }

    static INLINE Vector backward(const Step &step, long row, long u, long lanes, Vector dh) {
        keep(step, row, u, lanes, dh);
        return Vector{};
    }

    static void backward_second(Step step, Share share) {
        const Call &call = step.call;
        long H = call.hidden;
        Norm gates(call, share, NORMS, 0, 2 * H), candidate(call, share, NORMS, 4 * H, H);
        for (long row = share.thread; row < step.rows; row += share.threads) {
            const float *record = step.gates(row), *raw = record + 3 * H;
            float *to = step.d_gates(row), *dh = call.d_hidden + row * H,
                  *carry = call.carry_h + row * H;
            Spread of_candidate(raw + 2 * H, H);
            Vector one = all(1.0f);
            for (long u = 0; u < H; u += W) {
                long lanes = at_most(W, H - u);
                Vector r = load(record + u, lanes), z = load(record + H + u, lanes),
                       n = load(record + 2 * H + u, lanes);
                Vector inner =
                    candidate.apply(of_candidate, load(raw + 2 * H + u, lanes), u, lanes);
                Vector d = load(dh + u, lanes), before = load(step.h_previous + row * H + u, lanes);
                Vector dn = d * (one - z) * (one - n * n);
                store(to + u, dn * inner * r * (one - r), lanes);
                store(to + H + u, d * (before - n) * z * (one - z), lanes);
                store(to + 2 * H + u, dn, lanes);
                store(dh + u, dn * r, lanes);  // of the normalised product
                store(carry + u, load(carry + u, lanes) + d * z, lanes);
            }
            gates.backward(to, raw, to + 3 * H);
            candidate.backward(dh, raw + 2 * H, to + 5 * H);
        }
    }
};

}  // namespace
