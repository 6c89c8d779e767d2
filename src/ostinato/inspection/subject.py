"""The subject of an inspection: a network, one input, and the way from it to a loss."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from ostinato.data.batching.batch import Batch
from ostinato.decoding.ctc import Span
from ostinato.errors import ChoiceError, InputError
from ostinato.inspection.recording import Edits, PartRun, Recording, record
from ostinato.models.inspectable import RecurrentPart, name_parts

DEFAULT_LOSS = "the sum of the final hidden state of the last layer"


@dataclass(frozen=True)
class SearchStart:
    """Where a beam search begins: what `decoding.beam.search` needs of a model."""

    step: Callable
    state: Callable[[], Any]
    bos: int
    eos: int | None
    forbidden: tuple[int, ...]
    maximum_length: int
    width: int = 5
    length_penalty: float = 0.0


class Losses(NamedTuple):
    """-log p of each target of one example [U]: after the true prefix, and after the model's own;
    and whether its own prefix is still the true one there.
    """

    forced: list[float]
    free: list[float]
    agreed: list[bool]


@dataclass(frozen=True)
class Emissions:
    """What a model with connectionist temporal classification says of each frame of a recording.

    Attributes:
        features: The frames [T, D], as the network reads them.
        log_probabilities: Of each label at each output frame [T', C]; number 0 is the blank.
        labels: The names of the C labels.
        spans: Where each label of the transcript is emitted.
        seconds: From one output frame to the next.
    """

    features: Tensor
    log_probabilities: Tensor
    labels: Sequence[str]
    spans: Sequence[Span]
    seconds: float


@dataclass(frozen=True)
class Subject:
    """What is looked at.

    Attributes:
        network: In float64 and evaluation mode.
        parts: Its recurrent layers.
        run: Runs the network on the input -> the loss, or None: that of `DEFAULT_LOSS`.
        loss_name: What the loss is, in words.
        step_scores: -> the log-probability of each prediction [1, U], or None.
        score_name: What these scores are, in words.
        labels: For "inputs" and "targets" what to call each step.
        vocabularies: For "inputs" and "targets" the tokens by id, where there are any.
        ids: For "inputs" and "targets" the ids of the row's tokens.
        batch: The encoded examples; None for a module.
        rows: What to call each example of the batch.
        search: -> where a beam search begins, for a model that has one.
        prefix_losses: -> for each of some examples the loss of each target on gold prefixes and on
            the model's own.
        emissions: -> labels by frame, of a model that transcribes.
        next_words: (text, number) -> the likeliest next words with their probabilities.
        corpus: -> (a label for each place, its hidden state), for the view `states`.
        log: The records of the run's training log.
        text: The input, for titles.
        answer: The model's answer to it.
        notes: What the reader should know, such as that the input was shortened.
        row: Which row of the batch is looked at.
    """

    network: nn.Module
    parts: Sequence[RecurrentPart]
    run: Callable[[], Tensor | None]
    loss_name: str = DEFAULT_LOSS
    step_scores: Callable[[], Tensor] | None = None
    score_name: str = "log p"
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    vocabularies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ids: Mapping[str, Sequence[int]] = field(default_factory=dict)
    batch: Batch | None = None
    rows: Sequence[Mapping[str, Any]] = ()
    search: Callable[[], SearchStart] | None = None
    prefix_losses: Callable[[], list[Losses]] | None = None
    emissions: Callable[[], Emissions] | None = None
    next_words: Callable[[str, int], list[tuple[str, float]]] | None = None
    corpus: Callable[[], Any] | None = None
    log: Sequence[Mapping[str, Any]] = ()
    folder: Path | None = None
    text: str = ""
    answer: str = ""
    notes: tuple[str, ...] = ()
    row: int = 0

    def record(
        self, *, gradients: bool = True, edits: Edits | None = None
    ) -> tuple[Recording, Tensor]:
        """Runs the network -> what its layers did, and the loss.

        Raises:
            InputError: No recurrent layer was called.
        """
        with torch.set_grad_enabled(gradients), record(self.parts, self.network, edits) as found:
            loss = self.run()
        if not found.parts:
            raise InputError("this model has no recurrent layer that the input goes through")
        self.check_row(found)
        return found, found.final_output(self.row) if loss is None else loss

    def check_row(self, recording: Recording) -> None:
        """Raises ChoiceError for a row that the input has not, or labels of another number."""
        run = next(iter(recording.parts.values())).runs[0]
        rows = len(run.x)
        if not 0 <= self.row < rows:
            wanted = f"from 0 to {rows - 1}" if rows > 1 else "0: there is no other"
            raise ChoiceError(f"row must be {wanted}; got {self.row}")
        labels, steps = len(self.labels.get("inputs", ())), run.length(self.row)
        if self.batch is None and labels and labels != steps:
            raise ChoiceError(f"labels: {labels} for an input of {steps} steps; give one a step")

    def record_scores(
        self, *, gradients: bool = True, edits: Edits | None = None
    ) -> tuple[Recording, Tensor]:
        """Runs the network -> what its layers did, and the log-probability of each prediction
        [U].
        """
        if self.step_scores is None:
            raise InputError("this model makes no predictions of which a probability is known")
        with torch.set_grad_enabled(gradients), record(self.parts, self.network, edits) as found:
            scores = self.step_scores()
        return found, scores[self.row]

    def steps_of(self, part: PartRun) -> list[str]:
        """What to call the steps of a part."""
        steps = part.runs[0].length(self.row)
        known = list(self.labels.get(part.reads, ()))[:: part.stride]
        if part.reads == "targets" and len(known) >= steps - 1:
            # a decoder reads the token before the one that it predicts; a transducer the last, too
            return ["<bos>", *known[: steps - 1]]
        if len(known) == steps:
            return known
        return [str(step) for step in range(1, steps + 1)]


def find_parts(network: nn.Module) -> list[RecurrentPart]:
    """The recurrent layers of a model, by its own word or, of a stranger's, by search."""
    own = getattr(network, "recurrent_parts", None)
    return own() if own is not None else name_parts(network)


def to_float64(value: Any) -> Any:
    """Tensors of floating point as float64, inside tuples, lists, dictionaries and packed ones."""
    if isinstance(value, PackedSequence):
        return value.to(torch.float64)
    if isinstance(value, Tensor):
        return value.double() if value.is_floating_point() else value
    if isinstance(value, tuple | list):
        return type(value)(to_float64(each) for each in value)
    if isinstance(value, dict):
        return {key: to_float64(each) for key, each in value.items()}
    return value


def copy_in_float64(network: nn.Module) -> nn.Module:
    """A copy in float64 and evaluation mode, so that what is shown is exact."""
    return copy.deepcopy(network).double().eval()


def describe_module(
    module: nn.Module,
    x: Any,
    *,
    loss: Callable[[Any], Tensor] | None = None,
    labels: Sequence[str] = (),
    row: int = 0,
) -> Subject:
    """A Subject of any module that has recurrent layers.

    Args:
        module: torch.nn's or ostinato's layer, or a network with such layers inside.
        x: What it is called with: a tensor, a PackedSequence, or a tuple of arguments.
        loss: What the module returns -> a scalar; default: `DEFAULT_LOSS`.
        labels: What to call each step.
        row: Which row of the batch is looked at.

    Raises:
        InputError: No recurrent layer inside.
    """
    network = copy_in_float64(module)
    parts = name_parts(network)
    if not parts:
        raise InputError(
            f"{type(module).__name__} has no recurrent layer inside: neither an ostinato.Recurrent "
            "nor torch.nn's RNN, GRU or LSTM"
        )
    given = to_float64(x)
    arguments = given if type(given) is tuple else (given,)

    def run() -> Tensor | None:
        found = network(*arguments)
        return None if loss is None else loss(found)

    return Subject(
        network,
        parts,
        run,
        loss_name=DEFAULT_LOSS if loss is None else "the loss that was given",
        labels={"inputs": list(labels)},
        text=f"{type(module).__name__}",
        row=row,
    )
