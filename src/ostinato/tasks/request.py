"""The arguments of `generate`, and the pieces that it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Request:
    """The arguments of `generate`.

    Args:
        prompt: Text, or the name of a text file, that every sample continues; None starts afresh.
        length: Maximum number of tokens or steps of a sample; None leaves it to the task.
        samples: Number of samples.
        temperature: Divides the log-probabilities; 0 takes the most probable token.
        top_k: Draw from the k most probable tokens only; 0 from all.
        top_p: Draw from the most probable tokens that hold this share of the probability.
        beam: Width of a beam search that replaces drawing; 0 draws.
        seed: Seed of the random numbers.
        stop: A sample ends before this text.
        condition: The class of sample wanted (a genre), where the model was trained with classes.
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
    """A newly generated part of sample number `sample`: `text` to print at once; `result`, the
    whole sample, when complete.
    """

    sample: int
    text: str
    result: Any = None
