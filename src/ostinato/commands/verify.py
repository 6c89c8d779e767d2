"""ostinato verify"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from ostinato.commands.run.config import check_seed
from ostinato.commands.run.default_files import tested_files
from ostinato.commands.run.device import choose_device
from ostinato.commands.run.progress import show_working
from ostinato.commands.run.records import make_temporary_folder
from ostinato.commands.tables import as_json, table
from ostinato.data.files.weights_file import (
    load_unique_state,
    load_weights,
    save_weights,
    unique_state,
)
from ostinato.errors import InputError
from ostinato.inspection.verify import Check
from ostinato.inspection.verify import verify as verify_layer
from ostinato.layers.recurrent import Recurrent
from ostinato.tasks.prediction import Prediction
from ostinato.tasks.reader import Record
from ostinato.tasks.run_folder import Trained, load
from ostinato.tasks.task import Task

FILES_NEEDED = (
    "name the files of some examples after the run: the files that it was trained on are gone"
)
ALLOWED = 1e-4  # relative error of a log-probability, by the order of float32 sums

EXAMPLES = (
    "ostinato verify runs/de-en",
    "ostinato verify runs/de-en test.de test.en --examples 50",
)


def verify(
    run: str | Trained | nn.Module,
    files: list[str] = [],  # noqa: B006
    *,
    examples: int = 12,
    device: str = "cpu",
    seed: int = 1,
) -> list[dict[str, Any]]:
    """Checks that padding, batching, chunking, saving and kernels change no prediction.

    Args:
        run: the folder that `ostinato train` made; in Python also a model, or any module with
            Recurrent layers in it
        files: examples to predict (default: some of the run's test set, or of its training data)
        examples: number of examples
        device: cpu, cuda, or auto
        seed: seed of the random inputs of single layers
    """
    check_seed(seed)
    if examples < 1:
        raise InputError(f"--examples must be at least 1; got {examples}")
    if isinstance(run, nn.Module):
        return check_layers(run, seed)
    trained = run if isinstance(run, Trained) else load(run, {}, choose_device(device))
    records = trained.task.reader.read(
        files or tested_files(trained, FILES_NEEDED, any_examples=True)
    )[:examples]
    with show_working("checking layers and predictions"):
        recurrent = any(isinstance(module, Recurrent) for module in trained.network.modules())
        layers = check_layers(trained.network, seed) if recurrent else []  # baselines have none
        return [*layers, *check_predictions(trained, records)]


def check_layers(network: nn.Module, seed: int) -> list[dict[str, Any]]:
    """Checks every law of inspection.verify on every Recurrent layer of a network."""
    found = [
        (name, module) for name, module in network.named_modules() if isinstance(module, Recurrent)
    ]
    if not found:
        raise InputError("nothing to verify: there is no ostinato.Recurrent in this module")
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for name, module in found:
        like = next(module.parameters())
        x = torch.randn(4, 9, module.input_size, generator=generator).to(like)
        report = verify_layer(module, x, torch.tensor([9, 4, 1, 6]))
        rows += [{"part": name or "the module", **row} for row in report.rows()]
    return rows


def check_predictions(trained: Trained, records: list[Record]) -> list[dict[str, Any]]:
    """Checks that predictions are the same in any batch, in any order, and after saving."""
    task, network = trained.task, trained.answering_network
    together = task.predictor.predict(network, records)
    alone = [task.predictor.predict(network, [record])[0] for record in records]
    backwards = task.predictor.predict(network, records[::-1])[::-1]
    saved = save_and_load(network)
    checks = [
        Check("answers: batch = one by one", count_differences(together, alone), 0.0),
        Check("answers: any order", count_differences(together, backwards), 0.0),
        Check(
            "answers: saved and loaded",
            count_differences(together, task.predictor.predict(saved, records)),
            0.0,
        ),
        *check_scores(task, network, saved, records),
    ]
    checks += [
        Check(name, broken, 0.0) for name, broken in task.predictor.laws(network, records).items()
    ]
    return [
        {"part": f"{len(records)} examples", **vars(check), "passed": check.passed}
        for check in checks
    ]


def check_scores(
    task: Task, network: nn.Module, saved: nn.Module, records: list[Any]
) -> list[Check]:
    """The laws of log-probabilities; they do not apply to models that know none."""
    names = "scores: batch = one by one", "scores: saved and loaded"
    if reason := task.predictor.why_no_scores(network):
        return [Check(name, None, 0.0, reason) for name in names]
    score = task.predictor.log_probabilities
    together = score(network, records)
    alone = [score(network, [record])[0] for record in records]
    return [
        Check(names[0], largest_difference(together, alone), ALLOWED),
        Check(names[1], largest_difference(together, score(saved, records)), 0.0),
    ]


def count_differences(predictions: list[Prediction], others: list[Prediction]) -> float:
    """The number of predictions whose texts differ."""
    return float(
        sum(one.text != other.text for one, other in zip(predictions, others, strict=True))
    )


def largest_difference(values: list[float], others: list[float]) -> float:
    """The largest difference, relative to the value; equal infinities do not differ."""
    return max(
        (
            0.0 if value == other else abs(value - other) / max(1.0, min(abs(value), abs(other)))
            for value, other in zip(values, others, strict=True)
        ),
        default=0.0,
    )


def save_and_load(network: nn.Module) -> nn.Module:
    """A copy of the network with its weights read back from a file."""
    other = copy.deepcopy(network)
    with make_temporary_folder() as folder:
        path = folder / "model.safetensors"
        save_weights(path, unique_state(network))
        load_unique_state(other, load_weights(path), str(path))
    return other


def lines(result: list[dict[str, Any]], *, json: bool = False) -> Iterator[str]:
    """The table of checks; exit status 1 if any failed."""
    failed = sum(not row["passed"] for row in result)
    if json:
        yield as_json({"passed": not failed, "checks": result})
    else:
        yield from tabulate(result)
        yield (
            f"{failed} of {len(result)} checks failed"
            if failed
            else f"all {len(result)} checks hold"
        )
    if failed:
        raise SystemExit(1)


def tabulate(result: list[dict[str, Any]]) -> Iterator[str]:
    """The checks as a table: deviation found, deviation allowed, whether the law holds."""
    rows = [
        [
            row["part"],
            row["name"],
            "-" if row["deviation"] is None else f"{row['deviation']:.1e}",
            "-" if row["deviation"] is None else f"{row['allowed']:.0e}",
            row["reason"] if row["deviation"] is None else "yes" if row["passed"] else "NO",
        ]
        for row in result
    ]
    yield from table(["part", "check", "deviation", "allowed", "holds"], rows)
