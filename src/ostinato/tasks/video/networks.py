"""The networks that films can be labelled by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ostinato.baselines.bag_of_words import ClassFrequencies
from ostinato.baselines.feedforward import Feedforward, Framewise
from ostinato.cells import CELLS
from ostinato.layers.convolution import FlatFrames, FrameNetwork
from ostinato.models.classifier import Classifier, FrameClassifier, RecurrentBody
from ostinato.models.ensemble import ClassifierEnsemble
from ostinato.models.heads import SoftmaxHead

if TYPE_CHECKING:
    from ostinato.tasks.video.task import Video


def build(task: Video) -> nn.Module:
    """A fresh network for what `task` asks for, or several side by side."""
    if task.solved:
        return ClassFrequencies(len(task.labels))
    return (
        ClassifierEnsemble([build_one(task) for _ in range(task.members)])
        if (task.members or 1) > 1
        else build_one(task)
    )


def build_one(task: Video) -> Classifier:
    embedding: nn.Module | None = None
    size = int(np.prod(task.shape))
    if len(task.shape) == 3 and task.model == "recurrent":
        widths = [max(1, task.channels // 4), max(1, task.channels // 2), task.channels]
        embedding = FrameNetwork(task.shape[0], task.embedding_size, task.shape[1:], widths=widths)
        size = task.embedding_size
    elif len(task.shape) == 3:
        embedding = FlatFrames()
    body = build_body(task, size)
    head = SoftmaxHead(
        body.output_size,
        len(task.labels),
        weights=torch.tensor(task.weights),
        label_smoothing=task.label_smoothing,
    )
    kind = FrameClassifier if task.per_frame else Classifier
    return kind(embedding, body, head, dropout=task.dropout, input_dropout=task.input_dropout)


def build_body(task: Video, size: int) -> nn.Module:
    if task.model == "feedforward":
        return (
            Framewise(size, task.hidden_size)
            if task.per_frame
            else Feedforward(size, task.hidden_size, length=task.fixed_length)
        )
    return RecurrentBody(
        CELLS[task.cell],
        size,
        task.hidden_size,
        layers=task.layers,
        bidirectional=task.bidirectional,
        pooling="ensemble" if task.per_frame else task.pooling,
        dropout=task.dropout,
        recurrent_dropout=task.recurrent_dropout,
    )
