"""What classification says to data that it cannot learn from or be asked about: exit status 2,
one line, nothing left behind.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

TEXTS = b"".join(
    b"film %d is %s\n" % (number, b"fine\tgood" if number % 2 else b"dull\tbad")
    for number in range(20)
)
NUMBERS = np.arange(80.0).reshape(10, 4, 2)
LABELS = np.arange(10) % 2
TINY = ["--hidden-size", "4", "--embedding-size", "4", "--epochs", "1", "--no-tensorboard"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with train.tsv, train.npz, and a run of each: `run` and `series`."""
    from ostinato.cli import main

    folder = tmp_path_factory.mktemp("labels")
    (folder / "train.tsv").write_bytes(TEXTS)
    np.savez(folder / "train.npz", X=NUMBERS, y=LABELS)
    for name, run in [("train.tsv", "run"), ("train.npz", "series")]:
        assert (
            main(
                [
                    "train",
                    "classification",
                    "--train",
                    str(folder / name),
                    "--out",
                    str(folder / run),
                    *TINY,
                ]
            )
            == 0
        )
    return folder


def npz(**arrays):
    return lambda: np.savez("bad.npz", **arrays)


def text(content: str, name: str = "bad.tsv"):
    return lambda: Path(name).write_text(content)


def hole():
    values = NUMBERS.copy()
    values[2, 1, 1] = np.inf
    np.savez("bad.npz", X=values, y=LABELS)


TRAIN = "train classification --out new --train"
ROWS = [
    (
        "a row with a missing column",
        text("text\tlabel\nx\ty\nz\n"),
        f"{TRAIN} bad.tsv",
        "bad.tsv:3: 1 field, expected 2 (text, label); complete the row",
    ),
    (
        "a row without its label",
        text("text\tlabel\nx\ty\nz\t\n"),
        f"{TRAIN} bad.tsv",
        "bad.tsv:3: no label; complete the row or remove it",
    ),
    (
        "one class only",
        text("x\ty\nz\ty\n"),
        f"{TRAIN} bad.tsv",
        "bad.tsv: all 2 examples have the label 'y'; a classifier needs",
    ),
    (
        "one class left when some are held out",
        text("x\ty\nz\tw\n"),
        f"{TRAIN} bad.tsv",
        "is left to learn from once a dev set is held out; give --dev",
    ),
    (
        "empty texts only",
        text("text\tlabel\n \ty\n \tz\n"),
        f"{TRAIN} bad.tsv",
        "bad.tsv: no examples: all 2 texts are empty",
    ),
    ("no examples", text("text\tlabel\n"), f"{TRAIN} bad.tsv", "bad.tsv: no examples (0 lines)"),
    (
        "no such column",
        text("remarks,stars\nx,1\n", "bad.csv"),
        f"{TRAIN} bad.csv",
        "bad.csv:1: no column 'text' or 'sentence'",
    ),
    (
        "wrong column name",
        text("review,stars\nx,1\n", "bad.csv"),
        f"{TRAIN} bad.csv --text-column reviews --label-column stars",
        "bad.csv:1: no column 'reviews'; did you mean 'review'",
    ),
    (
        "no grades",
        text("x\tgood\ny\t3\n"),
        f"{TRAIN} bad.tsv --ordinal",
        "bad.tsv:1: the label 'good' is not a number; --ordinal needs",
    ),
    (
        "a dev set of another kind",
        text(""),
        f"{TRAIN} train.tsv --dev train.npz",
        "train.npz: series 1: a series of numbers, but the model was trained on texts",
    ),
    (
        "a test set of another kind",
        text(""),
        f"{TRAIN} train.npz --test train.tsv",
        "train.tsv:1: text, but the model was trained on series",
    ),
    (
        "a test set of other dimensions",
        npz(X=NUMBERS[..., :1], y=LABELS),
        f"{TRAIN} train.npz --test bad.npz",
        "bad.npz: series 1: 1 dimension, but the model has 2",
    ),
    ("blank lines only", text("\n \n\t\n"), f"{TRAIN} bad.tsv", "bad.tsv: no examples (0 lines)"),
    (
        "nothing to hold out",
        text("x\ty\nx\tz\n"),
        f"{TRAIN} bad.tsv",
        "bad.tsv: 2 examples, all alike: none can be held out; give --dev",
    ),
    (
        "a missing file",
        text(""),
        f"{TRAIN} trian.tsv",
        "trian.tsv: no such file; did you mean 'train.tsv'",
    ),
    (
        "pickled objects",
        npz(X=np.array([[1], [1, 2]], dtype=object)),
        f"{TRAIN} bad.npz",
        "bad.npz: refused: 'X' holds Python objects",
    ),
    (
        "infinity in a series",
        hole,
        f"{TRAIN} bad.npz",
        "bad.npz: series 3, step 2, dimension 2: inf is not a finite number",
    ),
    (
        "a label that is not a number",
        npz(X=NUMBERS, y=np.where(LABELS > 0, np.nan, 1)),
        f"{TRAIN} bad.npz",
        "bad.npz: y: the label at [2] is nan; label it or remove its series",
    ),
    (
        "pickled labels",
        npz(X=NUMBERS, y=np.array(["a", None] * 5, dtype=object)),
        f"{TRAIN} bad.npz",
        "bad.npz: refused: 'y' holds Python objects, which could execute code when read; "
        "save labels as text or as whole numbers",
    ),
    (
        "an object without its label",
        text('{"text": "x", "label": "y"}\n{"text": "z"}\n', "bad.jsonl"),
        f"{TRAIN} bad.jsonl",
        "bad.jsonl:2: no 'label', which earlier rows have; complete the row or remove it",
    ),
    (
        "a row with a column too many",
        text("text,label\nx,y\na,b,c\n", "bad.csv"),
        f"{TRAIN} bad.csv",
        "bad.csv:3: 3 fields, expected 2 (text, label); a separator inside a field must go, "
        "or be quoted in a CSV",
    ),
    (
        "predict: NaN on a line",
        text("[[1, 2], [NaN, 5]]\n", "bad"),
        "predict series bad",
        "bad:1: step 2, dimension 1: nan is not a finite number; fill it in",
    ),
    ("a series without labels", npz(X=NUMBERS), f"{TRAIN} bad.npz", "bad.npz: series 1: no label"),
    (
        "frames of another shape",
        npz(X=NUMBERS[:, :, :1], y=LABELS),
        f"{TRAIN} train.npz bad.npz",
        "bad.npz: series 1: 1 dimension, but the first series has 2",
    ),
    (
        "evaluate: frames of another shape",
        npz(X=NUMBERS[:, :, :1], y=LABELS),
        "evaluate series bad.npz",
        "bad.npz: series 1: 1 dimension, but the model has 2",
    ),
    (
        "predict: frames of another shape",
        npz(X=NUMBERS[:, :, :1], y=LABELS),
        "predict series bad.npz",
        "bad.npz: series 1: 1 dimension, but the model has 2",
    ),
    (
        "evaluate: texts for series",
        text(""),
        "evaluate series train.tsv",
        "train.tsv:1: text, but the model was trained on series of numbers",
    ),
    (
        "evaluate: series for texts",
        text(""),
        "evaluate run train.npz",
        "train.npz: series 1: a series of numbers, but the model was trained on texts",
    ),
    (
        "predict: no JSON",
        text("some text\n", "bad"),
        "predict series bad",
        "bad:1: not JSON; this model reads series",
    ),
    (
        "predict: series for texts",
        text(""),
        "predict run train.npz",
        "train.npz: series 1: a series of numbers, but the model was trained",
    ),
    (
        "two kinds of labels",
        text(""),
        f"{TRAIN} train.tsv --ordinal --label-separator ;",
        "--ordinal and --label-separator exclude each other",
    ),
    (
        "an empty separator",
        text(""),
        f"{TRAIN} train.tsv --label-separator=",
        "--label-separator must be at least one character",
    ),
    (
        "nothing to freeze",
        text(""),
        f"{TRAIN} train.tsv --freeze-embeddings",
        "--freeze-embeddings needs --embeddings FILE",
    ),
    (
        "an odd size",
        text(""),
        f"{TRAIN} train.tsv --hidden-size 5",
        "--hidden-size must be even with --bidirectional; got 5",
    ),
    (
        "errors of grades without grades",
        text(""),
        f"{TRAIN} train.tsv --dev-metric mae",
        "--dev-metric mae needs --ordinal",
    ),
    (
        "a bag of numbers",
        text(""),
        f"{TRAIN} train.npz --model bag-of-words",
        "bag-of-words needs texts; these are series of numbers",
    ),
    (
        "neighbours of texts",
        text(""),
        f"{TRAIN} train.tsv --model nearest-neighbour",
        "nearest-neighbour needs series of numbers; these are texts",
    ),
    (
        "convolutions for several labels",
        text(""),
        f"{TRAIN} train.npz --model random-convolutions --label-separator ,",
        "random-convolutions gives one label; leave out --label-separator",
    ),
    (
        "letters of numbers",
        text(""),
        f"{TRAIN} train.npz --unit character",
        "--unit character is for texts; these are series of numbers",
    ),
    (
        "an unknown model",
        text(""),
        f"{TRAIN} train.tsv --model lsmt",
        "no choice 'lsmt'; did you mean 'lstm'",
    ),
]


@pytest.mark.parametrize("name, make, command, message", ROWS, ids=[row[0] for row in ROWS])
def test_one_line_says_what_is_wrong(made, refused, name, make, command, message):
    refused(made, command, message, make)


def test_scikit_learn_is_named_where_it_is_missing(made, monkeypatch, ostinato, tmp_path):
    monkeypatch.setattr("ostinato.baselines.bag_of_words.available", lambda: False)
    outcome = ostinato(
        "train",
        "classification",
        "--train",
        made / "train.tsv",
        "--out",
        tmp_path / "new",
        "--model",
        "bag-of-words",
    )
    assert (
        outcome.status == 2
        and outcome.err
        == "--model bag-of-words needs scikit-learn; pip install 'ostinato[baselines]'\n"
    )


def test_empty_texts_are_left_out_of_training_and_answered(made, ostinato, tmp_path):
    (tmp_path / "a.tsv").write_bytes(b" \tgood\n" + TEXTS)
    outcome = ostinato(
        "train", "classification", "--train", tmp_path / "a.tsv", "--out", tmp_path / "new", *TINY
    )
    assert (
        outcome.status == 0
        and f"note: {tmp_path / 'a.tsv'}: 1 example with an empty text left out" in outcome.err
    )
    assert ostinato("evaluate", tmp_path / "new", tmp_path / "a.tsv").status == 0
    (tmp_path / "new.txt").write_text("\n \nfine\n")
    assert len(ostinato("predict", tmp_path / "new", tmp_path / "new.txt").out.splitlines()) == 3
