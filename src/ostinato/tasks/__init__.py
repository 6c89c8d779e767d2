"""The tasks by name. To add one: a file or folder with a Task, and its name here."""

from ostinato.errors import InputError, nearest
from ostinato.tasks.captioning import Captioning
from ostinato.tasks.classification import Classification
from ostinato.tasks.dialogue import Dialogue
from ostinato.tasks.genome import Genome
from ostinato.tasks.language import Language
from ostinato.tasks.melody import Melody
from ostinato.tasks.tagging import Tagging
from ostinato.tasks.task import Task
from ostinato.tasks.translation import Translation
from ostinato.tasks.video import Video

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        Translation,
        Dialogue,
        Language,
        Classification,
        Tagging,
        Genome,
        Captioning,
        Video,
        Melody,
    )
}


def task_class(name: str) -> type[Task]:
    """The task of that name, or an InputError with the nearest known one."""
    if name not in TASKS:
        raise InputError(f"no task '{name}'{nearest(name, TASKS)}")
    return TASKS[name]
