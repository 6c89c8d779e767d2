"""ostinato score"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ostinato.commands.evaluate import refuse_text
from ostinato.commands.run.device import choose_device
from ostinato.commands.run.progress import hold_notices, track_pieces
from ostinato.commands.tables import as_json
from ostinato.signature import check_types
from ostinato.tasks.reader import Record
from ostinato.tasks.run_folder import Trained, load
from ostinato.tasks.shared.cut_inputs import report_cuts

EXAMPLES = (
    "ostinato score runs/de-en test.de test.en",
    "ostinato score runs/de-en pairs.tsv --json",
)


@check_types
def score(run: str | Trained, files: list[str], *, device: str = "cpu", **changes) -> list[float]:
    """The log-probability (natural logarithm) of each target given its source, one per line.

    Args:
        run: the folder that `ostinato train` made; several, separated by commas, score together
        files: as for evaluate
        device: cpu, cuda, or auto
    """
    refuse_text(files)
    trained = run if isinstance(run, Trained) else load(run, changes, choose_device(device))
    with hold_notices():
        records = trained.task.reader.read(files)
    report_cuts(trained.task, records)
    return score_all(trained, records)


def score_all(trained: Trained, records: Sequence[Record]) -> list[float]:
    """The log-probability of each record, with a progress bar."""
    task, network = trained.task, trained.answering_network
    return [
        value
        for piece in track_pieces(records, "scoring")
        for value in task.predictor.log_probabilities(network, piece)
    ]


def lines(result: list[float], *, json: bool = False) -> Iterator[str]:
    """One log-probability per line; as JSON, also their sum."""
    if json:
        yield as_json({"log_probabilities": result, "sum": sum(result), "examples": len(result)})
    else:
        yield from (f"{value:.6f}" for value in result)
