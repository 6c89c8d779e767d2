"""ostinato evaluate"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

from ostinato.commands.report_lines import class_lines, detail_lines
from ostinato.commands.run.config import check_seed
from ostinato.commands.run.default_files import tested_files
from ostinato.commands.run.device import choose_device
from ostinato.commands.run.free_running import format_free_running, measure_free_running
from ostinato.commands.run.progress import hold_notices, track_pieces
from ostinato.commands.run.records import records_as_files
from ostinato.commands.run.verdict import write_verdict
from ostinato.commands.tables import as_json, number, scores, table
from ostinato.data.files.wording import display_path
from ostinato.errors import InputError, option_name
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import add_up, corpus_score
from ostinato.metrics.interval import interval
from ostinato.metrics.metric import DetailedMetric, NotFinite, RemarkingMetric
from ostinato.metrics.significance import paired
from ostinato.notices import collect_notices, notify
from ostinato.options import to_dict
from ostinato.signature import check_types
from ostinato.tasks.baseline import Baseline
from ostinato.tasks.prediction import Counts, Prediction
from ostinato.tasks.reader import Record
from ostinato.tasks.run_folder import Trained, load, load_baseline
from ostinato.tasks.shared.cut_inputs import report_cuts
from ostinato.tasks.tally import Tally
from ostinato.tasks.task import Task

FILES_NEEDED = (
    "name the files of a test set after the run: it was tested on a part of its training data, "
    "or on files that are gone"
)

EXAMPLES = (
    "ostinato evaluate runs/de-en test.de test.en",
    "ostinato evaluate runs/de-en test.de test.en --json",
    "ostinato evaluate runs/one,runs/two test.de test.en          # together, as an ensemble",
    "ostinato evaluate runs/de-en test.de test.en --against runs/other"
    "          # is the difference significant?",
    "ostinato evaluate runs/de-en --free-running --against runs/scheduled"
    "          # what reading its own words costs",
    "ostinato evaluate runs/de-en --help          # with the options of this model",
)


@check_types
def evaluate(
    run: str | Trained,
    files: list[str] = [],  # noqa: B006
    *,
    against: str | None = None,
    device: str = "cpu",
    seed: int = 1,
    free_running: bool = False,
    **changes,
) -> dict[str, Any]:
    """The scores of a trained model and of a baseline on a test set, with 95 % intervals.

    Args:
        run: the folder that `ostinato train` made; several, separated by commas, decode together
        files: the test set, in the format that the task reads, or in Python its examples; without
            any, the test files of the run
        against: another run, with which the scores are compared (paired significance test)
        device: cpu, cuda, or auto
        seed: seed of the resampling for intervals and tests
        free_running: for decoders, also the loss when they read their own tokens instead of the
            true ones
    """
    check_seed(seed)
    trained = run if isinstance(run, Trained) else load(run, changes, choose_device(device))
    task = trained.task
    refuse_text(files)
    other = None if against is None else load_other(against, trained, changes, device)
    baseline = load_baseline(trained.folder, task)
    settings = to_dict(task.options)
    with (
        collect_notices() as notes,
        hold_notices(),
        records_as_files(task.name, settings, test=files) as given,
    ):
        chosen = given["test"] or tested_files(trained, FILES_NEEDED)
        records = task.reader.read(chosen)
        task.reader.check_scorable(records, chosen)
        names = [display_path(file) for file in chosen]
        report_cuts(task, records)
        result, counts = measure_run(trained, records, seed=seed, free_running=free_running)
        # within the block: sounds are read when they are needed, from files that go at its end
        if baseline is not None:
            result["baseline"] = baseline_scores(baseline, records)
        if other is not None and against is not None:
            result["against"] = measure_against(
                other, against, counts, records, seed=seed, free_running=free_running
            )
    if verdict := find_verdict(task, result, result.get("baseline")):
        result["verdict"] = verdict
    beginning = {"task": task.name, "run": str(trained.folder), "files": names}
    return {**beginning, **result, "notes": notes}


def measure_against(
    other: Trained,
    name: str,
    counts: dict[str, list[Counts]],
    records: Sequence[Record],
    *,
    seed: int,
    free_running: bool,
) -> dict[str, Any]:
    """The differences of a run's scores from those of another, with their significance.

    Args:
        other: the other run.
        name: its name, as the user gave it.
        counts: metric counts of each example, of the run.
        records: the examples.
        seed: seed of the resampling for the test.
        free_running: whether the other's loss on its own prefixes is measured, too.
    """
    _, other_counts, _ = measure(other.task, other.answering_network, records, seed=seed)
    found = compare_runs(name, counts, other_counts, seed)
    if free_running:
        found["free_running"] = measure_free_running(other.task, other.network, records)
    return found


def refuse_text(files: Any) -> None:
    """Raises InputError for a text instead of a list of files, whose letters would be the files."""
    if isinstance(files, (str, bytes)):
        raise InputError(f"expected a list of files, not one text: [{files!r:.60}]")


def load_other(run: str, trained: Trained, changes: dict[str, Any], device: str) -> Trained:
    """Loads the run to compare with; InputError if it is of another task."""
    other = load(run, changes, choose_device(device))
    if other.task.name != trained.task.name:
        raise InputError(
            f"{option_name('against')} {run}: of task {other.task.name}, "
            f"{trained.folder} of task {trained.task.name}"
        )
    return other


def measure_run(
    trained: Trained, records: Sequence[Record], *, seed: int, free_running: bool
) -> tuple[dict[str, Any], dict[str, list[Counts]]]:
    """The scores of a run and the metric counts per example; with `free_running` also the loss on
    its own prefixes.
    """
    task, network = trained.task, trained.network
    result, counts, _ = measure_with_alone(task, network, trained.joint, records, seed=seed)
    if free_running:
        result["free_running"] = measure_free_running(task, network, records)
    return result, counts


def measure_with_alone(
    task: Task, network: nn.Module, joint: nn.Module | None, records: Any, *, seed: int
) -> tuple[dict[str, Any], dict[str, list[Counts]], Sequence[Prediction]]:
    """Measures a network, or its interpolation with the baseline; see `measure`.

    For an interpolation the scores of the network alone are added as "alone".

    Args:
        task: the fitted task
        network: the run's network
        joint: the interpolation of the network with its baseline; None without one
        records: the records, from `task.reader.read`
        seed: seed of the resampling for the intervals
    """
    result, counts, predictions = measure(task, joint or network, records, seed=seed)
    if joint is not None:
        alone, _, _ = measure(task, network, records, seed=seed)
        result["alone"] = alone["metrics"]
        result["answers_by_baseline"] = getattr(joint, "weight", None) == 0
    return result, counts, predictions


def predict_all(
    task: Task, network: nn.Module, records: Sequence[Record], description: str = "evaluating"
) -> list[Prediction]:
    """Predicts all records, with a progress bar."""
    return [
        prediction
        for piece in track_pieces(records, description)
        for prediction in task.predictor.predict(network, piece)
    ]


class KeptPredictions(Sequence):
    """The predictions of an evaluation of which only some are kept, by their index.

    Args:
        number: The number of all predictions.
        kept: Index -> prediction, for those that are kept.
    """

    def __init__(self, number: int, kept: dict[int, Prediction]):
        self.number, self.kept = number, kept

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, place):  # type: ignore[override]
        return self.kept[place]


def measure_pieces(
    task: Task, network: nn.Module, records: Sequence[Record], tally: Tally
) -> tuple[KeptPredictions, dict[str, list[Counts]]]:
    """Measures piece by piece, and keeps only the predictions that are shown.

    Returns:
        The predictions, and the counts of each metric.
    """
    shown = set(task.predictor.shown(records))
    kept: dict[int, Prediction] = {}
    counts: dict[str, list[Counts]] = {}
    place = 0
    for piece in track_pieces(records, "evaluating"):
        predictions = task.predictor.predict(network, piece)
        for name, each in task.predictor.count(network, piece, predictions).items():
            counts.setdefault(name, []).extend(each)
        tally.add(piece, predictions)
        for prediction in predictions:
            if place in shown:
                kept[place] = prediction
            place += 1
    return KeptPredictions(len(records), kept), counts


Measured = tuple[dict[str, Any], dict[str, list[Counts]], Sequence[Prediction]]


@contextmanager
def require_finite_answers() -> Iterator[None]:
    """Turns a metric's refusal of NaN into an InputError that says where NaN comes from."""
    try:
        yield
    except NotFinite:
        raise InputError(
            "the model's answers are not finite numbers: its weights are too large, as after a "
            "training that diverged, or its inputs are"
        ) from None


@require_finite_answers()
def measure(
    task: Task, network: nn.Module, records: Sequence[Record], *, seed: int = 1
) -> Measured:
    """Scores a network on records.

    Args:
        task: the task of the records
        network: the trained network
        records: the records, from `task.reader.read`
        seed: seed of the resampling for the intervals

    Returns:
        The scores as a mapping, the counts of each metric per example, and the predictions.
    """
    began = time.perf_counter()
    predictions: Sequence[Prediction] = []
    further: dict[str, Any] | None = None
    if tally := task.predictor.tally():
        predictions, counts = measure_pieces(task, network, records, tally)
        seconds, further = time.perf_counter() - began, tally.result()
    else:
        needed = task.definition.needs_predictions
        predictions = predict_all(task, network, records) if needed else []
        seconds = time.perf_counter() - began
        counts = task.predictor.count(network, records, predictions)
        seconds = seconds if needed else time.perf_counter() - began
    result: dict[str, Any] = {
        "examples": len(records),
        "metrics": {},
        "intervals": {},
        "details": {},
    }
    for name, each in counts.items():
        metric = METRICS[name]
        result["metrics"][name] = corpus_score(metric, each)
        low, high = interval(metric, each, seed=seed)
        result["intervals"][name] = [low, high if math.isfinite(high) else None]
        if isinstance(metric, DetailedMetric):
            settings = task.predictor.metric_settings(name, records)
            result["details"][name] = metric.details(add_up(each), **settings)
            remark = None
            if isinstance(metric, RemarkingMetric):
                remark = metric.remark(add_up(each), **settings)
            if remark is not None:
                notify(remark)
    if further is None:
        further = task.predictor.analyse(records, predictions, counts, seed=seed)
    result["details"] |= further.pop("details", {})
    result |= further
    result["seconds"] = round(seconds, 3)
    result["examples_per_second"] = round(len(records) / max(1e-9, seconds), 1)
    return result, counts, predictions


def baseline_scores(baseline: Baseline, records: Sequence[Record]) -> dict[str, Any]:
    """The scores of a baseline, and under "simpler" those of its simpler baselines."""
    scores = {
        metric: corpus_score(METRICS[metric], each)
        for metric, each in baseline.measure(records).items()
    }
    simpler = [baseline_scores(each, records) for each in baseline.simpler]
    return {"name": baseline.name, "metrics": scores, **({"simpler": simpler} if simpler else {})}


def find_verdict(task: Task, result: Mapping[str, Any], baseline: Mapping[str, Any] | None) -> str:
    """A sentence with the score and whether it is better than the baseline's."""
    own = "" if baseline is None else task.predictor.verdict(result, baseline)
    kind = "model" if task.options.closed_form else "network"
    return own or write_verdict(task.definition.metrics, result, baseline, network=kind)


def compare_runs(
    other: str, counts: dict[str, list[Counts]], others: dict[str, list[Counts]], seed: int
) -> dict[str, Any]:
    """For each metric, the other run's score and the p-value of the difference (paired test)."""
    result: dict[str, Any] = {"run": str(other), "metrics": {}, "p_values": {}}
    for name, each in counts.items():
        result["metrics"][name] = corpus_score(METRICS[name], others[name])
        result["p_values"][name] = paired(METRICS[name], each, others[name], seed=seed)
    return result


def lines(result: dict[str, Any], *, json: bool = False) -> Iterator[str]:
    """The table of scores, the details of each metric, and the comparison with another run."""
    if json:
        yield as_json(result)
        return
    files = " ".join(result["files"])
    effort = f"{result['examples']:,} examples, {result['seconds']:.1f} s"
    if "verdict" in result:
        yield result["verdict"]
    yield f"{result['task']}: {result['run']} on {files}, {effort}"
    yield from scores(result)
    for metric, details in result["details"].items():
        yield from detail_lines(metric, details)
    yield from class_lines(result.get("classes", {}))
    if "alone" in result:
        alone = ", ".join(f"{name} {number(value)}" for name, value in result["alone"].items())
        yield f"the network alone: {alone}"
    if "alarms" in result:
        yield "alarms: " + ", ".join(f"{name} {value}" for name, value in result["alarms"].items())
    if "calibration" in result:
        yield describe_coverage(result["calibration"]["coverage"])
    if "by_step" in result:
        yield from tabulate_steps(result["by_step"])
    if "free_running" in result:
        against = result.get("against", {})
        yield from format_free_running(
            result["run"],
            result["free_running"],
            against.get("free_running"),
            against.get("run", ""),
        )
    if "against" in result:
        against = result["against"]
        rows = [
            [name, float(result["metrics"][name]), float(value), float(against["p_values"][name])]
            for name, value in against["metrics"].items()
        ]
        yield from table(["metric", "this run", against["run"], "p"], rows)


def describe_coverage(coverage: dict[str, float]) -> str:
    """describe_coverage({"80": 0.79}) -> "true values inside the intervals: 79.0 % in those of 80
    %"
    """
    shares = ", ".join(f"{share:.1%} in those of {level} %" for level, share in coverage.items())
    return f"true values inside the intervals: {shares}".replace("% in", " % in")


def tabulate_steps(by_step: dict[str, list[float]]) -> Iterator[str]:
    """A table of the scores at about twelve steps ahead."""
    steps = len(next(iter(by_step.values())))
    shown = sorted({round(place * (steps - 1) / 11) for place in range(12)}) if steps else []
    rows = [[step + 1, *(float(each[step]) for each in by_step.values())] for step in shown]
    yield from table(["step ahead", *by_step], rows)
