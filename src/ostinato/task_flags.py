"""The flags and examples of a command that depend on its task, or on the task of its run."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, pairwise
from pathlib import Path

from ostinato import options
from ostinato.errors import InputError
from ostinato.option_groups import group_options
from ostinato.options import Field

TAKING_TASKS = (
    "train",
    "compare",
    "search",
)  # their first argument is a task; that of the others is a run


def find_subject(arguments: list[str], known: Callable[[str], bool]) -> str:
    """The task or run among the arguments, wherever it is.

    find_subject(["--epochs", "3", "translation"], ...) -> "translation"

    Which words are values of flags is not known yet. A word that is `known` is taken first, then
    one that follows no flag, then any."""
    words = [word for word in arguments if not word.startswith("-")]
    after_flags = {word for flag, word in pairwise(arguments) if flag.startswith("--")}
    return next(
        chain(filter(known, words), (word for word in words if word not in after_flags), words)
    )


def names_subject(arguments: list[str]) -> bool:
    """Whether there is anything but flags."""
    return not all(argument.startswith("-") for argument in arguments)


def describe_task(command: str, arguments: list[str]) -> str:
    """What the task reads, for commands whose first argument is a task; otherwise nothing."""
    if command not in TAKING_TASKS or not names_subject(arguments):
        return ""
    from ostinato.tasks import TASKS, find_task

    task = find_task(find_subject(arguments, TASKS.__contains__))
    return f"The {task.name} task reads {task.reads}."


def find_examples(command: str, arguments: list[str]) -> list[str]:
    """The examples of a task, with its recipes, for `train TASK`; none for anything else."""
    if command != "train" or not names_subject(arguments):
        return []
    from ostinato.commands.run.recipe import names_for
    from ostinato.tasks import TASKS, find_task

    task = find_task(find_subject(arguments, TASKS.__contains__))
    gap = " " * 10
    return [
        f"ostinato train {task.name}{gap}# on the packaged sample",
        task.example,
        *(f"ostinato train {task.name} --recipe {name} ..." for name in names_for(task.name)),
        f"ostinato train {task.name} --out runs/{task.name} --resume{gap}# resumes a stopped run",
        f"ostinato train {task.name} --help-all{gap}# every option; --help shows the common ones",
    ]


def find_options(command: str, arguments: list[str]) -> list[tuple[str, list[Field]]]:
    """The task's options by group: for a task all, for a run those that a trained model accepts."""
    if not names_subject(arguments):
        return []
    from ostinato.tasks import TASKS, find_task

    if command not in TAKING_TASKS:
        return group_options(filter(changeable, run_options(arguments)))
    from ostinato.training.options import Options

    task = find_task(find_subject(arguments, TASKS.__contains__))
    training = [
        field._replace(default=task.training.get(name, field.default))
        for name, field in options.fields(Options).items()
    ]
    return group_options(options.fields(task.options).values(), training)


def changeable(field: Field) -> bool:
    """Whether an option can be changed on a trained model."""
    return bool(field.metadata.get("when_predicting"))


def run_options(arguments: list[str]) -> list[Field]:
    """All options of the task of the run among the arguments."""
    from ostinato.tasks import find_task
    from ostinato.tasks.run_folder import describe

    run = find_subject(arguments, lambda word: (Path(word.split(",")[0]) / "model.json").is_file())
    return list(options.fields(find_task(describe(run.split(",")[0])["task"]).options).values())


def refuse_fixed(command: str, arguments: list[str], flag: str) -> None:
    """InputError if the flag is an option of the run's task that only training takes."""
    fields = run_options(arguments)
    if flag.replace("--no-", "--") in [field.flag for field in fields]:
        flags = ", ".join(field.flag for field in fields if changeable(field)) or "none"
        raise InputError(
            f"ostinato {command}: {flag} cannot be changed on a trained model; "
            f"options that can: {flags}"
        )
