// The fields of a call, stated once: CALL_FIELDS(FIELD) lists FIELD(type, name) in order. The list declares the struct, and
// module.cpp describes it to Python from the same list, so that Python fills a call by name (bindings.fill).
#pragma once
#include <cstdint>

#define DECLARE_FIELD(type, name) type name;
