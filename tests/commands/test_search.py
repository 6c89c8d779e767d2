"""ostinato search: trials that are resumable and shared by processes; the winner as a recipe."""

import json
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import ostinato
from ostinato.cli import main
from ostinato.commands.study.search_space import Choices, Range, default_space, read_space
from ostinato.errors import InputError
from ostinato.tasks import TASKS, find_task
from toy_language import write_toy

pytest.importorskip("optuna")
SPACE = """
[learning_rate]
low = 0.001
high = 0.03
log = true

[hidden_size]
low = 4
high = 12
step = 2

[cell]
choices = ["gru", "lstm"]
"""
SHARED = ["--embedding-size", "6", "--unit", "word", "--no-tensorboard", "--space", "space.toml"]


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = write_toy(tmp_path, 30)
    (tmp_path / "space.toml").write_text(SPACE)
    return ["search", "translation", "--train", *files, *SHARED]


def run(command, capsys):
    assert main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def outcome(report):
    return {row["trial"]: (row["settings"], row["score"]) for row in report["complete"]}


def test_a_study_ends_in_a_table_a_picture_and_a_recipe(data, capsys):
    report = run([*data, "--epochs", "2", "--trials", "3", "--out", "study"], capsys)
    assert report["trials"] == 3 and len(report["complete"]) + report["stopped"] == 3
    scores = [row["score"] for row in report["complete"]]
    assert report["score"] == scores[0] == max(scores)
    first = next(row for row in report["complete"] if row["trial"] == 0)
    # the task's own defaults, or the nearest values of the space
    assert first["settings"] == {"learning_rate": 0.002, "hidden_size": 12, "cell": "lstm"}
    assert Path("study/search.png").read_bytes().startswith(b"\x89PNG")
    recipe = tomllib.loads(Path("study/best.toml").read_text())
    assert recipe["task"] == "translation" and recipe["epochs"] == 2.0
    assert report["best"]["settings"].items() <= recipe.items()
    # the winner trains again from the recipe to the same score, and each trial is a run
    train = ["train", *data[1:-7], "--recipe", "study/best.toml", "--out", "again", "--json"]
    assert main(train) == 0
    assert json.loads(capsys.readouterr().out)["metrics"][report["metric"]] == pytest.approx(
        report["score"]
    )
    best = ostinato.load(report["best"]["run"])
    assert len(best.predict(["one two"])) == 1
    assert main(["search", "translation", "--out", "study", "--resume", "--trials", "3"]) == 0
    shown = capsys.readouterr().out
    assert "the best of 3 trials" in shown and "the test set was not used" in shown


def test_a_stopped_study_continues_as_it_would_have(data, capsys):
    epochs = ["--epochs", "1"]
    whole = run([*data, *epochs, "--trials", "4", "--out", "whole"], capsys)
    run([*data, *epochs, "--trials", "2", "--out", "parts"], capsys)
    resume = ["search", "translation", "--out", "parts", "--resume", "--trials", "4"]
    assert outcome(run(resume, capsys)) == outcome(whole)


def test_an_interrupted_trial_continues_in_its_folder(data, capsys):
    command = [sys.executable, "-m", "ostinato", *data, "--epochs", "4000", "--trials", "1"]
    command += ["--trial-time-limit", "6s"]
    process = subprocess.Popen([*command, "--out", "study"], stderr=subprocess.PIPE, text=True)
    log = Path("study/trials/0000/training/log.jsonl")
    while not (log.exists() and log.stat().st_size):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (
        "trial 0 is saved; continue with: ostinato search translation --out study --resume" in err
    )
    steps = len(log.read_text().splitlines())
    resume = ["search", "translation", "--out", "study", "--resume", "--trials", "1"]
    report = run(resume, capsys)
    assert report["trials"] == 1 and report["complete"][0]["run"] == "study/trials/0000"
    assert len(log.read_text().splitlines()) >= steps


def test_two_processes_share_a_study(data, capsys):
    report = run([*data, "--epochs", "1", "--trials", "4", "--processes", "2"], capsys)
    assert report["trials"] == 4
    folders = [row["run"] for row in (*report["complete"], *report["stopped_trials"])]
    assert sorted(folders) == [f"runs/search-translation/trials/{n:04}" for n in range(4)]


def test_from_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(f"fine {n}", "good") for n in range(12)] + [(f"dull {n}", "bad") for n in range(12)]
    report = ostinato.search(
        "classification",
        train=rows,
        trials=1,
        epochs=1,
        members=1,
        hidden_size=8,
        embedding_size=8,
        minimum_count=1,
        tensorboard=False,
    )
    assert report["metric"] == "accuracy" and 0 <= report["score"] <= 1


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_space_around_its_defaults(task):
    definition = find_task(task)
    space = default_space(definition, definition.training)
    assert {"learning_rate", "cell", "hidden_size"} <= set(space)
    for name, entry in space.items():
        known = {**definition.options.__dataclass_fields__}
        if isinstance(entry, Range):
            assert entry.low < entry.high, name
        if name in known and isinstance(known[name].default, int):
            assert entry.nearest(known[name].default) == known[name].default, name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x", "s.toml: not TOML"),
        ("", "s.toml: names no option to vary"),
        ("[drop]\nlow=0\nhigh=1", "s.toml: drop: no such option; did you mean 'dropout'"),
        ('task = "tagging"\n[dropout]\nlow=0\nhigh=1', "a search space for tagging, not for"),
        ("dropout = 3", "s.toml: dropout: expected a table"),
        ("[dropout]\nlow=0.5\nhigh=0.1", "dropout: low must be below high; got 0.5 and 0.1"),
        ("[dropout]\nlow=0.5\nhigh=7", "dropout must be at most 0.99; got 7"),
        ("[dropout]\nlow=0.0\nhigh=0.5\nlog=true", "dropout: low must be above 0"),
        ("[dropout]\nlow=0.0\nhigh=0.5\nlog=3", "dropout: log is true or false; got 3"),
        ("[dropout]\nlow=0.0\nhigh=0.5\nsteps=3", "unknown key steps; did you mean 'step'"),
        ("[dropout]\nlow=0.0\nhigh=0.5\nstep=-1", "dropout: step must be above 0"),
        ("[dropout]\nlow=0.0\nhigh=0.5\nstep='a'", "dropout: step is a number; got 'a'"),
        ("[dropout]\nlow=0.0", "dropout: expected low and high, or choices"),
        ("[cell]\nlow=0\nhigh=1", "cell: no number; list its values"),
        ("[cell]\nchoices=[]", "cell: choices is empty"),
        ("[cell]\nchoices=['gru']\nlow=1", "cell: expected choices = [...] and nothing else"),
        ("[cell]\nchoices=['gruu']", "cell: no choice 'gruu'; did you mean 'gru'"),
        ("[layers]\nlow=1.5\nhigh=3", "layers: expected a whole number, got 1.5"),
    ],
)
def test_a_wrong_space(content, message, tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(content)
    with pytest.raises(InputError) as error:
        read_space(str(path), find_task("translation"))
    assert message in str(error.value)


def test_a_space_of_both_kinds(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(SPACE)
    assert read_space(str(path), find_task("translation")) == {
        "learning_rate": Range(0.001, 0.03, log=True),
        "hidden_size": Range(4, 12, step=2),
        "cell": Choices(("gru", "lstm")),
    }


def test_what_is_refused(data, capsys, tmp_path):
    small = [*data, "--epochs", "1", "--trials", "1"]

    def refuse(command):
        assert main(command) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1 and "Traceback" not in err
        return err

    assert "--trials must be from 1 to" in refuse([*data, "--trials", "0"])
    assert "--processes must be from 1 to 256" in refuse([*data, "--processes", "0"])
    assert "expected a time" in refuse([*data, "--time-limit", "soon"])
    assert "given, and varied by space.toml" in refuse([*data, "--cell", "gru"])
    assert "no study to resume" in refuse(["search", "tagging", "--resume"])
    assert "unknown flag --test" in refuse([*data, "--test", "x"])
    assert main([*small, "--out", "study"]) == 0
    capsys.readouterr()
    resume = ["search", "translation", "--out", "study", "--resume"]
    assert "holds a study already" in refuse([*small, "--out", "study"])
    assert "cannot change when a study is resumed" in refuse([*resume, "--dropout", "0.1"])
    assert "a study of task translation, not tagging" in refuse(
        ["search", "tagging", "--out", "study", "--resume"]
    )
    Path("other").mkdir()
    Path("other/mine.txt").write_text("x")
    assert "holds files other than a study" in refuse([*small, "--out", "other"])
    Path("study/study.db").write_bytes(b"no database, whatever its name" * 100)
    assert "cannot be read or written as a study" in refuse(resume)
    Path("study/search.json").write_text('{"a": 1}')
    assert "damaged" in refuse(resume)


def test_the_first_trial_tells_what_is_wrong(data, capsys):
    """An error that every trial would have ends the study at once."""
    Path("train.tgt").write_text("one line\n")
    assert main([*data, "--trials", "5"]) == 2
    assert "train.src" in capsys.readouterr().err
