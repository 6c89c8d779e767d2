"""ostinato predict"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice

from ostinato.commands.report import as_json
from ostinato.tasks.folder import Trained, load
from ostinato.tasks.task import Prediction

WINDOW = 2000  # inputs read ahead, so that those of similar length share a batch and memory stays flat


def predict(run: str | Trained, files: list[str] = ["-"], *, device: str = "cpu", **changes) -> Iterator[Prediction]:  # noqa: B006
    """The model's answers, one line for each line of input.

    run     the folder that `ostinato train` made; several, joined by commas, decode together
    files   what to read; - is standard input
    device  cpu, cuda, or auto
    """
    from ostinato.commands.device import choose

    trained = run if isinstance(run, Trained) else load(run, changes, choose(device))
    network = trained.network
    inputs = trained.task.read_inputs(files or ["-"])
    # somebody who types wants each answer at once
    window = 1 if list(files or ["-"]) == ["-"] and sys.stdin.isatty() else WINDOW
    while records := list(islice(inputs, window)):
        yield from trained.task.predict(network, records)


def lines(result: Iterator[Prediction], *, json: bool = False) -> Iterator[str]:
    for prediction in result:
        yield as_json({"prediction": prediction.text, **prediction.details}) if json else prediction.text
