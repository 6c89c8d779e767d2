// One parallel region a call: who does which rows and which blocks of units, and where threads wait for one another.
#pragma once
#include <atomic>

#include "call.h"
#include "simd.h"
#ifdef _OPENMP
#include <omp.h>
#include <sched.h>
#endif

namespace {

INLINE void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// A barrier that spins, since a step takes microseconds, and gives way when the machine is shared.
struct Barrier {
    std::atomic<int> arrived{0};
    std::atomic<int> round{0};

    void wait(int threads) {
        if (threads == 1) return;
        int now = round.load(std::memory_order_acquire);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) == threads - 1) {
            arrived.store(0, std::memory_order_relaxed);
            round.store(now + 1, std::memory_order_release);
            return;
        }
        for (long spins = 0; round.load(std::memory_order_acquire) == now; spins++) {
            pause();
#ifdef _OPENMP
            if (spins > 300) sched_yield();
#endif
        }
    }
};

// A thread's part: the rows first_row, first_row + row_step, ... of each step, and the blocks first_block .. end_block.
struct Share {
    long first_row, row_step, first_block, end_block;
    int thread, threads;  // of all: for what is shared out before and after the steps
    Barrier *everyone, *step;
    int step_threads;  // how many must meet after each step

    long rows_of(long rows) const { return rows <= first_row ? 0 : (rows - first_row + row_step - 1) / row_step; }
    void meet() const { everyone->wait(threads); }
    void end_of_step() const { step->wait(step_threads); }
};

// By rows, every thread reads all weights: right while they fit its own cache. By units, each reads its part of
// them, and all meet once a step.
constexpr long OWN_CACHE = 1100 * 1024;  // bytes

inline Split choose(const Call &call, int threads, long blocks, long weight_bytes) {
    if (call.split != AUTOMATIC) return Split(call.split);
    bool few_rows = call.rows < 2 * threads;
    return !few_rows && (weight_bytes <= OWN_CACHE || blocks < threads) ? BY_ROWS : BY_UNITS;
}

// A call of so few multiplications is over before a second thread has woken up.
constexpr double SMALL = 150000;

template <class Work>
void in_parallel(const Call &call, long blocks, long weight_bytes, Work work) {
    Barrier everyone, step;
    double rows = call.steps ? double(call.offsets[call.steps]) : 0;
    bool small = call.split == AUTOMATIC && rows * (weight_bytes / 4) < SMALL;
    int wanted = int(call.threads > 1 && !small ? call.threads : 1);
#ifdef _OPENMP
#pragma omp parallel num_threads(wanted)
    {
        int threads = omp_get_num_threads(), thread = omp_get_thread_num();
#else
    {
        int threads = 1, thread = 0;
#endif
        if (choose(call, threads, blocks, weight_bytes) == BY_ROWS)
            work(Share{thread, threads, 0, blocks, thread, threads, &everyone, nullptr, 1});
        else
            work(Share{0, 1, blocks * thread / threads, blocks * (thread + 1) / threads, thread, threads, &everyone,
                       &step, threads});
    }
}

}  // namespace
