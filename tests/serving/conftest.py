"""Two tiny models, and a server's application with them."""

from __future__ import annotations

import gzip
from itertools import islice

import pytest

import ostinato
from ostinato.data.files.samples import sample_files

pytest.importorskip("starlette", reason="the server's tests need pip install 'ostinato[serve]'")
pytest.importorskip("uvicorn", reason="the server's tests need pip install 'ostinato[serve]'")


def train(task, folder, lines, **settings):
    """A model of nothing, trained on the first lines of the packaged sample."""
    with gzip.open(sample_files(task)["train"], "rt", encoding="utf-8") as file:
        text = "".join(islice(file, lines))
    path = folder / sample_files(task)["train"].name.removesuffix(".gz")
    path.write_text(text, encoding="utf-8")
    settings = {"epochs": 0.1, "tensorboard": False, **settings}
    return ostinato.train(task, train=[path], out=folder / task, **settings)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    small = {"hidden_size": 16, "embedding_size": 8}
    return {
        "language": train("language", folder, 60, layers=2, **small),
        "classification": train("classification", folder, 41, members=1, **small),
    }
