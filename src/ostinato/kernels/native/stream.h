// Time steps of stacked layers, one after another, for what cannot wait for a whole sequence: rows as they come, the state in
// the caller's hands, weights in any format. The formulas are those of rnn.h, lstm.h and gru.h, once more without the gates kept.
#pragma once
#include "call.h"
#include "formats.h"
#include "parallel.h"
#include "stream_call.h"

namespace {

// What a cell needs to finish `valid` units from `unit` on of one row.
struct Place {
    const Layer &layer;
    const LayerState &state;
    float *output;  // [rows, H], or null where the next layer reads the state
    const float *added;  // [rows, H]: the layer's input, where it is added to its output
    long row, unit, valid;

    long at() const { return row * layer.hidden + unit; }
    Vector input(const Vector &sum, long gate) const { return biased(layer.input_bias, sum, gate); }
    Vector hidden(const Vector &sum, long gate) const { return biased(layer.hidden_bias, sum, gate); }
    Vector biased(const float *bias, const Vector &sum, long gate) const {
        return bias ? sum + load(bias + gate * layer.hidden + unit, valid) : sum;
    }
    void put(Vector h) const {
        store(state.h + at(), h, valid);
        if (output) store(output + at(), added ? h + load(added + at(), valid) : h, valid);
    }
};

template <bool RELU>
struct RnnStep {
    static constexpr int GATES = 1, MOST = 4;
    static INLINE void finish(const Place &at, const Vector *x, const Vector *h) {
        Vector a = at.input(x[0], 0) + at.hidden(h[0], 0);
        at.put(RELU ? at_least(a, Vector{}) : tanh(a));
    }
};

struct LstmStep {
    static constexpr int GATES = 4, MOST = 1;
    static INLINE void finish(const Place &at, const Vector *x, const Vector *h) {
        Vector i = sigmoid(at.input(x[0], 0) + at.hidden(h[0], 0)), f = sigmoid(at.input(x[1], 1) + at.hidden(h[1], 1));
        Vector g = tanh(at.input(x[2], 2) + at.hidden(h[2], 2)), o = sigmoid(at.input(x[3], 3) + at.hidden(h[3], 3));
        Vector c = f * load(at.state.c_before + at.at(), at.valid) + i * g;
        store(at.state.c + at.at(), c, at.valid);
        at.put(o * tanh(c));
    }
};

struct GruStep {
    static constexpr int GATES = 3, MOST = 1;
    static INLINE void finish(const Place &at, const Vector *x, const Vector *h) {
        Vector r = sigmoid(at.input(x[0], 0) + at.hidden(h[0], 0)), z = sigmoid(at.input(x[1], 1) + at.hidden(h[1], 1));
        Vector n = tanh(at.input(x[2], 2) + r * at.hidden(h[2], 2));
        at.put(n + z * (load(at.state.h_before + at.at(), at.valid) - n));
    }
};

template <class Step>
Columns columns_of(int64_t inner, int64_t hidden) {
    return {Step::GATES, hidden, inner, Blocks{hidden, Step::MOST}};
}

// A few rows of one block of units.
template <class Step, class Format, int R, int M>
void tile(const Layer &layer, const Operand &x, const Operand &h, long block, Place at) {
    constexpr int N = Step::GATES * M;
    Columns into = columns_of<Step>(layer.input_size, layer.hidden), back = columns_of<Step>(layer.hidden, layer.hidden);
    Vector from_input[R][N], from_hidden[R][N];
    Format::template sums<R, N>(x, at.row, into, block, layer.packed_input, from_input);
    Format::template sums<R, N>(h, at.row, back, block, layer.packed_hidden, from_hidden);
    long row = at.row, unit = at.unit;
    for (int r = 0; r < R; r++)
        for (int m = 0; m < M; m++) {
            at.row = row + r, at.unit = unit + m * W, at.valid = at_most(W, layer.hidden - at.unit);
            Step::finish(at, from_input[r] + m, from_hidden[r] + m);
        }
}

template <class Step, class Format, int R, int M>
INLINE void tile_of(int height, const Layer &layer, const Operand &x, const Operand &h, long block, const Place &at) {
    if (height == R) return tile<Step, Format, R, M>(layer, x, h, block, at);
    if constexpr (R > 1) tile_of<Step, Format, R - 1, M>(height, layer, x, h, block, at);
}

// The rows of one layer, and where they stand made ready.
struct Ready {
    char *input, *hidden;
    float *input_scales, *hidden_scales;
    float *passed[2];  // what one layer hands to the next, by turns
};

inline long widest(const Stream &call) {
    long width = 0;
    for (long l = 0; l < call.layers; l++) {
        width = call.plan[l].hidden > width ? call.plan[l].hidden : width;
        width = call.plan[l].input_size > width ? call.plan[l].input_size : width;
    }
    return width;
}

template <class Format>
Ready ready_in(const Stream &call, char *room) {
    long width = widest(call), rows = call.rows, bytes = rows * Format::row_bytes(width), scales = round_up(rows, 16) * 4;
    long pass = round_up(rows * width, 16) * 4;
    char *at = room + 2 * bytes;
    auto floats = [](char *p) { return reinterpret_cast<float *>(p); };
    return {room, room + bytes, floats(at), floats(at + scales), {floats(at + 2 * scales), floats(at + 2 * scales + pass)}};
}

inline long room_bytes_of(const Stream &call, long row_bytes) {
    return 2 * call.rows * row_bytes + 2 * round_up(call.rows, 16) * 4 + 2 * round_up(call.rows * widest(call), 16) * 4;
}

template <class Step, class Format>
void run_layer(const Stream &call, long l, long rows, const float *x, const LayerState &state, float *output,
               const Ready &ready, Barrier &barrier, int thread, int threads) {
    const Layer &layer = call.plan[l];
    Operand from_x{ready.input, Format::row_bytes(layer.input_size), ready.input_scales};
    Operand from_h{ready.hidden, Format::row_bytes(layer.hidden), ready.hidden_scales};
    for (long r = thread; r < rows; r += threads) {
        ready.input_scales[r] = Format::prepare(x + r * layer.input_size, layer.input_size, ready.input + r * from_x.stride);
        ready.hidden_scales[r] =
            Format::prepare(state.h_before + r * layer.hidden, layer.hidden, ready.hidden + r * from_h.stride);
    }
    barrier.wait(threads);
    Blocks blocks{layer.hidden, Step::MOST};
    const float *added = call.residual && l > 0 ? x : nullptr;
    for (long block = blocks.count() * thread / threads; block < blocks.count() * (thread + 1) / threads; block++)
        with_size(blocks.size(block), [&](auto M) {
            if constexpr (M <= Step::MOST) {
                constexpr int most = tile_rows<Step::GATES * M>() < 8 ? tile_rows<Step::GATES * M>() : 8;
                long tiles = (rows + most - 1) / most;
                for (long i = 0; i < tiles; i++) {
                    long begin = rows * i / tiles, end = rows * (i + 1) / tiles;
                    Place at{layer, state, output, added, begin, blocks.first(block) * W, 0};
                    tile_of<Step, Format, most, M>(int(end - begin), layer, from_x, from_h, block, at);
                }
            }
        });
    barrier.wait(threads);
}

template <class Step, class Format>
void run_steps(const Stream &call, const Ready &ready, Barrier &barrier, int thread, int threads) {
    for (long s = 0; s < call.steps; s++) {
        long begin = call.offsets ? call.offsets[s] : s * call.rows;
        long rows = call.offsets ? call.offsets[s + 1] - begin : call.rows;
        const float *x = call.inputs + begin * call.plan[0].input_size;
        for (long l = 0; l < call.layers; l++) {
            LayerState state = call.state[l];
            if (s > 0) state.h_before = state.h, state.c_before = state.c;
            bool last = l + 1 == call.layers;
            float *output = last ? call.outputs + begin * call.plan[l].hidden
                            : call.residual && l > 0 ? ready.passed[l % 2] : nullptr;
            run_layer<Step, Format>(call, l, rows, x, state, output, ready, barrier, thread, threads);
            x = output ? output : state.h;
        }
    }
}

template <class Step, class Format>
void run_stream_as(const Stream &call, char *room) {
    Ready ready = ready_in<Format>(call, room);
    Barrier barrier;
    if (call.threads <= 1) return run_steps<Step, Format>(call, ready, barrier, 0, 1);
#ifdef _OPENMP
#pragma omp parallel num_threads(int(call.threads))
    run_steps<Step, Format>(call, ready, barrier, omp_get_thread_num(), omp_get_num_threads());
#else
    run_steps<Step, Format>(call, ready, barrier, 0, 1);
#endif
}

template <class Work>
void with_format(int64_t format, Work work) {
    if (format == BFLOAT16) return work(BFloat16());
    if (format == INT8) return work(Int8());
    work(Float32());
}

template <class Work>
void with_step(int64_t kind, Work work) {
    if (kind == RNN_TANH) return work(RnnStep<false>());
    if (kind == RNN_RELU) return work(RnnStep<true>());
    if (kind == LSTM) return work(LstmStep());
    work(GruStep());
}

int64_t stream_packed_bytes(int64_t kind, int64_t format, int64_t inner, int64_t hidden) {
    int64_t bytes = 0;
    with_step(kind, [&](auto step) {
        with_format(format, [&](auto how) { bytes = how.packed_bytes(columns_of<decltype(step)>(inner, hidden)); });
    });
    return bytes + 64;
}

void stream_pack(int64_t kind, int64_t format, const Layer &layer) {
    with_step(kind, [&](auto step) {
        with_format(format, [&](auto how) {
            how.pack(columns_of<decltype(step)>(layer.input_size, layer.hidden), layer.input_weight, layer.packed_input);
            how.pack(columns_of<decltype(step)>(layer.hidden, layer.hidden), layer.hidden_weight, layer.packed_hidden);
        });
    });
}

int64_t stream_room_bytes(const Stream &call) {
    int64_t bytes = 0;
    with_format(call.format, [&](auto how) { bytes = room_bytes_of(call, how.row_bytes(widest(call))); });
    return bytes;
}

void stream_run(const Stream &call, char *room) {
    with_step(call.kind, [&](auto step) {
        with_format(call.format, [&](auto how) { run_stream_as<decltype(step), decltype(how)>(call, room); });
    });
}

}  // namespace
