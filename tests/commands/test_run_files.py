"""Which files a run may remove: those that it has written, and no others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ostinato.commands.run.run_files import is_run
from toy_language import TINY

TRAIN = ["train", "translation", "--train", "train.src", "train.tgt", *TINY[:-1]]
EVERY_NAME = [
    "lock",
    "model.json",
    "model.safetensors",
    "baseline.json",
    "baseline.safetensors",
    "report.json",
    "curves.png",
    "confusion.png",
    "training",
    "training/plan.json",
    "replaced/model.json",
    "replacing/model.safetensors",
    "training/manifest.json",
    "training/averages.json",
    "training/average-00000005.safetensors",
    "training/log.jsonl",
    "training/tensorboard",
    "training/tensorboard/events.out.tfevents.1.host",
    "training/embeddings",
    "training/embeddings/vectors-0123456789abcdef.safetensors",
    *[
        f"training/{generation}{name}"
        for generation in "ab"
        for name in ("", "/model.safetensors", "/optimizer.safetensors", "/state.json")
    ],
]


def snapshot(folder: Path) -> dict[str, bytes | None]:
    """Every file below `folder` with its bytes, and every folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def names_of(folder: Path) -> set[str]:
    """The names in a run, each generation and file of events under one name."""
    found = set()
    for name in snapshot(folder):
        name = name.replace("/b", "/a") if name.startswith("training/b") else name
        is_event = name.startswith("training/tensorboard/events")
        found.add("training/tensorboard/events.out.tfevents.1.host" if is_event else name)
    return found


def test_every_name_of_a_run_is_tested_below(place, ostinato):
    outcome = ostinato(*TRAIN, "--out", "new", "--tensorboard", "--average-checkpoints", "3")
    assert outcome.status == 0, outcome.err
    named = {"training/average-" if "average-" in name else name for name in EVERY_NAME}
    found = {"training/average-" if "average-" in name else name for name in names_of(Path("new"))}
    assert found <= named | {"README.md"}  # see test_a_readme_of_the_users_stays


@pytest.mark.parametrize("flags", [[], ["--overwrite"], ["--resume"]], ids=" ".join)
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
@pytest.mark.parametrize("name", EVERY_NAME)
def test_nothing_of_the_users_is_touched(name, kind, flags, place, ostinato):
    mine = place / "mine"
    (mine / name).parent.mkdir(parents=True)
    if kind == "file":
        (mine / name).write_text("my own text, of more than a few bytes")
    elif kind == "folder":
        (mine / name).mkdir()
        (mine / name / "mine.txt").write_text("mine")
    else:
        (place / "elsewhere").mkdir()
        (place / "elsewhere/mine.txt").write_text("mine")
        (mine / name).symlink_to(place / "elsewhere")
    before = snapshot(place)
    outcome = ostinato(*TRAIN, "--out", "mine", *flags)
    assert outcome.status == 2, outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert snapshot(place) == before


def test_a_folder_called_training_that_is_learned_from(place, ostinato):
    folder = place / "mine/training"
    folder.mkdir(parents=True)
    for name in ("train.src", "train.tgt"):
        shutil.copy(place / name, folder / name)
    before = snapshot(place)
    for flags in ([], ["--overwrite"]):
        outcome = ostinato(
            *["train", "translation", "--train", folder / "train.src", folder / "train.tgt"],
            *[*TINY, "--out", "mine", *flags],
        )
        assert outcome.status == 2
        assert outcome.err == "mine: holds files other than a run; choose another --out\n"
        assert snapshot(place) == before


def test_overwriting_a_run_spares_what_others_put_into_it(place, ostinato):
    assert ostinato(*TRAIN, "--out", "new", "--tensorboard").status == 0
    first = snapshot(Path("new"))
    own = ["mine.txt", "training/mine.txt", "training/average-mine.safetensors"]
    own += ["training/tensorboard/mine.txt", "training/a/mine.txt", "training/b/mine.txt"]
    own += ["training/mine/mine.txt", "training/.mine.0123456789ab.tmp"]
    for name in own:
        (Path("new") / name).parent.mkdir(exist_ok=True)
        (Path("new") / name).write_text("mine")
    # left by a kill in the middle of writing it
    (Path("new") / "training/.plan.json.0123456789ab.tmp").write_text("half")
    outcome = ostinato(
        *[*TRAIN, "--out", "new", "--overwrite", "--cell", "gru", "--epochs", "3"],
        *["--checkpoint-every", "0.0001"],
    )
    assert outcome.status == 0, outcome.err
    after = snapshot(Path("new"))
    assert all(after[name] == b"mine" for name in own)
    assert "training/.plan.json.0123456789ab.tmp" not in after
    assert json.loads(after["model.json"])["options"]["cell"] == "gru"
    events = [name for name in first if "tfevents" in name]
    # a run of the same second gives its file the same name
    assert events and all(after.get(name) != first[name] for name in events)


def test_what_a_kill_at_the_beginning_leaves_is_no_obstacle(place, ostinato):
    Path("new/training").mkdir(parents=True)
    Path("new/lock").write_text("12345\n")
    Path("new/training/.plan.json.0123456789ab.tmp").write_text("half")
    assert ostinato(*TRAIN, "--out", "new").status == 0


def test_a_run_is_known_by_its_plan_its_checkpoint_or_without_training_by_its_model(place):
    run = place / "run"
    assert is_run(run)
    (run / "training/plan.json").unlink()
    assert is_run(run)
    (run / "training/manifest.json").unlink()
    assert not is_run(run)
    shutil.rmtree(run / "training")
    assert is_run(run)
    (run / "model.json").write_text('{"model": "somebody else\'s"}')
    assert not is_run(run)
