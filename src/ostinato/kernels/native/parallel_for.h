// A loop whose iterations are independent, divided among threads.
#pragma once
#include "simd.h"
#include "threads.h"
#ifdef _OPENMP
#include <omp.h>
#endif

namespace {

constexpr double WORTH_A_THREAD =
    60000;  // operations: fewer end before a second thread has woken up

// work(thread, threads), once for each thread
template <class Work>
void parallel_for(int64_t threads, double operations, Work work) {
    int wanted = operations < WORTH_A_THREAD ? 1 : ostinato::threads_for(threads);
#ifdef _OPENMP
    if (wanted > 1) {
#pragma omp parallel num_threads(wanted)
        work(omp_get_thread_num(), omp_get_num_threads());
        return;
    }
#endif
    work(0, 1);
}

}  // namespace
