"""Words, tags, labels, names of series, files and runs with escape sequences: none reaches a
terminal as it is, whatever the task and the verb."""

from __future__ import annotations

import io
import json
import shutil
import sys

import numpy as np
import pytest
from corner_cases import SMALL, input_of, make_folder, small_name, verbs

from ostinato.tasks import TASKS

RED = "\x1b[31m"
# where a golden run's files hold text: what stands before each field that gets the sequence
SEPARATORS = {".jsonl": '": "', ".conllu": "\t", ".csv": ",", ".abc": "T:"}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def redden_vocabularies(state: object) -> None:
    """Puts the sequence before every word, letter, tag and label in a run's model.json."""
    if isinstance(state, dict):
        if {"specials", "tokens"} <= state.keys():
            state["tokens"] = [f"{RED}{token}" for token in state["tokens"]]
        for value in state.values():
            redden_vocabularies(value)


def redden_line(line: str, kind: str) -> str:
    """Puts the sequence into the last field of a line of a file."""
    separator = SEPARATORS.get(kind, "\t")
    escaped = json.dumps(RED)[1:-1] if kind == ".jsonl" else RED
    if kind == ".fa":
        return f"{line}{RED}" if line.startswith(">") else line
    if kind == ".csv":  # the name of the series, not its values
        return f"{RED}{line}"
    head, found, tail = line.rpartition(separator)
    return f"{head}{found}{escaped}{tail}" if found else line


def redden_file(path) -> None:
    if path.suffix == ".npz":
        with np.load(path) as archive:
            arrays = dict(archive)
        for name, values in arrays.items():
            if values.dtype.kind == "U":
                arrays[name] = np.char.add(RED, values)
        np.savez(path, **arrays)
        return
    first, *lines = path.read_text().split("\n")
    table = path.suffix in (".tsv", ".csv")
    first = first if table else redden_line(first, path.suffix)
    path.write_text("\n".join([first, *(redden_line(line, path.suffix) for line in lines)]))


def run_verb(line, monkeypatch, main):
    """stdout and stderr of a verb whose stdout is a terminal."""
    out, err = Terminal(), io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        status = main(line)
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def red_folder(tmp_path, monkeypatch):
    """Makes a task's files, and a run of it, full of escape sequences, in the working folder."""

    def make(task: str) -> dict[str, list[str]]:
        folder = make_folder(task, tmp_path / "files")
        monkeypatch.chdir(folder)
        description = folder / "run/model.json"
        content = json.loads(description.read_text())
        redden_vocabularies(content["state"])
        description.write_text(json.dumps(content))
        for name in {input_of(task), small_name(task), "list.nbest", "lines.txt"}:
            redden_file(folder / name)
            shutil.copy(folder / name, folder / f"{RED}{name}")
        shutil.copytree(folder / "run", folder / f"{RED}run")
        return {
            verb: [f"{RED}{part}" if (folder / part).exists() else part for part in line]
            for verb, line in verbs(task).items()
        }

    return make


def check(verb, line, monkeypatch):
    from ostinato.cli import main

    status, out, err = run_verb(line, monkeypatch, main)
    assert status in (0, 1, 2) and "Traceback" not in err, (verb, err[-500:])
    assert "\x1b" not in out and "\x1b" not in err, (verb, out[-500:], err[-500:])
    return status, out + err


@pytest.mark.parametrize("task", TASKS)
def test_no_verb_lets_an_escape_sequence_through(task, red_folder, monkeypatch):
    lines = red_folder(task)
    shown = ""
    for verb in sorted({*lines} - {"train", "compare", "search", "export"}):
        status, text = check(verb, lines[verb], monkeypatch)
        shown += text
    assert "\\x1b[31m" in shown  # there was something to be escaped


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_nor_does_training(task, red_folder, monkeypatch):
    red_folder(task)
    line = ["train", task, "--train", f"{RED}{small_name(task)}", *SMALL, "--out", f"{RED}new"]
    check("train", line, monkeypatch)


@pytest.mark.parametrize("verb", ["train", "compare", "search"])
def test_keys_of_recipes(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{RED}a.toml").write_text('"\\u001b[31mhidden" = 2\n')
    check(verb, [verb, "translation", "--recipe", f"{RED}a.toml", "--out", "new"], monkeypatch)


def test_a_transcript_while_it_is_spoken(capsys):
    from ostinato.tasks.transcription.prediction import show_partial

    show_partial(f"yes {RED}go")
    assert capsys.readouterr().err == "\r\x1b[Kyes \\x1b[31mgo"
