"""Native code that waits for threads comes to an end: on a busy machine, in a forked process."""

import os
import random
import signal
import threading
import time

import pytest
import torch

from ostinato import Recurrent, kernels
from ostinato.cells.gru import GRU, GRUResetBefore
from ostinato.cells.lstm import LSTM
from ostinato.kernels import bindings, dispatch

pytestmark = pytest.mark.skipif(
    bindings.missing is not None, reason=f"not built: {bindings.missing}"
)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def run_everything():
    """A call of each kind of parallel region."""
    cell, x = LSTM(64, 128), torch.randn(64, 20, 64)
    with torch.no_grad():
        dispatch.run(cell, x, cell.initial_state(64, x))  # large enough for two threads
    kernels.linear(torch.randn(200, 300, requires_grad=True), torch.randn(300, 300))
    ids = torch.zeros(300, dtype=torch.int64)
    kernels.linear_cross_entropy(torch.randn(300, 64), torch.randn(500, 64), None, ids)


def wait_for(child: int, seconds: float) -> int | None:
    """The exit status, or None if the process is still there, which is then killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (found := os.waitpid(child, os.WNOHANG))[0]:
            return os.waitstatus_to_exitcode(found[1])
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_process_does_not_wait_for_threads_that_it_does_not_have(two_threads):
    run_everything()  # the threads of OpenMP exist from here on, in this process alone
    child = os.fork()
    if child == 0:
        try:
            run_everything()
            os._exit(0)
        finally:
            os._exit(1)
    assert wait_for(child, 60) == 0


def test_more_threads_than_processors(monkeypatch):
    """Barriers of up to five threads, from three Python threads at once."""
    cells = [GRUResetBefore(5, 33), LSTM(9, 40), GRU(4, 60)]
    both = Recurrent(LSTM, 5, 24, bidirectional=True)
    before, finished = torch.get_num_threads(), []

    def work(seed):
        draw = random.Random(seed)
        for _ in range(10):
            torch.set_num_threads(draw.randint(2, 5))
            monkeypatch.setattr(bindings, "split", draw.choice(list(bindings.SPLITS)))
            cell, rows, steps = draw.choice(cells), draw.randint(1, 9), draw.randint(1, 30)
            x = torch.randn(rows, steps, cell.input_size, requires_grad=True)
            lengths = torch.tensor([draw.randint(0, steps) for _ in range(rows)])
            dispatch.run(cell, x, cell.initial_state(rows, x), lengths)[0].sum().backward()
            both(torch.randn(rows, steps, 5))[0].sum().backward()
        finished.append(seed)

    workers = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    torch.set_num_threads(before)
    assert sorted(finished) == [0, 1, 2]


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_inputs_made_in_inference_mode(cell):
    cell = cell(3, 4)
    with torch.inference_mode():
        x = torch.randn(2, 9, 3)
    outputs, _ = cell.run(x, cell.initial_state(2, x))
    outputs.sum().backward()
    assert all(parameter.grad is not None for parameter in cell.parameters())
