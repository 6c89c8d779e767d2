"""Misspelt words are corrected; language models begin with pretrained vectors."""

import numpy as np
import pytest
import torch

import ostinato as package
from ostinato.errors import InputError

TEXT = "i want to think about it\nwe want to eat now\nthey want to think again\n" * 30
TINY = {
    "hidden_size": 24,
    "embedding_size": 12,
    "epochs": 8.0,
    "learning_rate": 0.01,
    "tensorboard": False,
}


@pytest.mark.parametrize(("unit", "epochs"), [("word", 8.0), ("character", 120.0)])
def test_a_misspelt_word_is_corrected(unit, epochs, tmp_path):
    (tmp_path / "t.txt").write_text(TEXT)
    settings = {**TINY, "unit": unit, "epochs": epochs}
    package.train("language", train=[tmp_path / "t.txt"], out=tmp_path / "run", **settings)
    model = package.load(tmp_path / "run", suggest=3)
    swapped, half, fine = model.predictions(["i want to tihnk", "i want to thi", "we want to eat"])
    best = swapped.details["suggestions"][0]
    assert best["word"] == "think" and best["edits"] == 1 and 0 < best["probability"] <= 1
    assert half.details["suggestions"][0]["word"] == "think"
    assert "edits" not in half.details["suggestions"][0]
    assert fine.text.split("\t")[0] == "eat"


def test_pretrained_vectors(tmp_path):
    (tmp_path / "t.txt").write_text(TEXT)
    vectors = {"think": [1.0, 2.0, 3.0], "want": [4.0, 5.0, 6.0], "absent": [0.0, 0.0, 1.0]}
    lines = [f"{word} {' '.join(map(str, values))}" for word, values in vectors.items()]
    (tmp_path / "v.txt").write_text("\n".join(lines) + "\n")
    settings = {**TINY, "epochs": 0.1, "least_steps": 1, "unit": "word"}
    del settings["embedding_size"]
    files = {"train": [tmp_path / "t.txt"], "embeddings": str(tmp_path / "v.txt")}
    model = package.train(
        "language", out=tmp_path / "run", freeze_embeddings=True, **files, **settings
    )
    (tmp_path / "v.txt").unlink()  # not needed any more
    loaded = package.load(tmp_path / "run")
    tokens = [token.strip("▁") for token in loaded.task.preprocessing.tokenizer.id_to_token]
    for each in (model, loaded):
        weight = each.network.embedding.weight
        assert weight.shape[1] == 3 and not weight.requires_grad
        for word in ("think", "want"):
            torch.testing.assert_close(weight[tokens.index(word)], torch.tensor(vectors[word]))
    assert np.isfinite(loaded.evaluate([tmp_path / "t.txt"])["metrics"]["perplexity"])


def test_vectors_need_a_network(tmp_path):
    with pytest.raises(InputError, match="embeddings: model kneser-ney has no embeddings"):
        package.train("language", out=tmp_path / "run", model="kneser-ney", embeddings="v.txt")
    with pytest.raises(InputError, match="freeze_embeddings needs embeddings FILE"):
        package.train("language", out=tmp_path / "run", freeze_embeddings=True)
