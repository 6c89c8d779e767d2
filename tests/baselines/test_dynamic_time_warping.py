"""Dynamic time warping against the recursion written out."""

import numpy as np
import pytest

from ostinato.baselines.dynamic_time_warping import warped_distances


def by_recursion(a, b):
    def cost(i, j):
        return float(np.linalg.norm(a[i] - b[j]))

    total = {(0, 0): 2 * cost(0, 0)}
    for i in range(len(a)):
        for j in range(len(b)):
            if (i, j) == (0, 0):
                continue
            options = []
            if i and j:
                options.append(total[i - 1, j - 1] + 2 * cost(i, j))
            if i:
                options.append(total[i - 1, j] + cost(i, j))
            if j:
                options.append(total[i, j - 1] + cost(i, j))
            total[i, j] = min(options)
    return total[len(a) - 1, len(b) - 1] / (len(a) + len(b))


def test_equal_to_the_recursion():
    draw = np.random.default_rng(0)
    frames = draw.normal(size=(6, 3)).astype(np.float32)
    templates = [draw.normal(size=(n, 3)).astype(np.float32) for n in (4, 6, 9, 1)]
    expected = [by_recursion(frames, each) for each in templates]
    assert warped_distances(frames, templates) == pytest.approx(expected, rel=1e-4)


def test_a_stretched_copy_is_at_no_distance():
    x = np.arange(8, dtype=np.float32)[:, None]
    assert warped_distances(x, [np.repeat(x, 2, 0), x + 5])[0] == pytest.approx(0, abs=1e-3)
