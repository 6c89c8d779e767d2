// The kernels beside the recurrence: their functions of the Python module. Included by module.cpp alone.
#pragma once
#include "auxiliary_call.h"

extern const AuxiliaryTable portable_auxiliary;
#ifdef OSTINATO_X86
extern const AuxiliaryTable avx2_auxiliary, avx512_auxiliary;
#endif

namespace {

// The functions compiled for the instruction set of this number.
const AuxiliaryTable *auxiliary_of(int64_t index) {
    const Table *table = table_of(index);
#ifdef OSTINATO_X86
    if (table == &avx512_table) return &avx512_auxiliary;
    if (table == &avx2_table) return &avx2_auxiliary;
#endif
    return table ? &portable_auxiliary : nullptr;
}

// function(instruction set, address of a Struct) -> False for an id outside its table
template <class Struct, class Work>
PyObject *with_fields(PyObject *const *arguments, Py_ssize_t given, Work work) {
    int64_t values[2];
    if (!numbers(arguments, given, 2, values)) return nullptr;
    const AuxiliaryTable *table = auxiliary_of(values[0]);
    if (!table) return nullptr;
    const Struct &call = at<Struct>(values[1]);
    bool fine;
    Py_BEGIN_ALLOW_THREADS;
    fine = work(table, call);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(fine);
}

PyObject *crf_forward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Crf>(arguments, given, [](auto table, auto &call) { return table->crf_forward(call); });
}

PyObject *crf_backward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Crf>(arguments, given, [](auto table, auto &call) { return table->crf_backward(call), true; });
}

PyObject *char_features_forward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<CharFeatures>(arguments, given, [](auto table, auto &call) { return table->char_features_forward(call); });
}

PyObject *char_features_backward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<CharFeatures>(arguments, given, [](auto table, auto &call) { return table->char_features_backward(call), true; });
}

PyObject *affixes(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Affixes>(arguments, given, [](auto table, auto &call) { return table->affixes(call); });
}

PyObject *lazy_adam(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<LazyAdam>(arguments, given, [](auto table, auto &call) { return table->lazy_adam(call), true; });
}

PyObject *dropout(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Dropout>(arguments, given, [](auto table, auto &call) { return table->dropout(call), true; });
}

#define AUXILIARY_METHODS                                                                             \
    {"crf_forward", (PyCFunction)(void (*)(void))crf_forward, METH_FASTCALL, nullptr},           \
        {"crf_backward", (PyCFunction)(void (*)(void))crf_backward, METH_FASTCALL, nullptr},     \
        {"char_features_forward", (PyCFunction)(void (*)(void))char_features_forward, METH_FASTCALL, nullptr},   \
        {"char_features_backward", (PyCFunction)(void (*)(void))char_features_backward, METH_FASTCALL, nullptr}, \
        {"affixes", (PyCFunction)(void (*)(void))affixes, METH_FASTCALL, nullptr},                   \
        {"lazy_adam", (PyCFunction)(void (*)(void))lazy_adam, METH_FASTCALL, nullptr},               \
        {"dropout", (PyCFunction)(void (*)(void))dropout, METH_FASTCALL, nullptr}

}  // namespace
