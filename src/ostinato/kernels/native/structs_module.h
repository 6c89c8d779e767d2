// The structs and cells described to Python, from the lists that declare them. Included by
// module.cpp alone.
#pragma once
#include <cstddef>
#include <type_traits>

#include "auxiliary_call.h"
#include "recurrence_call.h"
#include "token_step_call.h"

namespace {

// The type of a field: "q" a whole number, "d" a double, "P" an address, "320s" bytes, "float32"
// and the like the numbers of a tensor (a Span), else the name of a struct.
template <class Field>
PyObject *type_of() {
    if constexpr (std::is_pointer_v<Field>)
        return PyUnicode_FromString("P");
    else if constexpr (std::is_same_v<Field, Span<float>> ||
                       std::is_same_v<Field, Span<const float>>)
        return PyUnicode_FromString("float32");
    else if constexpr (std::is_same_v<Field, Span<double>> ||
                       std::is_same_v<Field, Span<const double>>)
        return PyUnicode_FromString("float64");
    else if constexpr (std::is_same_v<Field, Span<int64_t>> ||
                       std::is_same_v<Field, Span<const int64_t>>)
        return PyUnicode_FromString("int64");
    else if constexpr (std::is_same_v<Field, Span<int32_t>>)
        return PyUnicode_FromString("int32");
    else if constexpr (std::is_same_v<Field, Span<char>>)
        return PyUnicode_FromString("uint8");
    else if constexpr (std::is_same_v<Field, double>)
        return PyUnicode_FromString("d");
    else if constexpr (std::is_same_v<Field, Stream>)
        return PyUnicode_FromString("Stream");
    else if constexpr (std::is_same_v<Field, Drawing>)
        return PyUnicode_FromString("Drawing");
    else if constexpr (std::is_array_v<Field>)
        return PyUnicode_FromFormat("%ds", int(sizeof(Field)));
    else {
        static_assert(std::is_same_v<Field, int64_t>,
                      "a field is a whole number, a double, an address, a span or a struct");
        return PyUnicode_FromString("q");
    }
}

void put(PyObject *dictionary, const char *name, PyObject *value) {
    PyDict_SetItemString(dictionary, name, value);
    Py_DECREF(value);
}

void put(PyObject *dictionary, const char *name, int64_t value) {
    put(dictionary, name, PyLong_FromLongLong(value));
}

#define DESCRIBE_FIELD(type, name) \
    put(fields, #name, Py_BuildValue("(Nn)", type_of<type>(), Py_ssize_t(offsetof(Self, name))));
#define DESCRIBE(Struct, FIELDS)                                                          \
    {                                                                                     \
        using Self = Struct;                                                              \
        PyObject *fields = PyDict_New();                                                  \
        FIELDS(DESCRIBE_FIELD)                                                            \
        put(structs, #Struct, Py_BuildValue("(nN)", Py_ssize_t(sizeof(Struct)), fields)); \
    }

// {struct: (bytes, {field: (type, offset)})}; a struct follows those that it contains.
PyObject *describe_structs() {
    PyObject *structs = PyDict_New();
    DESCRIBE(Call, CALL_FIELDS)
    DESCRIBE(Product, PRODUCT_FIELDS)
    DESCRIBE(Softmax, SOFTMAX_FIELDS)
    DESCRIBE(Crf, CRF_FIELDS)
    DESCRIBE(CharFeatures, CHAR_FEATURES_FIELDS)
    DESCRIBE(Affixes, AFFIXES_FIELDS)
    DESCRIBE(LazyAdam, LAZY_ADAM_FIELDS)
    DESCRIBE(Dropout, DROPOUT_FIELDS)
    DESCRIBE(Layer, LAYER_FIELDS)
    DESCRIBE(Stream, STREAM_FIELDS)
    DESCRIBE(Dense, DENSE_FIELDS)
    DESCRIBE(Drawing, DRAWING_FIELDS)
    DESCRIBE(Tokens, TOKENS_FIELDS)
    return structs;
}

// (gate, count, columns, factor or None) of each product that gives a part of the recurrent
// weight's gradient.
PyObject *describe_products(const Shape &shape) {
    PyObject *products = PyTuple_New(shape.product_count);
    for (int i = 0; i < shape.product_count; i++) {
        const RecurrentProduct &product = shape.products[i];
        PyObject *factor =
            product.factor < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(product.factor);
        PyTuple_SetItem(
            products, i,
            Py_BuildValue("(iiiN)", product.gate, product.count, product.columns, factor));
    }
    return products;
}

// {cell: {kind, gates, ...}}: the fields of formulas.Formula.
PyObject *describe_cells(const Shape *shapes) {
    PyObject *cells = PyDict_New();
    for (int kind = 0; kind < KINDS; kind++) {
        const Shape &shape = shapes[kind];
        PyObject *cell = PyDict_New();
        put(cell, "kind", kind);
        put(cell, "gates", shape.gates);
        put(cell, "width", shape.width);
        put(cell, "memory", PyBool_FromLong(shape.memory));
        put(cell, "inner_bias", PyBool_FromLong(shape.inner_bias));
        put(cell, "projected_inputs", PyBool_FromLong(shape.projected_inputs));
        put(cell, "projected_column",
            shape.projected_column < 0 ? Py_NewRef(Py_None)
                                       : PyLong_FromLong(shape.projected_column));
        put(cell, "norms", shape.norms);
        put(cell, "products", describe_products(shape));
        put(cells, shape.name, cell);
    }
    return cells;
}

#define PUT_NUMBER(number, name, ...) put(numbers, name, int64_t(number));

// {name: number} of each choice that a call names by a number.
void add_choices(PyObject *module) {
    PyObject *numbers = PyDict_New();
    SPLITS(PUT_NUMBER)
    PyModule_AddObject(module, "splits", numbers);
    numbers = PyDict_New();
    FORMS(PUT_NUMBER)
    PyModule_AddObject(module, "forms", numbers);
    numbers = PyDict_New();
    FORMATS(PUT_NUMBER)
    PyModule_AddObject(module, "formats", numbers);
    numbers = PyDict_New();
    STEPS(PUT_NUMBER)
    PyModule_AddObject(module, "steps", numbers);
}

}  // namespace
