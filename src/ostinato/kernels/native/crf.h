// A linear-chain conditional random field: the forward algorithm, and the expectations that the
// backward algorithm gives (Rabiner 1989), in shares that add up to one at each step and in double
// precision.
#pragma once
#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "auxiliary_call.h"
#include "parallel_for.h"

namespace {

constexpr double SMALLEST = 1e-300;  // added to every sum, so that its logarithm exists

// The exponentials of the scores that all rows share.
struct Shared {
    double highest = -INFINITY, highest_end = -INFINITY;
    std::vector<double> between,
        end;  // exp(transitions - highest) [K, K], exp(end - highest_end) [K]

    explicit Shared(const Crf &call) {
        long size = call.labels;
        for (long i = 0; i < size * size; i++)
            highest = std::max(highest, double(call.transitions[i]));
        for (long i = 0; i < size; i++) highest_end = std::max(highest_end, double(call.end[i]));
        between.resize(size * size), end.resize(size);
        for (long i = 0; i < size * size; i++) between[i] = std::exp(call.transitions[i] - highest);
        for (long i = 0; i < size; i++) end[i] = std::exp(call.end[i] - highest_end);
    }
};

inline double sum_to_one(double *values, long size) {
    double sum = 0;
    for (long i = 0; i < size; i++) sum += values[i];
    double scale = 1 / sum;
    for (long i = 0; i < size; i++) values[i] *= scale;
    return sum;
}

// values [K] times between [K, K]
inline void through(const double *values, const double *between, long size, double *to) {
    for (long j = 0; j < size; j++) to[j] = 0;
    for (long i = 0; i < size; i++)
        for (long j = 0; j < size; j++) to[j] += values[i] * between[i * size + j];
}

// log Z of one row; `before` and `here` hold every step with `keep_shares`, else
// two of them.
inline double log_sum(const Crf &call, const Shared &shared, long row, bool keep_shares,
                      double *before, double *here) {
    long size = call.labels, length = call.lengths[row];
    double total = 0;
    for (long step = 0; step < length; step++) {
        const float *scores = call.emissions + (row * call.steps + step) * size;
        double *now = before + (keep_shares ? step : step % 2) * size,
               *weight = here + (keep_shares ? step * size : 0);
        double high = -INFINITY;
        for (long j = 0; j < size; j++) {
            double score = double(scores[j]) + (step ? 0 : call.start[j]);
            weight[j] = score, high = score > high ? score : high;
        }
        for (long j = 0; j < size; j++) weight[j] = std::exp(weight[j] - high);
        if (step) {
            through(before + (keep_shares ? step - 1 : (step - 1) % 2) * size,
                    shared.between.data(), size, now);
            for (long j = 0; j < size; j++) now[j] = (now[j] + SMALLEST) * weight[j];
            total += shared.highest;
        } else {
            for (long j = 0; j < size; j++) now[j] = weight[j] + SMALLEST;
        }
        total += high + std::log(sum_to_one(now, size));
    }
    const double *last = before + (keep_shares ? length - 1 : (length - 1) % 2) * size;
    double ends = SMALLEST;
    for (long j = 0; j < size; j++) ends += last[j] * shared.end[j];
    return total + std::log(ends) + shared.highest_end;
}

inline bool path_score(const Crf &call, long row, double *score) {
    long size = call.labels, length = call.lengths[row];
    const int64_t *target = call.targets + row * call.steps;
    for (long step = 0; step < length; step++) {
        if (target[step] < 0 || target[step] >= size) return false;
        *score += call.emissions[(row * call.steps + step) * size + target[step]];
        *score += step ? call.transitions[target[step - 1] * size + target[step]]
                       : call.start[target[step]];
    }
    *score += call.end[target[length - 1]];
    return true;
}

inline double work_of(const Crf &call) {
    return double(call.rows) * call.steps * call.labels * (call.labels + 10);
}

// Whether every target was a label.
bool crf_forward(const Crf &call) {
    Shared shared(call);
    std::atomic<bool> fine{true};
    bool keep_shares = call.before;
    parallel_for(call.threads, work_of(call), [&](int thread, int threads) {
        std::vector<double> workspace(keep_shares ? 0 : 3 * call.labels);
        for (long row = thread; row < call.rows; row += threads) {
            call.results[row] = 0;
            if (!call.lengths[row]) continue;
            long position = row * call.steps * call.labels;
            double *before = keep_shares ? call.before + position : workspace.data();
            double *here = keep_shares ? call.here + position : workspace.data() + 2 * call.labels;
            double score = 0, total = log_sum(call, shared, row, keep_shares, before, here);
            if (call.targets && !path_score(call, row, &score)) fine = false;
            call.results[row] = float(call.targets ? score - total : total);
        }
    });
    return fine;
}

// One row's part: of each label at each step the expectation, `sign` times the row's gradient, and
// what the targets add.
inline void chain_backward_row(const Crf &call, const Shared &shared, long row, double *workspace,
                               double *sums) {
    long size = call.labels, length = call.lengths[row];
    double gradient = call.gradient[row], weight = call.targets ? -gradient : gradient;
    double *after = workspace, *next = workspace + size, *share = workspace + 2 * size;
    double *pairs = sums, *starts = sums + size * size, *ends = starts + size;
    for (long j = 0; j < size; j++) after[j] = shared.end[j] + SMALLEST;
    for (long step = length - 1; step >= 0; step--) {
        long position = (row * call.steps + step) * size;
        const double *before = call.before + position, *here = call.here + position;
        for (long j = 0; j < size; j++) share[j] = before[j] * after[j];
        sum_to_one(share, size);
        float *to = call.d_emissions + position;
        for (long j = 0; j < size; j++) to[j] = float(share[j] * weight);
        if (step == length - 1)
            for (long j = 0; j < size; j++) ends[j] += share[j] * weight;
        if (!step) {
            for (long j = 0; j < size; j++) starts[j] += share[j] * weight;
            break;
        }
        // from j back to i: what follows i is the sum over j of between[i, j] here[j] after[j]
        for (long j = 0; j < size; j++) next[j] = here[j] * after[j];
        sum_to_one(next, size);
        const double *earlier = before - size;
        double total = SMALLEST;
        for (long i = 0; i < size; i++) {
            double sum = 0;
            for (long j = 0; j < size; j++) sum += shared.between[i * size + j] * next[j];
            after[i] = sum + SMALLEST;
            total += earlier[i] * sum;
        }
        for (long i = 0; i < size; i++) {
            double scaled = earlier[i] / total * weight;
            for (long j = 0; j < size; j++) pairs[i * size + j] += scaled * next[j];
        }
        sum_to_one(after, size);
    }
}

inline void add_path(const Crf &call, long row, double *sums) {
    long size = call.labels, length = call.lengths[row];
    const int64_t *target = call.targets + row * call.steps;
    double gradient = call.gradient[row];
    for (long step = 0; step < length; step++)
        call.d_emissions[(row * call.steps + step) * size + target[step]] += float(gradient);
    sums[size * size + target[0]] += gradient;
    sums[size * size + size + target[length - 1]] += gradient;
}

void crf_backward(const Crf &call) {
    Shared shared(call);
    long size = call.labels, held = size * size + 2 * size;
    parallel_for(call.threads, 2 * work_of(call), [&](int thread, int threads) {
        std::vector<double> workspace(3 * size);
        double *sums = call.sums + thread * held;
        for (long row = thread; row < call.rows; row += threads)
            if (call.lengths[row]) chain_backward_row(call, shared, row, workspace.data(), sums);
        for (long i = 0; i < size * size; i++)
            sums[i] *= shared.between[i];  // the expected counts of pairs
        for (long row = thread; call.targets && row < call.rows; row += threads) {
            if (!call.lengths[row]) continue;
            add_path(call, row, sums);
            const int64_t *target = call.targets + row * call.steps;
            for (long step = 1; step < call.lengths[row]; step++)
                sums[target[step - 1] * size + target[step]] += call.gradient[row];
        }
    });
}

}  // namespace
