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
    """The predictions while they are made: `for prediction in predict(run, files)`."""

    def __init__(self, predictions: Iterator[Prediction], task: Task):
        self.predictions, self.task = predictions, task

    def __iter__(self) -> Iterator[Prediction]:
        return self.predictions

    def lines(self, output: str | None = None) -> Iterator[str]:
        """The predictions as the task writes them, to the terminal or to the file `output`."""
        return self.task.written(self.predictions, output)


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
        run: the folder that `ostinato train` made; several, joined by commas, decode together
        files: what to read; - is standard input
        device: cpu, cuda, or auto
        seed: of the random numbers (--sampling)
        moses: with --n-best, all candidates in Moses' format: id ||| hypothesis ||| features |||
            score
    """
    from ostinato.commands.device import choose

    check_seed(seed)
    trained = run if isinstance(run, Trained) else load(run, changes, choose(device))
    return Predictions(predict_files(trained, files or ["-"], moses, seed), trained.task)


def predict_files(
    trained: Trained, files: list[str], moses: bool, seed: int
) -> Iterator[Prediction]:
    """The predictions for all inputs of the files, in order."""
    torch.manual_seed(seed)
    # at a terminal, each line typed is answered at once
    ahead = 1 if list(files) == ["-"] and sys.stdin.isatty() else WINDOW
    predictions = trained.task.answers(
        trained.network, iter(trained.task.read_inputs(files)), ahead
    )
    yield from n_best_lines(predictions) if moses else predictions
    tell(trained.task.notices)


def n_best_lines(predictions: Iterator[Prediction]) -> Iterator[Prediction]:
    """Every candidate of every prediction as a line of an n-best list in Moses' format."""
    for number, prediction in enumerate(predictions):
        details = prediction.details
        best = {"prediction": prediction.text, "log_probability": details["log_probability"]}
        for each in details.get("n_best", [best]):
            candidate = Candidate(
                number,
                each["prediction"],
                f"ostinato= {each['log_probability']:.6g}",
                each["log_probability"],
            )
            yield Prediction(next(format_nbest([candidate])), {"id": number, **each})


def lines(result: Predictions, *, json: bool = False) -> Iterator[str]:
    """One line per prediction."""
    if json:
        return (
            as_json({"prediction": prediction.text, **prediction.details}) for prediction in result
        )
    return result.lines()


def pieces(result: Predictions) -> Iterator[str]:
    """The lines with their ends, each as soon as its prediction is made."""
    return (f"{line}\n" for line in result.lines())


def save(result: Predictions, output: str) -> None:
    """Writes the lines to a file while the predictions are made."""
    write_atomically(
        output,
        lambda file: file.writelines(f"{line}\n".encode() for line in result.lines(output)),
    )
