"""ostinato predict"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice

from ostinato.commands.progress import tell
from ostinato.commands.report import as_json
from ostinato.data.nbest import Candidate, format_nbest
from ostinato.tasks.folder import Trained, load
from ostinato.tasks.task import Prediction, Record

WINDOW = 2000  # inputs read ahead, so that those of similar length share a batch and memory stays flat


def predict(run: str | Trained, files: list[str] = ["-"], *, device: str = "cpu", moses: bool = False, **changes) -> Iterator[Prediction]:  # noqa: B006
    """The model's answers, one line for each line of input.

    run     the folder that `ostinato train` made; several, joined by commas, decode together
    files   what to read; - is standard input
    device  cpu, cuda, or auto
    moses   with --n-best, all candidates in Moses' format: id ||| hypothesis ||| features ||| score
    """
    from ostinato.commands.device import choose

    trained = run if isinstance(run, Trained) else load(run, changes, choose(device))
    network = trained.network
    inputs = trained.task.read_inputs(files or ["-"])
    # somebody who types wants each answer at once
    window = 1 if list(files or ["-"]) == ["-"] and sys.stdin.isatty() else WINDOW
    answers = (answer for records in windows(inputs, window) for answer in trained.task.predict(network, records))
    yield from in_moses_format(answers) if moses else answers
    tell(trained.task.notices)


def windows(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    """windows(iter("abcde"), 2) -> ["a", "b"], ["c", "d"], ["e"]"""
    while window := list(islice(records, size)):
        yield window


def in_moses_format(answers: Iterator[Prediction]) -> Iterator[Prediction]:
    """Every candidate of every answer as a line of an n-best list."""
    for number, answer in enumerate(answers):
        only = {"prediction": answer.text, "log_probability": answer.details["log_probability"]}
        for each in answer.details.get("n_best", [only]):
            candidate = Candidate(number, each["prediction"], f"ostinato= {each['log_probability']:.6g}", each["log_probability"])
            yield Prediction(next(format_nbest([candidate])), {"id": number, **each})


def lines(result: Iterator[Prediction], *, json: bool = False) -> Iterator[str]:
    for prediction in result:
        yield as_json({"prediction": prediction.text, **prediction.details}) if json else prediction.text
