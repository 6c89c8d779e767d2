"""Tiny models of the tasks that are exported."""

from __future__ import annotations

import numpy as np
import pytest
from exporting_samples import QUICK, first_lines

import ostinato


def series(path):
    random = np.random.default_rng(0)
    values, labels = random.normal(size=(30, 9, 2)), np.arange(30) % 3
    np.savez(path, X=values + labels[:, None, None], y=labels, lengths=np.full(30, 9))
    return str(path)


def bases(path):
    random = np.random.default_rng(1)
    rows = [f"{''.join(random.choice(list('ACGT'), 30))}\t{'ab'[n % 2]}" for n in range(40)]
    path.write_text("sequence\tlabel\n" + "\n".join(rows) + "\n")
    return str(path)


SETTINGS = {
    "characters": ("language", {"layers": 2, "residual": True, "hidden_size": 12}),
    "words": ("language", {"unit": "word", "cell": "gru", "tied": True, "hidden_size": 9}),
    "text": ("classification", {"members": 1, "hidden_size": 12, "embedding_size": 8}),
    "text-last": (
        "classification",
        {
            "members": 2,
            "hidden_size": 8,
            "bidirectional": False,
            "pooling": "last",
            "characters": "none",
            "embedding_size": 6,
            "cell": "rnn",
        },
    ),
    "series": ("classification", {"members": 1, "hidden_size": 8, "pooling": "mean"}),
    "tags": (
        "tagging",
        {"alone": True, "hidden_size": 10, "embedding_size": 8, "character_size": 6},
    ),
    "tags-softmax": (
        "tagging",
        {
            "alone": True,
            "hidden_size": 7,
            "bidirectional": False,
            "crf": False,
            "characters": "none",
            "embedding_size": 6,
            "cell": "gru-reset-before",
        },
    ),
    "frames": ("video", {"hidden_size": 8, "members": 1, "pooling": "both-ends"}),
    "bases": ("genome", {"motifs": 0, "hidden_size": 8, "pooling": "max"}),
}


@pytest.fixture(scope="session")
def exportable(tmp_path_factory):
    """A name of SETTINGS -> its model, trained once."""
    folder, made = tmp_path_factory.mktemp("exported"), {}

    def get(name):
        if name not in made:
            task, settings = SETTINGS[name]
            if name in ("series", "frames"):
                file = series(folder / "series.npz")
            elif name == "bases":
                file = bases(folder / "bases.tsv")
            else:
                file = first_lines(task, folder)
            made[name] = ostinato.train(
                task, train=[file], out=folder / name, **{**QUICK, **settings}
            )
        return made[name]

    return get
