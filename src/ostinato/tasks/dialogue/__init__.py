"""Dialogue: a reply to an utterance, and to what was said before it. Many to many, unaligned."""

from ostinato.tasks.dialogue.task import Dialogue

__all__ = ["Dialogue"]
