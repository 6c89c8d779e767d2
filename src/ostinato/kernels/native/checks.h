// What each call needs, compared with what Python says is there, before anything is read or
// written: the counts of all tensors, and the values by which others are addressed. Included by
// module.cpp alone.
#pragma once
#include <cmath>

#include "auxiliary_call.h"
#include "recurrence_call.h"
#include "token_step_call.h"

namespace {

// Remembers the first thing that does not fit, as a Python exception.
class Check {
  public:
    explicit Check(const char *function) : function(function) {}

    // At least `count` numbers.
    template <class Number>
    Check &needs(const char *name, const Span<Number> &span, int64_t count) {
        if (fine && !(count >= 0 && (count == 0 || (span.data && span.count >= count)))) {
            PyErr_Format(PyExc_ValueError, "%s: %s must hold %lld numbers; got %lld", function,
                         name, (long long)count, (long long)(span.data ? span.count : 0));
            fine = false;
        }
        return *this;
    }

    // Exactly `count` numbers.
    template <class Number>
    Check &exactly(const char *name, const Span<Number> &span, int64_t count) {
        if (fine && span.count > count) {
            PyErr_Format(PyExc_ValueError, "%s: %s must hold %lld numbers; got %lld", function,
                         name, (long long)count, (long long)span.count);
            fine = false;
        }
        return needs(name, span, count);
    }

    // The same, or nothing at all.
    template <class Number>
    Check &allows(const char *name, const Span<Number> &span, int64_t count) {
        return span.data ? exactly(name, span, count) : *this;
    }

    Check &that(bool holds, const char *what) {
        if (fine && !holds) {
            PyErr_Format(PyExc_ValueError, "%s: %s", function, what);
            fine = false;
        }
        return *this;
    }

    // Whether `count` ids lie in 0 .. limit - 1. To be called once the count has been checked.
    Check &indices(const char *name, const int64_t *ids, int64_t count, int64_t limit) {
        if (!fine) return *this;
        bool inside = true;
        for (int64_t i = 0; i < count; i++) inside &= uint64_t(ids[i]) < uint64_t(limit);
        if (!inside) {
            PyErr_Format(PyExc_IndexError, "%s: %s must lie in 0..%lld", function, name,
                         (long long)limit - 1);
            fine = false;
        }
        return *this;
    }

    operator bool() const { return fine; }
    bool fine = true;

  private:
    const char *function;
};

#define NEEDS(field, count) check.needs(#field, call.field, count)
#define EXACTLY(field, count) check.exactly(#field, call.field, count)
#define ALLOWS(field, count) check.allows(#field, call.field, count)

inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t padded_to(int64_t x, int64_t lanes) { return (x + lanes - 1) / lanes * lanes; }

// Numbers from the first one of the first row to the last one of the last.
inline int64_t extent(int64_t rows, int64_t stride, int64_t width) {
    return rows && width ? (rows - 1) * stride + width : 0;
}

// The sorted order of a batch: offsets [steps + 1], sequences [rows], padded rows [P].
inline bool check_order(Check &check, const Call &call) {
    check.that(call.steps >= 0 && call.rows >= 0 && call.padded_rows >= 0,
               "sizes must not be negative");
    if (!NEEDS(offsets, call.steps + 1)) return false;
    bool sorted = call.offsets[0] == 0;
    for (int64_t s = 0, before = call.rows; s < call.steps; s++) {
        int64_t now = call.offsets[s + 1] - call.offsets[s];
        sorted &= now >= 0 && now <= before;
        before = now;
    }
    check.that(sorted, "offsets must belong to rows sorted by length, longest first");
    if (!check) return false;
    int64_t P = call.offsets[call.steps];
    NEEDS(sorted_indices, call.rows), NEEDS(padded_index, P);
    return check.indices("sorted_indices", call.sorted_indices, check ? call.rows : 0, call.rows)
        .indices("padded_index", call.padded_index, check ? P : 0, call.padded_rows);
}

// What both passes read: sizes, weights, the record of the steps.
inline bool check_shared(Check &check, const Table *table, const Call &call, const Shape &shape) {
    int64_t H = call.hidden, O = call.output, lanes = table->lanes;
    check.that(H > 0 && O > 0 && call.threads > 0, "sizes must be positive");
    check.that(shape.projected_column >= 0 || O == H,
               "only a projection has outputs of another size than the hidden state");
    int64_t width = call.training || shape.norms ? shape.width : shape.gates;
    check.that(call.gates_width == width * H, "gates must have the width of this cell's record");
    EXACTLY(weight, shape.gates * H * O), NEEDS(packed, table->packed_size(call.kind, H, O));
    EXACTLY(cell_parameters, shape.parameters * H);
    if (shape.projected_column >= 0) {
        EXACTLY(to_output, O * H);
        NEEDS(packed_output, larger(padded_to(O, lanes) * H, padded_to(H, lanes) * O));
    }
    ALLOWS(mask, call.rows * O), ALLOWS(zoneout, 2);
    if (call.noise) NEEDS(noise, call.steps * call.rows * (O + (shape.memory ? H : 0)));
    return check;
}

inline bool check_forward(const Table *table, const Call &call) {
    Check check("recurrence");
    check.that(call.kind >= 0 && call.kind < KINDS, "there is no such cell");
    if (!check || !check_order(check, call)) return false;
    const Shape &shape = table->shapes[call.kind];
    if (!check_shared(check, table, call, shape)) return false;
    int64_t P = call.offsets[call.steps], B = call.rows, H = call.hidden, O = call.output,
            D = call.input_size;
    int64_t at_once = smaller(larger(table->chunk, B), P), kept_rows = call.training ? P : 2 * B;
    bool given = shape.projected_inputs || !call.input_weight;  // the inputs come projected
    check.that(D > 0 && (!given || D == shape.gates * H),
               "the inputs must have the size that the weights have");
    EXACTLY(inputs, (given || !call.training ? call.padded_rows : P) * D);
    if (!given && !call.training) NEEDS(gathered, at_once * D);
    check.that(!given || !call.gathered, "projected inputs are not gathered");
    check.that(!call.training || !call.gathered, "in training the inputs are in order already");
    ALLOWS(bias, H), ALLOWS(input_bias, shape.gates * H);
    check.that(!given || !call.input_weight,
               "an input weight goes with inputs that are not projected");
    if (!given)
        EXACTLY(input_weight, shape.gates * H * D),
            NEEDS(packed_input, padded_to(shape.gates * H, table->lanes) * D);
    NEEDS(gates, (call.training ? P : at_once) * call.gates_width);
    NEEDS(h_previous, kept_rows * O), EXACTLY(h0, B * O), EXACTLY(h_last, B * O);
    if (call.mask) NEEDS(h_masked, kept_rows * O);
    if (shape.memory) NEEDS(c_previous, kept_rows * H), EXACTLY(c0, B * H), EXACTLY(c_last, B * H);
    check.that(call.output_stride >= O, "rows of outputs must not overlap");
    NEEDS(outputs, extent(call.padded_rows, call.output_stride, O));
    return check;
}

inline bool check_backward(const Table *table, const Call &call) {
    Check check("recurrence_backward");
    check.that(call.kind >= 0 && call.kind < KINDS && call.training, "there is no such cell");
    if (!check || !check_order(check, call)) return false;
    const Shape &shape = table->shapes[call.kind];
    if (!check_shared(check, table, call, shape)) return false;
    int64_t P = call.offsets[call.steps], B = call.rows, H = call.hidden, O = call.output;
    NEEDS(gates, P * call.gates_width), NEEDS(d_gates, P * call.gates_width),
        NEEDS(h_previous, P * O);
    NEEDS(carry_h, B * O), ALLOWS(d_h_last, B * O), ALLOWS(d_h0, B * O);
    if (shape.memory) NEEDS(c_previous, P * H), NEEDS(carry_c, B * H);
    ALLOWS(d_c_last, B * H), ALLOWS(d_c0, B * H);
    check.that(call.d_output_stride >= O, "rows of the outputs' gradient must not overlap");
    if (call.d_outputs) NEEDS(d_outputs, extent(call.padded_rows, call.d_output_stride, O));
    if (shape.projected_column >= 0) NEEDS(d_hidden, P * O);
    if (shape.norms)
        NEEDS(d_hidden, B * O), NEEDS(d_cell_parameters, call.threads * shape.norms * H);
    return check;
}

inline bool check_product(const Table *table, const Product &call) {
    Check check("product");
    int64_t rows = call.rows, inner = call.inner, columns = call.columns;
    check.that(rows >= 0 && inner >= 0 && columns >= 0, "sizes must not be negative");
    check.that(call.form == A_BT || call.form == A_B || call.form == AT_B, "there is no such form");
    bool a_turned = call.form == AT_B, b_turned = call.form == A_BT;
    // the stride of a single row does not matter
    auto apart = [](int64_t rows, int64_t stride, int64_t width) {
        return rows <= 1 || stride >= width;
    };
    check.that((a_turned ? apart(inner, call.a_stride, rows) : apart(rows, call.a_stride, inner)) &&
                   (b_turned ? apart(columns, call.b_stride, inner)
                             : apart(inner, call.b_stride, columns)) &&
                   apart(rows, call.c_stride, columns),
               "rows must not overlap");
    NEEDS(a, a_turned ? extent(inner, call.a_stride, rows) : extent(rows, call.a_stride, inner));
    NEEDS(b,
          b_turned ? extent(columns, call.b_stride, inner) : extent(inner, call.b_stride, columns));
    NEEDS(c, extent(rows, call.c_stride, columns)), ALLOWS(bias, columns);
    if (call.workspace) NEEDS(workspace, table->product_workspace(call));
    check.that(!call.packed || call.workspace, "a packed matrix must be given");
    return check;
}

inline bool check_softmax(const Softmax &call) {
    Check check("cross_entropy");
    check.that(call.rows >= 0 && call.columns > 0, "there must be at least one column");
    NEEDS(logits, call.rows * call.columns), NEEDS(targets, call.rows), NEEDS(smoothing, 1),
        NEEDS(losses, call.rows);
    return check.indices("targets", call.targets, check ? call.rows : 0, call.columns);
}

inline bool check_layer(int64_t gates, const Layer &call, int64_t packed_input,
                        int64_t packed_hidden) {
    Check check("step");
    int64_t D = call.input_size, H = call.hidden;
    check.that(D > 0 && H > 0, "sizes must be positive");
    EXACTLY(input_weight, gates * H * D), EXACTLY(hidden_weight, gates * H * H);
    ALLOWS(input_bias, gates * H), ALLOWS(hidden_bias, gates * H);
    NEEDS(packed_input, packed_input), NEEDS(packed_hidden, packed_hidden);
    return check;
}

inline bool check_dense(const Dense &call, int64_t packed) {
    Check check("dense layer");
    check.that(call.inner > 0 && call.outer > 0, "sizes must be positive");
    EXACTLY(weight, call.inner * call.outer), ALLOWS(bias, call.outer), NEEDS(packed, packed);
    return check;
}

// The sizes of layers that are already packed, one after the other, and everything that belongs to
// this call.
inline bool check_tokens(const Tokens &call, const Span<int64_t> &drawn,
                         const Span<const double> &chances, int64_t gates) {
    Check check("token step");
    const Stream &layers = call.layers;
    if (!check.that(layers.plan && layers.layers > 0 && layers.state && call.dense,
                    "there must be layers"))
        return false;
    int64_t rows = layers.rows, steps = layers.steps, width = layers.plan[layers.layers - 1].hidden;
    check.that(rows > 0 && steps >= 0, "there must be at least one row");
    for (int64_t i = 0; i < call.dense_count; i++) {
        check.that(call.dense[i].inner == width,
                   "each layer must read what the layer before it gives");
        width = call.dense[i].outer;
    }
    check.that(call.dense_count > 0, "there must be an output layer");
    const Layer &first = layers.plan[0];
    check.needs("inputs", layers.inputs, width * first.input_size);
    if (call.table) NEEDS(table, width * gates * first.hidden);
    NEEDS(tokens, rows), NEEDS(logits, rows * width);
    const Drawing &how = call.drawing;
    check.needs("forbidden", how.forbidden, how.forbidden_count);
    check.that(how.temperature >= 0 && how.top_p >= 0 && how.top_k >= 0,
               "temperature, top_k and top_p must not be negative");
    check.allows("drawn", drawn, steps * rows);
    if (drawn) check.needs("chances", chances, steps * rows);
    check.indices("tokens", call.tokens, check ? rows : 0, width);
    check.indices("forbidden", how.forbidden, check ? how.forbidden_count : 0, width);
    bool inside = true;
    for (int64_t i = 0; drawn && check && i < steps * rows; i++)
        inside &= chances[i] >= 0 && chances[i] <= 1;
    return check.that(inside, "chances must lie in 0..1");
}

inline bool check_crf(const Crf &call, bool backward) {
    Check check("crf");
    int64_t B = call.rows, T = call.steps, K = call.labels;
    check.that(B >= 0 && T >= 0 && K > 0, "there must be at least one label");
    EXACTLY(emissions, B * T * K), EXACTLY(lengths, B), ALLOWS(targets, B * T);
    EXACTLY(start, K), EXACTLY(transitions, K * K), EXACTLY(end, K), NEEDS(results, B);
    ALLOWS(before, B * T * K);
    if (call.before) NEEDS(here, B * T * K);
    check.indices("lengths", call.lengths, check ? B : 0, T + 1);
    if (!backward) return check;
    NEEDS(before, B * T * K), NEEDS(here, B * T * K), NEEDS(gradient, B),
        NEEDS(d_emissions, B * T * K);
    NEEDS(sums, call.threads * (K * K + 2 * K));
    for (int64_t row = 0; call.targets && check && row < B; row++)
        check.indices("labels", call.targets + row * T, call.lengths[row], K);
    return check;
}

inline bool check_char_features(const CharFeatures &call, bool backward) {
    Check check("char_features");
    int64_t W = call.words, F = call.filters, table = call.width * call.characters_known * F;
    check.that(W >= 0 && call.longest >= 0 && call.width > 0 && F >= 0,
               "sizes must not be negative");
    EXACTLY(characters, W * call.longest), EXACTLY(lengths, W), EXACTLY(tables, table),
        EXACTLY(bias, F);
    NEEDS(vectors, W * F), NEEDS(chosen, W * F);
    check.indices("lengths", call.lengths, check ? W : 0, call.longest + 1);
    if (!backward) return check;
    NEEDS(d_vectors, W * F), NEEDS(d_tables, table), NEEDS(d_bias, F);
    for (int64_t word = 0; check && word < W; word++)
        check.indices("characters", call.characters + word * call.longest, call.lengths[word],
                      call.characters_known);
    return check;
}

inline bool check_affixes(const Affixes &call) {
    Check check("affixes");
    check.that(call.words >= 0 && call.longest >= 0 && call.longest_affix >= 0 && call.buckets > 0,
               "there must be at least one bucket");
    EXACTLY(characters, call.words * call.longest), EXACTLY(lengths, call.words);
    EXACTLY(folded, call.characters_known);
    NEEDS(found, call.words * 2 * call.longest_affix);
    return check.indices("lengths", call.lengths, check ? call.words : 0, call.longest + 1);
}

inline bool check_lazy_adam(const LazyAdam &call) {
    Check check("lazy_adam");
    int64_t V = call.known, size = V * call.size;
    check.that(V >= 0 && call.size > 0 && call.count >= 0, "sizes must not be negative");
    check.that(call.index || call.count <= V,
               "without an index there are no more rows than the table has");
    ALLOWS(index, call.count), EXACTLY(weight, size), EXACTLY(mean, size), EXACTLY(square, size),
        EXACTLY(last_step, V);
    ALLOWS(gradient, call.count * call.size),
        NEEDS(rates, 2 * larger(0, call.now - call.first + 1));
    bool fits = true;  // a row's missing steps begin after its last one: each must have a rate
    for (int64_t i = 0; check && i < call.count; i++) {
        int64_t row = call.index ? call.index[i] : i;
        if (row >= 0 && row < V)
            fits &= call.last_step[row] + 1 >= call.first && call.last_step[row] <= call.now;
    }
    return check.that(fits,
                      "each row's last step must be one for which the rates that follow are given");
}

inline bool check_dropout(const Dropout &call) {
    Check check("dropout");
    check.that(call.count >= 0, "sizes must not be negative");
    EXACTLY(input, call.count), EXACTLY(output, call.count);
    return check;
}

}  // namespace
