// Token in, token out: an embedding, stacked layers, linear layers, and what is drawn from the
// logits, for many steps a call.
#pragma once
#include "sampling.h"
#include "layer_step.h"
#include "token_step_call.h"

namespace {

inline Columns columns_of(const Dense &dense) {
    return {1, dense.outer, dense.inner, Blocks{dense.outer, 4}};
}

template <class Format, int R, int N>
void dense_tile(const Dense &dense, const Operand &x, long block, long row, float *to) {
    Columns columns = columns_of(dense);
    Vector sum[R][N];
    Format::template sums<R, N>(x, row, columns, block, dense.packed, sum);
#pragma GCC unroll 8
    for (int n = 0; n < N; n++) {
        long unit = (columns.blocks.first(block) + n) * W, lanes = at_most(W, dense.outer - unit);
        Vector bias = dense.bias ? load(dense.bias + unit, lanes) : Vector{};
#pragma GCC unroll 16
        for (int r = 0; r < R; r++)
            store(to + (row + r) * dense.outer + unit, sum[r][n] + bias, lanes);
    }
}

template <class Format, int R, int N>
INLINE void dense_tile_of(int height, const Dense &dense, const Operand &x, long block, long row,
                          float *to) {
    if (height == R) return dense_tile<Format, R, N>(dense, x, block, row, to);
    if constexpr (R > 1) dense_tile_of<Format, R - 1, N>(height, dense, x, block, row, to);
}

// x [rows, inner] -> to [rows, outer]
template <class Format>
NOT_INLINE void run_dense(const Dense &dense, long rows, const float *x, float *to,
                          const Workspace &ready, const Team &team) {
    Operand from{ready.input, Format::row_bytes(dense.inner), ready.input_scales};
    for (long r = team.thread; r < rows; r += team.threads)
        ready.input_scales[r] =
            Format::prepare(x + r * dense.inner, dense.inner, ready.input + r * from.stride);
    team.meet();
    Blocks blocks = columns_of(dense).blocks;
    for (long block = team.first_of(blocks.count()); block < team.end_of(blocks.count()); block++)
        with_size(blocks.size(block), [&](auto N) {
            in_tiles<N>(rows, [&](auto most, int height, long begin) {
                dense_tile_of<Format, most, N>(height, dense, from, block, begin, to);
            });
        });
    team.meet();
}

inline long vocabulary_of(const Tokens &call) { return call.dense[call.dense_count - 1].outer; }

inline long widest(const Tokens &call) {
    long width = widest(call.layers);
    for (long i = 0; i < call.dense_count; i++) width = std::max(width, long(call.dense[i].inner));
    return width;
}

// The logits that follow `call.tokens`.
template <class Step, class Format>
NOT_INLINE void run_token_step(const Tokens &call, const Workspace &ready, const Team &team) {
    long rows = call.layers.rows, size = call.layers.plan[0].input_size;
    InputTable table_rows{call.table, call.tokens};
    float *embedded = ready.passed[0];
    if (!call.table)
        for (long r = team.thread; r < rows;
             r += team.threads)  // by the thread that prepares this row
            memcpy(embedded + r * size, call.layers.inputs + call.tokens[r] * size,
                   size * sizeof(float));
    float *outputs = call.layers.residual && call.layers.layers > 1
                         ? ready.passed[(call.layers.layers - 1) % 2]
                         : nullptr;
    const float *x =
        run_layers<Step, Format>(call.layers, false, rows, embedded,
                                 call.table ? &table_rows : nullptr, outputs, ready, team);
    for (long i = 0; i < call.dense_count; i++) {
        bool last = i + 1 == call.dense_count;
        float *to = last ? call.logits : ready.passed[x == ready.passed[0]];
        run_dense<Format>(call.dense[i], rows, x, to, ready, team);
        x = to;
    }
}

template <class Step, class Format>
bool run_tokens_as(const Tokens &call, int64_t *drawn, const double *chances, char *workspace) {
    long rows = call.layers.rows, size = vocabulary_of(call), width = widest(call);
    Workspace ready = workspace_in<Format>(rows, width, workspace);
    char *own = workspace + workspace_bytes(rows, width, Format::row_bytes(width));
    std::atomic<bool> broken{false};
    in_team(call.layers.threads, [&](const Team &team) {
        char *scratch = own + team.thread * round_up(draw_bytes(size), 64);
        for (long s = 0; s < call.layers.steps; s++) {
            run_token_step<Step, Format>(call, ready, team);
            if (!drawn) continue;
            for (long r = team.thread; r < rows; r += team.threads) {
                long token = draw(call.logits + r * size, size, call.drawing, chances[s * rows + r],
                                  scratch);
                drawn[s * rows + r] = call.tokens[r] = token < 0 ? 0 : token;
                if (token < 0) broken = true;
            }
            team.meet();
        }
    });
    return !broken;
}

int64_t dense_bytes(int64_t format, int64_t inner, int64_t outer) {
    int64_t bytes = 0;
    Dense dense{inner, outer, {}, {}, {}};
    with_format(format, [&](auto how) { bytes = how.packed_bytes(columns_of(dense)); });
    return bytes + 64;
}

void dense_pack(int64_t format, const Dense &dense) {
    with_format(format, [&](auto how) { how.pack(columns_of(dense), dense.weight, dense.packed); });
}

int64_t tokens_workspace_bytes(const Tokens &call) {
    int64_t bytes = 0, rows = call.layers.rows, width = widest(call);
    with_format(call.layers.format,
                [&](auto how) { bytes = workspace_bytes(rows, width, how.row_bytes(width)); });
    return bytes + call.layers.threads * round_up(draw_bytes(vocabulary_of(call)), 64);
}

bool tokens_run(const Tokens &call, int64_t *drawn, const double *chances, char *workspace) {
    bool fine = true;
    with_step(call.layers.kind, [&](auto step) {
        with_format(call.layers.format, [&](auto how) {
            fine = run_tokens_as<decltype(step), decltype(how)>(call, drawn, chances, workspace);
        });
    });
    return fine;
}

}  // namespace
