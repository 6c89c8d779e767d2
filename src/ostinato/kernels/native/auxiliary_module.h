// The kernels beside the recurrence: their functions of the Python module. Included by module.cpp
// alone.
#pragma once
#include "auxiliary_call.h"

extern const AuxiliaryTable portable_auxiliary;
#ifdef OSTINATO_X86
extern const AuxiliaryTable avx2_auxiliary, avx512_auxiliary;
#endif

namespace {

// The functions compiled for the same instruction set as a table.
const AuxiliaryTable *auxiliary_of(const Table *table) {
#ifdef OSTINATO_X86
    if (table == &avx512_table) return &avx512_auxiliary;
    if (table == &avx2_table) return &avx2_auxiliary;
#endif
    return table ? &portable_auxiliary : nullptr;
}

// function(instruction set, struct) -> False for an id outside its table
template <class Struct, class Fits, class Work>
PyObject *with_fields(PyObject *const *arguments, Py_ssize_t given, Fits fits, Work work) {
    Struct call;
    const AuxiliaryTable *table = auxiliary_of(read_call(arguments, given, &call));
    if (!table || !fits(call)) return nullptr;
    bool inside;
    Py_BEGIN_ALLOW_THREADS;
    inside = work(table, call);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(inside);
}

PyObject *crf_forward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Crf>(
        arguments, given, [](auto &call) { return check_crf(call, false); },
        [](auto table, auto &call) { return table->crf_forward(call); });
}

PyObject *crf_backward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Crf>(
        arguments, given, [](auto &call) { return check_crf(call, true); },
        [](auto table, auto &call) { return table->crf_backward(call), true; });
}

PyObject *char_features_forward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<CharFeatures>(
        arguments, given, [](auto &call) { return check_char_features(call, false); },
        [](auto table, auto &call) { return table->char_features_forward(call); });
}

PyObject *char_features_backward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<CharFeatures>(
        arguments, given, [](auto &call) { return check_char_features(call, true); },
        [](auto table, auto &call) { return table->char_features_backward(call), true; });
}

PyObject *affixes(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Affixes>(arguments, given, check_affixes,
                                [](auto table, auto &call) { return table->affixes(call); });
}

PyObject *lazy_adam(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<LazyAdam>(arguments, given, check_lazy_adam, [](auto table, auto &call) {
        return table->lazy_adam(call), true;
    });
}

PyObject *dropout(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Dropout>(arguments, given, check_dropout,
                                [](auto table, auto &call) { return table->dropout(call), true; });
}

#define AUXILIARY_METHODS                                                                    \
    {"crf_forward", (PyCFunction)(void (*)(void))crf_forward, METH_FASTCALL, nullptr},       \
        {"crf_backward", (PyCFunction)(void (*)(void))crf_backward, METH_FASTCALL, nullptr}, \
        {"char_features_forward", (PyCFunction)(void (*)(void))char_features_forward,        \
         METH_FASTCALL, nullptr},                                                            \
        {"char_features_backward", (PyCFunction)(void (*)(void))char_features_backward,      \
         METH_FASTCALL, nullptr},                                                            \
        {"affixes", (PyCFunction)(void (*)(void))affixes, METH_FASTCALL, nullptr},           \
        {"lazy_adam", (PyCFunction)(void (*)(void))lazy_adam, METH_FASTCALL, nullptr}, {     \
        "dropout", (PyCFunction)(void (*)(void))dropout, METH_FASTCALL, nullptr              \
    }

}  // namespace
