"""A trained model and a record as the subject of an inspection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.commands.run.decoding_start import (
    decodes,
    find_next_words,
    find_search,
    measure_prefixes,
    reads_own_answers,
)
from ostinato.commands.run.inspected_example import (
    cut_example,
    describe_record,
    encode,
    label_steps,
    prepare,
)
from ostinato.data.batching.batch import Batch, Example, by_length, collate
from ostinato.errors import InputError
from ostinato.inspection.gate_averages import Averages, measure_gates
from ostinato.inspection.subject import (
    Emissions,
    Losses,
    SearchStart,
    Subject,
    copy_in_float64,
    find_parts,
)
from ostinato.inspection.views.states import Corpus
from ostinato.models.inspectable import Inspectable, RecurrentPart
from ostinato.tasks.reader import Record
from ostinato.tasks.run_folder import Trained
from ostinato.tasks.shared.inference import device_of
from ostinato.tasks.task import Task
from ostinato.training.curves import read_curves

MOST_STATES = 1_000_000  # maximum states of a corpus
OBSERVED, MOST_OBSERVED = 4, 100  # records, and steps of each, whose gates are logged in training
MOST_LINES = 3  # lines of an answer that are shown
OWN_ANSWER = "-log p of the model's own answer"
TRUE_TARGET = "-log p of the targets that were given"


def build_subject(
    trained: Trained,
    records: Sequence[Record],
    *,
    steps: int,
    text: str | None = None,
    corpus: Callable[[], Sequence[Record]] | None = None,
) -> Subject:
    """Builds the subject of an inspection from a model and records.

    Args:
        trained: The model; of an ensemble the first network is inspected.
        records: The records, encoded as one batch, of which the first is inspected; empty for
            views without an input.
        steps: Maximum steps of the input; a longer one is cut, with a note.
        text: The name of the input; by default its text.
        corpus: The records of the corpus for the view `states`.
    """
    trained = trained.without_baseline("inspection")
    own = first_network(trained.network)
    network = copy_in_float64(own)
    parts = find_parts(network)
    notes = () if own is trained.network else ("Of several networks the first is shown.",)
    log = trained.folder / "training" / "log.jsonl"
    preprocessing = trained.task.preprocessing
    subject = Subject(
        network,
        parts,
        run=refuse_run,
        step_scores=refuse_run,
        search=refuse_search if decodes(trained.task, network) else None,
        prefix_losses=refuse_prefixes if reads_own_answers(trained.task, network) else None,
        emissions=refuse_emissions if hasattr(network, "log_probabilities_by_frame") else None,
        next_words=find_next_words(trained.task, own),
        corpus=corpus if corpus is None else refuse_run,
        vocabularies={side: preprocessing.vocabulary(side) for side in ("inputs", "targets")},
        log=read_curves(log) if log.is_file() else [],
        folder=trained.folder,
        text=text or "",
        notes=notes,
    )
    if not records:
        return subject
    return add_records(subject, trained, own, records, steps, corpus)


def refuse_run() -> Tensor:
    raise InputError("this view needs an input: give a text or a file")


def refuse_search() -> SearchStart:
    raise InputError("this view needs an input: give a text or a file")


def refuse_prefixes() -> list[Losses]:
    raise InputError("this view needs an input: give a text or a file")


def refuse_emissions() -> Emissions:
    raise InputError("this view needs an input: give a sound file, or features in .npz")


def first_network(network: nn.Module) -> nn.Module:
    """A network itself, or the first member of an ensemble."""
    while isinstance(members := getattr(network, "models", None), nn.ModuleList):
        network = members[0]
    return network


def add_records(
    subject: Subject,
    trained: Trained,
    own: Any,
    records: Sequence[Record],
    steps: int,
    corpus: Callable[[], Sequence[Record]] | None,
) -> Subject:
    """Adds the input, the loss on it, and the continuations of it to a subject."""
    task = trained.task
    network: Any = subject.network
    if subject.parts and not isinstance(network, Inspectable):
        raise InputError(
            f"a model of task {task.name} cannot be inspected with an input yet; "
            "the views parameters and learning need none: leave the input out"
        )
    records = [shift_window(record) for record in records]
    examples = [encode(task, record) for record in records]
    if any(not len(example.inputs) for example in examples):
        raise InputError("the input is empty: there is nothing to inspect")
    limit = find_limit(network, steps)
    example, cut = cut_example(examples[0], limit)
    notes = subject.notes
    if cut and subject.emissions is not None:  # the transcript is that of the whole recording
        example = example._replace(targets=None)
    if cut:
        notes = (*notes, f"The first {limit:,} of {limit + cut:,} steps are shown.")
    batch = prepare(example)
    given = batch.targets is not None
    answer = ""
    if subject.parts:
        answer = shorten_answer(task.predictor.predict(own, [records[0]])[0].text)
    if not given and subject.parts:
        batch = replace(batch, targets=find_own_targets(task, network, records[0], batch, answer))
    labels = label_steps(task, records[0], batch)
    text = subject.text or describe_record(task, records[0])
    pairs = (lambda: records) if given or corpus is None else corpus
    everything = [cut_example(each, limit)[0]._replace(targets=None) for each in examples]
    alone = [each._replace(spellings=None, readings=None) for each in everything]
    return replace(
        subject,
        run=lambda: network.loss(batch).total,
        step_scores=(lambda: network.step_scores(batch)) if subject.parts else None,
        loss_name=name_loss(network, given=given),
        score_name=getattr(network, "score_name", "log p"),
        labels=labels,
        batch=collate(alone),
        rows=[{"name": describe_record(task, record)[:40]} for record in records],
        search=None if subject.search is None else lambda: find_search(task, network, batch, text),
        prefix_losses=subject.prefix_losses and (lambda: measure_prefixes(task, network, pairs())),
        emissions=None
        if subject.emissions is None
        else lambda: collect_emissions(task, network, batch),
        corpus=None if corpus is None else lambda: collect_states(task, own, corpus(), records[0]),
        text=text,
        answer=answer,
        notes=notes,
    )


def shift_window(record: Record) -> Record:
    """Moves the cut of a window back, so that the last steps are its known future."""
    if hasattr(record, "horizon") and not len(record.future) and record.cut > record.horizon:
        return record.at(record.series, record.cut - record.horizon, record.horizon)
    return record


def find_limit(network: Any, steps: int) -> int:
    """The maximum steps of an input: more for subsampled frames, all for windows of fixed
    length.
    """
    if hasattr(network, "look_back"):
        return max(steps, network.look_back + network.horizon)
    return steps * getattr(getattr(network, "encoder", None), "factor", 1)


def observe_gates(task: Task, network: Any, records: Sequence[Record]) -> Averages:
    """Average gate activations on a few records, for the log of a training run."""
    member = first_network(network)
    if not isinstance(member, Inspectable):
        return {}
    limit = find_limit(member, MOST_OBSERVED)
    encoded = (encode(task, record) for record in islice(iter(records), OBSERVED))
    usable = [each for each in encoded if len(each.inputs) and each.targets is not None]
    if not hasattr(member, "log_probabilities_by_frame"):  # a transcript is of a whole recording
        usable = [cut_example(each, limit)[0] for each in usable]
    if not usable:
        return {}
    return measure_gates(member, collate(usable).to(device_of(member)))


def name_loss(network: Any, *, given: bool) -> str:
    """The name of the loss L, in words."""
    name = TRUE_TARGET if given else OWN_ANSWER
    if getattr(network, "score_name", "log p") == "log p":
        return name
    return name.replace("-log p", "the pinball loss")


def shorten_answer(text: str) -> str:
    """Shortens an answer to its first lines; for a series it has one line per step."""
    lines = text.split("\n")
    if len(lines) <= MOST_LINES:
        return text
    return "\n".join([*lines[:MOST_LINES], f"... ({len(lines):,} lines)"])


@torch.no_grad()
def collect_emissions(task: Task, network: Any, batch: Batch) -> Emissions:
    """The posteriors of a recording, with the frames that each label of its target is aligned
    to.
    """
    frames, spans = network.emissions(batch)
    return Emissions(
        batch.inputs[0],
        frames,
        task.preprocessing.labels.tokens,
        spans,
        task.preprocessing.seconds_per_frame,
    )


@torch.no_grad()
def find_own_targets(task: Task, network: Any, record: Record, batch: Batch, answer: str) -> Tensor:
    """The model's own answer as targets, such as the translation found by beam search."""
    if answer and (hasattr(record, "target") or hasattr(network, "log_probabilities_by_frame")):
        found = task.preprocessing.encode(task.reader.with_target(record, answer)).targets
        return found[None]
    return network.own_targets(batch)


def collect_states(task: Task, network: Any, records: Sequence[Record], record: Record) -> Corpus:
    """The outputs of the last recurrent layer that reads the inputs, for a corpus and a record."""
    parts = [part for part in find_parts(network) if part.reads == "inputs"]
    if not parts:
        raise InputError("this model has no recurrent layer that reads its inputs")
    states, texts, places, total = [], [], [], 0
    examples = []
    for each in records:
        example = encode(task, each)
        if len(example.inputs) and total + len(example.inputs) <= MOST_STATES:
            examples.append(example)
            texts.append(label_steps(task, each, collate([example]))["inputs"])
            total += len(example.inputs)
    for rows in by_length(examples):
        found, lengths = run_part(network, parts[-1], [examples[row] for row in rows])
        for row, outputs, length in zip(rows, found, lengths, strict=True):
            states.append(outputs[:length])
            place = torch.arange(int(length))
            places.append(torch.stack([torch.full_like(place, row), place], 1))
    if not states:
        raise InputError("the corpus has no example with an input")
    query = encode(task, record)
    found, lengths = run_part(network, parts[-1], [query])
    tokens = label_steps(task, record, collate([query])).get("inputs", [])
    steps = int(lengths[0])
    tokens = tokens if len(tokens) == steps else [str(step) for step in range(1, steps + 1)]
    return Corpus(torch.cat(states), texts, torch.cat(places), found[0][:steps], tokens)


@torch.no_grad()
def run_part(network: Any, part: RecurrentPart, examples: list[Example]) -> tuple[Tensor, Tensor]:
    """The outputs [B, T, O] of a recurrent layer, by its kernel, and the lengths [B]."""
    found: list[Tensor] = []
    hook = part.module.register_forward_hook(lambda module, given, result: found.append(result[0]))
    has_targets = all(example.targets is not None for example in examples)
    if not has_targets:
        examples = [example._replace(targets=None) for example in examples]
    batch = collate(examples)
    try:
        network.step_scores(batch) if has_targets else network.own_targets(batch)
    finally:
        hook.remove()
    outputs = found[0].float()
    lengths = batch.lengths if outputs.shape[1] == batch.inputs.shape[1] else None
    return outputs, torch.full((len(outputs),), outputs.shape[1]) if lengths is None else lengths
