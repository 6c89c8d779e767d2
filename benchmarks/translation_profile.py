"""Where the time of Ostinato's training steps goes, part by part: `python
benchmarks/translation_speed.py --data FOLDER --profile`.

A step is taken apart at the borders between the parts: each part's outputs are cut off from
what made them, so that its backward pass can be timed alone. The output layer computes its
gradients together with the loss, so its backward pass is next to nothing. With input feeding
the decoder's recurrence and its attention alternate and count as one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ostinato.cells.state import State, map_state
from ostinato.commands.tables import table
from ostinato.data.batching.batch import IGNORE, Batch
from ostinato.kernels import linear_cross_entropy
from ostinato.models.encoder_decoder import shift
from ostinato.training.gradients import clip_gradients
from ostinato_contender import Given, Ostinato
from setting import setting, write
from translation_speed import NARROW, prepare

Times = dict[str, list[float]]


def print_profile(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        work, sizes, tokens = prepare(arguments, Path(scratch))
        batches = json.loads(work.read_text())["batches"]
    results: dict[str, Any] = {}
    print(*setting(arguments), sep="\n")
    for cell in arguments.cells:
        for feeding, precision in ((False, "float32"), (False, "bfloat16"), (True, "float32")):
            name = f"{cell}{', input feeding' if feeding else ''}"
            name += NARROW if precision == "bfloat16" else ""
            spec = {
                "cell": cell,
                "input_feeding": feeding,
                "output_precision": precision,
                **sizes,
                **vars(arguments),
            }
            results[name] = profile(Ostinato(spec), batches, arguments.repeats)
            print(*shares(name, results[name], sum(tokens) / len(tokens)), sep="\n")
    write(arguments.output, arguments, {"milliseconds_a_step": results})


def profile(contender: Ostinato, batches: list, repeats: int) -> dict[str, float]:
    """Milliseconds that each part takes of a step: the median over the repeats of the mean
    over the batches.
    """
    contender.network.train()
    found: Times = defaultdict(list)
    for repeat in range(repeats + 1):
        spent: dict[str, float] = defaultdict(float)
        waiting = Given(batches).epoch(0)
        for _ in batches:
            with timing(spent, "batching"):
                batch = next(waiting)
            step(contender, batch, spent)
        for part, seconds in spent.items():
            if repeat:
                found[part].append(1000 * seconds / len(batches))
    return {part: statistics.median(values) for part, values in found.items()}


class timing:
    def __init__(self, spent: dict[str, float], part: str):
        self.spent, self.part = spent, part

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.spent[self.part] += time.perf_counter() - self.began


class Border:
    """What one part hands to the next, cut off: `given` goes on, `backward` sends the
    gradients it collected back.
    """

    def __init__(self, made: State):
        self.made: list[Tensor] = []
        self.cut: list[Tensor] = []
        self.given = map_state(self.cross, made)

    def cross(self, tensor: Tensor) -> Tensor:
        if not tensor.requires_grad:
            return tensor
        self.made.append(tensor)
        self.cut.append(tensor.detach().requires_grad_())
        return self.cut[-1]

    def backward(self) -> None:
        pairs = [
            (made, cut.grad)
            for made, cut in zip(self.made, self.cut, strict=True)
            if cut.grad is not None
        ]
        torch.autograd.backward([made for made, _ in pairs], [gradient for _, gradient in pairs])


def step(contender: Ostinato, batch: Batch, spent: dict[str, float]) -> None:
    """One step of the optimizer, as training/loop.py takes it."""
    network, optimizer = contender.network, contender.optimizer
    optimizer.zero_grad(set_to_none=True)
    borders: list[tuple[str, Border]] = []

    def part(name: str, work: Callable[[], State]) -> State:
        with timing(spent, name):
            made = work()
        borders.append((name, Border(made)))
        return borders[-1][1].given

    hidden = take_apart(network, batch, part)
    wanted = batch.targets.flatten()
    with timing(spent, "output layer and loss"):
        total = linear_cross_entropy(
            hidden.flatten(0, 1),
            network.decoder.output.weight,
            network.decoder.output.bias,
            wanted,
            label_smoothing=network.label_smoothing,
            precision=network.output_precision,
        )
        total = total / int((wanted != IGNORE).sum())
    with timing(spent, "output layer and loss, backward"):
        total.backward()
    for name, border in reversed(borders):
        with timing(spent, f"{name}, backward"):
            border.backward()
    with timing(spent, "clipping and Adam"):
        clip_gradients(list(network.parameters()), norm=contender.options.clip_norm)
        optimizer.step()


def take_apart(
    network: Any, batch: Batch, part: Callable[[str, Callable[[], State]], State]
) -> Tensor:
    """EncoderDecoder.hidden, in pieces."""
    decoder, given = network.decoder, shift(batch.targets, network.bos)
    state = part("encoder, attention's keys", lambda: network.initial_state(batch))
    if decoder.input_feeding:
        return part("decoder: recurrence and attention", lambda: decoder(given, state)[0])
    outputs = part(
        "decoder: recurrence",
        lambda: decoder.recurrent(decoder.dropout(decoder.embedding(given)), None, state.recurrent)[
            0
        ],
    )
    return part(
        "decoder: attention",
        lambda: decoder.output_dropout(decoder.attend(outputs, state.memory)[0]),
    )


def shares(name: str, parts: dict[str, float], tokens: float) -> Iterator[str]:
    whole = sum(parts.values())
    rows = [[part, value, f"{value / whole:.1%}"] for part, value in parts.items()]
    yield from table(
        [name, "ms a step", "share"],
        [*rows, ["whole step", whole, f"{1000 * tokens / whole:,.0f} tokens/s"]],
    )
