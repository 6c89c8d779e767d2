"""Backpropagation through 100,000 steps in 2 GiB."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from ostinato.cells import CELLS
from ostinato.layers.recurrent import Recurrent

layer, read = Recurrent(CELLS[sys.argv[1]], 128, 128, recompute=True), torch.nn.Linear(128, 1)
outputs, _ = layer(torch.randn(8, 100_000, 128))
read(outputs).square().mean().backward()
assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_hundred_thousand_steps_fit_in_two_gibibytes(cell):
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, cell], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) * 1024 < 2 * 2**30
