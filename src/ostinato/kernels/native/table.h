// What one instruction set offers. Included by portable.cpp, avx2.cpp and avx512.cpp, each with its own flags.
#pragma once
#include "gemm.h"
#include "gru.h"
#include "lstm.h"
#include "rnn.h"
#include "softmax.h"

namespace {

template <class Work>
void with_cell(int64_t kind, Work work) {
    switch (kind) {
        case RNN_TANH: return work(Rnn<false>());
        case RNN_RELU: return work(Rnn<true>());
        case LSTM: return work(Lstm());
        case GRU: return work(Gru());
    }
}

void forward(const Call &call) {
    with_cell(call.kind, [&](auto cell) { forward_pass<decltype(cell)>(call); });
}

void backward(const Call &call) {
    with_cell(call.kind, [&](auto cell) { backward_pass<decltype(cell)>(call); });
}

int64_t packed_size(int64_t kind, int64_t hidden) {
    int64_t size = 0;
    with_cell(kind, [&](auto cell) { size = vectors(hidden) * W * hidden * decltype(cell)::GATES; });
    return size;
}

}  // namespace
