"""Language models: what comes next in a text, word by word, character by character or piece by piece."""

from ostinato.tasks.language.task import Language

__all__ = ["Language"]
