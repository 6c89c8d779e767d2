// Columns in blocks of whole vectors, and from their run-time number to a constant.
#pragma once
#include <type_traits>

#include "simd.h"

namespace {

inline long at_most(long a, long b) { return a < b ? a : b; }
inline long vectors(long units) { return (units + W - 1) / W; }

// Blocks of units: `most` vectors of units each or fewer, evenly.
struct Blocks {
    long hidden, most;
    long count() const { return (vectors(hidden) + most - 1) / most; }
    long first(long block) const { return vectors(hidden) * block / count(); }
    long size(long block) const { return first(block + 1) - first(block); }
};

template <class Work>
INLINE void with_size(long size, Work work) {
    if (size == 4) return work(std::integral_constant<int, 4>());
    if (size == 3) return work(std::integral_constant<int, 3>());
    if (size == 2) return work(std::integral_constant<int, 2>());
    work(std::integral_constant<int, 1>());
}

}  // namespace
