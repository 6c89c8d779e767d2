"""The end of a training run: the final weights chosen, measured, and reported."""

from __future__ import annotations

from typing import Any

from ostinato import options
from ostinato.commands.evaluate import baseline_scores, measure
from ostinato.commands.run.training_run import Session
from ostinato.data.files.atomic import write_atomically
from ostinato.data.files.safetensors_io import load_unique_state, load_weights
from ostinato.metrics import METRICS
from ostinato.tasks import folder as run_folder
from ostinato.tasks.folder import Trained
from ostinato.training import checkpoint_averaging
from ostinato.training.curves import draw, read_curves


def finish(session: Session) -> Trained:
    """The run's folder completed: final weights, report, learning curves."""
    task, network = session.task, session.network
    weights = choose_weights(session)
    network.eval()
    task.predictor.calibrate(network, session.data.dev)
    run_folder.save_network(session.folder, network)
    result, counts, predictions = measure(
        task, network, session.data.test or session.data.dev, seed=session.plan.seed
    )
    report = build_report(session, result, predictions, weights)
    run_folder.save_report(session.folder, report)
    for name, write in task.predictor.pictures(
        session.data.test or session.data.dev, predictions
    ).items():
        write_atomically(session.folder / name, write)
    draw(read_curves(session.training_folder / "log.jsonl"), session.folder / "curves.png")
    return Trained(task, [network], session.folder, report, counts)


def choose_weights(session: Session) -> str:
    """Puts the best weights into the network: those of the best dev score, or a mean of several if that scores better."""
    best = checkpoint_averaging.best(session.training_folder)
    if best is None:  # nothing was left to train
        load_unique_state(
            session.network, load_weights(session.folder / "model.safetensors"), str(session.folder)
        )
        return "as they were"
    name = session.task.options.dev_metric
    several = checkpoint_averaging.chosen(
        session.training_folder, session.options.average_checkpoints, session.options.average
    )
    if len(several) > 1:
        load_unique_state(
            session.network,
            checkpoint_averaging.average([each.path for each in several]),
            "average",
        )
        session.network.eval()
        score = session.task.predictor.dev_score(session.network, session.data.dev, name)
        if (score if METRICS[name].higher_is_better else -score) > best.score:
            run_folder.save_network(session.folder, session.network)
            return f"mean of {len(several)} checkpoints"
    load_unique_state(session.network, load_weights(best.path), str(best.path))
    run_folder.save_network(session.folder, session.network)
    return f"step {best.step}"


def build_report(
    session: Session, result: dict[str, Any], predictions: list, weights: str
) -> dict[str, Any]:
    task, data = session.task, session.data
    tested = data.test or data.dev
    baseline = run_folder.load_baseline(session.folder, task)
    beside = baseline_scores(baseline, tested)
    speed = round(session.tokens / max(1e-9, session.training_seconds), 1)
    seconds = round(session.schedule.seconds, 1)
    table = [
        {
            "task": task.name,
            "metric": name,
            "score": value,
            "low": result["intervals"][name][0],
            "high": result["intervals"][name][1],
            "baseline": beside["metrics"].get(name),
            "seconds": seconds,
            "tokens_per_second": speed,
        }
        for name, value in result["metrics"].items()
    ]
    inputs = next(
        (name for name in (session.plan.test or session.plan.dev or session.plan.train)), None
    )
    return {
        "task": task.name,
        "run": str(session.folder),
        "table": table,
        **result,
        "baseline": beside,
        "tested_on": data.tested_on,
        "seconds": seconds,
        "tokens_per_second": speed,
        "weights": weights,
        "parameters": sum(parameter.numel() for parameter in session.network.parameters()),
        "data": {"train": len(data.train), "dev": len(data.dev), "test": len(data.test)},
        "seed": session.plan.seed,
        "notes": list(session.notices),
        "verdict": task.predictor.verdict(result, beside),
        "options": options.to_dict(task.options),
        "training": options.to_dict(session.options),
        "examples": task.predictor.examples(session.network, tested, predictions),
        "next": task.next_commands(str(session.folder), inputs),
    }
