// What one instruction set offers. Included by portable.cpp, avx2.cpp and avx512.cpp, each with its own flags.
#pragma once
#include "gemm.h"
#include "gru.h"
#include "layer_norm.h"
#include "lstm.h"
#include "rnn.h"
#include "softmax.h"

namespace {

template <class Work>
void with_cell(int64_t kind, Work work) {
    switch (kind) {
        case RNN_TANH: return work(Rnn<false>());
        case RNN_RELU: return work(Rnn<true>());
        case LSTM: return work(Lstm<false, false>());
        case GRU: return work(Gru());
        case LSTM_PROJECTED: return work(Lstm<false, true>());
        case LSTM_PEEPHOLE: return work(Lstm<true, false>());
        case LSTM_PEEPHOLE_PROJECTED: return work(Lstm<true, true>());
        case GRU_RESET_BEFORE: return work(GruResetBefore());
        case LSTM_LAYER_NORM: return work(LayerNormLstm());
        case GRU_LAYER_NORM: return work(LayerNormGru());
    }
}

void forward(const Call *calls, int count) {
    with_cell(calls[0].kind, [&](auto cell) { forward_pass<decltype(cell)>(calls, count); });
}

void backward(const Call *calls, int count) {
    with_cell(calls[0].kind, [&](auto cell) { backward_pass<decltype(cell)>(calls, count); });
}

// Room for the recurrent weight as the forward or the backward pass packs it.
int64_t packed_size(int64_t kind, int64_t hidden, int64_t output) {
    int64_t gates = 0;
    with_cell(kind, [&](auto cell) { gates = decltype(cell)::GATES; });
    int64_t forward = vectors(hidden) * output, backward = vectors(output) * hidden;
    return (forward > backward ? forward : backward) * W * gates;
}

}  // namespace
