// The Python module: functions of whole numbers, sizes and addresses; kernels/bindings.py calls them.
//
// No PyTorch header is needed to build it, and one build serves every Python from 3.11 on and every PyTorch.
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "recurrence_call.h"

extern const Table portable_table;
#ifdef OSTINATO_X86
extern const Table avx2_table, avx512_table;
#endif

namespace {

// The instruction sets that this build has and this processor runs, best first.
int find_tables(const Table **found) {
    int count = 0;
#ifdef OSTINATO_X86
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        found[count++] = &avx512_table;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found[count++] = &avx2_table;
#endif
    found[count++] = &portable_table;
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

const Table *tables[3];
int table_count;

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

// The call at an address, which bindings.fill has filled.
template <class Struct>
const Struct &at(int64_t address) {
    return *reinterpret_cast<const Struct *>(address);
}

const Table *table_of(int64_t index) {
    if (index >= 0 && index < table_count) return tables[index];
    PyErr_Format(PyExc_IndexError, "no instruction set %lld; there are %d", (long long)index, table_count);
    return nullptr;
}

// forward and backward(instruction set, address of a Call, or of two that may run at the same time)
PyObject *run(PyObject *const *arguments, Py_ssize_t given, void (*Table::*pass)(const Call *, int)) {
    int64_t values[3];
    Py_ssize_t count = given == 3 ? 2 : 1;
    if (!numbers(arguments, given, 1 + count, values)) return nullptr;
    const Table *table = table_of(values[0]);
    if (!table) return nullptr;
    Call calls[2] = {at<Call>(values[1]), at<Call>(values[count])};
    if (count == 2 && calls[0].kind != calls[1].kind) {
        PyErr_SetString(PyExc_ValueError, "two calls at the same time must be of one kind");
        return nullptr;
    }
    Py_BEGIN_ALLOW_THREADS;
    (table->*pass)(calls, int(count));
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

PyObject *forward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return run(arguments, given, &Table::forward);
}

PyObject *backward(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    return run(arguments, given, &Table::backward);
}

// packed_size(instruction set, kind, hidden, output) -> floats
PyObject *packed_size(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t values[4];
    if (!numbers(arguments, given, 4, values)) return nullptr;
    const Table *table = table_of(values[0]);
    return table ? PyLong_FromLongLong(table->packed_size(values[1], values[2], values[3])) : nullptr;
}

// product(instruction set, address of a Product): with a null `room`, room is made for this one call.
PyObject *product(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t values[2];
    if (!numbers(arguments, given, 2, values)) return nullptr;
    const Table *table = table_of(values[0]);
    if (!table) return nullptr;
    Product call = at<Product>(values[1]);
    void *room = nullptr;
    if (!call.room) {
        room = malloc(table->product_room(call) * sizeof(float));
        if (!room) return PyErr_NoMemory();
        call.room = static_cast<float *>(room);
    }
    Py_BEGIN_ALLOW_THREADS;
    table->product(call);
    Py_END_ALLOW_THREADS;
    free(room);
    Py_RETURN_NONE;
}

// cross_entropies(instruction set, address of a Softmax)
PyObject *cross_entropies(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t values[2];
    if (!numbers(arguments, given, 2, values)) return nullptr;
    const Table *table = table_of(values[0]);
    if (!table) return nullptr;
    Py_BEGIN_ALLOW_THREADS;
    table->cross_entropies(at<Softmax>(values[1]));
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

// arrange(lengths, rows, steps, padded, reverse, order, offsets, place): the sorted, padding-free order of a batch.
// Longest first, ties in the order given. lengths may be null (0): then every row has `steps`.
PyObject *arrange(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[8];
    if (!numbers(arguments, given, 8, v)) return nullptr;
    auto lengths = reinterpret_cast<const int64_t *>(v[0]);
    int64_t rows = v[1], steps = v[2], padded = v[3], reverse = v[4];
    auto order = reinterpret_cast<int64_t *>(v[5]), offsets = reinterpret_cast<int64_t *>(v[6]);
    auto place = reinterpret_cast<int64_t *>(v[7]);
    if (!lengths) {
        for (int64_t b = 0; b < rows; b++) order[b] = b;
        for (int64_t s = 0; s <= steps; s++) offsets[s] = s * rows;
    } else {
        // alive[s]: how many rows have more than s steps; a counting sort by it puts the longest first
        for (int64_t s = 0; s <= steps; s++) offsets[s] = 0;
        for (int64_t b = 0; b < rows; b++) offsets[lengths[b]]++;
        for (int64_t s = steps - 1; s >= 0; s--) offsets[s] += offsets[s + 1];  // rows of at least s steps
        for (int64_t b = rows - 1; b >= 0; b--) order[--offsets[lengths[b]]] = b;
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
            int64_t b = order[p - offsets[s]];
            place[p] = b * padded + (reverse ? (lengths ? lengths[b] : steps) - 1 - s : s);
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

PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__native() {
    table_count = find_tables(tables);
    PyObject *result = PyModule_Create(&module);
    add_names(result, "instruction_sets", tables, table_count);
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
