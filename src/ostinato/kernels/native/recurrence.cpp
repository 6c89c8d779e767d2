// Whole sequences of every cell that has a kernel (CELLS in recurrence_call.h), matrix products,
// and the large softmax.
#include "gemm.h"
#include "gru.h"
#include "instruction_set.h"
#include "layer_norm.h"
#include "lstm.h"
#include "rnn.h"
#include "softmax.h"

namespace {

#define CASE(kind, name, ...) \
    case kind: return work(__VA_ARGS__());

template <class Work>
void with_cell(int64_t kind, Work work) {
    switch (kind) { CELLS(CASE) }
}

template <class Cell>
constexpr Shape shape_of(const char *name) {
    Shape shape{name,
                Cell::GATES,
                Cell::WIDTH,
                Cell::MEMORY,
                Cell::INNER_BIAS,
                Cell::PROJECTED_INPUTS,
                Cell::PROJECTED_COLUMN,
                Cell::NORMS,
                Cell::PARAMETERS,
                0,
                {}};
    for (const RecurrentProduct &product : Cell::PRODUCTS)
        shape.products[shape.product_count++] = product;
    return shape;
}

#define SHAPE(kind, name, ...) shape_of<__VA_ARGS__>(name),
constexpr Shape shapes[] = {CELLS(SHAPE)};

void forward(const Call *calls, int count) {
    with_cell(calls[0].kind, [&](auto cell) { forward_pass<decltype(cell)>(calls, count); });
}

void backward(const Call *calls, int count) {
    with_cell(calls[0].kind, [&](auto cell) { backward_pass<decltype(cell)>(calls, count); });
}

// Floats for the recurrent weight as the forward or the backward pass packs it.
int64_t packed_size(int64_t kind, int64_t hidden, int64_t output) {
    int64_t forward = vectors(hidden) * output, backward = vectors(output) * hidden;
    return (forward > backward ? forward : backward) * W * shapes[kind].gates;
}

}  // namespace

extern const Table NAMED(table);
const Table NAMED(table){INSTRUCTION_SET_NAME, shapes,         forward, backward,
                         packed_size,          CHUNK,          W,       multiply_matrices,
                         product_workspace,    cross_entropies};
