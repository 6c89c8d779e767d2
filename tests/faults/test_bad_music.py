"""What melody says to files that it cannot learn from or continue: exit status 2, one line,
nothing left behind.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ABC = "X:1\nT:One\nR:jig\nM:6/8\nL:1/8\nK:G\nGAB cde|d3 d3|\n"
TINY = ["--hidden-size", "4", "--embedding-size", "4", "--epochs", "1", "--no-tensorboard"]
TRAIN = "train melody --out new --train"
MIDI = b"MThd\0\0\0\6\0\1\0\1\1\xe0MTrk\0\0\0\4\0\xff\x2f\0"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with train.abc and a run of it, which has learned kinds."""
    from ostinato.cli import main

    folder = tmp_path_factory.mktemp("music")
    (folder / "train.abc").write_text(
        "\n".join(ABC.replace("d3 d3", f"d3 {note}3") for note in "ABcdefg")
    )
    assert (
        main(
            [
                "train",
                "melody",
                "--train",
                str(folder / "train.abc"),
                "--out",
                str(folder / "run"),
                "--condition",
                "genre",
                *TINY,
            ]
        )
        == 0
    )
    return folder


ROWS = [
    (
        "an empty file",
        "bad.abc",
        b"",
        f"{TRAIN} bad.abc",
        "bad.abc: an empty file; expected MIDI, ABC or JSON",
    ),
    (
        "no music at all",
        "bad.txt",
        b"hello world",
        f"{TRAIN} bad.txt",
        r"bad.txt: neither MIDI, nor ABC \(tunes that begin with X:\), nor JSON",
    ),
    ("damaged MIDI", "bad.mid", MIDI[:20], f"{TRAIN} bad.mid", r"bad.mid: a damaged MIDI file"),
    (
        "something named MIDI",
        "bad.mid",
        b"\1\2\3",
        f"{TRAIN} bad.mid",
        "bad.mid: neither MIDI.*does not begin with MThd",
    ),
    (
        "MIDI without notes",
        "bad.mid",
        MIDI,
        f"{TRAIN} bad.mid",
        "bad.mid: a MIDI file without notes",
    ),
    (
        "tunes that do not parse",
        "bad.abc",
        b"X:1\nT:Odd\nK:Z\nABC\n",
        f"{TRAIN} bad.abc",
        r"bad.abc: no tunes in it but 1 tune that does not parse, the first 'Odd' "
        r"\(bad.abc:3: K:Z is no key\)",
    ),
    (
        "JSON of another shape",
        "bad.json",
        b'{"train": ["abc"]}',
        f"{TRAIN} bad.json",
        "bad.json: piece 1: expected a list of pitches, or of lists of pitches that sound "
        "together; got abc",
    ),
    (
        "JSON without the part",
        "bad.json",
        b'{"tain": [[60]]}',
        f"{TRAIN} bad.json",
        "bad.json: an object without 'train'; did you mean 'tain'",
    ),
    ("no JSON", "bad.json", b"[1, 2", f"{TRAIN} bad.json", "bad.json: not JSON"),
    (
        "a pitch too high",
        "bad.json",
        b"[[60, 128]]",
        f"{TRAIN} bad.json",
        "bad.json: piece 1, step 2: the pitch 128 is outside 0 to 127",
    ),
    (
        "a pitch that is text",
        "bad.json",
        b'[[[60], ["C"]]]',
        f"{TRAIN} bad.json",
        "bad.json: piece 1, step 2: 'C' is no pitch",
    ),
    (
        "rests alone",
        "bad.json",
        b"[[-1, -1], [null]]",
        f"{TRAIN} bad.json",
        "bad.json: no tune in it has a note",
    ),
    (
        "an empty folder",
        "folder/notes.txt",
        b"x",
        f"{TRAIN} folder",
        "folder: no music in it; expected files ending in .mid",
    ),
    (
        "a table of missing files",
        "bad.tsv",
        b"file\tgenre\nno.mid\tjig\n",
        f"{TRAIN} bad.tsv",
        "bad.tsv:2: no such file: no.mid",
    ),
    (
        "no labels",
        "bad.abc",
        ABC.replace("R:jig\n", "").encode() * 2,
        f"{TRAIN} bad.abc --dev train.abc --condition genre",
        "--condition genre: no tune has such a label",
    ),
    (
        "an unknown kind",
        "x",
        b"",
        "generate run --condition jug",
        "--condition jug: no such kind; did you mean 'jig'",
    ),
    (
        "a negative temperature",
        "x",
        b"",
        "generate run --temperature -1",
        r"--temperature must be 0 \(greedy\) or more",
    ),
    (
        "another ending",
        "x",
        b"",
        "generate run --length 4 --output tune.mp3",
        "tune.mp3: .mp3 is not a music format that can be written",
    ),
    (
        "a prompt that is no music",
        "x",
        b"",
        "generate run --prompt A+B",
        r"the prompt: cannot be read at '\+B'",
    ),
    ("a missing prompt", "x", b"", "generate run --prompt seed.mid", "seed.mid: no such file"),
    ("predicting nothing", "bad.abc", b"", "predict run bad.abc", "bad.abc: an empty file"),
]


@pytest.mark.parametrize(
    ("name", "content", "command", "message"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_one_line_says_what_is_wrong(
    made, tmp_path, monkeypatch, ostinato, name, content, command, message
):
    if name.endswith(".mid") and content[:4] == b"MThd":
        pytest.importorskip("symusic")
    monkeypatch.chdir(tmp_path)
    Path("train.abc").write_bytes((made / "train.abc").read_bytes())
    Path("run").symlink_to(made / "run")
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(content)
    found = ostinato(*command.split())
    assert found.status == 2 and found.err.count("\n") == 1, found.err
    assert re.search(message, found.err), found.err
    assert not Path("new/model.safetensors").exists() and not Path("tune.mp3").exists()


def test_a_tune_that_does_not_parse_is_named_and_counted(made, tmp_path, monkeypatch, ostinato):
    monkeypatch.chdir(tmp_path)
    Path("tunes.abc").write_text((made / "train.abc").read_text() + "\nX:9\nT:Odd\nK:Z\nABC\n")
    found = ostinato("train", "melody", "--train", "tunes.abc", "--out", "new", *TINY)
    assert found.status == 0
    assert "1 tune that does not parse left out: 'Odd' (tunes.abc:" in found.err
