// The streaming step's functions of the Python module. Included by module.cpp alone.
#pragma once
#include <memory>

#include "layer_step_call.h"

extern const StreamTable portable_stream;
#ifdef OSTINATO_X86
extern const StreamTable avx2_stream, avx512_stream, avx512_vnni_stream;
#endif

namespace {

int find_streams(const StreamTable **found) {
    int count = 0;
#ifdef OSTINATO_X86
    bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (wide && __builtin_cpu_supports("avx512vnni")) found[count++] = &avx512_vnni_stream;
    if (wide) found[count++] = &avx512_stream;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found[count++] = &avx2_stream;
#endif
    found[count++] = &portable_stream;
    return count;
}

const StreamTable *streams[4];
int stream_count;

const StreamTable *stream_of(int64_t index) {
    if (index >= 0 && index < stream_count) return streams[index];
    PyErr_Format(PyExc_IndexError, "no instruction set %lld; there are %d", (long long)index, stream_count);
    return nullptr;
}

// Room for what a step needs besides its results: each thread keeps its own, so that a step allocates nothing.
char *step_room(int64_t bytes) {
    thread_local std::unique_ptr<char[]> room;
    thread_local int64_t size = 0;
    if (size < bytes + 64) {
        size = 0;
        room.reset(new (std::nothrow) char[bytes + 64]);
        if (!room) return nullptr;
        size = bytes + 64;
    }
    return room.get() + 63 - (reinterpret_cast<uintptr_t>(room.get()) + 63) % 64;
}

// The places of a weight that are looked at: from its first bytes to its last.
template <class Look>
bool every_place(const Layer &layer, int64_t gates, Look look) {
    for (int which = 0; which < 2; which++) {
        const char *weight = reinterpret_cast<const char *>(which ? layer.hidden_weight : layer.input_weight);
        int64_t bytes = gates * layer.hidden * (which ? layer.hidden : layer.input_size) * 4;
        int64_t size = bytes < PLACE_BYTES ? bytes : PLACE_BYTES;
        for (int i = 0; i < PLACES; i++)
            if (!look(weight + (bytes - size) / 4 * i / (PLACES - 1) * 4, which, i, size)) return false;
    }
    return true;
}

int64_t gates_of(int64_t kind) { return portable_table.shapes[kind].gates; }

// stream_packed_bytes(instruction set, kind, format, inner, hidden) -> bytes
PyObject *stream_packed_bytes(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[5];
    if (!numbers(arguments, given, 5, v)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    return table ? PyLong_FromLongLong(table->packed_bytes(v[1], v[2], v[3], v[4])) : nullptr;
}

// stream_pack(instruction set, kind, format, plan, layers)
PyObject *stream_pack(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    int64_t v[5];
    if (!numbers(arguments, given, 5, v)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    if (!table) return nullptr;
    Layer *plan = reinterpret_cast<Layer *>(v[3]);
    Py_BEGIN_ALLOW_THREADS;
    for (int64_t l = 0; l < v[4]; l++) {
        table->pack(v[1], v[2], plan[l]);
        every_place(plan[l], gates_of(v[1]), [&](const char *from, int which, int i, int64_t size) {
            memcpy(plan[l].seen[which][i], from, size);
            return true;
        });
    }
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

// stream(instruction set, address of a Stream, residual, threads, rows, steps, offsets, inputs, outputs, then h before, h,
// c before and c of each layer) -> whether it ran: it does not if a weight is seen to have changed since it was packed.
// The Stream has what stays from call to call; the rest changes, and is passed by position to save time.
PyObject *stream(PyObject *, PyObject *const *arguments, Py_ssize_t given) {
    constexpr Py_ssize_t fixed = 9, most = 64;
    int64_t v[fixed + 4 * most];
    if (given < fixed || given > fixed + 4 * most) {
        PyErr_Format(PyExc_ValueError, "a step takes at most %zd layers", most);
        return nullptr;
    }
    if (!numbers(arguments, given, given, v)) return nullptr;
    const StreamTable *table = stream_of(v[0]);
    if (!table) return nullptr;
    Stream call = at<Stream>(v[1]);
    call.residual = v[2], call.threads = v[3], call.rows = v[4], call.steps = v[5];
    call.offsets = reinterpret_cast<const int64_t *>(v[6]);
    call.inputs = reinterpret_cast<const float *>(v[7]), call.outputs = reinterpret_cast<float *>(v[8]);
    if (given != fixed + 4 * call.layers) {
        PyErr_SetString(PyExc_TypeError, "four addresses are expected for each layer");
        return nullptr;
    }
    call.state = reinterpret_cast<const LayerState *>(v + fixed);
    for (int64_t l = 0; l < call.layers; l++) {
        const Layer &layer = call.plan[l];
        if (!every_place(layer, gates_of(call.kind), [&](const char *from, int which, int i, int64_t size) {
                return memcmp(layer.seen[which][i], from, size) == 0;
            }))
            Py_RETURN_FALSE;
    }
    char *room = step_room(table->room_bytes(call));
    if (!room) return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS;
    table->run(call, room);
    Py_END_ALLOW_THREADS;
    Py_RETURN_TRUE;
}

#define STREAM_METHODS                                                                                       \
    {"stream_packed_bytes", (PyCFunction)(void (*)(void))stream_packed_bytes, METH_FASTCALL, nullptr},       \
        {"stream_pack", (PyCFunction)(void (*)(void))stream_pack, METH_FASTCALL, nullptr},                   \
        {"stream", (PyCFunction)(void (*)(void))stream, METH_FASTCALL, nullptr}

void add_streams(PyObject *module) {
    stream_count = find_streams(streams);
    add_names(module, "stream_sets", streams, stream_count);
}

}  // namespace
