// The fields of a call, stated once: CALL_FIELDS(FIELD) lists FIELD(type, name) in order. The list
// declares the struct, and module.cpp describes it to Python from the same list, so that Python
// fills a call by name (bindings.fill).
#pragma once
#include <cstdint>

#define DECLARE_FIELD(type, name) type name;

// A tensor's numbers: the address of the first one, and how many may be read or written from there.
// Python states the count of every tensor, and the entries of the module compare it with what a
// call needs (checks.h) before anything is read. Otherwise used as a plain pointer.
template <class Number>
struct Span {
    Number *data;
    int64_t count;

    operator Number *() const { return data; }
};
