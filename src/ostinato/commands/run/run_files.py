"""The files of a run folder, and their removal when the run is replaced.

    RUN/lock                                   the process that trains
    RUN/model.json, model.safetensors          the model, with the best weights so far
    RUN/baseline.json, baseline.safetensors    what it is compared with
    RUN/report.json, curves.png                at the end
    RUN/README.md                              its card, unless the user has a file of this name
    RUN/kept-OPTION.SUFFIX                     a copy of a file that an option names
    RUN/training/plan.json                     the RunConfig
    RUN/training/{manifest.json,a,b}           the checkpoint
    RUN/training/{averages.json,average-STEP.safetensors}  weights of the best dev scores
    RUN/training/embeddings                    states of --embeddings RUN, while it trains
    RUN/training/{log.jsonl,tensorboard}       learning curves
    RUN/replaced/                              the previous run, until this one is safe

A folder counts as a run if it has a plan or checkpoint of Ostinato, or a model.json without
training/. Only files of these names are removed, and only from such a folder, never the user's.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import asdict
from pathlib import Path

from ostinato.commands.run.config import RunConfig
from ostinato.data.files.atomic import write_atomically
from ostinato.data.files.json_bytes import encode_json
from ostinato.data.files.vector_cache import FILE_NAME as VECTORS_FILE
from ostinato.errors import InputError
from ostinato.tasks import run_folder
from ostinato.tasks.model_card import CARD, is_card
from ostinato.training import checkpoint, checkpoint_averaging, curves
from ostinato.training.event_log import EVENT_FILE
from ostinato.training.file_removal import TEMPORARY, remove_files, remove_folder_if_empty
from ostinato.training.lock import NAME as LOCK
from ostinato.training.lock import is_lock_file

TRAINING = "training"
PLAN = "plan.json"
MODEL = "model.json"
EMBEDDINGS = "embeddings"
REPLACED, REPLACING = "replaced", "replacing"  # see `replaced_run`
MODEL_FILES = re.compile(
    r"(model|baseline)\.(json|safetensors)|report\.json|curves\.png|kept-[a-z-]+(\.\w{1,10})?"
)
PLAN_FILE = re.compile(re.escape(PLAN))
TRAINING_FILES = re.compile(
    "|".join(
        [
            re.escape(checkpoint_averaging.INDEX),
            checkpoint_averaging.WEIGHTS_FILE.pattern,
            re.escape(curves.LOG),
        ]
    )
)


def refuse_used(folder: Path, overwrite: bool, *, resumable: bool = True) -> None:
    """Raises InputError for a folder that holds anything but a run that may be overwritten.

    Args:
        folder: the folder of the new run
        overwrite: whether a run in it may be replaced; other files never are
        resumable: whether the message may propose --resume
    """
    refuse_odd_name(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file; name a folder with --out")
    if is_run(folder) or is_run(folder / REPLACED) or is_run(folder / REPLACING):
        if not overwrite:
            raise InputError(
                f"{folder}: holds a run already; "
                f"{'--resume goes on with it, ' * resumable}--overwrite replaces it, "
                "or choose another --out"
            )
    elif folder.is_dir() and not all(map(is_remnant, folder.iterdir())):
        raise InputError(f"{folder}: holds files other than a run; choose another --out")


def refuse_odd_name(folder: Path) -> None:
    """Raises InputError for a name that is not UTF-8: weights could not be read from there."""
    try:
        str(folder.absolute()).encode()
    except UnicodeEncodeError:
        raise InputError(f"{folder}: a name that is not UTF-8; choose another --out") from None


def refuse_links(folder: Path) -> None:
    """Raises InputError for links among the files of a run: in an untrusted folder they might lead
    to writing other files.
    """
    training = folder / TRAINING
    places = [(folder, MODEL_FILES), (training, TRAINING_FILES), (training, PLAN_FILE)]
    places += [(training / name, checkpoint.FILE_NAMES) for name in checkpoint.GENERATIONS]
    folders = [
        training,
        training / "tensorboard",
        training / EMBEDDINGS,
        *(training / n for n in checkpoint.GENERATIONS),
    ]
    files = [folder / LOCK, training / checkpoint.MANIFEST]
    for place, names in places:
        if place.is_dir():
            files += [path for path in place.iterdir() if names.fullmatch(path.name)]
    for path in [*folders, *files]:
        if path.is_symlink():
            raise InputError(
                f"{path}: is a link; a run with links among its files cannot be resumed"
            )


def is_run(folder: Path) -> bool:
    """Whether the folder holds a run, finished or not."""
    training = folder / TRAINING
    if (training.exists() or training.is_symlink()) and not is_unused(training):
        return is_plan(training / PLAN) or checkpoint.is_checkpoint_folder(training)
    return is_model_description(folder / MODEL)


def is_remnant(path: Path) -> bool:
    """Whether these are the remains of a run that was killed at its very beginning."""
    return is_lock_file(path) if path.name == LOCK else path.name == TRAINING and is_unused(path)


def is_unused(training: Path) -> bool:
    """Whether this folder is empty, apart from partial files of a plan."""
    if training.is_symlink() or not training.is_dir():
        return False
    names = (TEMPORARY.fullmatch(path.name) for path in training.iterdir())
    return all(name is not None and name[1] == PLAN for name in names)


def is_plan(path: Path) -> bool:
    """Whether the file is a RunConfig that `save_config` has written."""
    required = {field.name for field in dataclasses.fields(RunConfig)} - {
        "time_limit",
        "held_out_seed",
        "processes",
        "init_from",
        "held_out_more",
    }
    try:
        return required <= json.loads(path.read_bytes()).keys()
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def is_model_description(path: Path) -> bool:
    """Whether the file is a model.json of any version of Ostinato."""
    try:
        found = json.loads(path.read_bytes())
        kinds = {"format": int, "task": str, "options": dict, "state": dict}
        return all(isinstance(found[name], kind) for name, kind in kinds.items())
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def is_resumable(folder: Path) -> bool:
    """Whether the files exist that a checkpoint needs."""
    return (folder / MODEL).is_file() and (folder / TRAINING / PLAN).is_file()


def list_own_files(folder: Path) -> list[Path]:
    """The files of the run that the folder holds, the plan last; nothing of the user's."""
    training = folder / TRAINING
    places = [(folder, MODEL_FILES), (training, re.compile(re.escape(checkpoint.MANIFEST)))]
    places += [(training / name, checkpoint.FILE_NAMES) for name in checkpoint.GENERATIONS]
    places += [(training / "tensorboard", EVENT_FILE), (training / EMBEDDINGS, VECTORS_FILE)]
    places += [(training, TRAINING_FILES), (training, PLAN_FILE)]
    card = [folder / CARD] if is_card(folder / CARD) else []
    return card + [
        path
        for place, names in places
        if place.is_dir()
        for path in sorted(place.iterdir())
        if names.fullmatch(path.name) and (path.is_file() or path.is_symlink())
    ]


def remove_run(folder: Path) -> None:
    """Removes the run that the folder holds, and nothing else.

    The checkpoint goes first and the plan last: until then the folder is known as a run."""
    training = folder / TRAINING
    checkpoint.remove(training)
    remove_files(folder, MODEL_FILES)
    if is_card(folder / CARD):
        (folder / CARD).unlink()
    remove_files(training, TRAINING_FILES)
    remove_files(training / "tensorboard", EVENT_FILE)
    remove_folder_if_empty(training / "tensorboard")
    remove_files(training / EMBEDDINGS, VECTORS_FILE)
    remove_folder_if_empty(training / EMBEDDINGS)
    remove_files(training, PLAN_FILE)


def save_config(folder: Path, config: RunConfig) -> None:
    """Writes training/plan.json."""
    write_atomically(folder / TRAINING / PLAN, encode_json(asdict(config), indent=1))


def read_config(folder: Path, task: str) -> RunConfig:
    """Reads the configuration that the run in `folder` was started with.

    Raises:
        InputError: there is no run, it is damaged, or it is of another task.
    """
    path = folder / TRAINING / PLAN
    if not path.is_file():
        raise InputError(f"{folder}: no run to resume; leave out --resume to start one")
    try:
        config = RunConfig(**run_folder.read_json(path))
    except TypeError:
        raise InputError(
            f"{path}: damaged; leave out --resume and choose another --out to train anew"
        ) from None
    if config.task != task:
        raise InputError(f"{folder}: a run of task {config.task}, not {task}")
    return config
