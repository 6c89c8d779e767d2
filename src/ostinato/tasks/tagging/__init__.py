"""Tagging: a label for each word of a sentence: parts of speech, names, chunks. Many to many, aligned."""

from ostinato.tasks.tagging.task import Tagging

__all__ = ["Tagging"]
