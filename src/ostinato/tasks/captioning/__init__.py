"""Captioning: a sentence that says what is to be seen in a picture, or in frames of a film. One to many."""

from ostinato.tasks.captioning.task import Captioning

__all__ = ["Captioning"]
