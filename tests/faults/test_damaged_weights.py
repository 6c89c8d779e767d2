"""Weights of every task's run that are damaged, with a sound checksum or without one: refused by
every verb in one line, before anything is answered."""

from __future__ import annotations

import json

import pytest
import torch
from corner_cases import make_folder, verbs

from ostinato.data.files.weights_file import load_weights, save_weights
from ostinato.tasks import TASKS

FINITE = "has values that are not finite numbers: the training diverged, or the file is damaged"


def first_weight(tensors: dict[str, torch.Tensor]) -> str:
    return next(name for name, each in tensors.items() if each.is_floating_point() and each.dim())


def put_value(value: float):
    """A change of one number in a file whose checksum is that of its contents."""

    def change(path) -> None:
        tensors = {name: each.clone() for name, each in load_weights(path).items()}
        tensors[first_weight(tensors)].view(-1)[-1] = value
        save_weights(path, tensors)

    return change


def resize(path) -> None:
    tensors = load_weights(path)
    name = first_weight(tensors)
    save_weights(path, {**tensors, name: torch.zeros(*tensors[name].shape, 2)})


def rename(path) -> None:
    tensors = dict(load_weights(path))
    tensors["wisdom"] = tensors.pop(first_weight(tensors))
    save_weights(path, tensors)


def flip_byte(path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x10
    path.write_bytes(content)


def cut_off(path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def ask_for_more(path) -> None:
    """A size in model.json that no machine has the memory for."""
    description = path.with_name("model.json")
    content = json.loads(description.read_text())
    content["options"]["hidden_size"] = 10**9
    description.write_text(json.dumps(content))


DAMAGES = {
    "NaN": (put_value(float("nan")), FINITE),
    "infinity": (put_value(float("inf")), FINITE),
    "another shape": (resize, "this model needs"),
    "another name": (rename, "it was made by another kind of model"),
    "a byte flipped": (flip_byte, "damaged (its checksum does not match its contents)"),
    "a byte missing": (cut_off, "damaged ("),
    "an absurd size": (ask_for_more, ""),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("task", TASKS)
def test_every_verb_refuses(task, damage, tmp_path, monkeypatch, ostinato):
    folder = make_folder(task, tmp_path / "files")
    monkeypatch.chdir(folder)
    change, message = DAMAGES[damage]
    change(folder / "run/model.safetensors")
    for verb, line in verbs(task).items():
        if verb in ("train", "compare", "search"):
            continue
        outcome = ostinato(*line)
        assert (outcome.status, outcome.out) == (2, ""), (verb, outcome)
        assert outcome.err.startswith("run/model.") and message in outcome.err, (verb, outcome.err)
        assert outcome.err.count("\n") == 1, (verb, outcome.err)
    assert not {"exported", "view.json"} & {path.name for path in folder.iterdir()}


def test_a_run_to_begin_from(place, ostinato):
    put_value(float("nan"))(place / "run/model.safetensors")
    line = "train translation --train train.src train.tgt --init-from run --out new"
    outcome = ostinato(*line.split())
    assert outcome.status == 2 and FINITE in outcome.err.splitlines()[-1]
