// The language model's step: its functions of the Python module. Included by module.cpp alone.
#pragma once
#include "layer_step_module.h"
#include "token_step_call.h"

namespace {

// dense_bytes(instruction set, format, inner, outer) -> bytes
PyObject *dense_bytes(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[4];
    if (!numbers(arguments, given, 4, v)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    return table ? PyLong_FromLongLong(table->dense_bytes(v[1], v[2], v[3])) : nullptr;
}

// dense_pack(instruction set, format, address of a Dense)
PyObject *dense_pack(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[3];
    if (!numbers(arguments, given, 3, v)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    if (!table) return nullptr;
    Py_BEGIN_ALLOW_THREADS;
    table->dense_pack(v[1], at<Dense>(v[2]));
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

// tokens(instruction set, address of a Tokens, steps, threads, drawn, chances) -> whether all logits were numbers
PyObject *tokens(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[6];
    if (!numbers(arguments, given, 6, v)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    if (!table) return nullptr;
    Tokens call = at<Tokens>(v[1]);
    call.layers.steps = v[2], call.layers.threads = v[3];
    char *room = step_room(table->tokens_room_bytes(call));
    if (!room) return PyErr_NoMemory();
    bool fine;
    Py_BEGIN_ALLOW_THREADS;
    fine = table->tokens_run(call, reinterpret_cast<int64_t *>(v[4]), reinterpret_cast<const double *>(v[5]), room);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(fine);
}

#define TOKEN_METHODS                                                                        \
    {"dense_bytes", (PyCFunction)(void (*)(void))dense_bytes, METH_FASTCALL, nullptr},       \
        {"dense_pack", (PyCFunction)(void (*)(void))dense_pack, METH_FASTCALL, nullptr},     \
        {"tokens", (PyCFunction)(void (*)(void))tokens, METH_FASTCALL, nullptr}

}  // namespace
