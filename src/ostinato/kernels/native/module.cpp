// The Python module. Most functions take an instruction set and a struct, as the bytes that
// bindings.fill has made.
//
// No PyTorch header is needed to build it, and one build serves every Python from 3.11 on and every
// PyTorch.
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "recurrence_call.h"
#include "threads.h"

bool ostinato::forked = false;

extern const Table portable_table;
#ifdef OSTINATO_X86
extern const Table avx2_table, avx512_table, avx512_bf16_table;
#endif

namespace {

// The instruction sets that this build has and this processor runs, best first.
int find_tables(const Table **found) {
    int count = 0;
#ifdef OSTINATO_X86
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        found[count++] = &avx512_table;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        found[count++] = &avx2_table;
#endif
    found[count++] = &portable_table;
    return count;
}

// Those whose products have factors of bfloat16, best first. The compiler's __builtin_cpu_supports
// looks at what the system saves of the registers, too.
int find_bfloat16_tables(const Table **found) {
    int count = 0;
#ifdef OSTINATO_X86
    if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        found[count++] = &avx512_bf16_table;
#endif
    return count;
}

// The tables' names as a tuple, with hyphens: "avx512-vnni".
template <class AnyTable>
void add_names(PyObject *module, const char *name, const AnyTable *const *found, int count) {
    PyObject *names = PyTuple_New(count);
    for (int i = 0; i < count; i++) {
        std::string text = found[i]->name;
        std::replace(text.begin(), text.end(), '_', '-');
        PyTuple_SetItem(names, i, PyUnicode_FromString(text.c_str()));
    }
    PyModule_AddObject(module, name, names);
}

// First those of float32, then those of bfloat16: a call names one by its number.
const Table *tables[4];
int table_count, float32_count;

// Reads `count` whole numbers from the arguments.
bool numbers(PyObject *const *arguments, Py_ssize_t given, Py_ssize_t count, int64_t *to) {
    if (given != count) {
        PyErr_Format(PyExc_TypeError, "expected %zd numbers; got %zd", count, given);
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        to[i] = PyLong_AsLongLong(arguments[i]);
        if (to[i] == -1 && PyErr_Occurred()) return false;
    }
    return true;
}

// A struct from the bytes that bindings.fill has made. False, and an exception, if they are not of
// its size.
template <class Struct>
bool read_struct(PyObject *bytes, Struct *to) {
    char *from;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(bytes, &from, &size) < 0) return false;
    if (size != Py_ssize_t(sizeof(Struct))) {
        PyErr_Format(PyExc_TypeError, "expected a struct of %zd bytes; got %zd",
                     Py_ssize_t(sizeof(Struct)), size);
        return false;
    }
    memcpy(to, from, sizeof(Struct));
    return true;
}

const Table *table_of(int64_t index) {
    if (index >= 0 && index < table_count) return tables[index];
    PyErr_Format(PyExc_IndexError, "no instruction set %lld; there are %d", (long long)index,
                 table_count);
    return nullptr;
}

// (instruction set, struct) of most functions; null, and an exception, if they are something else.
template <class Struct>
const Table *read_call(PyObject *const *arguments, Py_ssize_t given, Struct *call) {
    int64_t index;
    if (given != 2) {
        PyErr_Format(PyExc_TypeError, "expected an instruction set and a struct; got %zd arguments",
                     given);
        return nullptr;
    }
    if (!numbers(arguments, 1, 1, &index) || !read_struct(arguments[1], call)) return nullptr;
    return table_of(index);
}

}  // namespace

#include "checks.h"

namespace {

// forward and backward(instruction set, a Call, or two that may run at the same time)
PyObject *run(PyObject *const *arguments, Py_ssize_t given,
              bool (*check)(const Table *, const Call &), void (*Table::*pass)(const Call *, int)) {
    Call calls[2];
    const Table *table = read_call(arguments, given == 3 ? 2 : given, &calls[0]);
    if (!table || !check(table, calls[0])) return nullptr;
    if (given == 3 && (!read_struct(arguments[2], &calls[1]) || !check(table, calls[1])))
        return nullptr;
    if (given == 3 && calls[0].kind != calls[1].kind) {
        PyErr_SetString(PyExc_ValueError, "two calls at the same time must be of one kind");
        return nullptr;
    }
    Py_BEGIN_ALLOW_THREADS;
    (table->*pass)(calls, int(given) - 1);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

PyObject *forward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return run(arguments, given, check_forward, &Table::forward);
}

PyObject *backward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return run(arguments, given, check_backward, &Table::backward);
}

// packed_size(instruction set, kind, hidden, output) -> floats
PyObject *packed_size(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t values[4];
    if (!numbers(arguments, given, 4, values)) return nullptr;
    const Table *table = table_of(values[0]);
    if (!table) return nullptr;
    if (values[1] < 0 || values[1] >= KINDS)
        return PyErr_Format(PyExc_ValueError, "there is no such cell");
    return PyLong_FromLongLong(table->packed_size(values[1], values[2], values[3]));
}

// product(instruction set, a Product): without a workspace, one is allocated for this one call.
PyObject *product(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    Product call;
    const Table *table = read_call(arguments, given, &call);
    if (!table || !check_product(table, call)) return nullptr;
    void *allocated = nullptr;
    if (!call.workspace) {
        call.workspace.count = table->product_workspace(call);
        allocated = malloc(call.workspace.count * sizeof(float));
        if (!allocated) return PyErr_NoMemory();
        call.workspace.data = static_cast<float *>(allocated);
    }
    Py_BEGIN_ALLOW_THREADS;
    table->product(call);
    Py_END_ALLOW_THREADS;
    free(allocated);
    Py_RETURN_NONE;
}

// cross_entropies(instruction set, a Softmax)
PyObject *cross_entropies(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    Softmax call;
    const Table *table = read_call(arguments, given, &call);
    if (!table || !check_softmax(call)) return nullptr;
    Py_BEGIN_ALLOW_THREADS;
    table->cross_entropies(call);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

// arrange(lengths, rows, steps, padded, reverse, sorted_indices, offsets, padded_index): the order
// of a batch without its padding. Longest first, ties in the order given. The first and the last
// three are addresses, of int64 tensors that bindings.arrange has just made or checked. Without
// lengths (0) every row has `steps` steps.
PyObject *arrange(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[8];
    if (!numbers(arguments, given, 8, v)) return nullptr;
    auto lengths = reinterpret_cast<const int64_t *>(v[0]);
    int64_t rows = v[1], steps = v[2], padded = v[3], reverse = v[4];
    auto sorted_indices = reinterpret_cast<int64_t *>(v[5]),
         offsets = reinterpret_cast<int64_t *>(v[6]);
    auto padded_index = reinterpret_cast<int64_t *>(v[7]);
    for (int64_t b = 0; lengths && b < rows; b++)
        if (lengths[b] < 0 || lengths[b] > steps)
            return PyErr_Format(PyExc_ValueError, "lengths must lie in 0..%lld", (long long)steps);
    if (!lengths) {
        for (int64_t b = 0; b < rows; b++) sorted_indices[b] = b;
        for (int64_t s = 0; s <= steps; s++) offsets[s] = s * rows;
    } else {
        // alive[s]: how many rows have more than s steps; a counting sort by it puts the longest
        // first
        for (int64_t s = 0; s <= steps; s++) offsets[s] = 0;
        for (int64_t b = 0; b < rows; b++) offsets[lengths[b]]++;
        for (int64_t s = steps - 1; s >= 0; s--)
            offsets[s] += offsets[s + 1];  // rows of at least s steps
        for (int64_t b = rows - 1; b >= 0; b--) sorted_indices[--offsets[lengths[b]]] = b;
        // the sort has left offsets[s] = rows of more than s steps: sum them up
        int64_t total = 0;
        for (int64_t s = 0; s <= steps; s++) {
            int64_t alive = offsets[s];
            offsets[s] = total;
            total += alive;
        }
    }
    for (int64_t s = 0; s < steps; s++)
        for (int64_t p = offsets[s]; p < offsets[s + 1]; p++) {
            int64_t b = sorted_indices[p - offsets[s]];
            padded_index[p] = b * padded + (reverse ? (lengths ? lengths[b] : steps) - 1 - s : s);
        }
    Py_RETURN_NONE;
}

}  // namespace

#include "auxiliary_module.h"
#include "structs_module.h"
#include "token_step_module.h"

namespace {

PyMethodDef methods[] = {
    STREAM_METHODS,
    TOKEN_METHODS,
    AUXILIARY_METHODS,
    {"forward", (PyCFunction)(void (*)(void))forward, METH_FASTCALL, nullptr},
    {"backward", (PyCFunction)(void (*)(void))backward, METH_FASTCALL, nullptr},
    {"packed_size", (PyCFunction)(void (*)(void))packed_size, METH_FASTCALL, nullptr},
    {"product", (PyCFunction)(void (*)(void))product, METH_FASTCALL, nullptr},
    {"cross_entropies", (PyCFunction)(void (*)(void))cross_entropies, METH_FASTCALL, nullptr},
    {"arrange", (PyCFunction)(void (*)(void))arrange, METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_native", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__native() {
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork(nullptr, nullptr, [] { ostinato::forked = true; });
#endif
    float32_count = find_tables(tables);
    table_count = float32_count + find_bfloat16_tables(tables + float32_count);
    PyObject *result = PyModule_Create(&module);
    add_names(result, "instruction_sets", tables, float32_count);
    add_names(result, "bfloat16_sets", tables + float32_count, table_count - float32_count);
    PyModule_AddObject(result, "structs", describe_structs());
    PyModule_AddObject(result, "cells", describe_cells(portable_table.shapes));
    add_choices(result);
    add_streams(result);
    PyModule_AddIntConstant(result, "chunk", portable_table.chunk);
#ifdef _OPENMP
    PyModule_AddIntConstant(result, "threads", 1);
#else
    PyModule_AddIntConstant(result, "threads", 0);
#endif
    return result;
}
