"""Memory that is not there costs no traceback: one line says what was asked for, and what to do."""

import numpy as np
import pytest
import torch

from ostinato.exit_status import exit_status_of
from ostinato.memory_shortage import describe_shortage

BATCH = "give a smaller --batch-size than 7, or smaller sizes"


@pytest.mark.parametrize(
    ("allocate", "message"),
    [
        (lambda: torch.empty(10**15), "out of memory: 4,000,000.0 GB at once were asked for"),
        (lambda: torch.empty(10**12, 10**12), "out of memory"),
        (lambda: np.empty(10**15), "out of memory: 7.11 PiB at once were asked for"),
        (lambda: bytearray(10**15), "out of memory"),
    ],
)
def test_every_form_is_known(allocate, message, capsys):
    assert exit_status_of(allocate) == 2
    remedy = "give smaller sizes, shorter inputs or fewer at a time"
    assert capsys.readouterr().err == f"{message}; {remedy}\n"


def test_of_a_gpu():
    text = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB"
    said = describe_shortage(RuntimeError(text))  # torch.OutOfMemoryError is one
    assert said == "out of memory: 2.00 GiB at once were asked for"
    assert issubclass(torch.OutOfMemoryError, RuntimeError)


def test_other_errors_are_none():
    assert describe_shortage(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
    assert describe_shortage(ValueError("out of memory")) is None


def test_training_names_the_size_of_its_batches(place, ostinato, monkeypatch):
    def fail(*_arguments, **_settings):
        torch.empty(10**15)

    monkeypatch.setattr("ostinato.commands.run.training_run.train", fail)
    line = ["train", "translation", "--train", "train.src", "train.tgt", "--out", "new"]
    outcome = ostinato(*line, "--no-tensorboard", "--batch-size", "7")
    assert outcome.status == 2
    said = outcome.err.splitlines()[-1]
    expected = "out of memory: 4,000,000.0 GB at once were asked for in training; "
    assert said == f"{expected}{BATCH}"
