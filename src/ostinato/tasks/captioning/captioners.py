"""The networks that say what is to be seen, and how records go through one: in batches, searched, or scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Example, by_length, collate
from ostinato.data.images.captioned import Picture
from ostinato.data.text.vocabulary import BOS, EOS
from ostinato.layers.convolution import FeatureProjection, FrameNetwork, Glance, PictureNetwork
from ostinato.layers.embedding import Embedding
from ostinato.models.captioner import Captioner, PictureEncoder, RegionEncoder
from ostinato.models.encoder_decoder import Decoder, Encoder
from ostinato.models.ensemble import EncoderDecoderEnsemble

if TYPE_CHECKING:
    from ostinato.tasks.captioning.task import Captioning

PLACES = {
    "pictures": 128,
    "clips": 512,
    "regions": 8192,
    "steps": 8192,
}  # frames or vectors that are encoded at once when predicting


def network(task: Captioning) -> nn.Module:
    return (
        EncoderDecoderEnsemble([captioner(task) for _ in range(task.members)])
        if task.members > 1
        else captioner(task)
    )


def captioner(task: Captioning) -> Captioner:
    cell = CELLS[task.cell]
    settings = {"layers": task.layers, "dropout": task.dropout}
    widths = [max(1, task.channels // 4), max(1, task.channels // 2), task.channels]
    if task.kind == "pictures":
        looking = PictureNetwork(task.size, widths=widths, batch_norm=True)
        side = min(task.thumbnail, task.image_size)
        glance = (
            Glance(task.size, side, 2 * task.hidden_size, dropout=task.dropout) if side else None
        )
        encoder: nn.Module = PictureEncoder(
            looking, task.image_size, cell, task.hidden_size, glance=glance, **settings
        )
    elif task.kind == "regions":
        encoder = RegionEncoder(task.size, cell, task.hidden_size, **settings)
    else:
        frames: nn.Module = FeatureProjection(task.size, task.hidden_size)
        if task.kind == "clips":
            frames = FrameNetwork(
                task.size,
                task.hidden_size,
                (task.image_size,) * 2,
                widths=widths,
                dropout=task.dropout,
            )
        encoder = Encoder(frames, cell, task.hidden_size, **settings)
    words = Embedding(len(task.units), task.embedding_size)
    decoder = Decoder(
        words,
        cell,
        task.hidden_size,
        memory_size=task.hidden_size,
        attention=task.attention,
        context=task.context,
        input_feeding=task.input_feeding,
        tied=task.tied,
        **settings,
    )
    return Captioner(
        encoder,
        decoder,
        bos=BOS,
        eos=EOS,
        label_smoothing=task.label_smoothing,
        teacher_forcing=task.teacher_forcing,
    )


def encoded(
    task: Captioning, network: nn.Module, records: Sequence[Picture]
) -> Iterator[tuple[list[int], Any]]:
    """The records in batches of similar length, with the rows that they are; those without an image are left out."""
    device = next(network.parameters()).device
    for start in range(
        0, len(records), 1000
    ):  # so that not all pictures have to be in memory at once
        examples = [task.encode(record) for record in records[start : start + 1000]]
        for record, example in zip(records[start:], examples, strict=False):
            if len(example.inputs):
                task.check(record, example.inputs.numpy(), record)
        for rows in by_length(
            examples,
            tokens=PLACES[task.kind],
            key=lambda each: (len(each.inputs), target_length(each)),
        ):
            yield [start + row for row in rows], collate([examples[row] for row in rows]).to(device)


def target_length(example: Example) -> int:
    return 0 if example.targets is None else len(example.targets)


@torch.inference_mode()
def scored(
    task: Captioning, network: nn.Module, records: Sequence[Picture]
) -> list[tuple[float, int]]:
    """(log P(captions | image), tokens) of every record, its captions added up."""
    owners = [number for number, record in enumerate(records) for _ in record.captions]
    single = [
        record._replace(captions=(caption,)) for record in records for caption in record.captions
    ]
    totals, counts = [0.0] * len(records), [0] * len(records)
    for rows, batch in encoded(task, network, single):
        values = network.log_probabilities(batch).tolist()
        for row, value, tokens in zip(rows, values, batch.target_lengths.tolist(), strict=True):
            totals[owners[row]] += value
            counts[owners[row]] += tokens
    return list(zip(totals, counts, strict=True))
