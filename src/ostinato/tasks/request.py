"""The arguments of `generate`, and the pieces that it yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Request:
    """The arguments of `generate`.

    Args:
        prompt: Text, or the name of a text file, that every sample continues; None for no prompt.
        length: Maximum number of tokens or steps of a sample; None for the task's default.
        samples: Number of samples.
        temperature: Divides the log-probabilities; 0 takes the most probable token.
        top_k: Sample from the k most probable tokens only; 0 for all.
        top_p: Sample from the most probable tokens with this total probability (nucleus).
        beam: Beam width; 0 samples instead of beam search.
        seed: Seed of the random numbers.
        stop: A sample ends before this text.
        condition: The label to generate for, such as a genre, for a conditional model.
        reads_files: Whether a prompt may be the name of a file; False for a server's clients.
    """

    prompt: str | None = None
    length: int | None = None
    samples: int = 1
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    beam: int = 0
    seed: int = 1
    stop: str | None = None
    condition: str | None = None
    reads_files: bool = True


class Piece(NamedTuple):
    """A newly generated piece of a sample.

    Attributes:
        sample: The number of the sample.
        text: The new text.
        result: The whole sample, once it is complete.
    """

    sample: int
    text: str
    result: Any = None
