"""ostinato predict"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import torch

from ostinato.commands.plan import check_seed
from ostinato.commands.progress import tell
from ostinato.commands.tables import as_json
from ostinato.data.files.atomic import write_atomically
from ostinato.data.text.nbest_format import Candidate, format_nbest
from ostinato.tasks.folder import Trained, load
from ostinato.tasks.task import Prediction, Task

WINDOW = (
    2000  # inputs read ahead, so that those of similar length share a batch and memory stays flat
)

EXAMPLES = (
    "ostinato predict runs/de-en new.de > new.en",
    'echo "Ein Hund." | ostinato predict runs/de-en',
    "ostinato predict runs/de-en new.de --json          # an object a line, with log-probabilities",
    "ostinato predict runs/de-en new.de --n-best 100 --moses > list.nbest",
    "ostinato predict runs/de-en --help          # with what can be changed on this model",
)


class Answers:
    """The answers as they come: `for prediction in predict(run, files)`. `written` gives them as lines."""

    def __init__(self, predictions: Iterator[Prediction], task: Task):
        self.predictions, self.task = predictions, task

    def __iter__(self) -> Iterator[Prediction]:
        return self.predictions

    def written(self, output: str | None = None) -> Iterator[str]:
        return self.task.written(self.predictions, output)


def predict(
    run: str | Trained,
    files: list[str] = ["-"],  # noqa: B006
    *,
    device: str = "cpu",
    seed: int = 1,
    moses: bool = False,
    **changes,
) -> Answers:
    """The model's answers, one line for each line of input.

    run     the folder that `ostinato train` made; several, joined by commas, decode together
    files   what to read; - is standard input
    device  cpu, cuda, or auto
    seed    of what is drawn at random (--sampling)
    moses   with --n-best, all candidates in Moses' format: id ||| hypothesis ||| features ||| score
    """
    from ostinato.commands.device import choose

    check_seed(seed)
    trained = run if isinstance(run, Trained) else load(run, changes, choose(device))
    return Answers(answers(trained, files or ["-"], moses, seed), trained.task)


def answers(trained: Trained, files: list[str], moses: bool, seed: int) -> Iterator[Prediction]:
    torch.manual_seed(seed)
    # somebody who types wants each answer at once
    ahead = 1 if list(files) == ["-"] and sys.stdin.isatty() else WINDOW
    found = trained.task.answers(trained.network, iter(trained.task.read_inputs(files)), ahead)
    yield from in_moses_format(found) if moses else found
    tell(trained.task.notices)


def in_moses_format(answers: Iterator[Prediction]) -> Iterator[Prediction]:
    """Every candidate of every answer as a line of an n-best list."""
    for number, answer in enumerate(answers):
        only = {"prediction": answer.text, "log_probability": answer.details["log_probability"]}
        for each in answer.details.get("n_best", [only]):
            candidate = Candidate(
                number,
                each["prediction"],
                f"ostinato= {each['log_probability']:.6g}",
                each["log_probability"],
            )
            yield Prediction(next(format_nbest([candidate])), {"id": number, **each})


def lines(result: Answers, *, json: bool = False) -> Iterator[str]:
    if json:
        return (
            as_json({"prediction": prediction.text, **prediction.details}) for prediction in result
        )
    return result.written()


def save(result: Answers, output: str) -> None:
    """The lines in a file, written as they come."""
    write_atomically(
        output,
        lambda file: file.writelines(f"{line}\n".encode() for line in result.written(output)),
    )
