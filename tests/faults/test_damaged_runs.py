"""A run folder that is damaged, truncated, of a newer format or a trap: refused in one line,
never executed, never misread.
"""

from __future__ import annotations

import json
import pickle
import random
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from test_bad_input import refused, snapshot

DAMAGED = r"^run/model\.safetensors: damaged"


def truncate(name: str, share: float):
    def damage(run: Path) -> None:
        content = (run / name).read_bytes()
        (run / name).write_bytes(content[: int(share * len(content))])

    return damage


def flip(name: str, share: float):
    def damage(run: Path) -> None:
        content = bytearray((run / name).read_bytes())
        content[int(share * (len(content) - 1))] ^= 0x10
        (run / name).write_bytes(content)

    return damage


def replace(name: str, content: bytes):
    return lambda run: (run / name).write_bytes(content)


def remove(name: str):
    return lambda run: (run / name).unlink()


def change(**changes):
    def damage(run: Path) -> None:
        description = json.loads((run / "model.json").read_text())
        (run / "model.json").write_text(json.dumps({**description, **changes}))

    return damage


def change_options(**changes):
    def damage(run: Path) -> None:
        description = json.loads((run / "model.json").read_text())
        description["options"].update(changes)
        (run / "model.json").write_text(json.dumps(description))

    return damage


HTML = b"<!doctype html><title>Sign in</title>"
DAMAGES = {
    "weights missing": (remove("model.safetensors"), r"^run/model\.safetensors: no such file"),
    "weights empty": (truncate("model.safetensors", 0), DAMAGED),
    "weights half": (truncate("model.safetensors", 0.5), DAMAGED),
    "weights lack a byte": (truncate("model.safetensors", 0.9999), DAMAGED),
    "weights are a page": (replace("model.safetensors", HTML), DAMAGED),
    "a byte of the weights flipped": (flip("model.safetensors", 0.9), r"damaged \(its checksum"),
    "the last byte flipped": (flip("model.safetensors", 1.0), r"damaged \(its checksum"),
    "description missing": (
        remove("model.json"),
        r"^run: no trained model in it \(model\.json is missing\)",
    ),
    "description empty": (truncate("model.json", 0), r"^run/model\.json: damaged \(not JSON"),
    "description half": (truncate("model.json", 0.5), r"^run/model\.json: damaged \(not JSON"),
    "description is a page": (replace("model.json", HTML), r"^run/model\.json: damaged \(not JSON"),
    "description is a list": (
        replace("model.json", b"[]"),
        r"^run/model\.json: damaged \(no JSON object",
    ),
    "description not UTF-8": (
        replace("model.json", b'{"\xff'),
        r"^run/model\.json: damaged \(not JSON",
    ),
    "description too deep": (replace("model.json", b"[" * 100_000), r"^run/model\.json: damaged"),
    "description of nothing": (
        replace("model.json", b"{}"),
        r"^run/model\.json: damaged \(format, task, options or state",
    ),
    "newer format": (
        change(format=99, ostinato="9.0"),
        r"^run/model\.json: format 99 is newer.*install ostinato 9\.0 or later",
    ),
    "unknown task": (change(task="alchemy"), r"'alchemy'"),
    "a task that is no name": (change(task=["translation"]), r"damaged|no task|of task"),
    "options are no object": (change(options=7), r"^run/model\.json: damaged"),
    "an option unknown": (
        change_options(wisdom=1),
        r"^run/model\.json: has options that this version does not \(wisdom\); install",
    ),
    "an option of another type": (
        change_options(layers="x"),
        r"^run/model\.json: layers: expected a whole number",
    ),
    "vocabulary is no object": (change(state=[]), r"damaged"),
    "vocabulary missing": (change(state={}), r"damaged"),
    "another size": (
        change_options(hidden_size=10),
        r"^run/model\.safetensors: tensor .* is \(.*this model needs",
    ),
    "more layers": (
        change_options(layers=2),
        r"^run/model\.safetensors: lacks tensor .*another kind of model",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize(
    "command",
    [
        "predict run train.src",
        "evaluate run train.src train.tgt --json",
        "score run train.src train.tgt",
    ],
)
def test_damaged_run(name, command, place, ostinato):
    damage, message = DAMAGES[name]
    damage(place / "run")
    before = snapshot(place)
    refused(ostinato(*command.split()), message)
    assert snapshot(place) == before


@pytest.mark.parametrize("seed", range(30))
def test_any_part_of_the_description_replaced(seed, place, ostinato):
    """Whatever stands in model.json, there is an answer or one line: never a traceback."""
    chance = random.Random(seed)
    description = json.loads((place / "run/model.json").read_text())
    parts = [(description, key) for key in description]
    for part, key in parts:
        if isinstance(part[key], dict):
            parts += [(part[key], inner) for inner in part[key]]
    part, key = chance.choice(parts)
    part[key] = chance.choice([None, -1, 10**30, 1e400, "x", "", [], {}, [None], {"a": 1}, True])
    (place / "run/model.json").write_text(json.dumps(description))
    outcome = ostinato("predict", "run", "train.src")
    assert outcome.status in (0, 2), (key, part[key])
    assert outcome.err.count("\n") == (outcome.status == 2), (key, part[key], outcome.err)


class Attack:
    def __reduce__(self):
        return Path.touch, (Path("attacked"),)


def make_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:  # as torch.save does
        archive.writestr("archive/data.pkl", pickle.dumps(Attack()))
        archive.writestr("archive/version", "3")


@pytest.mark.parametrize(
    "make",
    [lambda path: path.write_bytes(pickle.dumps(Attack())), make_zip],
    ids=["pickle", "torch.save"],
)
@pytest.mark.parametrize(
    "file",
    ["model.safetensors", "training/a/model.safetensors", "training/a/optimizer.safetensors"],
)
def test_a_pickle_is_refused_and_not_executed(file, make, place, ostinato):
    make(place / "run" / file)
    command = (
        "predict run train.src"
        if file == "model.safetensors"
        else "train translation --out run --resume"
    )
    outcome = ostinato(*command.split())
    refused(outcome, rf"run/{re.escape(file)}: (damaged|truncated)")
    assert not Path("attacked").exists()


RESUMING = {
    "plan": ("training/plan.json", HTML, r"run/training/plan\.json: damaged"),
    "plan of another kind": ("training/plan.json", b"{}", r"run/training/plan\.json: damaged"),
    "manifest": ("training/manifest.json", HTML, r"run/training/manifest\.json: damaged"),
    "weights": (
        "training/a/model.safetensors",
        HTML,
        r"run/training/a/model\.safetensors: truncated",
    ),
    "optimizer": (
        "training/a/optimizer.safetensors",
        HTML,
        r"run/training/a/optimizer\.safetensors: truncated",
    ),
    "state": ("training/a/state.json", HTML, r"run/training/a/state\.json: truncated"),
    "description": ("model.json", HTML, r"run/model\.json: damaged"),
    "averages": ("training/averages.json", HTML, r"run/training/averages\.json: damaged"),
}


@pytest.mark.parametrize("name", RESUMING)
def test_resuming_a_damaged_run(name, place, ostinato):
    file, content, message = RESUMING[name]
    (place / "run" / file).write_bytes(content)
    outcome = ostinato("train", "translation", "--out", "run", "--resume", "--epochs", "2")
    assert outcome.status == 2
    assert re.search(message, outcome.err.splitlines()[-1]), outcome.err
    assert all(line.startswith(("note: ", "epoch ")) for line in outcome.err.splitlines()[:-1])
    assert outcome.out == ""


def test_a_missing_baseline_or_report_is_no_obstacle(place, ostinato):
    for name in ("baseline.json", "report.json", "curves.png"):
        (place / "run" / name).unlink()
    shutil.rmtree(place / "run/training")
    alone = ("--alone",)  # as the dictionary of the baseline translates better than this network
    assert ostinato("evaluate", "run", "train.src", "train.tgt", "--json", *alone).status == 0
    assert ostinato("predict", "run", "train.src", *alone).status == 0
    refused(ostinato("predict", "run", "train.src"), r"baseline\.json is missing, .* with --alone")


def test_a_damaged_baseline_is_refused(place, ostinato):
    (place / "run/baseline.json").write_bytes(b'{"a": ')
    refused(ostinato("evaluate", "run", "train.src", "train.tgt"), r"run/baseline\.json: damaged")
    (place / "run/baseline.json").write_bytes(b'{"a": 1}')
    refused(ostinato("evaluate", "run", "train.src", "train.tgt"), r"run/baseline\.json: damaged")
