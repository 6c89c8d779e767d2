"""Tagging a long file takes no more memory than tagging a short one."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ostinato

# the process's own peak: getrusage of a process that was just started counts the one that started
# it, too
PROGRAM = """
import pathlib, resource, sys, ostinato.cli
status = ostinato.cli.main(sys.argv[1:])
file = pathlib.Path("/proc/self/status")
lines = file.read_text().splitlines() if file.exists() else []
own = [line.split()[1] for line in lines if line.startswith("VmHWM")]
print(*own or [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss], file=sys.stderr)
sys.exit(status)
"""
SENTENCE = "the dog barks and the cat sleeps ."
TAGS = "DET NOUN VERB CCONJ DET NOUN VERB PUNCT"


@pytest.mark.slow
def test_a_million_tokens_stream(tmp_path):
    pairs = zip(SENTENCE.split(), TAGS.split(), strict=True)
    (tmp_path / "train.txt").write_text(("\n".join(map(" ".join, pairs)) + "\n\n") * 30)
    ostinato.train(
        "tagging",
        train=[str(tmp_path / "train.txt")],
        dev=[str(tmp_path / "train.txt")],
        out=tmp_path / "run",
        hidden_size=16,
        embedding_size=8,
        character_size=6,
        affix_size=6,
        epochs=1.0,
        least_steps=0,
        tensorboard=False,
    )
    short, long = (peak(tmp_path, tokens) for tokens in (100_000, 1_000_000))
    assert long < short * 1.05 + 20 * 2**20


def peak(folder, tokens):
    """The most memory, in bytes, that tagging so many tokens takes; every line is counted on
    the way out.
    """
    sentences = tokens // 8
    with (folder / "long.txt").open("w") as file:
        file.writelines(
            f"{SENTENCE} w{number}\n" for number in range(sentences)
        )  # words never seen before, too
    files = [str(folder / "run"), str(folder / "long.txt"), "--output", str(folder / "out.conll")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "predict", *files],
        capture_output=True,
        text=True,
        check=True,
    )
    with (folder / "out.conll").open() as file:
        assert sum(1 for line in file if line.strip()) == 9 * sentences
    return int(done.stderr.split()[-1]) * (1 if sys.platform == "darwin" else 1024)
