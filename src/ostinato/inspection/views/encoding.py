"""encoding: from tokens to ids, one-hot rows, embeddings and a padded batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ostinato.errors import InputError
from ostinato.inspection.panels import Heatmap, Panel, Table
from ostinato.inspection.selection import Selection
from ostinato.inspection.subject import Subject
from ostinato.inspection.view import View
from ostinato.inspection.views.words import find_embedding
from ostinato.padding import padding_mask

SHOWN = 200  # steps


def view_encoding(subject: Subject, selection: Selection) -> View:
    """How a small batch is read: tokens, ids, one-hot rows, embeddings, padding and lengths."""
    batch = subject.batch
    if batch is None:
        raise InputError("this is a module without a vocabulary: its inputs are encoded already")
    lengths, inputs = batch.lengths.tolist(), batch.inputs
    names = [str(row.get("name", number + 1)) for number, row in enumerate(subject.rows)]
    rows = [
        [name, length, inputs.shape[1] - length]
        for name, length in zip(names, lengths, strict=False)
    ]
    panels: list[Panel] = [Table("The batch", ["example", "length", "padding"], rows)]
    data: dict[str, Any] = {"shape": list(inputs.shape), "lengths": lengths}
    if inputs.dtype == torch.int64 and inputs.dim() == 2:
        panels += show_ids(subject, data)
    elif inputs.dim() == 3:
        values = inputs[subject.row, : lengths[subject.row]].double().numpy()
        data["features"] = values
        features = [str(number) for number in range(values.shape[1])]
        panels.append(
            Heatmap(
                "Features", values[:SHOWN].T, features, number(values[:SHOWN]), row_name="feature"
            )
        )
    mask = padding_mask(batch.lengths, inputs.shape[1], torch.device("cpu")).double().numpy()
    data["mask"] = mask
    columns = [str(step) for step in range(1, mask.shape[1] + 1)]
    panels.append(
        Heatmap(
            "Padding mask: 1 at real steps",
            mask,
            names,
            columns,
            row_name="example",
            scale="fraction",
        )
    )
    return View("encoding", "From text to a batch", data, panels)


def number(values: np.ndarray) -> list[str]:
    return [str(step) for step in range(1, len(values) + 1)]


def show_ids(subject: Subject, data: dict[str, Any]) -> list[Panel]:
    """The panels of a batch of token ids."""
    batch, vocabulary = subject.batch, subject.vocabularies.get("inputs", ())
    assert batch is not None
    row, length = subject.row, int(batch.lengths[subject.row])
    data["rows"] = [
        {"ids": ids, "tokens": [vocabulary[id] if vocabulary else str(id) for id in ids]}
        for ids in batch.inputs.tolist()
    ]
    ids, tokens = batch.inputs[row, :length], data["rows"][row]["tokens"][:length]
    seen = sorted(set(ids.tolist()))
    one_hot = (ids[:, None] == torch.tensor(seen)).double().numpy()  # [T, different ids]
    data["one_hot"] = {"ids": seen, "rows": one_hot}
    # a vocabulary of thousands has as many columns: those of the ids that occur are shown
    columns = [f"{id} {vocabulary[id]}" if vocabulary else str(id) for id in seen]
    table = [
        [place + 1, token, int(id)]
        for place, (token, id) in enumerate(zip(tokens, ids, strict=True))
    ]
    panels: list[Panel] = [
        Table("Tokens and ids", ["step", "token", "id"], table),
        Heatmap(
            f"One-hot rows: the {len(seen)} columns in use of {len(vocabulary) or '?'}",
            one_hot[:SHOWN],
            tokens[:SHOWN],
            columns,
            row_name="token",
            column_name="id",
            scale="fraction",
        ),
        Heatmap(
            "Ids of the batch, 0 for padding",
            batch.inputs.double().numpy()[:, :SHOWN],
            [str(each + 1) for each in range(len(batch))],
            [str(step) for step in range(1, min(SHOWN, batch.inputs.shape[1]) + 1)],
            row_name="example",
            scale="positive",
        ),
    ]
    table_of = find_embedding(subject.network, len(vocabulary), "inputs")
    if table_of is not None:
        vectors = table_of.weight.detach()[ids].numpy()  # [T, E]
        data["embeddings"] = vectors
        dimensions = [str(each) for each in range(vectors.shape[1])]
        panels.append(
            Heatmap(
                "Embeddings", vectors[:SHOWN].T, dimensions, tokens[:SHOWN], row_name="dimension"
            )
        )
    return panels
