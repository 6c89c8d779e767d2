"""Paths in a run folder: a stranger's model.json decides nothing about what is read or written."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import ostinato as package
from ostinato import options
from ostinato.cli import main
from ostinato.data.files.samples import sample_files
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.options import option
from ostinato.tasks import TASKS
from ostinato.tasks.kept_files import LARGEST, describe_paths, read_kept, resolve_paths

GOLDEN = Path(__file__).parents[1] / "golden"
opened: list[str] = []
sys.addaudithook(
    lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None
)


def text_options(task):
    fields = options.fields(TASKS[task].options)
    return {n: f for n, f in fields.items() if f.type is str and not f.choices and not f.many}


CASES = [(task, name) for task in TASKS for name in text_options(task)]


@pytest.mark.parametrize(("task", "name"), CASES)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_nothing_that_a_strangers_run_names_is_read_or_written(
    task, name, kind, tmp_path, monkeypatch, capsys
):
    outside = tmp_path / "outside"
    outside.mkdir()
    trap = outside / ("trap.png" if kind == "file" else "trap")
    run = tmp_path / "work/run"
    shutil.copytree(GOLDEN / task / "run", run)
    monkeypatch.chdir(run.parent)
    description = json.loads((run / "model.json").read_text())
    for value in (str(trap), "../../outside/trap.png"):
        description["options"][name] = value
        (run / "model.json").write_text(json.dumps(description))
        if kind == "file":
            trap.write_text("secret\n")
        else:
            trap.mkdir(exist_ok=True)
        before = sorted(outside.rglob("*"))
        opened.clear()
        file = str(sample_files(TASKS[task].sample)["test"])
        if task in ("language", "melody"):
            status = main(["generate", "run", "--length", "5"])
        else:
            status = main(["predict", "run", file, "--output", "answers"])
        assert status in (0, 2), capsys.readouterr().err
        assert not [path for path in opened if str(outside) in path or "outside" in path]
        assert sorted(outside.rglob("*")) == before


def test_every_option_that_names_a_file_says_so():
    """An option about a file or a folder has `path=`, unless it is read in training alone."""
    not_read = {"embeddings", "target_embeddings", "condition"}
    for task, name in CASES:
        field = text_options(task)[name]
        about_files = re.search(
            r"\b(folder|file|\.npz|\.png|ONNX|vectors)\b", field.metadata["help"]
        )
        if about_files and name not in not_read and not name.endswith("_column"):
            assert field.metadata["path"], (task, name)


@dataclass(frozen=True)
class Paths:
    network: str | None = option(None, "x", path="kept", when_predicting=True)
    language: str = option("none", "x", path="kept", words=("own",), when_predicting=True)
    folder: str | None = option(None, "x", path="given", when_predicting=True)
    cache: str | None = option(None, "x", path="written", when_predicting=True)
    size: int = option(1, "x")


def test_what_a_run_keeps(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"weights")
    given = Paths(str(path), "own", str(tmp_path), str(tmp_path / "cache"))
    kept = read_kept(given)
    assert kept == {"network": b"weights"}
    values, not_kept = describe_paths(given, kept)
    assert values == {
        "network": "kept-network.onnx",
        "language": "own",
        "folder": None,
        "cache": None,
        "size": 1,
    }
    assert not_kept == ["folder", "cache"]
    path.write_bytes(b"... location ...")  # its weights are in another file
    assert read_kept(given) == {}
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    assert read_kept(given) == {}
    assert describe_paths(given, {})[1] == ["network", "folder", "cache"]


def resolve(folder, given=None, **values):
    return resolve_paths(values, options.fields(Paths), folder, given or {})


def test_paths_begin_at_the_run(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "link").symlink_to(tmp_path)
    assert resolve(run, network="a.onnx") == {"network": str(run / "a.onnx")}
    assert resolve(run, network=None, size=3) == {"network": None, "size": 3}
    assert resolve(run, cache="/elsewhere") == {"cache": None}
    assert resolve(run, {"network": "b"}, network="/a") == {"network": "/a"}  # replaced afterwards
    for outside in ("/a.onnx", "../a.onnx", "link/a.onnx", str(run / "a.onnx")):
        with pytest.raises(InputError, match=r"run/model\.json: network: .* is not in the run"):
            resolve(run, network=outside)


def test_a_trained_run_answers_without_the_files_that_it_was_trained_with(tmp_path):
    """Features by names, in a file that is gone; and the folder that is to be given again."""
    telling = np.eye(3, dtype=np.float32)[np.arange(12) % 3]
    np.savez(tmp_path / "f.npz", features=telling, names=np.arange(12).astype(str))
    rows = "".join(f"{n}.jpg\t{['red', 'green', 'blue'][n % 3]}\n" for n in range(12))
    (tmp_path / "t.tsv").write_text("image\tcaption\n" + rows)
    settings = {"hidden_size": 8, "embedding_size": 4, "epochs": 0.1, "least_steps": 1}
    model = package.train(
        "captioning",
        train=[tmp_path / "t.tsv"],
        dev=[tmp_path / "t.tsv"],
        out=str(tmp_path / "run"),
        features=str(tmp_path / "f.npz"),
        image_folder=str(tmp_path),
        **settings,
    )
    assert str(tmp_path) not in (tmp_path / "run/model.json").read_text()
    (tmp_path / "f.npz").unlink()
    (tmp_path / "run").rename(tmp_path / "moved")
    with collect_notices() as notices:
        again = package.load(tmp_path / "moved")
    assert again.evaluate([tmp_path / "t.tsv"])["metrics"] == model.report["metrics"]
    assert any("was trained with image_folder, which a run does not keep" in n for n in notices)
    with collect_notices() as notices:
        package.load(tmp_path / "moved", image_folder=str(tmp_path))
    assert not notices


@pytest.mark.parametrize("name", ["model.json", "training", "training/plan.json", "lock"])
def test_a_run_is_not_resumed_through_links(name, place, ostinato):
    path = place / "run" / name
    path.rename(place / "elsewhere") if path.exists() else (place / "elsewhere").touch()
    path.symlink_to(place / "elsewhere")
    outcome = ostinato("train", "translation", "--out", "run", "--resume")
    assert outcome.status == 2
    assert outcome.err.startswith(
        f"run/{name}: is a link; a run with links among its files cannot be resumed"
    )
