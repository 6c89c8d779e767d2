"""What transcription says to sound that it cannot use: exit status 2, one line, nothing left
behind.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

soundfile = pytest.importorskip("soundfile")

TINY = ["--hidden-size", "4", "--layers", "1", "--epochs", "0.1", "--no-tensorboard"]
TRAIN = "train transcription --out new --front-end mfcc --train"
NOISE = 0.3 * np.random.default_rng(0).normal(size=8000).clip(-1, 1)
LONG = np.tile(NOISE, 8)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with good.wav, train.tsv and a run of it."""
    from ostinato.cli import main

    folder = tmp_path_factory.mktemp("sound")
    for name in ("a", "b", "c"):
        soundfile.write(folder / f"{name}.wav", np.roll(NOISE, ord(name)), 8000)
    (folder / "train.tsv").write_text("audio\ttext\na.wav\tone\nb.wav\ttwo\nc.wav\tone\n")
    arguments = ["train", "transcription", "--train", str(folder / "train.tsv")]
    arguments += ["--front-end", "mfcc", "--out", str(folder / "run"), *TINY]
    assert main(arguments) == 0
    return folder


def table(row, first="audio\ttext"):
    return lambda: Path("bad.tsv").write_text(f"{first}\n{row}\n")


def no_audio():
    Path("bad.wav").write_bytes(b"this is a text" * 20)
    Path("bad.tsv").write_text("audio\ttext\nbad.wav\tx\n")


def truncated():
    data = Path("a.wav").read_bytes()
    Path("bad.wav").write_bytes(data[:-500])
    Path("bad.tsv").write_text("audio\ttext\nbad.wav\tx\n")


def empty():
    Path("bad.wav").write_bytes(b"")


def silent():
    soundfile.write("bad.wav", np.zeros(8000), 8000)
    Path("bad.tsv").write_text("audio\ttext\nbad.wav\tx\n")


def damaged(kind, change, samples=NOISE):
    """Makes bad.KIND of samples, with a change of its bytes, and bad.tsv that names it."""

    def make():
        name = f"bad.{kind}"
        options = {"format": "RF64"} if kind == "rf64" else {}
        soundfile.write(name, samples, 8000, **options)
        Path(name).write_bytes(change(bytearray(Path(name).read_bytes())))
        Path("bad.tsv").write_text(f"audio\ttext\n{name}\tx\n")

    return make


def put(place, *values):
    def change(content):
        content[place : place + len(values)] = bytes(values)
        return content

    return change


def cut(content):
    return content[:-500]


def kaldi(line, text="u one"):
    def make():
        Path("kaldi").mkdir(exist_ok=True)
        Path("kaldi/wav.scp").write_text(line + "\n")
        Path("kaldi/text").write_text(text + "\n")

    return make


def cut_between_pages(content):
    """An Ogg file without its last page."""
    return content[: content.rfind(b"OggS")]


ROWS = [
    (
        "OGG cut between pages",
        damaged("ogg", cut_between_pages, LONG),
        "predict run bad.ogg",
        "bad.ogg: truncated (its last page is missing, ",
    ),
    (
        "evaluate: OGG cut between pages",
        damaged("ogg", cut_between_pages, LONG),
        "evaluate run bad.tsv",
        "bad.tsv:2: bad.ogg: truncated (its last page",
    ),
    (
        "OGG cut in its last page",
        damaged("ogg", lambda c: c[:-9], LONG),
        "predict run bad.ogg",
        "bad.ogg: truncated",
    ),
    (
        "train: OGG cut between pages",
        damaged("ogg", cut_between_pages, LONG),
        f"{TRAIN} bad.tsv",
        "no recording to learn from (bad.ogg: truncated (its last page is missing",
    ),
    ("FLAC cut off", damaged("flac", cut), "predict run bad.flac", "bad.flac: damaged after 0 sam"),
    (
        "MP3 cut off",
        damaged("mp3", lambda c: c[:1500]),
        "predict run bad.mp3",
        "of 8,000 samples a",
    ),
    ("RF64 cut off", damaged("rf64", cut), "predict run bad.rf64", "(500 bytes are missing"),
    ("AIFF cut off", damaged("aiff", cut), "predict run bad.aiff", "(500 bytes are missing"),
    ("AU cut off", damaged("au", cut), "predict run bad.au", "(500 bytes are missing"),
    (
        "evaluate: FLAC cut off",
        damaged("flac", cut),
        "evaluate run bad.tsv",
        "bad.tsv:2: bad.flac: da",
    ),
    (
        "train: all cut off",
        damaged("flac", cut),
        f"{TRAIN} bad.tsv",
        "no recording to learn from (bad",
    ),
    (
        "no sound",
        damaged("wav", put(40, 0, 0, 0, 0)),
        "predict run bad.wav",
        "says 0 bytes of sound",
    ),
    (
        "8 bits?",
        damaged("wav", put(34, 8, 0)),
        "predict run bad.wav",
        "the header contradicts itself",
    ),
    (
        "999 channels",
        damaged("wav", put(22, 231, 3)),
        "evaluate run bad.tsv",
        "999 x 16 bits, but 2",
    ),
    (
        "no rate",
        damaged("wav", put(24, 0, 0, 0, 0)),
        "predict run bad.wav",
        "no readable sound file",
    ),
    (
        "7 Hz",
        damaged("wav", put(24, 7, 0, 0, 0)),
        "predict run bad.wav",
        "7 samples a second; expected",
    ),
    (
        "a command",
        kaldi("u sox a.wav - |"),
        f"{TRAIN} kaldi",
        "wav.scp:1: a command instead of a path",
    ),
    ("no sound file", no_audio, f"{TRAIN} bad.tsv", "bad.wav: no readable sound file ("),
    ("predict: no sound file", no_audio, "predict run bad.wav", "bad.wav: no readable sound file"),
    ("predict: an empty file", empty, "predict run bad.wav", "bad.wav: an empty file (0 bytes)"),
    ("predict: no such file", None, "predict run no.wav", "no.wav: no such file"),
    ("all left out", silent, f"{TRAIN} bad.tsv", "no recording to learn from (bad.wav: silent)"),
    ("predict: truncated", truncated, "predict run bad.wav", "truncated (500 bytes are missing"),
    ("truncated", truncated, "evaluate run bad.tsv", "truncated (500 bytes are missing)"),
    ("missing", table("no.wav\tx"), "evaluate run bad.tsv", "bad.tsv:2: no.wav: missing"),
    ("outside", table("../no.wav\tx"), "predict run bad.tsv", "is outside the folder of the table"),
    ("no transcripts", table("a.wav\t"), "evaluate run bad.tsv", "bad.tsv: no transcripts"),
    ("no column", table("a\tb", "x\ty\tz"), f"{TRAIN} bad.tsv", "no column 'audio'"),
    (
        "a bad duration",
        table("a.wav\tx\tlong", "audio\ttext\tduration"),
        f"{TRAIN} bad.tsv",
        "bad.tsv:2: duration must be seconds; got 'long'",
    ),
    (
        "a zero",
        table("a\0b.wav\tx"),
        "evaluate run bad.tsv",
        r"a\x00b.wav': not a file name",
    ),
    ("a sound file alone", None, f"{TRAIN} a.wav", "a.wav: a sound file without its transcript"),
    (
        "sound beside features",
        lambda: np.savez("bad.npz", X=NOISE[:630].reshape(30, 3, 7), text=["x"] * 30),
        "train transcription --out new --train bad.npz train.tsv --dev train.tsv",
        "train.tsv:2: a sound file beside features, and how these were computed from sound is "
        "unknown; give --front-end mfcc or log-mel, if they were, or files of one kind",
    ),
    ("an absurd rate", None, "predict run - --rate 7", "must be at least 1000; got 7"),
    ("an unknown format", None, "predict run a.wav --format doc", "--format"),
    ("two recordings as SRT", None, "predict run a.wav b.wav --format srt", "holds one recording"),
    ("no such phrases", None, "predict run a.wav --phrases no.txt", "no.txt"),
    ("no such language model", None, "predict run a.wav --lm no.txt", "no.txt"),
]


@pytest.mark.parametrize(
    ("make", "command", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_one_line(made, make, command, message, monkeypatch, capsys):
    from ostinato.cli import main

    monkeypatch.chdir(made)
    if make is not None:
        make()
    assert main(command.split()) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not Path("new").exists() or not any(Path("new").iterdir())


def write_bad_recordings():
    """many.tsv of good and bad recordings: three are good, and two too short for their text."""
    soundfile.write("silent.wav", np.zeros(8000), 8000)
    soundfile.write("clipped.wav", np.sign(NOISE), 8000)
    soundfile.write("nothing.wav", np.zeros(0), 8000)
    soundfile.write("short.wav", NOISE[:700], 8000)
    soundfile.write("cut.ogg", LONG, 8000)
    Path("cut.ogg").write_bytes(cut_between_pages(Path("cut.ogg").read_bytes()))
    Path("cut.wav").write_bytes(Path("a.wav").read_bytes()[:-500])
    rows = ["a.wav\tone", "b.wav\ttwo", "c.wav\tone", "silent.wav\tx", "clipped.wav\tx"]
    rows += ["nothing.wav\tx", "no.wav\tx", "../b.wav\tx", "a.wav\t", "short.wav\tone two one"]
    rows += ["cut.ogg\tx", "cut.wav\tx"]
    Path("many.tsv").write_text("audio\ttext\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize("decoder", ["ctc", "attention", "joint", "transducer"])
def test_what_is_left_out_is_named(made, decoder, monkeypatch, capsys):
    """And what is left never makes a loss or a score that is not finite."""
    from ostinato import load
    from ostinato.cli import main

    monkeypatch.chdir(made)
    write_bad_recordings()
    command = f"{TRAIN} many.tsv --dev train.tsv --decoder {decoder}".replace("new", decoder)
    assert main([*command.split(), *TINY, "--epochs", "3"]) == 0
    error = " ".join(capsys.readouterr().err.split())
    assert "8 recordings left out" in error
    for part in (
        "silent.wav: silent",
        "clipped.wav: clipped",
        "nothing.wav: no samples",
        "no.wav: missing",
        "../b.wav: outside the folder",
        "a.wav: empty transcript",
        "cut.ogg: truncated (its last page is missing",
        "cut.wav: truncated (500 bytes are missing)",
    ):
        assert part in error
    by_ctc = decoder in ("ctc", "joint")  # others can write any text in any number of frames
    assert ("short.wav: 11 labels and repeats for 2 frames" in error) == by_ctc
    log = Path(decoder, "training/log.jsonl").read_text()
    steps = [json.loads(line) for line in log.splitlines()]
    losses = [step["loss"] for step in steps if "loss" in step]
    assert losses and np.isfinite(losses).all()
    assert all(np.isfinite(step["gradient_norm"]) for step in steps if "gradient_norm" in step)
    model = load(decoder)
    pairs = [("short.wav", "one two one"), ("nothing.wav", "one"), ("a.wav", "one, two?")]
    scores = model.score([*pairs, ("a.wav", "one")])
    assert np.isfinite(scores[0]) == (not by_ctc) and not np.isnan(scores).any()
    assert scores[1] == scores[2] == -np.inf and np.isfinite(scores[3])
    Path("strange.tsv").write_text("audio\ttext\na.wav\tone, two?\n")
    assert main(["evaluate", decoder, "strange.tsv"]) == 0
    assert "2 characters of the transcripts never occurred" in capsys.readouterr().err
    assert len(model.predict(["nothing.wav", "short.wav", "silent.wav"])) == 3
