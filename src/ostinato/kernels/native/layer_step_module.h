// The streaming step's functions of the Python module. Included by module.cpp alone.
#pragma once
#include <memory>

#include "layer_step_call.h"

extern const StreamTable portable_stream;
#ifdef OSTINATO_X86
extern const StreamTable avx2_stream, avx512_vnni_stream;
#endif

namespace {

int find_streams(const StreamTable **found) {
    int count = 0;
#ifdef OSTINATO_X86
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        found[count++] = &avx512_vnni_stream;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        found[count++] = &avx2_stream;
#endif
    found[count++] = &portable_stream;
    return count;
}

const StreamTable *streams[3];
int stream_count;

const StreamTable *stream_of(int64_t index) {
    if (index >= 0 && index < stream_count) return streams[index];
    PyErr_Format(PyExc_IndexError, "no instruction set %lld; there are %d", (long long)index,
                 stream_count);
    return nullptr;
}

// Memory for what a step needs besides its results: each thread keeps its own, so that a step
// allocates nothing.
char *step_workspace(int64_t bytes) {
    thread_local std::unique_ptr<char[]> workspace;
    thread_local int64_t size = 0;
    if (size < bytes + 64) {
        size = 0;
        workspace.reset(new (std::nothrow) char[bytes + 64]);
        if (!workspace) return nullptr;
        size = bytes + 64;
    }
    return workspace.get() + 63 - (reinterpret_cast<uintptr_t>(workspace.get()) + 63) % 64;
}

// Calls look(address, which weight, which sample, bytes) for the samples of both weights, until it
// returns false.
template <class Look>
bool every_sample(const Layer &layer, int64_t gates, Look look) {
    for (int which = 0; which < 2; which++) {
        const char *weight =
            reinterpret_cast<const char *>((which ? layer.hidden_weight : layer.input_weight).data);
        int64_t bytes = gates * layer.hidden * (which ? layer.hidden : layer.input_size) * 4;
        int64_t size = bytes < SAMPLE_BYTES ? bytes : SAMPLE_BYTES;
        for (int i = 0; i < SAMPLES; i++)
            if (!look(weight + (bytes - size) / 4 * i / (SAMPLES - 1) * 4, which, i, size))
                return false;
    }
    return true;
}

bool has_step(int64_t kind, int64_t format) {
    bool known_kind = false, known_format = false;
#define SAME_KIND(number, ...) known_kind |= kind == number;
#define SAME_FORMAT(number, ...) known_format |= format == number;
    STEPS(SAME_KIND)
    FORMATS(SAME_FORMAT)
#undef SAME_KIND
#undef SAME_FORMAT
    if (!known_kind || !known_format) PyErr_SetString(PyExc_ValueError, "there is no such step");
    return known_kind && known_format;
}

int64_t gates_of(int64_t kind) { return portable_table.shapes[kind].gates; }

// stream_packed_bytes(instruction set, kind, format, inner, hidden) -> bytes
PyObject *stream_packed_bytes(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[5];
    if (!numbers(arguments, given, 5, v)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    if (!table || !has_step(v[1], v[2])) return nullptr;
    return PyLong_FromLongLong(table->packed_bytes(v[1], v[2], v[3], v[4]));
}

// stream_pack(instruction set, kind, format, address of the layers, how many)
PyObject *stream_pack(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[5];
    if (!numbers(arguments, given, 5, v)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    if (!table || !has_step(v[1], v[2])) return nullptr;
    Layer *layers = reinterpret_cast<Layer *>(v[3]);
    for (int64_t l = 0; l < v[4]; l++) {
        int64_t D = layers[l].input_size, H = layers[l].hidden;
        if (!check_layer(gates_of(v[1]), layers[l], table->packed_bytes(v[1], v[2], D, H),
                         table->packed_bytes(v[1], v[2], H, H)))
            return nullptr;
        if (l && D != layers[l - 1].hidden)
            return PyErr_Format(PyExc_ValueError,
                                "step: each layer must read what the layer before it gives");
    }
    Py_BEGIN_ALLOW_THREADS;
    for (int64_t l = 0; l < v[4]; l++) {
        table->pack(v[1], v[2], layers[l]);
        every_sample(layers[l], gates_of(v[1]),
                     [&](const char *from, int which, int i, int64_t size) {
                         memcpy(layers[l].fingerprint[which][i], from, size);
                         return true;
                     });
    }
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

// stream(instruction set, Stream, residual, threads, rows, steps, offsets, inputs, outputs, then h
// before, h, c before and c of each layer) -> whether it ran: it does not if a weight is seen to
// have changed since it was packed. The Stream has what stays from call to call; the rest changes,
// and is passed by position to save time. Its addresses are those of tensors whose shapes
// kernels/steps/streaming.py has just compared with the layers' sizes.
PyObject *stream(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    constexpr Py_ssize_t fixed = 9, most = 64;
    int64_t v[fixed + 4 * most];
    if (given < fixed || given > fixed + 4 * most) {
        PyErr_Format(PyExc_ValueError, "a step takes at most %zd layers", most);
        return nullptr;
    }
    Stream call;
    if (!read_struct(arguments[1], &call) || !numbers(arguments, 1, 1, v)) return nullptr;
    if (!numbers(arguments + 2, given - 2, given - 2, v + 2)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    if (!table) return nullptr;
    call.residual = v[2], call.threads = v[3], call.rows = v[4], call.steps = v[5];
    call.offsets.data = reinterpret_cast<const int64_t *>(v[6]);
    call.inputs.data = reinterpret_cast<const float *>(v[7]),
    call.outputs.data = reinterpret_cast<float *>(v[8]);
    if (given != fixed + 4 * call.layers) {
        PyErr_SetString(PyExc_TypeError, "four addresses are expected for each layer");
        return nullptr;
    }
    call.state = reinterpret_cast<const LayerState *>(v + fixed);
    for (int64_t l = 0; l < call.layers; l++) {
        const Layer &layer = call.plan[l];
        if (!every_sample(layer, gates_of(call.kind),
                          [&](const char *from, int which, int i, int64_t size) {
                              return memcmp(layer.fingerprint[which][i], from, size) == 0;
                          }))
            Py_RETURN_FALSE;
    }
    char *workspace = step_workspace(table->workspace_bytes(call));
    if (!workspace) return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS;
    table->run(call, workspace);
    Py_END_ALLOW_THREADS;
    Py_RETURN_TRUE;
}

#define STREAM_METHODS                                                                       \
    {"stream_packed_bytes", (PyCFunction)(void (*)(void))stream_packed_bytes, METH_FASTCALL, \
     nullptr},                                                                               \
        {"stream_pack", (PyCFunction)(void (*)(void))stream_pack, METH_FASTCALL, nullptr}, { \
        "stream", (PyCFunction)(void (*)(void))stream, METH_FASTCALL, nullptr                \
    }

void add_streams(PyObject *module) {
    stream_count = find_streams(streams);
    add_names(module, "stream_sets", streams, stream_count);
}

}  // namespace
