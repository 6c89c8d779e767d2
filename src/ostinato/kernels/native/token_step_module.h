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
    if (!table || !has_step(RNN_TANH, v[1])) return nullptr;
    return PyLong_FromLongLong(table->dense_bytes(v[1], v[2], v[3]));
}

// dense_pack(instruction set, format, a Dense)
PyObject *dense_pack(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[2];
    Dense dense;
    if (!numbers(arguments, given - 1, 2, v) || !read_struct(arguments[2], &dense)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    if (!table || !has_step(RNN_TANH, v[1])) return nullptr;
    if (!check_dense(dense, table->dense_bytes(v[1], dense.inner, dense.outer))) return nullptr;
    Py_BEGIN_ALLOW_THREADS;
    table->dense_pack(v[1], dense);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

// tokens(instruction set, Tokens, steps, threads, drawn, how many, chances, how many) -> whether
// all logits were numbers
PyObject *tokens(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[8];
    Tokens call;
    if (given != 8) return PyErr_Format(PyExc_TypeError, "expected 8 arguments; got %zd", given);
    if (!read_struct(arguments[1], &call) || !numbers(arguments, 1, 1, v)) return nullptr;
    if (!numbers(arguments + 2, 6, 6, v + 2)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    if (!table || !has_step(call.layers.kind, call.layers.format)) return nullptr;
    call.layers.steps = v[2], call.layers.threads = v[3];
    Span<int64_t> drawn{reinterpret_cast<int64_t *>(v[4]), v[5]};
    Span<const double> chances{reinterpret_cast<const double *>(v[6]), v[7]};
    if (!check_tokens(call, drawn, chances, gates_of(call.layers.kind))) return nullptr;
    char *workspace = step_workspace(table->tokens_workspace_bytes(call));
    if (!workspace) return PyErr_NoMemory();
    bool finite;
    Py_BEGIN_ALLOW_THREADS;
    finite = table->tokens_run(call, drawn, chances, workspace);
    Py_END_ALLOW_THREADS;
    return PyBool_FromLong(finite);
}

#define TOKEN_METHODS                                                                      \
    {"dense_bytes", (PyCFunction)(void (*)(void))dense_bytes, METH_FASTCALL, nullptr},     \
        {"dense_pack", (PyCFunction)(void (*)(void))dense_pack, METH_FASTCALL, nullptr}, { \
        "tokens", (PyCFunction)(void (*)(void))tokens, METH_FASTCALL, nullptr              \
    }

}  // namespace
