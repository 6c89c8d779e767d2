// One step of the loop over time: where its rows are, and dropout inside the recurrence.
#pragma once
#include "recurrence_call.h"
#include "simd.h"

namespace {

// Dropout inside the recurrence is rare: its code is kept out of the loops.
#define RARE __attribute__((noinline, cold))

RARE Vector mask_of(const Call &call, long sequence, long unit, long lanes) {
    return load(call.mask + sequence * call.output + unit, lanes);
}

// The random numbers for a part of the state (0 the output, 1 the memory cell).
inline const float *noise(const Call &call, long step, int part, long sequence, long unit) {
    long O = call.output, both = O + (call.c_previous ? call.hidden : 0);
    const float *of_step = call.noise + step * call.rows * both;
    return part ? of_step + call.rows * O + sequence * call.hidden + unit
                : of_step + sequence * O + unit;
}

// Zoneout: a unit's new value, its old one, or a mixture.
RARE Vector stay(const Call &call, long step, int part, long sequence, long unit, long lanes,
                 Vector fresh, Vector old) {
    Vector rate = all(call.zoneout[part]);
    if (!call.noise) return rate * old + (all(1.0f) - rate) * fresh;
    return load(noise(call, step, part, sequence, unit), lanes) < rate ? old : fresh;
}

// How much of a unit stays as it was: 0 or 1, or the rate itself.
RARE Vector stays(const Call &call, long step, int part, long sequence, long unit, long lanes) {
    Vector rate = all(call.zoneout[part]);
    if (!call.noise) return rate;
    return load(noise(call, step, part, sequence, unit), lanes) < rate ? all(1.0f) : Vector{};
}

// One step, as a cell reads it; `row` is always the row of the step. Passed by value, with copies
// of what each vector needs: what is behind a reference would be read again after every store.
struct Step {
    const Call &call;
    long number, begin, rows,
        next_rows;  // first row in the [P, ...] buffers; how many; how many the next step has
    float *h_previous, *h_masked,
        *c_previous;  // [rows, ...]: output, what the weight sees of it, and memory cell before
    float *h_next, *h_masked_next, *c_next;  // [next_rows, ...]: the same for the next step
    long gates_begin = 0;  // the row with which call.gates begins
    const int64_t *padded_index = call.padded_index + begin, *sorted_indices = call.sorted_indices;
    float *outputs = call.outputs, *h_last = call.h_last, *c_last = call.c_last;
    long O = call.output, H = call.hidden, output_stride = call.output_stride,
         d_stride = call.d_output_stride;
    const float *d_outputs = call.d_outputs;
    bool zoned = call.zoneout, masked = call.mask;

    INLINE float *gates(long row) const {
        return call.gates + (begin - gates_begin + row) * call.gates_width;
    }
    INLINE float *d_gates(long row) const {
        return call.d_gates + (begin + row) * call.gates_width;
    }

    INLINE void put_output(long row, long unit, long lanes, Vector h) const {
        if (__builtin_expect(zoned, 0))
            h = stay(call, number, 0, sorted_indices[row], unit, lanes, h,
                     load(h_previous + row * O + unit, lanes));
        store(outputs + padded_index[row] * output_stride + unit, h, lanes);
        store(row < next_rows ? h_next + row * O + unit : h_last + sorted_indices[row] * O + unit,
              h, lanes);
        if (__builtin_expect(masked, 0) && row < next_rows)
            store(h_masked_next + row * O + unit,
                  h * mask_of(call, sorted_indices[row], unit, lanes), lanes);
    }

    INLINE void put_memory(long row, long unit, long lanes, Vector c) const {
        if (__builtin_expect(zoned, 0))
            c = stay(call, number, 1, sorted_indices[row], unit, lanes, c,
                     load(c_previous + row * H + unit, lanes));
        store(row < next_rows ? c_next + row * H + unit : c_last + sorted_indices[row] * H + unit,
              c, lanes);
    }

    INLINE Vector d_output(long row, long unit, long lanes) const {
        return d_outputs ? load(d_outputs + padded_index[row] * d_stride + unit, lanes) : Vector{};
    }
};

inline Step step_at(const Call &call, long s) {
    const int64_t *at = call.offsets;
    long begin = at[s], next_rows = s + 1 < call.steps ? at[s + 2] - at[s + 1] : 0;
    long now = call.training ? begin : (s % 2) * call.rows,
         next = call.training ? at[s + 1] : ((s + 1) % 2) * call.rows;
    auto row = [](float *from, long at, long width) { return from ? from + at * width : nullptr; };
    long O = call.output, H = call.hidden;
    float *h_masked = call.mask ? call.h_masked : call.h_previous;
    return Step{call,
                s,
                begin,
                at[s + 1] - begin,
                next_rows,
                row(call.h_previous, now, O),
                row(h_masked, now, O),
                row(call.c_previous, now, H),
                row(call.h_previous, next, O),
                row(h_masked, next, O),
                row(call.c_previous, next, H),
                0};
}

}  // namespace
