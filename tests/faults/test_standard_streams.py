"""Standard streams that are closed or cannot be written, and an end by SIGTERM."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from corner_cases import make_folder

COMMAND = f"{sys.executable} -m ostinato"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


def shell(line: str) -> subprocess.CompletedProcess:
    # stdout is buffered, as it is for users: what fails then fails later
    environment = {name: os.environ[name] for name in os.environ if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=120, env=environment
    )


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ("tasks >&-", 2, "standard output is closed; send it to a file or to /dev/null"),
        ("--version <&-", 0, ""),
        ("--version 2>&-", 0, ""),
        ("predict nosuch 2>&-", 2, ""),
        pytest.param("--help >/dev/full", 2, "standard output: No space left", marks=needs_full),
        pytest.param("tasks >/dev/full", 2, "standard output: No space left", marks=needs_full),
        pytest.param(
            "train language --help >/dev/full", 2, "standard output: No space", marks=needs_full
        ),
        pytest.param("predict nosuch 2>/dev/full", 2, "", marks=needs_full),
    ],
)
def test_a_stream_that_is_not_there(arguments, status, message):
    outcome = shell(f"{COMMAND} {arguments}")
    assert outcome.returncode == status, outcome.stderr
    assert message in outcome.stderr and "Traceback" not in outcome.stderr
    assert len(outcome.stderr.splitlines()) == bool(message)


@needs_full
def test_a_table_on_a_full_disk(place):
    outcome = shell(f"{COMMAND} evaluate run train.src train.tgt >/dev/full")
    assert outcome.returncode == 2
    last = outcome.stderr.splitlines()[-1]
    assert last == "standard output: No space left on device; make room and run again"


def test_what_stdout_still_buffers_does_not_change_the_exit_status():
    """What cannot be written is dropped; else Python would end with 120 and lines of its own."""
    code = "import sys; from ostinato.exit_status import exit_status_of as call; "
    code += "sys.exit(call(lambda: print('text')))"
    outcome = shell(f'{sys.executable} -c "{code}" | true; exit ${{PIPESTATUS[0]}}')
    assert outcome.returncode == 0 and outcome.stderr == ""


@needs_full
def test_an_output_file_that_cannot_be_written(place, ostinato):
    outcome = ostinato("predict", "run", "train.src", "--output", "/dev/full")
    assert outcome.status == 2
    assert outcome.err == "/dev/full: cannot be written: No space left on device\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("melody", "generate run --length 8 --output pipe", "would be written beside it"),
        ("translation", "export run --format onnx --output pipe", "would be written beside it"),
        ("translation", "export run --format onnx --output .", ".: a folder; name a file"),
        ("language", "export run --format html --output run", "run: a folder; name a file"),
    ],
)
def test_nothing_is_written_beside_a_device(
    task, arguments, message, tmp_path, monkeypatch, ostinato
):
    folder = make_folder(task, tmp_path / "files")
    monkeypatch.chdir(folder)
    os.mkfifo("pipe")
    before = sorted(Path().iterdir())
    outcome = ostinato(*arguments.split())
    assert outcome.status == 2 and message in outcome.err and outcome.err.count("\n") == 1
    assert sorted(Path().iterdir()) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    ("task", "header", "message"),
    [
        ("captioning", "image\tcaption", "list.tsv:2: pipe: not a file but a device, a pipe or"),
        ("transcription", "audio\ttext", "list.tsv:2: pipe: missing, as it is not a file"),
        ("melody", "file\tgenre", "list.tsv:2: not a file: pipe"),
    ],
)
def test_a_pipe_among_files_does_not_hang(task, header, message, tmp_path, monkeypatch, ostinato):
    monkeypatch.chdir(make_folder(task, tmp_path / "files"))
    os.mkfifo("pipe")
    Path("list.tsv").write_text(f"{header}\npipe\tjig\n")
    outcome = ostinato("evaluate", "run", "list.tsv")
    assert outcome.status == 2 and outcome.err.startswith(message), outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        "predict run train.src",
        "evaluate run train.src train.tgt",
        "score run train.src train.tgt",
        "inspect parameters run",
        "export run --format onnx",
        "verify run",
        "train translation --train train.src train.tgt",
    ],
)
def test_an_empty_output(arguments, place, ostinato):
    outcome = ostinato(*arguments.split(), "--output", "")
    assert (outcome.status, outcome.err) == (2, "--output is empty; name the file to write\n")


def test_an_empty_token(place, ostinato):
    outcome = ostinato("serve", "run", "--token", "")
    assert outcome.status == 2
    assert outcome.err == "--token is empty; leave it out to serve without one\n"


def test_sigterm_leaves_no_temporary_file(place):
    """While predict waits for its input, its output file is begun; it is gone after SIGTERM."""
    command = [sys.executable, "-m", "ostinato", "predict", "run", "--output", "out.txt"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    begin = time.monotonic()
    while not list(Path().glob(".out.txt.*.tmp")):
        assert process.poll() is None and time.monotonic() < begin + 100, "no output was begun"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143 and said == "stopped\n"
    assert not list(Path().glob("*.tmp")) and not list(Path().glob(".*.tmp"))
