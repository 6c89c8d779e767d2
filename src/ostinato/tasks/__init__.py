"""The tasks by name. To add one, write a folder that defines TASK and import it here."""

from ostinato.errors import InputError, nearest
from ostinato.tasks.anomaly import TASK as ANOMALY
from ostinato.tasks.autoencoder import TASK as AUTOENCODER
from ostinato.tasks.captioning import TASK as CAPTIONING
from ostinato.tasks.classification import TASK as CLASSIFICATION
from ostinato.tasks.dialogue import TASK as DIALOGUE
from ostinato.tasks.forecasting import TASK as FORECASTING
from ostinato.tasks.genome import TASK as GENOME
from ostinato.tasks.language import TASK as LANGUAGE
from ostinato.tasks.melody import TASK as MELODY
from ostinato.tasks.tagging import TASK as TAGGING
from ostinato.tasks.task import TaskDefinition
from ostinato.tasks.transcription import TASK as TRANSCRIPTION
from ostinato.tasks.translation import TASK as TRANSLATION
from ostinato.tasks.video import TASK as VIDEO

TASKS: dict[str, TaskDefinition] = {
    task.name: task
    for task in (
        TRANSLATION,
        DIALOGUE,
        LANGUAGE,
        CLASSIFICATION,
        TAGGING,
        GENOME,
        CAPTIONING,
        VIDEO,
        MELODY,
        TRANSCRIPTION,
        FORECASTING,
        ANOMALY,
        AUTOENCODER,
    )
}


def find_task(name: str) -> TaskDefinition:
    """Looks up a task by name; InputError suggests the nearest known name."""
    if name not in TASKS:
        raise InputError(f"no task '{name}'{nearest(name, TASKS)}")
    return TASKS[name]
