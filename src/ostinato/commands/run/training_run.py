"""A training run: its folder opened, its steps taken, its dev scores, its checkpoints."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ostinato import options
from ostinato.commands.run.config import Data, Plan, make_plan, read_data
from ostinato.commands.run.device import choose
from ostinato.commands.run.progress import TrainingBar, hold_notices, say, track
from ostinato.data.batching.batch import Example
from ostinato.data.batching.buckets import BucketedBatches, example_seed, target_length
from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError, Interrupted
from ostinato.metrics import METRICS
from ostinato.notices import collect_notices, notify
from ostinato.tasks import folder as run_folder
from ostinato.tasks.task import Task
from ostinato.training import checkpoint, checkpoint_averaging
from ostinato.training.averaged_sgd import averaged, stalled
from ostinato.training.curves import Curves
from ostinato.training.gradients import GradientWatch
from ostinato.training.interrupt import Interrupt, interruptible
from ostinato.training.lock import locked
from ostinato.training.loop import BEGINNING, Progress, Shuffled, TrainingDiverged, leaves, train
from ostinato.training.optimise import build_optimizer
from ostinato.training.options import Options
from ostinato.training.schedule import Schedule, crossed

CHANGEABLE = {
    "epochs",
    "time_limit",
    "patience",
    "checkpoint_every",
    "tensorboard",
}  # when resuming; all else is part of the run
PLAN = "training/plan.json"


@dataclass
class Session:
    """A run in its folder. `network` holds the weights of the last step, the folder those of the best dev score."""

    folder: Path
    plan: Plan
    task: Task
    options: Options
    data: Data
    network: nn.Module
    optimizer: torch.optim.Optimizer | None  # None where nothing is left to be learned step by step
    schedule: Schedule
    batches: Shuffled
    curves: Curves
    interrupt: Interrupt
    saved: checkpoint.Checkpoint
    notices: list[str]  # what the user was told about the data, for the report
    tokens: int = 0
    training_seconds: float = 0.0

    @property
    def training_folder(self) -> Path:
        return self.folder / "training"


@contextmanager
def open_session(
    folder: Path, task: str, given: dict[str, Any], *, resume: bool, overwrite: bool
) -> Iterator[Session]:
    """A session that is ready for run(): data read, vocabularies fitted, network built or restored.

    Holds the folder's lock until the `with` block ends."""
    with ExitStack() as stack:
        yield prepare_session(stack, folder, task, given, resume=resume, overwrite=overwrite)


def prepare_session(
    stack: ExitStack,
    folder: Path,
    task: str,
    given: dict[str, Any],
    *,
    resume: bool,
    overwrite: bool,
) -> Session:
    """Checks and prepares everything; only then is the folder locked and written to."""
    began = time.monotonic()
    notices = stack.enter_context(collect_notices())
    held = stack.enter_context(ExitStack())
    held.enter_context(hold_notices())
    plan = (
        resumed_plan(started := read_plan(folder, task), folder, given)
        if resume
        else make_plan(task, **given)
    )
    device = choose(plan.device)
    if not resume:
        refuse_used(folder, overwrite)
    built, training = plan.build_task(), plan.build_options()
    data = read_data(plan, built)
    going_on = resume and checkpoint.exists(
        folder / "training"
    )  # else it was stopped before the first one: begin again
    torch.manual_seed(plan.seed)
    built, network = restored_network(folder) if going_on else fresh_network(built, data)
    network = network.to(device)
    for judged_by in (data.dev, data.test):
        built.reader.check_compatible(judged_by)
    if plan.values.keys() & {"batch_size", "batch_tokens"}:
        training = replace(training, least_batches=0)
    batches = make_batches(built, data, training, plan.seed)
    training = fitted(training, plan, batches)
    optimizer = None if built.options.closed_form else build_optimizer(network, training)
    # all that can be wrong has been found: only now is the folder touched
    stack.enter_context(locked(folder))
    interrupt = stack.enter_context(
        interruptible("saving a checkpoint after this step; Ctrl-C again to stop at once")
    )
    if not going_on:
        refuse_used(folder, overwrite or resume)  # another process may have been quicker
        begin_folder(folder, plan, built, data)
    elif plan != started:
        save_plan(folder, plan)  # a changed end holds for the next --resume, too
    saved = (
        checkpoint.load(folder / "training", network, optimizer)
        if going_on
        else checkpoint.Checkpoint(BEGINNING)
    )
    held.close()  # nothing can be refused any more
    schedule = Schedule(
        training, plan.time_limit, saved.seconds + time.monotonic() - began, list(saved.scores)
    )
    if going_on:
        before = fitted(started.build_options(), started, batches)
        for line in moved(Schedule(before, started.time_limit, schedule.spent), schedule, saved):
            notify(line)
    resumed_step = saved.position.step if going_on else None
    curves = stack.enter_context(
        Curves(folder / "training", resumed_step=resumed_step, tensorboard=training.tensorboard)
    )
    return Session(
        folder,
        plan,
        built,
        training,
        data,
        network,
        optimizer,
        schedule,
        batches,
        curves,
        interrupt,
        saved,
        notices,
        saved.counters.get("tokens", 0),
        saved.counters.get("training_seconds", 0.0),
    )


def fitted(training: Options, plan: Plan, batches: Shuffled) -> Options:
    """With more epochs and a shorter warm-up where the data is small, unless the plan says how many or how long."""
    training = training if "epochs" in plan.values else training.stretched(len(batches))
    return training if "warmup" in plan.values else training.warmed_up_in_an_epoch(len(batches))


def fresh_network(task: Task, data: Data) -> tuple[Task, nn.Module]:
    """The task with its vocabularies fitted, and a new network."""
    fitted_task = task.fit(data.train)
    network = fitted_task.build_network()
    fitted_task.initialise(network)
    return fitted_task, network


def begin_folder(folder: Path, plan: Plan, task: Task, data: Data) -> None:
    """The folder says from now on what it holds."""
    clear(folder)
    run_folder.save_description(folder, task)
    run_folder.save_baseline(folder, task.fit_baseline(data.train))
    save_plan(folder, plan)


def save_plan(folder: Path, plan: Plan) -> None:
    write_atomically(folder / PLAN, json.dumps(asdict(plan), ensure_ascii=False, indent=1).encode())


def restored_network(folder: Path) -> tuple[Task, nn.Module]:
    """The task as the run folder describes it, and a network of its sizes."""
    task = run_folder.task_from(run_folder.describe(folder), folder)
    return task, task.build_network()


def refuse_used(folder: Path, overwrite: bool, *, resumable: bool = True) -> None:
    """A folder that holds a run, or anything else of the user's, is not written over unasked."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file; name a folder with --out")
    holds_run = (folder / "model.json").exists() or (folder / PLAN).exists()
    if holds_run and not overwrite:
        raise InputError(
            f"{folder}: holds a run already; {'--resume goes on with it, ' * resumable}--overwrite replaces it, "
            "or choose another --out"
        )
    if (
        not holds_run
        and folder.is_dir()
        and any(path.name not in ("lock", "training") for path in folder.iterdir())
    ):
        raise InputError(f"{folder}: holds files that are no run; choose another --out")


def clear(folder: Path) -> None:
    """Removes what an earlier run left, and nothing else."""
    shutil.rmtree(folder / "training", ignore_errors=True)
    for name in (
        "model.json",
        "model.safetensors",
        "report.json",
        "baseline.json",
        "baseline.safetensors",
        "curves.png",
    ):
        (folder / name).unlink(missing_ok=True)
    (folder / "training").mkdir(parents=True, exist_ok=True)


def read_plan(folder: Path, task: str) -> Plan:
    """The plan that the run was started with."""
    path = folder / PLAN
    if not path.is_file():
        raise InputError(f"{folder}: no run to resume; leave out --resume to start one")
    try:
        plan = Plan(**run_folder.read_json(path))
    except TypeError:
        raise InputError(
            f"{path}: damaged; leave out --resume and choose another --out to train anew"
        ) from None
    if plan.task != task:
        raise InputError(f"{folder}: a run of task {plan.task}, not {task}")
    return plan


def resumed_plan(started: Plan, folder: Path, given: dict[str, Any]) -> Plan:
    """The same plan with another end, where one is asked for; raises InputError for settings that would make it another run."""
    plan = replace(started, values=dict(started.values))
    asked = make_plan(plan.task, **given)
    differing = {
        name: value
        for name, value in asked.values.items()
        if plan.values.get(name, value) != value or name not in plan.values
    }
    for part in ("train", "dev", "test"):
        if getattr(asked, part) and getattr(asked, part) != getattr(plan, part):
            differing[part] = getattr(asked, part)
    if not asked.train:  # the sample's own settings came by themselves
        differing = {
            name: value
            for name, value in differing.items()
            if name in given["settings"] or name in ("dev", "test")
        }
    wrong = [options.as_flag(name) for name in differing if name not in CHANGEABLE]
    if wrong:
        raise InputError(
            f"{', '.join(wrong)} cannot change when a run is resumed; leave out what is as before, "
            "or start another run with another --out"
        )
    plan.values.update(differing)
    plan.time_limit = asked.time_limit or plan.time_limit
    return plan


def moved(before: Schedule, now: Schedule, saved: checkpoint.Checkpoint) -> list[str]:
    """Says that a learning rate which falls until the end goes on elsewhere on its curve, as the end has moved."""
    if before.options.schedule not in ("cosine", "linear"):
        return []
    step, epoch = saved.position.step + 1, saved.counters.get("epoch", 0.0)
    old, new = before(step, epoch), now(step, epoch)
    if abs(new - old) <= 0.01 * now.options.initial_rate:
        return []
    return [
        f"the {now.options.schedule} schedule ends with the run, whose end has moved: it goes on at a learning rate of {new:.2g} "
        f"instead of {old:.2g}"
    ]


def make_batches(task: Task, data: Data, training: Options, seed: int) -> Shuffled:
    records = task.preprocessing.trainable_records(data.train)
    own = task.preprocessing.batches(
        records, batch_size=training.batch_size, batch_tokens=training.batch_tokens, seed=seed
    )
    if own is not None:
        return own
    examples = [task.preprocessing.encode(record) for record in track(records, "encoding")]

    def varied(row: int, epoch: int) -> Example:
        return task.preprocessing.encode(records[row], draw=example_seed(seed, epoch, row))

    if training.least_batches:
        lengths = [max(len(example.inputs), target_length(example)) for example in examples]
        training = replace(training, batch_tokens=training.tokens_of(sum(lengths), max(lengths)))
    return BucketedBatches(
        examples,
        batch_size=training.batch_size,
        tokens=training.batch_tokens,
        seed=seed,
        encode=varied if task.preprocessing.varies else None,
    )


def run(session: Session) -> None:
    """Trains until epochs, time or patience are used up; raises Interrupted, all saved, after a signal."""
    if session.task.options.closed_form:
        run_folder.save_network(session.folder, session.network)
        return
    metric = session.task.options.dev_metric
    saved_at = time.monotonic()
    epoch = session.saved.counters.get("epoch", 0.0)
    watch = GradientWatch(session.network)
    steps = train(
        session.network,
        session.batches,
        session.optimizer,
        epochs=session.options.epochs,
        schedule=session.schedule,
        clip_norm=session.options.clip_norm,
        clip_value=session.options.clip_value,
        accumulate=session.options.accumulate,
        normalise=session.options.normalise,
        start=session.saved.position,
        carried=session.saved.carried,
    )
    if (
        session.schedule.finished(epoch) and session.saved.position.step
    ):  # a resumed run that was through; a fresh one takes a step
        return
    try:
        with TrainingBar(metric) as bar:
            for progress in steps:
                session.curves.step(progress)
                for warning in watch(progress.gradient_norm):
                    say(f"warning: {warning}")
                session.tokens += (
                    progress.inputs
                    if session.task.definition.throughput_unit == "inputs"
                    else progress.tokens
                )
                session.training_seconds += progress.seconds
                bar.step(session.schedule.fraction_done(progress.epoch), progress)
                due = crossed(session.options.evaluate_every, epoch, progress.epoch)
                epoch = progress.epoch
                if due or session.schedule.finished(epoch):
                    score_dev(session, progress, bar)
                if session.interrupt:
                    save_checkpoint(session, progress)
                    raise Interrupted(
                        f"saved at step {progress.step}; go on with: ostinato train {session.task.name} "
                        f"--out {session.folder} --resume",
                        session.interrupt.exit_status,
                    )
                if session.schedule.finished(epoch):
                    save_checkpoint(session, progress)
                    return
                if time.monotonic() - saved_at > session.options.checkpoint_every:
                    save_checkpoint(session, progress)
                    saved_at = time.monotonic()
    except TrainingDiverged as error:
        if not checkpoint_averaging.kept(session.training_folder):
            run_folder.save_network(session.folder, session.network)
        raise TrainingDiverged(f"{error}; the last good model is in {session.folder}") from None


def score_dev(session: Session, progress: Progress, bar: TrainingBar) -> None:
    """A dev score; the weights are kept if it is the best so far, or may yet be averaged."""
    with averaged(session.optimizer):
        score_weights(session, progress, bar)
    if session.options.optimizer == "asgd" and stalled(
        session.schedule.scores, session.options.average_patience
    ):
        session.optimizer.begin()


def score_weights(session: Session, progress: Progress, bar: TrainingBar) -> None:
    name = session.task.options.dev_metric
    session.network.eval()
    score = session.task.predictor.dev_score(session.network, session.data.dev, name)
    session.network.train()
    value = score if METRICS[name].higher_is_better else -score
    session.schedule.scores.append(value)
    session.curves.evaluated(progress.step, progress.epoch, {name: score})
    checkpoint_averaging.keep(
        session.training_folder,
        session.network,
        step=progress.step,
        score=value,
        count=session.options.average_checkpoints,
        which=session.options.average,
    )
    best = max(session.schedule.scores)
    if value >= best:
        run_folder.save_network(session.folder, session.network)
    bar.evaluated(progress, score, abs(best))


def save_checkpoint(session: Session, progress: Progress) -> None:
    """A checkpoint to resume from; a full disk costs this one, not the run and not the one before."""
    counters = {
        "epoch": progress.epoch,
        "tokens": session.tokens,
        "training_seconds": session.training_seconds,
    }
    try:
        checkpoint.save(
            session.training_folder,
            session.network,
            session.optimizer,
            checkpoint.Checkpoint(
                progress.position,
                session.schedule.seconds,
                session.schedule.scores,
                leaves(progress.state),
                {},
                counters,
            ),
        )
    except checkpoint.NotSaved as error:
        say(f"warning: {error}")
