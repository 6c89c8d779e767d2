"""A forward pass with everything that its recurrent layers compute, of any network, with the graph.

    with record(parts) as recording:
        loss = network.loss(batch).total
    recording.parts["encoder"].runs[0].values(row=0)["forget"]       # [T, H]

The layers run by the reference loop; what they return is what they return otherwise. Letters:
B batch, T time, D input, H hidden, O output; S_t is all of a cell's state after step t.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ostinato.cells.cell import Cell, advance
from ostinato.cells.state import State
from ostinato.errors import InputError
from ostinato.inspection.torch_layers import call_torch, share_weights
from ostinato.layers.attention import Attention
from ostinato.layers.recurrent import Recurrent
from ostinato.models.classifier import AttentionPooling
from ostinato.models.inspectable import RecurrentPart
from ostinato.padding import padding_mask


class Clamp(NamedTuple):
    """A unit of a layer that is held at a value at every step: what if it were so?"""

    layer: int
    unit: int
    value: float


class Edits(NamedTuple):
    """What is changed while a forward pass is recorded.

    Attributes:
        clamps: Units of the first part of the state (the output) that are held at a value.
        hidden_input: (part, step): the input vector of this step, from 1, is zero (occlusion).
    """

    clamps: Sequence[Clamp] = ()
    hidden_input: tuple[str, int] | None = None


@dataclass
class LayerRun:
    """One layer in one direction, in the order in which it took its steps.

    Attributes:
        layer, direction: From 0; direction 1 is backward.
        cell: The cell.
        x: Its inputs [B, T, D].
        states: S_0 to S_T, tuples of [B, size]; the recurrence goes through these tensors.
        exits: Copies of the outputs h_1 to h_T [B, O], through which all else depends on them.
        last: Copies of the parts of S_T, for whatever goes on from the final state.
        gates: The gates of each step by name.
        lengths: The real steps of each row [B]; None if all are full.
        made: S_1 to S_T before rows that have ended kept theirs: h_t is made of this c_t.
    """

    layer: int
    direction: int
    cell: Cell
    x: Tensor
    states: list[tuple[Tensor, ...]]
    exits: list[Tensor]
    last: list[tuple[Tensor, ...]]
    gates: list[dict[str, Tensor]]
    made: list[tuple[Tensor, ...]]
    lengths: Tensor | None = None

    def length(self, row: int) -> int:
        """The number of real steps of a row."""
        return len(self.exits) if self.lengths is None else int(self.lengths[row])

    @property
    def gate_names(self) -> list[str]:
        return list(self.gates[0]) if self.gates else []

    def values(self, row: int = 0) -> dict[str, Tensor]:
        """{gate or part of the state: [T, size]} of a row, in the order of the sequence."""
        steps = self.length(row)
        found = {name: [step[name][row] for step in self.gates[:steps]] for name in self.gate_names}
        for part, name in enumerate(self.cell.part_names):
            found[name] = [state[part][row] for state in self.states[1 : steps + 1]]
        stacked = {name: torch.stack(each).detach() for name, each in found.items()}
        return {name: self.in_order(each) for name, each in stacked.items()}

    def in_order(self, values: Tensor) -> Tensor:
        """[T, ...] in the order of the layer's steps -> in the order of the sequence."""
        return values.flip(0) if self.direction else values


@dataclass
class PartRun:
    """What a RecurrentPart did: its LayerRuns, first layer forward, first layer backward, ..."""

    name: str
    reads: str
    directions: int
    runs: list[LayerRun]
    stride: int = 1

    @property
    def layers(self) -> int:
        return len(self.runs) // self.directions

    def run(self, layer: int, direction: int = 0) -> LayerRun:
        return self.runs[layer * self.directions + direction]


class Attended(NamedTuple):
    """The attention weights [N, U, S] of an attention of the network."""

    name: str
    weights: Tensor


@dataclass
class Recording:
    """What was recorded: `parts` by name, the arguments of each call, and attention per call."""

    parts: dict[str, PartRun] = field(default_factory=dict)
    inputs: dict[str, list[Tensor]] = field(default_factory=dict)
    attention: list[Attended] = field(default_factory=list)

    def final_output(self, row: int = 0) -> Tensor:
        """The sum of the final hidden state of the last layer: the loss of a layer without any."""
        part = list(self.parts.values())[-1]
        outputs = [run.exits[run.length(row) - 1][row] for run in part.runs[-part.directions :]]
        return torch.stack([each.sum() for each in outputs]).sum()


@contextmanager
def record(
    parts: Sequence[RecurrentPart], network: nn.Module | None = None, edits: Edits | None = None
) -> Iterator[Recording]:
    """Records every call of the parts' modules, and the attention of the network, in the block.

    Args:
        parts: The recurrent layers.
        network: Whose attention is recorded; None: none.
        edits: What is changed on the way.
    """
    recording = Recording()
    calls: dict[str, list[list[LayerRun]]] = {part.name: [] for part in parts}
    edits = edits or Edits()
    check_clamps(parts, edits.clamps)
    hooks = [] if network is None else watch_attention(network, recording)
    try:
        for part in parts:
            given = recording.inputs.setdefault(part.name, [])
            part.module.forward = forward_of(part, calls[part.name], given, edits)
        yield recording
    finally:
        for part in parts:
            vars(part.module).pop("forward", None)
        for hook in hooks:
            hook.remove()
    for part in parts:
        if calls[part.name]:
            directions = 2 if part.module.bidirectional else 1
            runs = join_calls(calls[part.name])
            recording.parts[part.name] = PartRun(
                part.name, part.reads, directions, runs, part.stride
            )


def view_as_recurrent(module: nn.Module) -> Recurrent:
    """A Recurrent itself, or one with the weights of torch.nn's RNN, GRU or LSTM."""
    return module if isinstance(module, Recurrent) else share_weights(module)  # type: ignore[arg-type]


def check_clamps(parts: Sequence[RecurrentPart], clamps: Sequence[Clamp]) -> None:
    """Raises InputError for a clamp of a layer or a unit that no part has."""
    sizes: dict[int, int] = {}
    for part in parts:
        own = view_as_recurrent(part.module)
        for row, cell in enumerate(own.typed_cells):
            layer = row // own.directions
            sizes[layer] = min(cell.sizes[0], sizes.get(layer, cell.sizes[0]))
    for clamp in clamps:
        if clamp.layer not in sizes:
            raise InputError(f"clamp: layer must be from 0 to {max(sizes)}; got {clamp.layer}")
        if not 0 <= clamp.unit < sizes[clamp.layer]:
            raise InputError(
                f"clamp: unit must be from 0 to {sizes[clamp.layer] - 1}; got {clamp.unit}"
            )


def watch_attention(network: nn.Module, recording: Recording) -> list[Any]:
    """Hooks that note the weights of every attention of a network."""

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: tuple, found: Any) -> None:
            if isinstance(module, AttentionPooling):
                recording.attention.append(Attended(name, module.weights(*given)[:, None]))
            elif found[1] is not None:
                recording.attention.append(Attended(name, found[1]))

        return hook

    kinds = Attention | AttentionPooling | nn.MultiheadAttention
    return [
        module.register_forward_hook(note(name))
        for name, module in network.named_modules()
        if isinstance(module, kinds)
    ]


def forward_of(
    part: RecurrentPart, calls: list[list[LayerRun]], given: list[Tensor], edits: Edits
) -> Callable:
    """What stands in for the forward of a part's module while it is recorded."""
    module: Any = part.module
    own = view_as_recurrent(module)

    def run_recurrent(x: Tensor, lengths: Any = None, state: State = None) -> tuple[Tensor, State]:
        if edits.hidden_input is not None and edits.hidden_input[0] == part.name:
            x = hide_step(x, edits.hidden_input[1], sum(len(call[0].exits) for call in calls))
        if torch.is_grad_enabled() and not x.requires_grad:
            x = x.detach().requires_grad_()  # numbers have gradients, too
        given.append(x)
        runs: list[LayerRun] = []
        run = run_recorded(runs, own.directions, edits.clamps)
        outputs, last = own.run_layers(run, x, lengths, state)
        calls.append(runs)
        return outputs, last

    if own is module:
        return run_recurrent

    def run_torch(input: Any, hx: Any = None, *, lengths: Any = None) -> tuple[Any, Any]:
        return call_torch(module, run_recurrent, input, hx, lengths)

    return run_torch


def hide_step(x: Tensor, step: int, before: int) -> Tensor:
    """x [B, T, D] with zeros at a step (from 1) of the whole sequence, of which `before` are
    past.
    """
    place = step - 1 - before
    if not 0 <= place < x.shape[1]:
        return x
    keep = x.new_ones(x.shape[1], 1)
    keep[place] = 0
    return x * keep


def run_recorded(runs: list[LayerRun], directions: int, clamps: Sequence[Clamp]) -> Callable:
    """A `Run` for Recurrent.run_layers that appends what each cell does to `runs`."""

    def run(cell: Cell, x: Tensor, state: State, lengths: Tensor | None) -> tuple[Tensor, State]:
        layer, direction = divmod(len(runs), directions)
        watched = copy.copy(cell)  # shares the parameters; its gate_log is its own
        watched.gate_log = []
        held = [clamp for clamp in clamps if clamp.layer == layer]
        projected = watched.project(x)
        alive = None if lengths is None else padding_mask(lengths, x.shape[1], x.device)
        states, made = [tuple(state)], []
        for t in range(x.shape[1]):
            new = hold_units(advance(watched, projected[:, t], states[-1]), held)
            made.append(tuple(new))
            if alive is not None:
                new = tuple(
                    torch.where(alive[:, t, None], a, b)
                    for a, b in zip(new, states[-1], strict=True)
                )
            states.append(tuple(new))
        exits = [each[0].clone() for each in states[1:]]
        last = tuple(part.clone() for part in states[-1])
        gates = watched.gate_log
        runs.append(
            LayerRun(layer, direction, cell, x, states, exits, [last], gates, made, lengths)
        )
        outputs = torch.stack(exits, dim=1)
        if alive is not None:
            outputs = torch.where(alive[..., None], outputs, 0)
        return outputs, last

    return run


def hold_units(state: State, clamps: Sequence[Clamp]) -> State:
    """The state with the clamped units of its first part at their values."""
    if not clamps:
        return state
    output = state[0].clone()
    for clamp in clamps:
        output[:, clamp.unit] = clamp.value
    return (output, *state[1:])


def join_calls(calls: list[list[LayerRun]]) -> list[LayerRun]:
    """The calls of one module as one run where they are a decoder's steps, else the longest
    call.
    """
    first, rows = calls[0], {run.x.shape[0] for call in calls for run in call}
    going_on = len(calls) > 1 and len(rows) == 1 and all(run.direction == 0 for run in first)
    if len(calls) == 1 or not going_on or any(run.lengths is not None for run in first):
        return max(calls, key=lambda call: len(call[0].exits))
    joined = []
    for runs in zip(*calls, strict=True):
        start = runs[0]
        joined.append(
            LayerRun(
                start.layer,
                start.direction,
                start.cell,
                torch.cat([run.x for run in runs], dim=1),
                # each call's S_0 is the copy of the S_T before it: the graph goes through both
                [*start.states[:1], *(state for run in runs for state in run.states[1:])],
                [each for run in runs for each in run.exits],
                [each for run in runs for each in run.last],
                [gates for run in runs for gates in run.gates],
                [state for run in runs for state in run.made],
            )
        )
    return joined
