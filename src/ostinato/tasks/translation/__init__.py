"""Translation: sentences of one language to sentences of another. Many to many, unaligned."""

from ostinato.tasks.translation.task import Translation

__all__ = ["Translation"]
