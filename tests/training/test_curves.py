from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ostinato.errors import InputError
from ostinato.training.curves import Curves, draw_curves, read_curves
from ostinato.training.loop import Position, Progress


def progress(step: int) -> Progress:
    return Progress(step, step / 10, 5.0 / step, 100, 10, 1.0 + step, 0.1, 0.5, Position(step))


def write(folder, steps, **settings):
    with Curves(folder, **settings) as curves:
        for step in steps:
            curves.record_step(progress(step))
            if step % 5 == 0:
                curves.record_scores(step, step / 10, {"bleu": float(step), "loss": 1.0})


def test_a_line_for_each_step_and_each_score(tmp_path):
    write(tmp_path / "training", range(1, 6))
    lines = (tmp_path / "training" / "log.jsonl").read_text().splitlines()
    assert len(lines) == 6
    assert json.loads(lines[1]) == {
        "step": 2,
        "epoch": 0.2,
        "loss": 2.5,
        "gradient_norm": 3.0,
        "learning_rate": 0.1,
        "tokens": 100,
        "seconds": 0.5,
    }
    assert json.loads(lines[5]) == {"step": 5, "epoch": 0.5, "dev": {"bleu": 5.0, "loss": 1.0}}


@pytest.mark.parametrize("torn", ["", '{"step": 11, "epo', "\n7\n[]\n"])
def test_a_resumed_run_goes_on_from_its_step(tmp_path, torn):
    write(tmp_path / "whole", range(1, 16))
    write(tmp_path / "cut", range(1, 11))
    log = tmp_path / "cut" / "log.jsonl"
    log.write_text(log.read_text() + torn)
    write(tmp_path / "cut", range(8, 16), resumed_step=7)
    assert log.read_text() == (tmp_path / "whole" / "log.jsonl").read_text()


def test_a_new_run_begins_anew(tmp_path):
    write(tmp_path, range(1, 9))
    write(tmp_path, [1])
    assert [record["step"] for record in read_curves(tmp_path / "log.jsonl")] == [1]


@pytest.mark.parametrize("steps", [0, 1, 3, 2000])
def test_they_are_drawn(tmp_path, steps):
    write(tmp_path, range(1, steps + 1))
    draw_curves(read_curves(tmp_path / "log.jsonl"), tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_tensorboard_events(tmp_path):
    write(tmp_path, range(1, 6), tensorboard=True)
    write(tmp_path, range(4, 8), tensorboard=True, resumed_step=3)
    found = list((tmp_path / "tensorboard").glob("events*"))
    content = b"".join(path.read_bytes() for path in found)
    assert len(found) == 2 and b"train/loss" in content and b"dev/bleu" in content
    write(tmp_path, [1], tensorboard=True)
    assert len(list((tmp_path / "tensorboard").glob("events*"))) == 1


def test_a_full_disk_is_told_in_one_line(tmp_path):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

        def close(self):
            pass

    curves = Curves(tmp_path)
    curves.file.close()
    curves.file = Full()
    with pytest.raises(InputError) as refused:
        curves.record_step(progress(1))
    assert str(refused.value) == (
        f"{tmp_path / 'log.jsonl'}: cannot be written: No space left on device; make room "
        "and resume"
    )


def test_plots_and_events_are_imported_where_they_are_used():
    code = (
        "import sys, ostinato.training.curves; sys.exit(bool({'matplotlib', 'tensorboardX'} & "
        "set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
