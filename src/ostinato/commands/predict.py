"""ostinato predict"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from ostinato.commands.evaluate import refuse_text
from ostinato.commands.run.config import check_seed
from ostinato.commands.run.progress import count_along
from ostinato.commands.tables import as_json
from ostinato.data.files.atomic import write_atomically
from ostinato.data.text.nbest_format import Candidate, format_nbest
from ostinato.signature import check_types
from ostinato.tasks.prediction import Prediction
from ostinato.tasks.run_folder import Trained, load
from ostinato.tasks.shared.cut_inputs import collect_cuts, notify_cut
from ostinato.tasks.task import Task

# inputs read ahead, so that inputs of similar length share a batch and memory stays bounded
WINDOW = 2000

EXAMPLES = (
    "ostinato predict runs/de-en new.de > new.en",
    'echo "Ein Hund." | ostinato predict runs/de-en',
    "ostinato predict runs/de-en new.de --json          # objects with log-probabilities",
    "ostinato predict runs/de-en new.de --n-best 100 --moses > list.nbest",
    "ostinato predict runs/de-en --help          # with the options of this model",
)


class Predictions:
    """The stream of predictions: `for prediction in predict(run, files)`.

    Args:
        predictions: The predictions, one by one.
        task: The fitted task.
        cuts: The number of tokens cut from each input read so far, because it was too long.
    """

    def __init__(self, predictions: Iterator[Prediction], task: Task, cuts: list[int]):
        self.predictions, self.task, self.cuts = predictions, task, cuts

    def __iter__(self) -> Iterator[Prediction]:
        return self.counted(printed=True)

    def counted(self, *, printed: bool) -> Iterator[Prediction]:
        """The predictions, with a counter on the terminal unless they are `printed` there."""
        yield from count_along(self.predictions, "predicting", printed=printed)
        notify_cut(self.cuts)

    def lines(self, output: str | None = None) -> Iterator[str]:
        """The predictions as lines in the task's format, for the terminal or for the file
        `output`.
        """
        predictions = self.counted(printed=output is None)
        return self.task.predictor.format_lines(predictions, output)

    def details(self) -> Iterator[dict[str, Any]]:
        """The predictions as JSON objects; "cut" is the number of tokens cut from a long input."""
        for number, prediction in enumerate(self):
            # a live recording is one input with several answers
            several = isinstance(prediction, MosesLine) or number >= len(self.cuts)
            cut = 0 if several else self.cuts[number]
            yield {
                "prediction": prediction.text,
                **prediction.details,
                **({"cut": cut} if cut else {}),
            }


@check_types
def predict(
    run: str | Trained,
    files: list[str] = ["-"],  # noqa: B006
    *,
    device: str = "cpu",
    seed: int = 1,
    moses: bool = False,
    **changes,
) -> Predictions:
    """Predictions of a model, one line for each line of input.

    Args:
        run: the folder that `ostinato train` made; several, separated by commas, decode together
        files: the input files; - is standard input
        device: cpu, cuda, or auto
        seed: seed of the random numbers (--sampling)
        moses: with --n-best, all candidates in Moses' format: id ||| hypothesis ||| features |||
            score
    """
    from ostinato.commands.run.device import choose_device

    check_seed(seed)
    refuse_text(files)
    trained = run if isinstance(run, Trained) else load(run, changes, choose_device(device))
    if moses and trained.task.predictor.baseline_replaces:  # whose answers have no scores
        trained = trained.without_baseline("n-best lists")
    cuts: list[int] = []
    predictions = predict_files(trained, files or ["-"], moses, seed, cuts)
    return Predictions(predictions, trained.task, cuts)


def predict_files(
    trained: Trained, files: list[str], moses: bool, seed: int, cuts: list[int]
) -> Iterator[Prediction]:
    """Predicts all inputs of the files in order; appends the number of tokens cut to `cuts`."""
    torch.manual_seed(seed)
    # at a terminal, each line typed is answered at once
    typing = list(files) == ["-"] and sys.stdin.isatty()
    task = trained.task
    if typing:
        task = task.with_options(task.options.at_a_terminal())
    inputs = collect_cuts(task, task.reader.read_inputs(files), cuts)
    predictions = task.predictor.stream(
        trained.answering_network, inputs, ahead=1 if typing else WINDOW
    )
    yield from n_best_lines(predictions) if moses else predictions


@dataclass(frozen=True)
class MosesLine(Prediction):
    """One candidate for input `number`, as a line of an n-best list in Moses' format."""

    number: int
    answer: str
    log_probability: float

    @property
    def text(self) -> str:
        features = f"ostinato= {self.log_probability:.6g}"
        candidate = Candidate(self.number, self.answer, features, self.log_probability)
        return next(format_nbest([candidate]))

    @property
    def details(self) -> dict[str, Any]:
        return {
            "id": self.number,
            "prediction": self.answer,
            "log_probability": self.log_probability,
        }


def n_best_lines(predictions: Iterator[Prediction]) -> Iterator[MosesLine]:
    """Every candidate of every prediction as a line of an n-best list in Moses' format."""
    for number, prediction in enumerate(predictions):
        for answer, log_probability in prediction.candidates:
            yield MosesLine(number, answer, log_probability)


def lines(result: Predictions, *, json: bool = False) -> Iterator[str]:
    """One line per prediction."""
    return map(as_json, result.details()) if json else result.lines()


def pieces(result: Predictions) -> Iterator[str]:
    """The lines with their ends, each as soon as its prediction is made."""
    return (f"{line}\n" for line in result.lines())


def save(result: Predictions, output: str) -> None:
    """Writes the lines to a file, each as soon as its prediction is made."""
    write_atomically(
        output,
        lambda file: file.writelines(f"{line}\n".encode() for line in result.lines(output)),
    )
