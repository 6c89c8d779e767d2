"""Training from an index on disk is training from memory: batches, weights, notices, resumed runs.

And what a stale cache, a full disk and files that cannot be indexed give."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import ostinato as ostinato_package
from ostinato.commands.run.config import RunRequest
from ostinato.commands.run.prepare import open_run
from ostinato.data.files.weights_file import load_weights
from ostinato.data.series.time_series import TimeSeries
from ostinato.data.stored.stored_records import RecordsOnDisk
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.tasks.forecasting.windows import Windows

SMALL = {
    "hidden_size": 8,
    "tensorboard": False,
    "batch_size": 8,
    "evaluate_every": 50.0,
}


def draw_words(draw: random.Random) -> list[str]:
    return [f"w{min(draw.randrange(90), draw.randrange(90))}" for _ in range(draw.randint(2, 9))]


def write_classification(folder: Path, names: list[str], rows: int) -> list[str]:
    draw = random.Random(4)
    for name in names:
        lines = ["text\tlabel"]
        for _ in range(rows):
            label = draw.choice(["good", "bad", "mixed"])
            lines.append(f"{' '.join([*draw_words(draw), label[:2]])}\t{label}")
        (folder / name).write_text("\n".join([*lines, " \tgood", ""]))
    return [str(folder / name) for name in names]


def write_pairs(folder: Path, names: list[str], rows: int) -> list[str]:
    draw = random.Random(4)
    pairs = [draw_words(draw) for _ in range(rows)] + [["too"] * 99, []]
    texts = (" ".join(words) for words in pairs), (" ".join(words[::-1]) for words in pairs)
    for name, lines in zip(names, texts, strict=True):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return [str(folder / name) for name in names]


def write_sentences(folder: Path, names: list[str], rows: int) -> list[str]:
    draw = random.Random(4)
    for name in names:
        sentences = []
        for _ in range(rows):
            words = draw_words(draw)
            tags = [draw.choice(["B-PER", "O"]) for _ in words]
            sentences.append("".join(f"{w}\tX\t{t}\n" for w, t in zip(words, tags, strict=True)))
        (folder / name).write_text("\n".join(sentences))
    return [str(folder / name) for name in names]


def write_replies(folder: Path, names: list[str], rows: int) -> list[str]:
    draw = random.Random(4)
    for name in names:
        turns = [[" ".join(draw_words(draw)) for _ in range(3)] for _ in range(rows // 2)]
        (folder / name).write_text("".join(json.dumps({"turns": each}) + "\n" for each in turns))
    return [str(folder / name) for name in names]


def draw_bases(draw: random.Random, length: int) -> str:
    return "".join(draw.choice("ACGTacgN") for _ in range(length))


def write_genes(folder: Path, names: list[str], rows: int) -> list[str]:
    """A FASTA file a class, or tables with a label a sequence."""
    draw = random.Random(4)
    for name in names:
        sequences = [draw_bases(draw, draw.randint(5, 40)) for _ in range(rows)]
        if name.endswith(".fa"):
            lines = [f">{name[0]}{row}\n{each}\n" for row, each in enumerate(sequences)]
        else:
            kinds = [draw.choice(["on", "off"]) for _ in sequences]
            rows_of_text = zip(sequences, kinds, strict=True)
            lines = ["sequence\tlabel\n", *(f"{one}\t{other}\n" for one, other in rows_of_text)]
        (folder / name).write_text("".join(lines))
    return [str(folder / name) for name in names]


def write_segments(folder: Path, names: list[str], rows: int) -> list[str]:
    """Sequences on several lines each, with segments of two labels; 80 bases for each of `rows`."""
    draw = random.Random(4)
    fasta, bed = [], []
    for number in range(7):
        bases = draw_bases(draw, rows * 80 // 7 + 13 * number)
        lines = [bases[start : start + 50] for start in range(0, len(bases), 50)]
        fasta.append(f">chr{number}\n" + "".join(f"{line}\n" for line in lines))
        place = 0
        while (place := place + draw.randint(0, 60)) < len(bases) - 40:
            end = place + draw.randint(1, 40)
            bed.append(f"chr{number}\t{place}\t{end}\t{draw.choice(['exon', 'repeat'])}\n")
            place = end
    draw.shuffle(bed)
    (folder / names[0]).write_text("".join(fasta))
    (folder / names[1]).write_text("".join(bed))
    return [str(folder / name) for name in names]


def write_labelled_bases(folder: Path, names: list[str], rows: int) -> list[str]:
    """Many sequences in tables with a label for each base."""
    draw = random.Random(4)
    for name in names:
        lines = ["sequence\tlabels\n"]
        for _ in range(rows):
            bases = draw_bases(draw, draw.randint(1, 150))
            lines.append(f"{bases}\t{''.join(draw.choice('.EEEI') for _ in bases)}\n")
        (folder / name).write_text("".join(lines))
    return [str(folder / name) for name in names]


def write_recordings(folder: Path, names: list[str], rows: int) -> list[str]:
    """Tables of short sounds with one word each, of which some are too short for it; or features
    in .npz."""
    draw = np.random.default_rng(4)
    found = []
    for name in names:
        lengths = draw.integers(3, 40, rows)
        texts = draw.choice(["on", "off", "go", "", "hello"], rows)
        if name.endswith(".npz"):
            frames = draw.standard_normal((lengths.sum(), 7), np.float32)
            np.savez(folder / name, X=frames, lengths=lengths, text=texts)
        else:
            lines = ["audio\ttext"]
            for row, (length, text) in enumerate(zip(lengths, texts, strict=True)):
                samples = 0.1 * draw.standard_normal(length * 80)
                soundfile.write(folder / f"{name}{row}.wav", samples, 8000)
                lines.append(f"{name}{row}.wav\t{text}")
            (folder / name).write_text("\n".join(lines) + "\n")
        found.append(str(folder / name))
    return found


def write_series(folder: Path, names: list[str], rows: int) -> list[str]:
    """Long tables of hourly series with gaps, covariates and labels; or wide ones."""
    draw = np.random.default_rng(4)
    for name in names:
        lines = []
        for series in range(8):
            length = int(draw.integers(4, 5 * rows)) if series else 5 * rows
            values = draw.standard_normal(length) + 5 * (np.arange(length) % 24 > 12)
            if series == 3:
                values[:] = 7.0
            for step, value in enumerate(values):
                text = "" if draw.random() < 0.02 else f"{value:.4f}"
                day, hour = divmod(step, 24)
                stamp = np.datetime64("2020-01-01") + day
                lines.append(
                    f"{name[0]}{series},{stamp} {hour:02}:00:00,{text},{value * 2:.2f},"
                    f"{hour},{'ab'[series % 2]},{int(value > 7)}"
                )
        draw.shuffle(lines)
        header = "unique_id,ds,y,past,known,kind,anomaly"
        (folder / name).write_text("\n".join([header, *lines, ""]))
    return [str(folder / name) for name in names]


WRITERS = {
    "classification": write_classification,
    "translation": write_pairs,
    "tagging": write_sentences,
    "dialogue": write_replies,
    "genome": write_segments,
    "transcription": write_recordings,
    "forecasting": write_series,
    "anomaly": write_series,
}
NAMES = {
    "classification": ["a.tsv", "b.tsv"],
    "translation": ["a.src", "a.tgt"],
    "tagging": ["a.conll", "b.conll"],
    "dialogue": ["a.jsonl", "b.jsonl"],
    "genome": ["a.fa", "a.bed"],
    "transcription": ["a.tsv", "b.tsv"],
    "forecasting": ["a.csv", "b.csv"],
    "anomaly": ["a.csv", "b.csv"],
}
BASES = {"task": "genome", "motifs": 6, "window": 50, "margin": 10}
CASES = {
    "classification": {"task": "classification"},
    "crops": {"task": "classification", "crop": 0.5},
    "subwords": {"task": "classification", "unit": "subword", "vocabulary_size": 60},
    "several labels": {"task": "classification", "label_separator": ","},
    "translation": {"task": "translation", "maximum_tokens": 50, "batch_size": 4},
    "sampled subwords": {
        "task": "translation",
        "unit": "subword",
        "subword_sampling": 0.1,
        "vocabulary_size": 60,
        "joint_vocabulary": True,
        "batch_size": 4,
    },
    "tagging": {"task": "tagging"},
    "long sentences, a feature": {
        "task": "tagging",
        "maximum_tokens": 4,
        "feature_columns": "2",
        "tag_column": "3",
    },
    "names": {"task": "tagging", "binary": True},
    "dialogue": {"task": "dialogue", "batch_size": 4},
    "genes": {"task": "genome", "motifs": 6, "write": write_genes, "names": ["a.fa", "b.fa"]},
    "genes in tables, both strands": {
        "task": "genome",
        "motifs": 6,
        "reverse_complement": True,
        "maximum_length": 30,
        "write": write_genes,
        "names": ["a.tsv", "b.tsv"],
    },
    "bases": BASES,
    "bases, both strands": {**BASES, "reverse_complement": True},
    "bases in tables": {**BASES, "write": write_labelled_bases, "names": ["a.tsv", "b.tsv"]},
    "bases, one way": {**BASES, "bidirectional": False, "window": 20},
    "bases, one way, both strands": {
        **BASES,
        "bidirectional": False,
        "window": 20,
        "reverse_complement": True,
    },
    "recordings": {"task": "transcription"},
    "recordings, not varied": {
        "task": "transcription",
        "speed": 0.0,
        "time_masks": 0,
        "frequency_masks": 0,
        "noise": 0.0,
        "warp": 0.0,
    },
    "features": {"task": "transcription", "names": ["a.npz", "b.npz"], "front_end": None},
    "series": {"task": "forecasting", "horizon": 6, "epoch_windows": 150},
    "series with covariates": {
        "task": "forecasting",
        "horizon": 6,
        "epoch_windows": 150,
        "past_covariates": "past",
        "future_covariates": "known",
        "static_covariates": "kind",
        "scale_over": "series",
        "fill": "linear",
    },
    "series in chunks": {"task": "forecasting", "bptt": 10, "epoch_windows": 100},
    "anomalies": {"task": "anomaly", "chunk": 16},
}
EMBEDDED = ("classification", "translation", "tagging", "dialogue")


def write_data(case: dict, folder: Path, rows: int) -> list[str]:
    """The files of a case."""
    task = case["task"]
    write = case.get("write", WRITERS[task])
    return write(folder, case.get("names", NAMES[task]), rows)


def train_steps(files: list[str], folder: Path, case: dict, **settings) -> dict:
    """The weights, batches and notices after 20 steps or so."""
    given = {**SMALL, "epochs": 0.8, **case, **settings}
    given.pop("write", None), given.pop("names", None)
    if case["task"] in EMBEDDED:
        given["embedding_size"] = 6
    request = RunRequest(given.pop("task"), train=files, seed=3, settings=given)
    with (
        collect_notices() as notices,
        open_run(folder, request, resume=False, overwrite=False) as run,
    ):
        batches = [(batch.inputs, batch.targets) for batch in run.batches.epoch(2)]
        run.train()
        return {
            "weights": run.network.state_dict(),
            "batches": batches,
            "examples": getattr(run.batches, "examples", None),
            "train": run.splits.train,
            "dev": list(run.splits.dev),
            "fitted": run.task.preprocessing.to_dict(),
            "notices": notices,
        }


def as_values(record) -> tuple:
    """The parts of a record; of arrays their bytes, which can be compared."""
    return tuple(map(as_value, record))


def as_value(part):
    if isinstance(part, TimeSeries):
        arrays = part.values, part.past, part.known, part.labels, part.times
        return part.name, part.axis, part.static, part.where, *map(as_value, arrays)
    return part.tobytes() if hasattr(part, "tobytes") else part


@pytest.mark.parametrize("case", CASES)
def test_with_a_cache_and_without_one_a_run_is_the_same(case, tmp_path):
    files = write_data(CASES[case], tmp_path, 100)
    memory = train_steps(files, tmp_path / "memory", CASES[case])
    for number in range(2):  # the second time the index is there
        stored = train_steps(
            files, tmp_path / f"stored{number}", CASES[case], cache=str(tmp_path / "cache")
        )
        train = stored["train"]
        assert isinstance(train.series if isinstance(train, Windows) else train, RecordsOnDisk)
        assert len(stored["batches"]) == len(memory["batches"]) > 10
        for one, other in zip(memory["batches"], stored["batches"], strict=True):
            # bytes, as a missing value is not equal to itself
            assert [each.numpy().tobytes() for each in one] == [
                each.numpy().tobytes() for each in other
            ]
        assert list(map(as_values, stored["dev"])) == list(map(as_values, memory["dev"]))
        assert stored["fitted"] == memory["fitted"]
        assert memory["weights"].keys() == stored["weights"].keys()
        for name, value in memory["weights"].items():
            assert torch.equal(value, stored["weights"][name]), name
        assert set(memory["notices"]) <= set(stored["notices"])


def newest_weights(run: Path) -> dict:
    """The weights of a run's last step: those of its model depend on when it was evaluated."""
    found = (run / "training").glob("[ab]/model.safetensors")
    return load_weights(max(found, key=lambda path: path.stat().st_mtime_ns))


@pytest.mark.parametrize("task", WRITERS)
def test_a_run_resumed_in_the_middle_of_an_epoch_comes_to_the_same_bits(task, tmp_path, ostinato):
    files = WRITERS[task](tmp_path, NAMES[task], 150)
    command = ["train", task, "--train", *files, "--cache", str(tmp_path / "cache")]
    for name, value in SMALL.items():
        flag = "--" + name.replace("_", "-")
        command += [f"--no-{flag[2:]}"] if value is False else [flag, str(value)]
    command += ["--schedule", "constant", "--dropout", "0.2", "--least-steps", "1"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert ostinato(*command, "--out", str(whole), "--epochs", "2").status == 0
    for epochs in ("0.6", "1.3"):
        resume = ["--resume"] * stopped.exists()
        outcome = ostinato(*command, "--out", str(stopped), "--epochs", epochs, *resume)
        assert outcome.status == 0, outcome.err
    assert ostinato(*command, "--out", str(stopped), "--epochs", "2", "--resume").status == 0
    first, second = newest_weights(whole), newest_weights(stopped)
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_what_learns_in_memory_learns_from_a_part_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("ostinato.commands.run.time_budget.MOST_FITTED", 50)
    monkeypatch.setattr("ostinato.data.text.subwords.MOST_CHARACTERS", 1000)
    files = write_classification(tmp_path, ["a.tsv", "b.tsv"], 100)
    case = CASES["subwords"]
    found = train_steps(files, tmp_path / "run", case, cache=str(tmp_path / "c"), epochs=0.1)
    notices = "\n".join(found["notices"])
    assert "the baseline is fitted to 50 of 170 training examples" in notices
    assert re.search(r"subwords are learned from about 1,000 characters: one of \d of 170", notices)


def test_a_changed_file_is_indexed_anew_and_said(tmp_path):
    files = write_classification(tmp_path, ["a.tsv", "b.tsv"], 40)
    cache = {"cache": str(tmp_path / "cache")}
    first = train_steps(files, tmp_path / "one", CASES["classification"], **cache)
    Path(files[1]).write_text(Path(files[1]).read_text() + "one more\tgood\n")
    second = train_steps(files, tmp_path / "two", CASES["classification"], **cache)
    assert any("indexed anew" in each and "b.tsv" in each for each in second["notices"])
    assert not any("indexed anew" in each for each in first["notices"])
    assert len(second["examples"]) + len(second["dev"]) == 81


@pytest.mark.parametrize(
    ("task", "rows"),
    [("classification", 400), ("genome", 400), ("forecasting", 100), ("transcription", 12)],
)
def test_a_full_disk_while_indexing_is_one_line(task, rows, tmp_path):
    files = write_data({"task": task}, tmp_path, rows)
    before = {file: Path(file).read_bytes() for file in files}
    command = ["train", task, "--train", *files, "--cache", "cache", "--out", "run"]
    outcome = subprocess.run(
        [sys.executable, "-m", "ostinato", *command],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)),
    )
    assert outcome.returncode == 2 and "Traceback" not in outcome.stderr, outcome.stderr
    last = outcome.stderr.splitlines()[-1]
    assert "cache: no space left for the index" in last and "choose another --cache" in last
    assert not (tmp_path / "run").exists()
    finished = [each.name for each in (tmp_path / "cache").glob("*/index.json")]
    # of recordings the manifest is indexed first, and then their features
    assert len(finished) == (task == "transcription") and not list(tmp_path.glob("cache/.*.tmp"))
    assert before == {file: Path(file).read_bytes() for file in files}


def test_a_changed_recording_is_noticed(tmp_path):
    files = write_recordings(tmp_path, ["a.tsv"], 60)
    settings = {"cache": str(tmp_path / "cache"), "epochs": 0.1}
    case = CASES["recordings"]
    train_steps(files, tmp_path / "one", case, **settings)
    sound = tmp_path / "a.tsv0.wav"
    os.utime(sound, (0, 0))  # copied, and otherwise the same
    second = train_steps(files, tmp_path / "two", case, **settings)
    assert not any("indexed anew" in each for each in second["notices"])
    sound.write_bytes((tmp_path / "a.tsv1.wav").read_bytes())
    third = train_steps(files, tmp_path / "three", case, **settings)
    assert any("indexed anew" in each and "a.tsv0.wav" in each for each in third["notices"])
    again = train_steps(files, tmp_path / "memory", case, epochs=0.1)
    assert third["fitted"] == again["fitted"] != second["fitted"]


def test_a_folder_of_recordings_with_one_more(tmp_path):
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    write_recordings(sounds, ["metadata.tsv"], 60)
    settings = {"cache": str(tmp_path / "cache"), "epochs": 0.1}
    case = CASES["recordings"]
    first = train_steps([str(sounds)], tmp_path / "one", case, **settings)
    assert isinstance(first["train"], RecordsOnDisk)
    with (sounds / "metadata.tsv").open("a") as file:
        file.write("metadata.tsv0.wav\tgo\n")
    second = train_steps([str(sounds)], tmp_path / "two", case, **settings)
    assert any("indexed anew" in each for each in second["notices"])
    memory = train_steps([str(sounds)], tmp_path / "memory", case, epochs=0.1)
    assert second["fitted"] == memory["fitted"] != first["fitted"]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("text\tlabel\n", "a.tsv", r"a\.tsv: no examples \(0 lines\)"),
        ("text\tlabel\na b\t\n", "a.tsv", r"a\.tsv:2: no label; complete the row"),
        ("text\tlabel\na b\tx\nc\tx\n", "a.tsv", "all 2 examples have the label 'x'"),
        ("text\tlabel\n \tx\n \ty\n", "a.tsv", "no examples: all 2 texts are empty"),
    ],
)
def test_what_cannot_be_indexed(content, name, message, tmp_path, monkeypatch, ostinato):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(content)
    outcome = ostinato("train", "classification", "--train", name, "--cache", "cache")
    assert outcome.status == 2 and outcome.out == "" and len(outcome.err.splitlines()) == 1
    assert re.search(message, outcome.err), outcome.err
    assert not list(Path("cache").glob("*/index.json")) and not Path("runs").exists()


def test_examples_that_are_in_memory_are_not_indexed(tmp_path):
    pairs = [("a fine film", "good"), ("a dull one", "bad")] * 20
    with pytest.raises(InputError, match="cache: these examples are in memory already"):
        ostinato_package.train("classification", train=pairs, cache=str(tmp_path))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("texts", "a folder; cache needs files"),
        ("series.npz", "no texts; classification has cache for texts"),
    ],
)
def test_a_folder_and_series_cannot_be_indexed(name, message, tmp_path):
    (tmp_path / "texts" / "good").mkdir(parents=True)
    np.savez(tmp_path / "series.npz", X=np.zeros((4, 5, 1), np.float32), y=np.array(list("abab")))
    request = RunRequest(
        "classification", train=[str(tmp_path / name)], settings={"cache": str(tmp_path / "c")}
    )
    with (
        pytest.raises(InputError, match=message),
        open_run(tmp_path / "run", request, resume=False, overwrite=False),
    ):
        pass
