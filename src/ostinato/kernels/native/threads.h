// How many threads a call may use.
#pragma once

namespace ostinato {

// Whether this process was forked from one that had loaded this module (module.cpp sets it).
// OpenMP's threads do not exist in such a process, but its runtime still waits for them, for ever:
// a region must have one thread there.
extern bool forked;

inline int threads_for(long wanted) { return forked || wanted < 1 ? 1 : int(wanted); }

}  // namespace ostinato
