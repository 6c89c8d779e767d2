"""Melody: tunes and chorales, made up, gone on with, and judged. One to many: of a kind that is asked for, if they have labels."""

from ostinato.tasks.melody.task import Melody

__all__ = ["Melody"]
