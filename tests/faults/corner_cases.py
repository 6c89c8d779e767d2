"""Every verb with every task in surroundings that nobody thinks of: the cases, and their judge."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from forked_commands import TIMED_OUT, Surroundings

from ostinato.data.files.samples import sample_files
from ostinato.tasks import TASKS
from toy_language import Outcome

GOLDEN = Path(__file__).parents[1] / "golden"
INPUTS = {  # of predict; the others are input.txt
    **dict.fromkeys(["anomaly", "forecasting"], "input.csv"),
    **dict.fromkeys(["autoencoder", "transcription", "video"], "input.npz"),
    "captioning": "input.tsv",
    "genome": "input.fa",
    "melody": "input.abc",
}
GENERATING = ("language", "melody")
RESCORING = ("translation", "dialogue", "language", "transcription")
SMALL = ["--epochs", "0.01", "--no-tensorboard", "--hidden-size", "4", "--time-limit", "20s"]


@dataclass(frozen=True)
class Case:
    """A command in a situation; `fails` where its exit status cannot be 0."""

    name: str
    arguments: list[str]
    surroundings: Surroundings = Surroundings()
    fails: bool = False


def small_sample(task: str, folder: Path, rows: int = 24) -> str:
    """The beginning of a task's sample, as a file in the folder: its name."""
    source = sample_files(TASKS[task].sample)["train"]
    name = "small" + "".join(source.suffixes).removesuffix(".gz")
    if task == "transcription":  # the sample is 48 minutes of speech
        shutil.copy(GOLDEN / task / "input.npz", folder / name)
        return name
    if source.suffix == ".npz":
        shutil.copy(source, folder / name)
        return name
    text = source.read_bytes()
    text = gzip.decompress(text) if source.suffix == ".gz" else text
    rows = {"language": 60, "anomaly": 400, "forecasting": 400, "melody": 400, "tagging": 400}.get(
        task, rows
    )
    (folder / name).write_bytes(b"\n".join(text.split(b"\n")[:rows]) + b"\n")
    for beside in source.parent.glob("*.png"):
        shutil.copy(beside, folder)
    return name


def input_of(task: str) -> str:
    return INPUTS.get(task, "input.txt")


def make_folder(task: str, folder: Path) -> Path:
    """A folder with the golden run of a task, its input, and some of its sample."""
    shutil.copytree(GOLDEN / task, folder)
    if task == "language":
        (folder / "input.txt").write_text("ROMEO:\nthe king\n")
    (folder / "list.nbest").write_text(
        "0 ||| a b ||| f= 1 ||| -1\n0 ||| c ||| f= 2 ||| -2\n1 ||| a ||| f= 1 ||| -1\n"
    )
    (folder / "lines.txt").write_text("a b\nc d\n")
    small_sample(task, folder)
    return folder


def verbs(task: str) -> dict[str, list[str]]:
    """verb -> a command line that works, with the folder of `make_folder`."""
    given, small = input_of(task), small_name(task)
    training = ["--train", small, *SMALL]
    lines = {
        "train": ["train", task, *training, "--out", "new"],
        "evaluate": ["evaluate", "run", small],
        "predict": ["predict", "run", given],
        "score": ["score", "run", small],
        "inspect": ["inspect", "parameters", "run", "--output", "view.json"],
        "verify": ["verify", "run"],
        "export": ["export", "run", "--format", "folder", "--output", "exported"],
        "compare": ["compare", task, *training, "--out", "new"],
        "search": ["search", task, *training, "--trials", "1", "--out", "new"],
    }
    if task in GENERATING:
        lines["generate"] = ["generate", "run", "--length", "8"]
    if task in RESCORING:
        source = [] if task in ("language", "transcription") else ["--source", "lines.txt"]
        lines["rescore"] = ["rescore", "run", "list.nbest", *source]
    return lines


def small_name(task: str) -> str:
    """The name that `small_sample` gives its file."""
    source = sample_files(TASKS[task].sample)["train"]
    return "small" + "".join(source.suffixes).removesuffix(".gz")


def stream_cases(task: str) -> Iterator[Case]:
    """Standard streams that are closed or full, outputs that cannot be written."""
    for verb, line in verbs(task).items():
        for name in ("stdin", "stdout", "stderr"):
            yield Case(f"{verb}, {name} closed", line, Surroundings(**{name: None}))
        yield Case(f"{verb}, all closed", line, Surroundings(None, None, None))
        for name in ("stdout", "stderr"):
            yield Case(f"{verb}, {name} full", line, Surroundings(**{name: "/dev/full"}))
        full = {"stdout": "/dev/full", "stderr": "/dev/full"}
        yield Case(f"{verb}, both full", line, Surroundings(**full))
        yield Case(f"{verb} --help full", [verb, task, "--help"], Surroundings(stdout="/dev/full"))
        if "--output" not in line and verb not in ("train", "compare", "search"):
            yield Case(f"{verb} --output /dev/full", [*line, "--output", "/dev/full"], fails=True)
            yield Case(
                f"{verb} --json --output /dev/full",
                [*line, "--json", "--output", "/dev/full"],
                fails=True,
            )
    yield Case("export to /dev/full", [*verbs(task)["export"][:-1], "/dev/full"], fails=True)
    for end in ("png", "html", "svg", "json"):
        yield Case(
            f"inspect .{end} in a folder that is none",
            ["inspect", "parameters", "run", "--output", f"run/model.json/x.{end}"],
            fails=True,
        )


def backend_cases(task: str) -> Iterator[Case]:
    nonsense = Surroundings(environment={"MPLBACKEND": "nonsense"})
    for verb in ("train", "compare", "search", "predict", "evaluate"):
        yield Case(f"{verb}, MPLBACKEND", verbs(task)[verb], nonsense)
    for end in ("png", "svg", "html"):
        line = ["inspect", "parameters", "run", "--output", f"v.{end}"]
        yield Case(f"inspect .{end}, MPLBACKEND", line, nonsense)


ODD_NAME = "\udcff\udcfe odd"  # bytes that are no UTF-8


def name_cases(task: str) -> Iterator[Case]:
    """File names that are no UTF-8, as inputs, outputs and runs."""
    given, small = input_of(task), small_name(task)
    for verb, line in verbs(task).items():
        renamed = [
            ODD_NAME + part if part in (given, small, "lines.txt") else part for part in line
        ]
        if renamed != line:
            yield Case(f"{verb}, odd input name", renamed)
        for part in ("run", "new", "exported", "view.json", "list.nbest"):
            if part in line:
                changed = [ODD_NAME + each if each == part else each for each in line]
                yield Case(f"{verb}, odd {part}", changed)
    yield Case("predict --output odd", [*verbs(task)["predict"], "--output", ODD_NAME + ".out"])
    yield Case("an odd file that is missing", ["predict", "run", ODD_NAME + "missing"], fails=True)
    yield Case("an odd prompt", ["predict", "run", given, "--" + ODD_NAME], fails=True)
    yield Case("an odd view", ["inspect", ODD_NAME, "run"], fails=True)
    yield Case("an odd task", ["train", ODD_NAME], fails=True)
    yield Case("an odd recipe", ["train", task, "--recipe", ODD_NAME], fails=True)


def device_cases(task: str) -> Iterator[Case]:
    """Devices, sockets, folders, blank files and another kind of data in place of files."""
    quick = Surroundings(seconds=40)
    for verb, line in verbs(task).items():
        files = {input_of(task), small_name(task), "list.nbest"} & {*line}
        for name, path in ODD_FILES.items():
            for file in files:
                changed = [path if part == file else part for part in line]
                yield Case(f"{verb}, {name} for {file}", changed, quick)


ODD_FILES = {
    "null": "/dev/null",
    "zeros": "/dev/zero",
    "random": "/dev/urandom",
    "full": "/dev/full",
    "socket": "socket",
    "folder": "empty",
    "a run": "run",
    "weights": "run/model.safetensors",
    "blank": "blank.txt",
    "blank table": "blank.tsv",
    "blank csv": "blank.csv",
    "blank json": "blank.jsonl",
    "blank conll": "blank.conll",
    "zero bytes npz": "blank.npz",
    "numbers": "run.npz",
    "dangling": "dangling",
    "loop": "loop",
    **{f"other {task}": f"other/{task}" for task in TASKS},
}


def make_odd_files(folder: Path) -> None:
    import socket

    here = Path.cwd()
    os.chdir(folder)  # a socket's path is short
    socket.socket(socket.AF_UNIX).bind("socket")
    os.chdir(here)
    (folder / "empty").mkdir()
    for name in ("blank.txt", "blank.tsv", "blank.csv", "blank.jsonl", "blank.conll"):
        (folder / name).write_bytes(b"\n\n  \n")
    (folder / "blank.npz").write_bytes(b"")
    np.savez(folder / "run.npz", X=np.zeros((3, 4, 5), np.float32), lengths=np.array([4, 2, 1]))
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    (folder / "other").mkdir()
    for task in TASKS:
        name = small_sample(task, folder / "other")
        shutil.copy(folder / "other" / name, folder / "other" / task)


def contents(folder: Path) -> dict[str, str]:
    """name -> digest of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def judge(case: Case, outcome: Outcome, before: dict[str, str], after: dict[str, str]) -> str:
    """What is wrong with an outcome; "" where nothing is."""
    if outcome.status == TIMED_OUT:
        return "hangs"
    allowed = (0, 1, 2) if case.arguments[0] == "verify" else (0, 2)
    if outcome.status not in allowed or case.fails and not outcome.status:
        return f"exit status {outcome.status}"
    if "Traceback" in outcome.err or "Error:" in outcome.err:
        return "a traceback"
    if outcome.status == 2:
        said = [line for line in outcome.err.splitlines() if not NOTICE.match(line)]
        silent = case.surroundings.stderr != ""
        if len(said) != (not silent):
            return f"{len(said)} lines of error"
        finished = case.surroundings.stdout == "/dev/full"  # trained, and only the report is lost
        if not finished and {name for name in after if name not in before}:
            return f"left behind: {sorted({*after} - {*before})[:4]}"
    changed = [name for name in before if after.get(name) != before[name]]
    return f"changed: {changed}" if changed else ""


NOTICE = re.compile(r"(note|warning): |trial \d|[a-z0-9-]+:$")
KINDS = {
    "streams": stream_cases,
    "backend": backend_cases,
    "names": name_cases,
    "devices": device_cases,
}
