// Single time steps of stacked layers: the state is the caller's, the weights are in any format.
// The formulas are those of rnn.h, lstm.h and gru.h, without the record of the gates.
#pragma once
#include "recurrence_call.h"
#include "weight_formats.h"
#include "parallel.h"
#include "layer_step_call.h"

namespace {

// Where a cell writes the results of `lanes` units, from `unit` on, of one row.
struct Target {
    const Layer &layer;
    const LayerState &state;
    float *output;  // [rows, H], or null where the next layer reads the state
    const float *added;  // [rows, H]: the layer's input, where it is added to its output
    long row, unit, lanes;

    long at() const { return row * layer.hidden + unit; }
    Vector input(const Vector &sum, long gate) const { return biased(layer.input_bias, sum, gate); }
    Vector hidden(const Vector &sum, long gate) const {
        return biased(layer.hidden_bias, sum, gate);
    }
    Vector biased(const float *bias, const Vector &sum, long gate) const {
        return bias ? sum + load(bias + gate * layer.hidden + unit, lanes) : sum;
    }
    void put(Vector h) const {
        store(state.h + at(), h, lanes);
        if (output) store(output + at(), added ? h + load(added + at(), lanes) : h, lanes);
    }
};

template <bool RELU>
struct RnnStep {
    static constexpr int GATES = 1, MOST = 4;
    static INLINE void finish(const Target &at, const Vector *x, const Vector *h) {
        Vector a = at.input(x[0], 0) + at.hidden(h[0], 0);
        at.put(RELU ? at_least(a, Vector{}) : tanh(a));
    }
};

struct LstmStep {
    static constexpr int GATES = 4, MOST = 1;
    static INLINE void finish(const Target &at, const Vector *x, const Vector *h) {
        Vector i = sigmoid(at.input(x[0], 0) + at.hidden(h[0], 0)),
               f = sigmoid(at.input(x[1], 1) + at.hidden(h[1], 1));
        Vector g = tanh(at.input(x[2], 2) + at.hidden(h[2], 2)),
               o = sigmoid(at.input(x[3], 3) + at.hidden(h[3], 3));
        Vector c = f * load(at.state.c_before + at.at(), at.lanes) + i * g;
        store(at.state.c + at.at(), c, at.lanes);
        at.put(o * tanh(c));
    }
};

struct GruStep {
    static constexpr int GATES = 3, MOST = 1;
    static INLINE void finish(const Target &at, const Vector *x, const Vector *h) {
        Vector r = sigmoid(at.input(x[0], 0) + at.hidden(h[0], 0)),
               z = sigmoid(at.input(x[1], 1) + at.hidden(h[1], 1));
        Vector n = tanh(at.input(x[2], 2) + r * at.hidden(h[2], 2));
        at.put(n + z * (load(at.state.h_before + at.at(), at.lanes) - n));
    }
};

template <class Step>
Columns columns_of(int64_t inner, int64_t hidden) {
    return {Step::GATES, hidden, inner, Blocks{hidden, Step::MOST}};
}

// The projected inputs, computed beforehand: for each row of the batch a row of a table [.., G *
// H].
struct InputTable {
    const float *table;
    const int64_t *rows;

    template <int GATES, int R, int M>
    NOT_INLINE void look_up(const Target &at, Vector (*to)[GATES * M]) const {
        for (int r = 0; r < R; r++) {
            const float *from = table + rows[at.row + r] * GATES * at.layer.hidden + at.unit;
#pragma GCC unroll 8
            for (int n = 0; n < GATES * M; n++) {
                long unit = n % M * W, rest = at.layer.hidden - at.unit - unit;
                to[r][n] = load(from + n / M * at.layer.hidden + unit, at_most(W, rest));
            }
        }
    }
};

// What goes into a layer: its prepared inputs, or a table of their projections; and its prepared
// state.
struct Inputs {
    Operand x, h;
    const InputTable *table_rows;
};

// A few rows of one block of units.
template <class Step, class Format, int R, int M>
void tile(const Layer &layer, const Inputs &from, long block, Target at) {
    constexpr int N = Step::GATES * M;
    Columns into = columns_of<Step>(layer.input_size, layer.hidden),
            back = columns_of<Step>(layer.hidden, layer.hidden);
    Vector from_input[R][N], from_hidden[R][N];
    if (from.table_rows)
        from.table_rows->template look_up<Step::GATES, R, M>(at, from_input);
    else
        Format::template sums<R, N>(from.x, at.row, into, block, layer.packed_input, from_input);
    Format::template sums<R, N>(from.h, at.row, back, block, layer.packed_hidden, from_hidden);
    long row = at.row, unit = at.unit;
    for (int r = 0; r < R; r++)
        for (int m = 0; m < M; m++) {
            at.row = row + r, at.unit = unit + m * W, at.lanes = at_most(W, layer.hidden - at.unit);
            Step::finish(at, from_input[r] + m, from_hidden[r] + m);
        }
}

template <class Step, class Format, int R, int M>
INLINE void tile_of(int height, const Layer &layer, const Inputs &from, long block,
                    const Target &at) {
    if (height == R) return tile<Step, Format, R, M>(layer, from, block, at);
    if constexpr (R > 1) tile_of<Step, Format, R - 1, M>(height, layer, from, block, at);
}

// The memory of one call: the prepared rows of one layer, and the outputs passed to the next.
struct Workspace {
    char *input, *hidden;
    float *input_scales, *hidden_scales;
    float *passed[2];  // used alternately
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
Workspace workspace_in(long rows, long width, char *workspace) {
    long bytes = rows * Format::row_bytes(width), scales = round_up(rows, 16) * 4,
         pass = round_up(rows * width, 16) * 4;
    char *at = workspace + 2 * bytes;
    auto floats = [](char *p) { return reinterpret_cast<float *>(p); };
    return {workspace,
            workspace + bytes,
            floats(at),
            floats(at + scales),
            {floats(at + 2 * scales), floats(at + 2 * scales + pass)}};
}

inline long workspace_bytes(long rows, long width, long row_bytes) {
    return 2 * rows * row_bytes + 2 * round_up(rows, 16) * 4 + 2 * round_up(rows * width, 16) * 4;
}

// The threads of one call, and which of them this is.
struct Team {
    Barrier &barrier;
    int thread, threads;

    void meet() const { barrier.wait(threads); }
    long first_of(long count) const { return count * thread / threads; }
    long end_of(long count) const { return count * (thread + 1) / threads; }
};

// Divides rows evenly into tiles, of at most a constant number of rows, and calls work for each.
template <int N, class Work>
INLINE void in_tiles(long rows, Work work) {
    constexpr int most = N < 3 ? 6 : tile_rows<N>();
    long tiles = (rows + most - 1) / most;
    for (long i = 0; i < tiles; i++) {
        long begin = rows * i / tiles;
        work(std::integral_constant<int, most>(), int(rows * (i + 1) / tiles - begin), begin);
    }
}

template <class Step, class Format>
NOT_INLINE void run_layer(const Stream &call, long l, long rows, const float *x,
                          const InputTable *table_rows, const LayerState &state, float *output,
                          const Workspace &ready, const Team &team) {
    const Layer &layer = call.plan[l];
    Operand from_x{ready.input, Format::row_bytes(layer.input_size), ready.input_scales};
    Operand from_h{ready.hidden, Format::row_bytes(layer.hidden), ready.hidden_scales};
    for (long r = team.thread; r < rows; r += team.threads) {
        if (!table_rows)
            ready.input_scales[r] = Format::prepare(x + r * layer.input_size, layer.input_size,
                                                    ready.input + r * from_x.stride);
        ready.hidden_scales[r] = Format::prepare(state.h_before + r * layer.hidden, layer.hidden,
                                                 ready.hidden + r * from_h.stride);
    }
    team.meet();
    Inputs from{from_x, from_h, table_rows};
    Blocks blocks{layer.hidden, Step::MOST};
    const float *added = call.residual && l > 0 ? x : nullptr;
    for (long block = team.first_of(blocks.count()); block < team.end_of(blocks.count()); block++)
        with_size(blocks.size(block), [&](auto M) {
            if constexpr (M <= Step::MOST)
                in_tiles<Step::GATES * M>(rows, [&](auto most, int height, long begin) {
                    Target at{layer, state, output, added, begin, blocks.first(block) * W, 0};
                    tile_of<Step, Format, most, M>(height, layer, from, block, at);
                });
        });
    team.meet();
}

// One step of all layers; returns the last one's output. In the `first` step the state is in
// h_before, later in h.
template <class Step, class Format>
const float *run_layers(const Stream &call, bool first, long rows, const float *x,
                        const InputTable *table_rows, float *outputs, const Workspace &ready,
                        const Team &team) {
    for (long l = 0; l < call.layers; l++) {
        LayerState state = call.state[l];
        if (!first) state.h_before = state.h, state.c_before = state.c;
        float *output = l + 1 == call.layers     ? outputs
                        : call.residual && l > 0 ? ready.passed[l % 2]
                                                 : nullptr;
        run_layer<Step, Format>(call, l, rows, x, l == 0 ? table_rows : nullptr, state, output,
                                ready, team);
        x = output ? output : state.h;
    }
    return x;
}

template <class Step, class Format>
void run_steps(const Stream &call, const Workspace &ready, const Team &team) {
    const Layer &last = call.plan[call.layers - 1];
    for (long s = 0; s < call.steps; s++) {
        long begin = call.offsets ? call.offsets[s] : s * call.rows;
        long rows = call.offsets ? call.offsets[s + 1] - begin : call.rows;
        run_layers<Step, Format>(call, s == 0, rows, call.inputs + begin * call.plan[0].input_size,
                                 nullptr, call.outputs + begin * last.hidden, ready, team);
    }
}

// Calls work(Team) in each thread.
template <class Work>
void in_team(int64_t threads, Work work) {
    Barrier barrier;
    int wanted = ostinato::threads_for(threads);
    if (wanted <= 1) return work(Team{barrier, 0, 1});
#ifdef _OPENMP
#pragma omp parallel num_threads(wanted)
    work(Team{barrier, omp_get_thread_num(), omp_get_num_threads()});
#else
    work(Team{barrier, 0, 1});
#endif
}

template <class Step, class Format>
void run_stream_as(const Stream &call, char *workspace) {
    Workspace ready = workspace_in<Format>(call.rows, widest(call), workspace);
    in_team(call.threads, [&](const Team &team) { run_steps<Step, Format>(call, ready, team); });
}

#define CASE(number, name, ...) \
    case number: return work(__VA_ARGS__());

template <class Work>
void with_format(int64_t format, Work work) {
    switch (format) { FORMATS(CASE) }
}

template <class Work>
void with_step(int64_t kind, Work work) {
    switch (kind) { STEPS(CASE) }
}

#undef CASE

int64_t stream_packed_bytes(int64_t kind, int64_t format, int64_t inner, int64_t hidden) {
    int64_t bytes = 0;
    with_step(kind, [&](auto step) {
        with_format(format, [&](auto how) {
            bytes = how.packed_bytes(columns_of<decltype(step)>(inner, hidden));
        });
    });
    return bytes + 64;
}

void stream_pack(int64_t kind, int64_t format, const Layer &layer) {
    with_step(kind, [&](auto step) {
        with_format(format, [&](auto how) {
            how.pack(columns_of<decltype(step)>(layer.input_size, layer.hidden), layer.input_weight,
                     layer.packed_input);
            how.pack(columns_of<decltype(step)>(layer.hidden, layer.hidden), layer.hidden_weight,
                     layer.packed_hidden);
        });
    });
}

int64_t stream_workspace_bytes(const Stream &call) {
    int64_t bytes = 0;
    with_format(call.format, [&](auto how) {
        bytes = workspace_bytes(call.rows, widest(call), how.row_bytes(widest(call)));
    });
    return bytes;
}

void stream_run(const Stream &call, char *workspace) {
    with_step(call.kind, [&](auto step) {
        with_format(call.format, [&](auto how) {
            run_stream_as<decltype(step), decltype(how)>(call, workspace);
        });
    });
}

}  // namespace
