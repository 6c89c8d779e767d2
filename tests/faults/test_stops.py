"""Runs that are stopped: by Ctrl-C, a signal, a kill, a full disk or numbers gone wild.

What was learned is there, and --resume goes on.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ostinato.data.files.weights_file import load_weights
from toy_language import TINY, same_weights, write_toy

TRAIN = [
    "train",
    "translation",
    "--train",
    "train.src",
    "train.tgt",
    "--out",
    "new",
    *TINY[:-3],
    "--no-tensorboard",
    "--batch-size",
    "4",
]
LONG = [
    *TRAIN,
    "--dropout",
    "0.3",
    "--evaluate-every",
    "5",
    "--schedule",
    "constant",
]  # no rate depends on the last epoch
ENDLESS = [*LONG, "--epochs", "4000"]  # stopped before its end, however busy the machine is
END = ["--epochs", "60"]


def start(*arguments: str, **settings) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "ostinato.cli", *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        **settings,
    )


def wait_for_steps(process: subprocess.Popen, folder: Path, steps: int) -> None:
    """Until the log holds so many steps."""
    log = folder / "training/log.jsonl"
    limit = time.monotonic() + 60
    while not (log.is_file() and log.read_bytes().count(b"\n") >= steps):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.005)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    """The run that nobody stopped: what the others must come to, bit for bit."""
    from ostinato.cli import main

    folder = tmp_path_factory.mktemp("uninterrupted")
    files = write_toy(folder)
    assert main([*LONG[:3], *files, "--out", str(folder / "new"), *LONG[7:], *END]) == 0
    return folder / "new"


def resumed(ostinato, uninterrupted: Path) -> None:
    """--resume finishes, and comes to the same weights as the run that nobody stopped."""
    outcome = ostinato("train", "translation", "--out", "new", "--resume", *END)
    assert outcome.status == 0, outcome.err
    assert same_weights(Path("new/model.safetensors"), uninterrupted / "model.safetensors")
    name = "model.safetensors"
    ours, theirs = (
        next(iter((run / "training").glob(f"[ab]/{name}"))) for run in (Path("new"), uninterrupted)
    )
    assert same_weights(ours, theirs)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_resume_goes_on_to_the_same_bits(
    number, status, place, ostinato, uninterrupted
):
    process = start(*ENDLESS)
    wait_for_steps(process, place / "new", 12)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert "Traceback" not in err
    assert re.search(
        r"saved at step \d+; continue with: ostinato train translation --out new --resume$",
        err.strip(),
    )
    assert not (place / "new/report.json").exists()
    resumed(ostinato, uninterrupted)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_stopped_where_nothing_can_be_saved_it_does_not_say_saved(number, place):
    """As on a full disk, a file of more than `limit` bytes cannot be written: no checkpoint can."""
    limit = 10_000
    process = start(
        *[*ENDLESS, "--evaluate-every", "4000", "--hidden-size", "64"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    wait_for_steps(process, place / "new", 2)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    last = err.splitlines()[-1]
    assert re.match(
        r"stopped at step \d+, which is not saved: no checkpoint of step \d+ \(there is none "
        r"before "
        r"it\): .*no space left",
        last,
    ), err
    assert process.returncode == 2
    assert "saved at" not in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("removed", "number"),
    [
        ("new", signal.SIGINT),
        ("new/training", signal.SIGTERM),
        ("new/model.json", signal.SIGINT),
        pytest.param("new", signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param("new/training", signal.SIGINT, marks=pytest.mark.slow),
        pytest.param("new/model.json", signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_stopped_without_its_folder_it_does_not_say_saved(removed, number, place):
    process = start(*ENDLESS, "--evaluate-every", "4000")
    wait_for_steps(process, place / "new", 2)
    if (place / removed).is_dir():
        shutil.rmtree(place / removed)
    else:
        (place / removed).unlink()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert re.match(
        r"stopped at step \d+, which is not saved: new: was removed or replaced while training",
        err.splitlines()[-1],
    ), err
    assert process.returncode == 2
    assert "saved at" not in err and "Traceback" not in err
    assert not (place / removed).exists()


def test_a_deleted_lock_file_does_no_harm(place, ostinato, uninterrupted):
    process = start(*ENDLESS)
    wait_for_steps(process, place / "new", 12)
    (place / "new/lock").unlink()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    resumed(ostinato, uninterrupted)


def test_a_run_without_its_folder_ends_at_the_next_evaluation(place):
    process = start(*ENDLESS, "--evaluate-every", "50")
    wait_for_steps(process, place / "new", 2)
    shutil.rmtree(place / "new")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.splitlines()[-1].startswith("new: was removed or replaced while training")
    assert not (place / "new").exists()


def test_killed_and_resumed_as_if_never_killed(place, ostinato, uninterrupted):
    process = start(*ENDLESS, "--checkpoint-every", "0.01")
    wait_for_steps(process, place / "new", 30)
    process.kill()
    process.communicate()
    resumed(ostinato, uninterrupted)


def test_killed_before_the_first_checkpoint_begins_again(place, ostinato, uninterrupted):
    process = start(*ENDLESS)
    wait_for_steps(process, place / "new", 1)
    process.kill()
    process.communicate()
    resumed(ostinato, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_killed_at_any_time(seed, place, ostinato, uninterrupted):
    process = start(*ENDLESS, "--checkpoint-every", "0.001")
    wait_for_steps(process, place / "new", 1)
    time.sleep(seed * 0.05)
    process.kill()
    process.communicate()
    resumed(ostinato, uninterrupted)


def test_two_in_one_folder(place, ostinato):
    process = start(*ENDLESS)
    wait_for_steps(process, place / "new", 1)
    for flag in ("--resume", "--overwrite"):
        outcome = (
            ostinato(*TRAIN, flag)
            if flag == "--overwrite"
            else ostinato("train", "translation", "--out", "new", flag)
        )
        assert outcome.status == 2
        assert (
            f"new: in use by process {process.pid}; wait for it, stop it, or choose another --out"
            in outcome.err
        )
        assert outcome.err.count("\n") == 1
    assert process.poll() is None
    process.kill()
    process.communicate()


def test_resuming_a_finished_run_changes_nothing(place, ostinato):
    before = (place / "run/model.safetensors").read_bytes()
    outcome = ostinato("train", "translation", "--out", "run", "--resume")
    assert outcome.status == 0, outcome.err
    assert (place / "run/model.safetensors").read_bytes() == before


def test_resume_with_more_epochs_goes_on(place, ostinato):
    assert ostinato("train", "translation", "--out", "run", "--resume", "--epochs", "3").status == 0
    log = (place / "run/training/log.jsonl").read_text()
    assert '"epoch": 3.0' in log


def test_a_changed_end_holds_for_the_next_resume_too(place, ostinato):
    assert ostinato("train", "translation", "--out", "run", "--resume", "--epochs", "3").status == 0
    outcome = ostinato("train", "translation", "--out", "run", "--resume")
    assert outcome.status == 0
    assert "learning rate" not in outcome.err
    assert json.loads(Path("run/report.json").read_text())["training"]["epochs"] == 3


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (
            "cosine",
            ["it continues at a learning rate of 0.0015 instead of 0"],
        ),  # 0.002 (1 + cos(pi / 3)) / 2
        ("linear", ["it continues at a learning rate of 0.0013 instead of 0"]),
        ("constant", []),
    ],
)
def test_a_schedule_whose_end_is_moved_says_so(schedule, said, place, ostinato):
    settings = ["--schedule", schedule, "--learning-rate", "0.002", "--warmup", "0"]
    assert ostinato(*TRAIN, *settings, "--epochs", "1").status == 0
    assert (
        ostinato("train", "translation", "--out", "new", "--resume", "--epochs", "1").err.count(
            "learning rate"
        )
        == 0
    )
    outcome = ostinato("train", "translation", "--out", "new", "--resume", "--epochs", "3")
    assert outcome.status == 0
    found = [line for line in outcome.err.splitlines() if "learning rate" in line]
    assert found == [
        f"note: the {schedule} schedule ends with the run, whose end has moved: {each}"
        for each in said
    ]


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)],
)
def test_one_signal_ends_the_report(number, status, place, ostinato, monkeypatch):
    from ostinato.commands.run import report

    before = signal.getsignal(number)
    monkeypatch.setattr(report, "measure_with_alone", lambda *_, **__: os.kill(os.getpid(), number))
    outcome = ostinato(*TRAIN)
    assert outcome.status == status
    assert (
        outcome.err.splitlines()[-1]
        == "trained, but not reported on; for that: ostinato train translation --out new --resume"
    )
    assert not Path("new/report.json").exists()
    assert signal.getsignal(number) == before
    monkeypatch.undo()
    assert ostinato("train", "translation", "--out", place / "new", "--resume").status == 0
    assert (place / "new/report.json").exists()


def test_training_is_silent_where_nobody_watches(place, ostinato):
    outcome = ostinato(*TRAIN, "--dev", "train.src", "train.tgt")
    assert outcome.status == 0
    assert [
        line for line in outcome.err.splitlines() if not line.startswith(("note: ", "warning: "))
    ] == []


def test_training_that_diverges_keeps_the_last_good_model(place, ostinato):
    wild = [
        *TRAIN,
        "--optimizer",
        "sgd",
        "--learning-rate",
        "1e38",
        "--clip-norm",
        "none",
        "--epochs",
        "50",
    ]
    outcome = ostinato(*wild)
    assert outcome.status == 2
    last = outcome.err.splitlines()[-1]
    assert re.match(
        r"training diverged at step \d+: loss .*; try a lower --learning-rate.*; the last "
        r"good model is in new$",
        last,
    )
    assert "Traceback" not in outcome.err
    assert all(
        tensor.isfinite().all() for tensor in load_weights(place / "new/model.safetensors").values()
    )
    assert ostinato("predict", "new", "train.src").status == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, as only root can make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_disk_full_in_the_middle_leaves_what_was_there(place, small_disk, ostinato):
    arguments = [*TRAIN, "--out", "small/new", "--epochs", "20"]
    outcome = ostinato(*arguments, "--embedding-size", "4000")
    assert outcome.status == 2, outcome.err
    assert "no space left" in outcome.err.splitlines()[-1].lower()
    assert "Traceback" not in outcome.err
    outcome = ostinato(
        *arguments
    )  # a smaller one fits where the large one left nothing that counts
    assert outcome.status in (0, 2)
    assert outcome.status == 0 or "holds a run already" in outcome.err


def test_disk_full_while_training_keeps_the_checkpoint_before(place, small_disk, ostinato):
    arguments = [*TRAIN, "--out", "small/new"]
    assert ostinato(*arguments, "--epochs", "5").status == 0
    before = (small_disk / "new/model.safetensors").read_bytes()
    free = shutil.disk_usage(small_disk).free
    (small_disk / "ballast").write_bytes(b"x" * (free - 4096))
    outcome = ostinato("train", "translation", "--out", "small/new", "--resume", "--epochs", "10")
    assert outcome.status == 2
    assert "Traceback" not in outcome.err
    assert re.search("no space left|cannot be written", outcome.err.splitlines()[-1], re.IGNORECASE)
    (small_disk / "ballast").unlink()
    assert (small_disk / "new/model.safetensors").read_bytes() == before
    assert ostinato("predict", "small/new", "train.src").status == 0
    outcome = ostinato("train", "translation", "--out", "small/new", "--resume", "--epochs", "10")
    assert outcome.status == 0, outcome.err


def test_predicting_onto_a_full_disk_keeps_the_old_answers(place, small_disk, ostinato):
    answers = small_disk / "answers"
    answers.write_text("old")
    (small_disk / "ballast").write_bytes(b"x" * (shutil.disk_usage(small_disk).free))
    outcome = ostinato("predict", "run", "train.src", "--json", "--output", "small/answers")
    assert outcome.status == 2
    assert "no space left" in outcome.err
    assert outcome.err.count("\n") == 1
    assert answers.read_text() == "old"


def test_predicting_to_a_full_device(place):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "ostinato.cli", "predict", "run", "train.src", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.returncode == 2
    assert "No space left" in process.stderr
    assert "Traceback" not in process.stderr


def test_a_reader_that_has_had_enough(place):
    Path("many").write_text("one two three\n" * 20_000)
    process = start("predict", "run", "many", "--beam", "1", "--json")
    assert process.stdout.readline().startswith("{")
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=60) == 0
    assert err == ""


def test_ctrl_c_while_predicting(place):
    Path("many").write_text("one two three\n" * 200_000)
    process = start("predict", "run", "many", "--json")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize("part", ["train", "dev", "test"])
def test_files_that_have_changed_since_are_said_when_a_run_is_resumed(part, place, ostinato):
    for name in ("train", "dev", "test"):
        Path(f"{name}.tsv").write_text("".join(f"a b {n}\tc d {n}\n" for n in range(20)))
    files = [word for name in ("train", "dev", "test") for word in (f"--{name}", f"{name}.tsv")]
    small = ["--hidden-size", "8", "--embedding-size", "8", "--unit", "word", "--out", "other"]
    assert ostinato("train", "translation", *files, *small, "--epochs", "1").status == 0
    resume = ["train", "translation", "--out", "other", "--resume", "--epochs"]
    assert "changed since" not in ostinato(*resume, "2").err
    with Path(f"{part}.tsv").open("a") as file:
        file.write("a b\tc d\n")
    outcome = ostinato(*resume, "3")
    assert outcome.status == 0, outcome.err
    assert f"note: changed since the run began: {part}.tsv; it goes on with what is" in outcome.err
    assert "changed since" not in ostinato(*resume, "4").err
