// What stands around a tagger's recurrence: its functions of the Python module. Included by module.cpp alone.
#pragma once
#include "sequence_call.h"

extern const SequenceTable portable_sequence;
#ifdef OSTINATO_X86
extern const SequenceTable avx2_sequence, avx512_sequence;
#endif

namespace {

// The functions compiled for the instruction set of this number.
const SequenceTable *sequence_of(int64_t index) {
    const Table *table = table_of(index);
#ifdef OSTINATO_X86
    if (table == &avx512_table) return &avx512_sequence;
    if (table == &avx2_table) return &avx2_sequence;
#endif
    return table ? &portable_sequence : nullptr;
}

// function(instruction set, the fields of a Struct) -> whether all that was read had a meaning
template <class Struct, class Work>
PyObject *with_fields(PyObject *const *arguments, Py_ssize_t given, Work work) {
    int64_t set;
    Struct call;
    if (!numbers_and_fields(arguments, given, 1, &set, call)) return nullptr;
    const SequenceTable *table = sequence_of(set);
    if (!table) return nullptr;
    bool fine;
    Py_BEGIN_ALLOW_THREADS;
    fine = work(table, call);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(fine);
}

PyObject *chain_forward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Chain>(arguments, given, [](auto table, auto &call) { return table->chain_forward(call); });
}

PyObject *chain_backward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Chain>(arguments, given, [](auto table, auto &call) { return table->chain_backward(call), true; });
}

PyObject *spelled_forward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Spelled>(arguments, given, [](auto table, auto &call) { return table->spelled_forward(call); });
}

PyObject *spelled_backward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Spelled>(arguments, given, [](auto table, auto &call) { return table->spelled_backward(call), true; });
}

PyObject *affixes(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Affixes>(arguments, given, [](auto table, auto &call) { return table->affixes(call); });
}

PyObject *adam_rows(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Rows>(arguments, given, [](auto table, auto &call) { return table->rows(call), true; });
}

PyObject *drop(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return with_fields<Drop>(arguments, given, [](auto table, auto &call) { return table->drop(call), true; });
}

#define SEQUENCE_METHODS                                                                             \
    {"chain_forward", (PyCFunction)(void (*)(void))chain_forward, METH_FASTCALL, nullptr},           \
        {"chain_backward", (PyCFunction)(void (*)(void))chain_backward, METH_FASTCALL, nullptr},     \
        {"spelled_forward", (PyCFunction)(void (*)(void))spelled_forward, METH_FASTCALL, nullptr},   \
        {"spelled_backward", (PyCFunction)(void (*)(void))spelled_backward, METH_FASTCALL, nullptr}, \
        {"affixes", (PyCFunction)(void (*)(void))affixes, METH_FASTCALL, nullptr},                   \
        {"adam_rows", (PyCFunction)(void (*)(void))adam_rows, METH_FASTCALL, nullptr},               \
        {"drop", (PyCFunction)(void (*)(void))drop, METH_FASTCALL, nullptr}

}  // namespace
