// One parallel region for each call: which thread computes which rows or blocks of units, and where
// threads wait for one another.
#pragma once
#include <atomic>

#include "recurrence_call.h"
#include "simd.h"
#include "threads.h"
#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#include <thread>
#endif

namespace {

INLINE void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// A barrier that spins for about as long as a step takes, since waking a thread takes longer than a
// short step, and then sleeps in the kernel: on a busy machine the last thread may need this very
// core.
//
// It cannot lose a wake-up: a waiting thread first counts itself in `asleep`, and the futex call
// returns at once if `round` has changed; the last thread changes `round` first and then reads
// `asleep`. The round cannot advance twice under a waiting thread, since each round needs its
// arrival.
struct Barrier {
    static constexpr int SPINS = 4000;  // some 50 microseconds
    std::atomic<int> arrived{0};
    std::atomic<int> round{0};
    std::atomic<int> asleep{0};

    void wait(int threads) {
        if (threads == 1) return;
        int now = round.load(std::memory_order_acquire);
        if (arrived.fetch_add(1, std::memory_order_acq_rel) == threads - 1) {
            arrived.store(0, std::memory_order_relaxed);
            round.store(now + 1, std::memory_order_seq_cst);
            if (asleep.load(std::memory_order_seq_cst)) wake();
            return;
        }
        for (int spins = 0; spins < SPINS; spins++) {
            if (round.load(std::memory_order_acquire) != now) return;
            pause();
        }
        while (round.load(std::memory_order_acquire) == now) sleep(now);
    }

#if defined(__linux__)
    void wake() { syscall(SYS_futex, &round, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0); }

    void sleep(int now) {
        asleep.fetch_add(1, std::memory_order_seq_cst);
        syscall(SYS_futex, &round, FUTEX_WAIT_PRIVATE, now, nullptr, nullptr,
                0);  // returns at once if it is over
        asleep.fetch_sub(1, std::memory_order_relaxed);
    }
#else
    void wake() {}
    void sleep(int) { std::this_thread::yield(); }
#endif
};

// A thread's part of each step: the rows first_row, first_row + row_step, ... of all blocks, or all
// rows of the blocks first_of .. end_of.
struct Share {
    int thread, threads;  // this one, and how many work on this call
    bool by_rows;
    Barrier *barrier;

    long first_row() const { return by_rows ? thread : 0; }
    long row_step() const { return by_rows ? threads : 1; }
    long rows_of(long rows) const {
        return rows <= first_row() ? 0 : (rows - first_row() + row_step() - 1) / row_step();
    }
    long first_of(long blocks) const { return by_rows ? 0 : blocks * thread / threads; }
    long end_of(long blocks) const { return by_rows ? blocks : blocks * (thread + 1) / threads; }
    void meet() const { barrier->wait(threads); }
    void end_of_step() const {
        if (!by_rows) barrier->wait(threads);
    }
};

// By rows, every thread reads all weights: fast while they fit its own cache. By units, each reads
// its part of them, and all threads meet once a step.
inline long own_cache() {
    static const long bytes = [] {
#if defined(__linux__) && defined(_SC_LEVEL2_CACHE_SIZE)
        long second_level = sysconf(_SC_LEVEL2_CACHE_SIZE);
        if (second_level > 0) return second_level / 1024 * 1100;
#endif
        return 1100L * 1024;
    }();
    return bytes;
}

// The size of a call, by which the work is divided.
struct Size {
    long blocks, weight_bytes;
};

inline bool choose_rows(const Call &call, int threads, Size size) {
    if (call.split != AUTOMATIC) return call.split == BY_ROWS;
    bool few_rows = call.rows < 2 * threads;
    return !few_rows && (size.weight_bytes <= own_cache() || size.blocks < threads);
}

// A call of fewer multiplications ends before a second thread has woken up.
constexpr double SMALL = 150000;

inline bool is_small(const Call &call, Size size) {
    double rows = call.steps ? double(call.offsets[call.steps]) : 0;
    return call.split == AUTOMATIC && rows * (size.weight_bytes / 4) < SMALL;
}

// One region for one call, or for two that do not wait for each other (the directions of a layer):
// half of the threads takes each; a single thread takes them one after the other.
template <class Work>
void in_parallel(const Call *calls, int count, Size size, Work work) {
    Barrier barriers[2];
    bool small = true;
    for (int i = 0; i < count; i++) small = small && is_small(calls[i], size);
    int wanted = small ? 1 : ostinato::threads_for(calls[0].threads);
#ifdef _OPENMP
#pragma omp parallel num_threads(wanted)
    {
        int threads = omp_get_num_threads(), thread = omp_get_thread_num();
#else
    {
        int threads = 1, thread = 0;
#endif
        bool halves = count == 2 && threads > 1;
        int first_half = (threads + 1) / 2, mine = halves && thread >= first_half;
        if (halves)
            thread -= mine ? first_half : 0, threads = mine ? threads - first_half : first_half;
        for (int i = halves ? mine : 0; i < (halves ? mine + 1 : count); i++)
            work(calls[i],
                 Share{thread, threads, choose_rows(calls[i], threads, size), &barriers[i]});
    }
}

}  // namespace
