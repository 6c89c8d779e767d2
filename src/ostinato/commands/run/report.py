"""Completes a training run: chooses, evaluates and reports its final weights."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import torch
from torch import nn

from ostinato import options
from ostinato.commands.evaluate import baseline_scores, find_verdict, measure_with_alone
from ostinato.commands.run.config import relative_path
from ostinato.commands.run.joint import join_baseline
from ostinato.commands.run.splits import chooses_last_weights
from ostinato.commands.run.time_budget import take_part
from ostinato.commands.run.training_run import TrainingRun
from ostinato.commands.run.verdict import describe_epochs
from ostinato.data.files.atomic import write_atomically
from ostinato.data.files.weights_file import load_unique_state, load_weights
from ostinato.data.files.wording import display_path, pluralise
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.tasks import run_folder
from ostinato.tasks.model_card import save_card
from ostinato.tasks.run_folder import Trained
from ostinato.tasks.task import Task
from ostinato.training import checkpoint_averaging
from ostinato.training.averaged_sgd import AveragedSGD
from ostinato.training.curves import LOG, draw_curves, read_curves


def finish(run: TrainingRun) -> Trained:
    """Completes the run folder: final weights, report, learning curves."""
    task, network = run.task, run.network
    weights = choose_weights(run)
    network.eval()
    task.predictor.calibrate(network, run.splits.dev)
    run_folder.save_network(run.folder, network)
    tested = choose_tested(run)
    joint = join_baseline(run)
    result, counts, predictions = measure_with_alone(
        task, network, joint, tested, seed=run.config.seed
    )
    report = build_report(run, joint or network, result, predictions, weights)
    run.require_folder()
    run_folder.save_report(run.folder, report)
    save_card(run.folder, task.name, report)
    pictures = {
        **task.predictor.pictures(tested, predictions),
        **task.predictor.draw_tables(result),
    }
    not_saved = save_pictures(run, pictures)
    if not run.options.keep:
        checkpoint_averaging.remove_all_but_best(run.training_folder)
    return Trained(task, [network], run.folder, report, counts, not_saved=not_saved, joint=joint)


def save_pictures(run: TrainingRun, pictures: Mapping[str, Callable[[BinaryIO], object]]) -> str:
    """Draws the task's pictures and the learning curves into the run folder.

    Returns:
        Why a picture could not be drawn or saved, or "". The model and its report are already
        complete, so the command still prints the report.
    """
    try:
        for name, write in pictures.items():
            write_atomically(run.folder / name, write)
        best = checkpoint_averaging.best_candidate(run.training_folder)
        draw_curves(
            read_curves(run.training_folder / LOG),
            run.folder / "curves.png",
            best=None if best is None else best.step,
        )
    except (InputError, OSError) as error:
        return f"{error}; the model and its report are complete in {run.folder}"
    return ""


def choose_weights(run: TrainingRun) -> str:
    """Loads the final weights into the network: those of the best dev score, or the mean of several
    checkpoints if that scores better.

    Returns:
        A description of the weights for the report.
    """
    best = checkpoint_averaging.best_candidate(run.training_folder)
    if best is None:  # a model that was fitted in closed form
        load_unique_state(
            run.network, load_weights(run.folder / "model.safetensors"), str(run.folder)
        )
        return "as they were"
    few = chooses_last_weights(run.task, run.splits, run.config)
    if few and not isinstance(run.optimizer, AveragedSGD):
        run_folder.save_network(run.folder, run.network)
        held_out = f"{len(run.splits.dev)} held-out {pluralise('example', len(run.splits.dev))}"
        return f"the last: {held_out} are too few to choose by"
    name = run.task.options.dev_metric
    candidates = checkpoint_averaging.select_candidates(
        run.training_folder, run.options.average_checkpoints, run.options.average
    )
    if len(candidates) > 1:
        mean = checkpoint_averaging.average_weights([each.path for each in candidates])
        load_unique_state(run.network, mean, "average")
        run.network.eval()
        score = run.task.predictor.dev_score(run.network, run.scored_dev, name)
        if (score if METRICS[name].higher_is_better else -score) > best.score:
            run_folder.save_network(run.folder, run.network)
            return f"mean of {len(candidates)} checkpoints"
    load_unique_state(run.network, load_weights(best.path), str(best.path))
    run_folder.save_network(run.folder, run.network)
    return f"step {best.step}"


def build_report(
    run: TrainingRun,
    network: nn.Module,
    result: dict[str, Any],
    predictions: Sequence,
    weights: str,
) -> dict[str, Any]:
    """Builds the contents of report.json."""
    task, splits = run.task, run.splits
    tested = choose_tested(run)
    saved_baseline = run_folder.load_baseline(run.folder, task)
    if saved_baseline is None:
        raise InputError(f"{run.folder / 'baseline.json'}: missing; train anew")
    baseline = baseline_scores(saved_baseline, tested)
    tokens_per_second = round(run.tokens / max(1e-9, run.training_seconds), 1)
    seconds = round(run.schedule.seconds, 1)
    table = [
        {
            "task": task.name,
            "metric": name,
            "score": value,
            "low": result["intervals"][name][0],
            "high": result["intervals"][name][1],
            "baseline": baseline["metrics"].get(name),
            "seconds": seconds,
            "tokens_per_second": tokens_per_second,
        }
        for name, value in result["metrics"].items()
    ]
    return {
        "task": task.name,
        "run": str(run.folder),
        "table": table,
        **result,
        "baseline": baseline,
        "tested_on": describe_tested(run, len(tested)),
        "seconds": seconds,
        "tokens_per_second": tokens_per_second,
        "tokens_are": describe_tokens(task),
        "weights": weights,
        "parameters": sum(parameter.numel() for parameter in run.network.parameters()),
        "data": {"train": len(splits.train), "dev": len(splits.dev), "test": len(splits.test)},
        "seed": run.config.seed,
        "processes": run.group.size,
        **({"init_from": run.reuse.to_dict()} if run.reuse is not None else {}),
        "threads": torch.get_num_threads(),
        "notes": list(run.notices),
        "epochs": {"seen": run.epochs_seen, "planned": run.options.epochs},
        "verdict": describe_outcome(run, result, baseline),
        "options": options.to_dict(task.options),
        "training": options.to_dict(run.options),
        "examples": task.predictor.examples(network, tested, predictions),
        "next": suggest_commands(run),
    }


def describe_outcome(
    run: TrainingRun, result: Mapping[str, Any], baseline: Mapping[str, Any]
) -> str:
    """The verdict and, for a run ended by its time limit, the command that continues it."""
    verdict = find_verdict(run.task, result, baseline)
    epochs = describe_epochs(
        run.epochs_seen, run.options.epochs, run.training_seconds, run.resume_command
    )
    return "; ".join(part for part in (verdict.rstrip("."), epochs) if part)


def choose_tested(run: TrainingRun) -> Any:
    """The test set, or the dev set if there is none; only a part of it if time is short."""
    return take_part(run.splits.test or run.splits.dev, run.budget.tested)


def describe_tested(run: TrainingRun, number: int) -> str:
    """The test data in words: "test.tsv (500 of its 2,000 examples: time limit)"."""
    whole = len(run.splits.test or run.splits.dev)
    if number == whole:
        return run.splits.tested_on
    return f"{run.splits.tested_on} ({number:,} of its {whole:,} examples: time limit)"


def describe_tokens(task: Task) -> str:
    """What the report counts as a token: "a word of an input that was trained on"."""
    unit = getattr(task.options, "unit", None) or task.definition.token
    if not getattr(task.preprocessing, "reads_text", True):
        unit = task.definition.token
    side = "an input" if task.definition.throughput_unit == "inputs" else "a target"
    return f"a {unit} of {side} that was trained on"


def suggest_commands(run: TrainingRun) -> list[str]:
    """Commands to try next, with the run's own files if it has any."""
    config = run.config
    parts = {
        part: [relative_path(file) for file in files if display_path(file) == file]
        for part, files in (("train", config.train), ("dev", config.dev), ("test", config.test))
    }
    tested = parts["test"] or parts["dev"]
    files = shlex.join(tested or parts["train"]) or None
    flags = "".join(f" --{part} {shlex.join(given)}" for part, given in parts.items() if given)
    compare = f"ostinato compare {run.task.name}"
    return [
        command.replace(compare, compare + flags)
        for command in run.task.next_commands(str(run.folder), files)
        if tested or not config.train or not command.startswith("ostinato evaluate")
    ]
