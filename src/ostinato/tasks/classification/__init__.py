"""Classification: one label for a whole text or series of numbers. Many to one."""

from ostinato.tasks.classification.task import Classification

__all__ = ["Classification"]
