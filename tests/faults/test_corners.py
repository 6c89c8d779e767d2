"""Every verb with every task where streams, names, devices or data are not as anybody expects.

The exit status is 0, or 2 with one line on stderr; no file is changed, none is left behind. Here
are those cases that once failed, and of the others one in a hundred; all with `-m slow`."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import corner_cases
import pytest
from corner_cases import KINDS, ODD_NAME, Case
from forked_commands import CommandServer, Surroundings

from ostinato.tasks import TASKS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
EVERY = 150  # of the cases, in the quick tests
TRAINING = ("train", "compare", "search")
TRAINING_SECONDS = 400  # on a machine that does other work, too


@pytest.fixture(scope="module")
def server():
    """One process that forks all commands of this file."""
    server = CommandServer()
    yield server
    server.close()


def prepare(kind: str, task: str, folder: Path) -> Path:
    corner_cases.make_folder(task, folder)
    if kind == "devices":
        corner_cases.make_odd_files(folder)
    if kind == "names":
        for path in list(folder.iterdir()):
            (folder / f"{ODD_NAME}{path.name}").symlink_to(path.name)
    return folder


def find_faults(server: CommandServer, base: Path, cases: list[Case], place: Path) -> list[str]:
    """What is wrong with which case, each run in a copy of the folder `base`."""
    faults = []
    for case in cases:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for path in base.iterdir():
            (place / path.name).symlink_to(path)
        before = corner_cases.contents(place)
        surroundings = case.surroundings
        if case.arguments[0] in TRAINING:
            surroundings = replace(surroundings, seconds=TRAINING_SECONDS)
        outcome = server.run(case.arguments, place, surroundings)
        wrong = corner_cases.judge(case, outcome, before, corner_cases.contents(place))
        if wrong:
            faults.append(f"{case.name}: {wrong}: {case.arguments}: {outcome.err[-400:]!a}")
    return faults


@pytest.mark.parametrize("kind", KINDS)
def test_some_corners(kind, server, tmp_path):
    everything = [(task, case) for task in TASKS for case in KINDS[kind](task)]
    for task, case in everything[7::EVERY]:
        if case.arguments[0] not in TRAINING:
            base = prepare(kind, task, tmp_path / f"base-{task}-{len(list(tmp_path.iterdir()))}")
            assert not find_faults(server, base, [case], tmp_path / "place")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_all_corners(kind, task, server, tmp_path):
    base = prepare(kind, task, tmp_path / "base")
    assert not find_faults(server, base, list(KINDS[kind](task)), tmp_path / "place")


def test_a_table_keeps_what_stdout_could_not_write(server, tmp_path):
    """The report of an evaluation on a full disk, where stdout is buffered."""
    base = prepare("streams", "classification", tmp_path / "base")
    outcome = server.run(["evaluate", "run", "small.tsv"], base, Surroundings(stdout="/dev/full"))
    assert outcome.status == 2
    last = outcome.err.splitlines()[-1]
    assert last == "standard output: No space left on device; make room and run again"


@pytest.mark.parametrize("flags", [[], ["--json"], ["--json", "--output", "scores.json"]])
def test_a_file_name_that_is_not_utf8_is_escaped(flags, server, tmp_path):
    base = prepare("names", "classification", tmp_path / "base")
    outcome = server.run(["evaluate", "run", ODD_NAME + "small.tsv", *flags], base)
    assert outcome.status == 0, outcome.err
    said = outcome.out or (base / "scores.json").read_text()
    assert "\\udcff\\udcfe odd" in said or "--json" not in flags


def test_training_with_names_that_are_not_utf8(server, tmp_path):
    base = prepare("names", "translation", tmp_path / "base")
    line = ["train", "translation", "--train", ODD_NAME + "small.tsv", *corner_cases.SMALL]
    line += ["--model", "dictionary"]
    outcome = server.run([*line, "--out", "new"], base)
    assert outcome.status == 0, outcome.err
    assert server.run(["evaluate", "new", "small.tsv"], base).status == 0
    outcome = server.run([*line, "--out", ODD_NAME], base)
    assert (outcome.status, outcome.err) == (
        2,
        "\\udcff\\udcfe odd: a name that is not UTF-8; choose another --out\n",
    )
    assert not (base / ODD_NAME).exists()
