"""ostinato score"""

from __future__ import annotations

from collections.abc import Iterator

from ostinato.commands.run.device import choose
from ostinato.commands.run.progress import hold_notices
from ostinato.commands.tables import as_json
from ostinato.tasks.folder import Trained, load

EXAMPLES = (
    "ostinato score runs/de-en test.de test.en",
    "ostinato score runs/de-en pairs.tsv --json",
)


def score(run: str | Trained, files: list[str], *, device: str = "cpu", **changes) -> list[float]:
    """The log-probability (natural logarithm) of each target given its source, one per line.

    Args:
        run: the folder that `ostinato train` made; several, joined by commas, score together
        files: as for evaluate
        device: cpu, cuda, or auto
    """
    trained = run if isinstance(run, Trained) else load(run, changes, choose(device))
    with hold_notices():
        records = trained.task.reader.read(files)
    return trained.task.predictor.log_probabilities(trained.network, records)


def lines(result: list[float], *, json: bool = False) -> Iterator[str]:
    """One log-probability per line; as JSON also their sum."""
    if json:
        yield as_json({"log_probabilities": result, "sum": sum(result), "examples": len(result)})
    else:
        yield from (f"{value:.6f}" for value in result)
