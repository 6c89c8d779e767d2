"""Whatever a user can put right: exit status 2, one line on stderr that says what, no
traceback, nothing written or lost.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from toy_language import TINY


class Row(NamedTuple):
    """A fault: how to make it in the working directory, the command, and what stderr must say."""

    name: str
    make: Callable[[], object]
    command: str
    message: str


def write(name: str, content: bytes) -> Callable[[], object]:
    def make() -> None:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)

    return make


def nothing() -> None:
    pass


def both(*makes: Callable[[], object]) -> Callable[[], object]:
    return lambda: [make() for make in makes]


LINES = b"one\n" * 20
TRAIN = "train translation --out new --train"
HELD = f"{TRAIN} train.src train.tgt"

FILES = [
    Row(
        "missing",
        nothing,
        f"{TRAIN} trian.src train.tgt",
        r"^trian\.src: no such file; did you mean 'train\.src'",
    ),
    Row(
        "missing folder",
        nothing,
        f"{TRAIN} no/a no/b",
        r"^no/a: no such file: there is no folder no",
    ),
    Row("a folder", nothing, f"{TRAIN} run train.tgt", r"^run: a folder; name a file in it"),
    Row(
        "different line counts",
        write("b", b"one\n" * 19),
        f"{TRAIN} train.src b",
        r"train\.src has 20 lines, b 19; they must",
    ),
    Row("empty", write("a", b""), f"{TRAIN} a a", r"^a a: no examples \(0 lines\)"),
    Row("empty table", write("a.tsv", b""), f"{TRAIN} a.tsv", r"^a\.tsv: no examples"),
    Row(
        "header only",
        write("a.tsv", b"source\ttarget\n"),
        f"{TRAIN} a.tsv",
        r"^a\.tsv: no examples",
    ),
    Row(
        "blank lines only",
        write("a", b"\n \n\n"),
        f"{TRAIN} a a",
        r"^a a: no examples \(3 lines, each with a blank side",
    ),
    Row(
        "a blank side",
        both(write("a", LINES), write("b", b"\n" * 20)),
        f"{TRAIN} a b",
        r"^a b: no examples .*blank side",
    ),
    Row(
        "invalid UTF-8",
        write("a", b"one\ntwo\nf\xfcnf\n" + b"x\n" * 17),
        f"{TRAIN} a train.tgt",
        r"^a:3:2: byte 0xfc is not UTF-8; conv",
    ),
    Row(
        "UTF-16 without a mark",
        write("a", LINES.decode().encode("utf-16-le")),
        f"{TRAIN} a train.tgt",
        r"^a: looks like UTF-16",
    ),
    Row(
        "zip",
        write("a", b"PK\x03\x04 what follows"),
        f"{TRAIN} a train.tgt",
        r"^a: looks like a zip archive",
    ),
    Row(
        "gzip cut short",
        write("a.gz", gzip.compress(LINES * 99)[:-9]),
        f"{TRAIN} a.gz train.tgt",
        r"^a\.gz: the gzip data is cut short",
    ),
    Row(
        "three files",
        nothing,
        f"{TRAIN} train.src train.tgt train.src",
        r"^3 files given; expected two",
    ),
    Row(
        "one text file",
        nothing,
        f"{TRAIN} train.src",
        r"^train\.src: one text file; expected two aligned ones",
    ),
    Row(
        "no such column",
        write("a.csv", b"english,target\na,b\n"),
        f"{TRAIN} a.csv",
        r"^a\.csv:1: no column 'source'.*--source-column",
    ),
    Row(
        "wrong column name",
        write("a.csv", b"english,french\na,b\n"),
        f"{TRAIN} a.csv --source-column englsh --target-column french",
        r"^a\.csv:1: no column 'englsh'; did you mean 'english'",
    ),
    Row(
        "ragged row",
        write("a.csv", b"source,target\na,b\na,b,c\n"),
        f"{TRAIN} a.csv",
        r"^a\.csv:3: 3 fields, expected 2",
    ),
    Row(
        "column twice",
        write("a.csv", b"source,source,target\na,b,c\n"),
        f"{TRAIN} a.csv",
        r"^a\.csv:1: the column 'source' appears twice",
    ),
    Row(
        "bad JSON",
        write("a.jsonl", b'{"source": "a", "target": "b"}\n{"source": \n'),
        f"{TRAIN} a.jsonl",
        r"^a\.jsonl:2",
    ),
    Row("deep JSON", write("a.jsonl", b"[" * 100_000 + b"\n"), f"{TRAIN} a.jsonl", r"^a\.jsonl:1"),
    Row(
        "a list for a text",
        write("a.jsonl", b'{"source": [1], "target": "b"}\n'),
        f"{TRAIN} a.jsonl",
        r"^a\.jsonl:1: 'source' is list",
    ),
    Row(
        "a long line, refused",
        write("a", b"one " * 1_000_000 + b"\n" + b"x\n" * 19),
        f"{TRAIN} a train.tgt --long-lines refuse",
        r"^a train\.tgt: example 1 has [\d,]+ characters, more than 20,000",
    ),
    Row(
        "bad dev set",
        write("b", b"one\n"),
        f"{HELD} --dev train.src b",
        r"train\.src has 20 lines, b 1",
    ),
    Row("bad test set", nothing, f"{HELD} --test no.src no.tgt", r"^no\.src: no such file"),
    Row(
        "no such vectors",
        nothing,
        f"{HELD} --unit word --embeddings no.vec",
        r"^no\.vec: no such file",
    ),
    Row(
        "no vectors in it",
        write("bad.vec", b"not vectors\n"),
        f"{HELD} --unit word --embeddings bad.vec",
        r"^bad\.vec",
    ),
    Row("predict: missing", nothing, "predict run new.src", r"^new\.src: no such file"),
    Row(
        "predict: invalid UTF-8",
        write("a", b"one\n\xff\n"),
        "predict run a --output answers",
        r"^a:2:1: byte 0xff",
    ),
    Row(
        "predict: no folder for the output",
        nothing,
        "predict run train.src --output no/answers",
        r"^no/answers: there is no folder no; create it first",
    ),
    Row(
        "train: no folder for the output",
        nothing,
        f"{HELD} --output no/report",
        r"^no/report: there is no folder no",
    ),
    Row(
        "predict: output is a folder",
        nothing,
        "predict run train.src --output run",
        r"^run: a folder; name a file",
    ),
    Row(
        "evaluate: line counts",
        write("b", b"one\n"),
        "evaluate run train.src b",
        r"train\.src has 20 lines, b 1",
    ),
    Row("evaluate: empty", write("a", b""), "evaluate run a a", r"^a a: no examples"),
    Row(
        "score: one file of two",
        nothing,
        "score run train.src",
        r"^train\.src: one text file; expected two",
    ),
    Row(
        "rescore: empty list",
        write("a", b""),
        "rescore run a --source train.src",
        r"^a: no candidates",
    ),
    Row(
        "rescore: no list",
        write("a", b"one two\n"),
        "rescore run a --source train.src",
        r"^a:1: 1 of the 4 fields",
    ),
    Row(
        "rescore: bad score",
        write("a", b"0 ||| x ||| ||| high\n"),
        "rescore run a --source train.src",
        r"^a:1: ",
    ),
    Row(
        "rescore: another source",
        write("a", b"20 ||| x ||| ||| 1\n"),
        "rescore run a --source train.src",
        r"^a: has a candidate for sentence 20, but there are only 20",
    ),
    Row(
        "rescore: weight",
        write("a", b"0 ||| x ||| ||| 1\n"),
        "rescore run a --weight 1.5",
        r"--weight must be between 0",
    ),
    Row(
        "rescore: two files to tune",
        write("a", b"0 ||| x ||| ||| 1\n"),
        "rescore run a --source train.src --tune a train.src",
        r"--tune takes three files.*got 2",
    ),
    Row(
        "rescore: tune line counts",
        both(write("a", b"0 ||| x ||| ||| 1\n"), write("b", b"x\n")),
        "rescore run a --source train.src --tune a train.src b",
        r"train\.src has 20 lines, b 1",
    ),
]

OPTIONS = [
    Row("command", nothing, "trian translation", r"unknown command 'trian'; did you mean 'train'"),
    Row("task", nothing, "train translaton", r"no task 'translaton'; did you mean 'translation'"),
    Row(
        "task behind flags",
        nothing,
        "train --epochs 2 translaton",
        r"no task 'translaton'; did you mean 'translation'",
    ),
    Row("no task", nothing, "train", r"required: TASK"),
    Row(
        "flag",
        nothing,
        f"{HELD} --hiden-size 8",
        r"unknown flag --hiden-size; did you mean '--hidden-size'",
    ),
    Row(
        "flag with =",
        nothing,
        f"{HELD} --hiden-size=8",
        r"unknown flag --hiden-size; did you mean '--hidden-size'",
    ),
    Row("argument", nothing, "tasks translation", r"unknown argument translation"),
    Row("abbreviated flag", nothing, f"{HELD} --hidden 8", r"unknown flag --hidden; did you mean"),
    Row(
        "recipe",
        nothing,
        f"{HELD} --recipe sutskever2015",
        r"no recipe 'sutskever2015'; did you mean 'sutskever2014'",
    ),
    Row("recipe file", nothing, f"{HELD} --recipe mine.toml", r"^mine\.toml: no such file"),
    Row(
        "recipe is no TOML",
        write("mine.toml", b"layers = = 2\n"),
        f"{HELD} --recipe mine.toml",
        r"^mine\.toml: not TOML: .*line 1",
    ),
    Row(
        "recipe key",
        write("mine.toml", b"layer = 2\n"),
        f"{HELD} --recipe mine.toml",
        r"mine\.toml: layer: no such option; did you mean 'layers'",
    ),
    Row(
        "recipe type",
        write("mine.toml", b'layers = "2"\n'),
        f"{HELD} --recipe mine.toml",
        r"layers: expected a whole number, got '2'",
    ),
    Row(
        "recipe of another task",
        write("mine.toml", b'task = "melody"\n'),
        f"{HELD} --recipe mine.toml",
        r"a recipe for melody, not for trans",
    ),
    Row(
        "choice", nothing, f"{HELD} --cell lsmt", r"--cell: .*no choice 'lsmt'; did you mean 'lstm'"
    ),
    Row("number", nothing, f"{HELD} --layers two", r"--layers: expected a whole number, got 'two'"),
    Row("fraction", nothing, f"{HELD} --layers 1.5", r"--layers: expected a whole number"),
    Row("too small", nothing, f"{HELD} --layers 0", r"--layers: it must be at least 1; got 0"),
    Row(
        "too large",
        nothing,
        f"{HELD} --dropout 1.5",
        r"--dropout: it must be at most 0.99; got 1.5",
    ),
    Row("not above", nothing, f"{HELD} --epochs 0", r"--epochs: it must be above 0; got 0"),
    Row(
        "not a number",
        nothing,
        f"{HELD} --learning-rate nan",
        r"--learning-rate: it must be a finite number; got nan",
    ),
    Row("no value", nothing, f"{HELD} --layers", r"--layers: expected one argument"),
    Row(
        "seed too large",
        nothing,
        f"{HELD} --seed 18446744073709551616",
        r"--seed must be between 0 and",
    ),
    Row("seed negative", nothing, f"{HELD} --seed -1", r"--seed must be between 0 and"),
    Row(
        "time limit",
        nothing,
        f"{HELD} --time-limit soon",
        r"--time-limit: expected a time such as 90s, 10m or 2h; got 'soon'",
    ),
    Row(
        "time limit of nothing",
        nothing,
        f"{HELD} --time-limit 0s",
        r"--time-limit: expected a time",
    ),
    Row("device", nothing, f"{HELD} --device gpu", r"--device: no choice 'gpu'"),
    Row(
        "odd size",
        nothing,
        f"{HELD} --hidden-size 65",
        r"--hidden-size must be even with --bidirectional; got 65",
    ),
    Row(
        "feeding nothing",
        nothing,
        f"{HELD} --attention none --input-feeding",
        r"--input-feeding needs an --attention",
    ),
    Row(
        "dot of two sizes",
        nothing,
        f"{HELD} --sampling --n-best 2",
        r"--sampling gives one translation",
    ),
    Row(
        "sparse and tied",
        nothing,
        f"{HELD} --sparse-embeddings",
        r"--sparse-embeddings needs --no-tied",
    ),
    Row(
        "sparse and adam",
        nothing,
        f"{HELD} --sparse-embeddings --no-tied --unit word",
        r"--optimizer adam cannot take the sparse",
    ),
    Row("momentum", nothing, f"{HELD} --momentum 0.9", r"--momentum goes with --optimizer sgd"),
    Row(
        "all words too rare",
        nothing,
        f"{HELD} --unit word --minimum-count 999",
        r"no word occurs 999 times",
    ),
    Row(
        "predict: beam", nothing, "predict run train.src --beam 0", r"--beam: it must be at least 1"
    ),
    Row(
        "predict: training's options",
        nothing,
        "predict run train.src --layers 2",
        r"--layers cannot be changed on a trained model; options that can: .*--beam",
    ),
    Row(
        "predict: training's switches",
        nothing,
        "predict run train.src --no-tied",
        r"--no-tied cannot be changed on a trained model",
    ),
    Row(
        "predict: top-p",
        nothing,
        "predict run train.src --sampling --top-p 2",
        r"--top-p: it must be at most 1",
    ),
    Row(
        "evaluate: seed", nothing, "evaluate run train.src train.tgt --seed -1", r"--seed must be "
    ),
    Row(
        "evaluate: no such other run",
        nothing,
        "evaluate run train.src train.tgt --against runn",
        r"^runn: no such run folder",
    ),
    Row("verify: seed", nothing, "verify run --seed -1", r"--seed must be "),
    Row("verify: examples", nothing, "verify run --examples 0", r"--examples must be "),
]

FOLDERS = [
    Row(
        "out holds a run",
        nothing,
        "train translation --out run --train train.src train.tgt",
        r"^run: holds a run already; --resume",
    ),
    Row(
        "out holds files",
        write("mine/diary.txt", b"dear"),
        "train translation --out mine --train train.src train.tgt",
        r"^mine: holds files other than a run; choose another --out",
    ),
    Row(
        "overwrite spares files",
        write("mine/diary.txt", b"dear"),
        "train translation --overwrite --out mine --train train.src train.tgt",
        r"^mine: holds files other than a run",
    ),
    Row(
        "out is a file",
        nothing,
        "train translation --out train.src --train train.src train.tgt",
        r"^train\.src: a file; name a folder",
    ),
    Row(
        "out below a file",
        nothing,
        "train translation --out train.src/x --train train.src train.tgt",
        r"^train\.src/x: cannot be written",
    ),
    Row(
        "resume nothing",
        nothing,
        "train translation --out new --resume",
        r"^new: no run to resume; leave out --resume",
    ),
    Row(
        "resume with another size",
        nothing,
        "train translation --out run --resume --hidden-size 10",
        r"--hidden-size cannot change",
    ),
    Row(
        "resume with other data",
        nothing,
        "train translation --out run --resume --train train.tgt train.src",
        r"--train cannot change",
    ),
    Row("no such run", nothing, "predict runs/none train.src", r"^runs/none: no such run folder"),
    Row(
        "no run",
        write("mine/diary.txt", b"dear"),
        "predict mine train.src",
        r"^mine: no trained model in it",
    ),
    Row(
        "a file for a run",
        nothing,
        "predict train.src train.src",
        r"^train\.src: a file; name the folder that `ostinato train` made",
    ),
    Row("one of two", nothing, "predict run,none train.src", r"^none: no such run folder"),
]

ROWS = [*FILES, *OPTIONS, *FOLDERS]


def snapshot(folder: Path) -> dict[str, str]:
    """Every file below a folder, with its checksum."""
    found = {path.relative_to(folder): path for path in folder.rglob("*")}
    return {
        str(name): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for name, path in found.items()
    }


def refused(outcome, message: str) -> None:
    assert "Traceback" not in outcome.err
    assert re.search(message, outcome.err), outcome.err
    assert outcome.err.count("\n") == 1, outcome.err
    assert outcome.out == ""
    assert outcome.status == 2


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_refused_in_one_line_with_nothing_written(row, place, ostinato):
    row.make()
    before = snapshot(place)
    outcome = ostinato(*shlex.split(row.command))
    refused(outcome, row.message)
    assert snapshot(place) == before


def test_no_row_twice():
    assert len({row.name for row in ROWS}) == len(ROWS)


COMMANDS = [
    "train translation",
    "evaluate run",
    "predict run",
    "score run a",
    "rescore run a",
    "verify run",
    "tasks",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_flag_of_every_command(command, place, ostinato):
    refused(ostinato(*command.split(), "--jsn"), "unknown flag --jsn; did you mean '--json'")


def test_a_good_command_still_works_here(place, ostinato):
    assert (
        ostinato(
            "train", "translation", "--train", "train.src", "train.tgt", "--out", "new", *TINY
        ).status
        == 0
    )
