"""The same text in other clothes, and text that nobody expects, over every task that reads text.

Line ends, marks, compression and encoding change no answer; odd characters cost no line; what a
model has never seen gets an answer in finite numbers."""

from __future__ import annotations

import gzip
import json
import math

import pytest
from corner_cases import input_of, make_folder, small_name

import ostinato as package
from ostinato.data.files.samples import sample_files
from ostinato.tasks import TASKS

TEXTUAL = [task for task in TASKS if not input_of(task).endswith(".npz")]
A_LINE_EACH = ["translation", "dialogue", "language", "classification"]
MARK = b"\xef\xbb\xbf"
CLOTHES = {
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "CR alone": lambda text: text.replace(b"\n", b"\r"),
    "a mark and CRLF": lambda text: MARK + text.replace(b"\n", b"\r\n"),
    "no end of line": lambda text: text.rstrip(b"\n"),
    "gzip without its suffix": gzip.compress,
    "UTF-16": lambda text: text.decode().encode("utf-16"),
}
INSIDE = ["\r", "\u2028", "\x85", "\x0b", "\x0c", "\x00", "\x1b[31m", "\u202e\u200b\ufeff"]


@pytest.mark.parametrize("task", TEXTUAL)
def test_clothes_change_no_answer(task, tmp_path, monkeypatch, ostinato):
    folder = make_folder(task, tmp_path / "files")
    monkeypatch.chdir(folder)
    name = input_of(task)
    plain = (folder / name).read_bytes()
    expected = ostinato("predict", "run", name)
    assert expected.status == 0 and expected.out
    for clothes, dress in CLOTHES.items():
        (folder / name).write_bytes(dress(plain))
        found = ostinato("predict", "run", name)
        assert (found.status, found.out) == (0, expected.out), (clothes, found.err)


@pytest.mark.parametrize("task", TEXTUAL)
def test_nor_do_they_change_a_score(task, tmp_path, monkeypatch, ostinato):
    folder = make_folder(task, tmp_path / "files")
    monkeypatch.chdir(folder)
    name = small_name(task)
    expected = ostinato("score", "run", name)
    assert expected.status == 0 and expected.out
    dressed = CLOTHES["a mark and CRLF"]((folder / name).read_bytes())
    (folder / name).write_bytes(dressed)
    assert ostinato("score", "run", name).out == expected.out


@pytest.mark.parametrize("task", A_LINE_EACH)
def test_odd_characters_end_no_line(task, tmp_path, monkeypatch, ostinato):
    folder = make_folder(task, tmp_path / "files")
    monkeypatch.chdir(folder)
    lines = "".join(f"a{odd}b\n\n" for odd in INSIDE).encode()
    (folder / "odd.txt").write_bytes(lines)
    if task == "language":
        outcome = ostinato("predict", "run", "odd.txt", "--maximum-length", "3")
        assert outcome.status == 0 or "unknown flag" in outcome.err
    outcome = ostinato("predict", "run", "odd.txt", "--json")
    assert outcome.status == 0, outcome.err
    assert outcome.out.encode().count(b"\n") == lines.count(b"\n")


UNSEEN = {"genome": "NNNNNNNN", "melody": "127 0 127 0", "tagging": "ʘʘʘ ᚠᚢᚦ", "captioning": None}
numeric = ("forecasting", "anomaly")


@pytest.mark.parametrize("task", [each for each in TEXTUAL if each not in numeric])
def test_what_was_never_seen_has_finite_answers(task, tmp_path):
    value = UNSEEN.get(task, "ʘʘʘ ᚠᚢᚦ")
    if value is None:
        return
    model = package.load(make_folder(task, tmp_path / "files") / "run")
    value = value.split() if task == "tagging" else value
    alone, [_, mixed] = model.predictions([value]), model.predictions([value, value])
    assert alone[0].text == mixed.text
    check_finite(json.loads(json.dumps(alone[0].details, default=float)))


def check_finite(value: object) -> None:
    """No NaN and no infinity in the details of a prediction."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            check_finite(each)
    assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize("task", TASKS)
def test_a_dev_set_of_training_data_is_told(task):
    reader = TASKS[task].create({}).reader
    file = str(sample_files(TASKS[task].sample)["test"])
    training = reader.read([file], training=True)
    assert reader.overlap(reader.read([file]), training) == 1
    assert reader.overlap([], training) == 0


def test_the_overlap_is_said(place, ostinato):
    line = "train translation --train train.src train.tgt --dev train.src train.tgt --out new"
    outcome = ostinato(*line.split(), "--model", "dictionary")
    assert outcome.status == 0
    assert "note: --dev: 100% of it is also in the training data; its scores are" in outcome.err
