from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import Shuffled, batches, same, stream, toy

from ostinato.errors import InputError
from ostinato.training import checkpoint as module
from ostinato.training.checkpoint import Checkpoint, NotSaved, exists, load, save
from ostinato.training.loop import Position, state_tensors, train
from ostinato.training.optimise import build_optimizer
from ostinato.training.options import LEARNING_RATES, Options


def run_to(step, folder, model, optimizer, data, *, start=Position(), carried=(), epochs=3):  # noqa: B008
    """Train until `step`, save there, and return the losses."""
    losses = []
    for progress in train(
        model, data, optimizer, epochs=epochs, start=start, carried_state=carried, clip_norm=1.0
    ):
        losses.append(progress.loss)
        if progress.step == step:
            save(
                folder,
                model,
                optimizer,
                Checkpoint(progress.position, carried_state=state_tensors(progress.state)),
            )
            break
    return losses


def seed(number=0):
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


@pytest.mark.parametrize("kind", ["shuffled", "stream"])
@pytest.mark.parametrize("name", sorted(LEARNING_RATES))
def test_killed_and_resumed_is_never_killed(name, kind, tmp_path):
    data = Shuffled(batches(4)) if kind == "shuffled" else stream(4)
    sparse = name == "sparse-adam"
    options = Options(optimizer=name, momentum=0.5 if name == "rmsprop" else 0.0)

    def fresh(number):
        model = toy(number, sparse=sparse)
        return model, build_optimizer(model, options)

    model, optimizer = fresh(0)
    seed(1)
    whole = [p.loss for p in train(model, data, optimizer, epochs=3, clip_norm=1.0)]
    draws = random.random(), np.random.rand(), torch.rand(1).item()
    for stop in random.Random(name + kind).sample(range(1, 12), 2):
        first, its_optimizer = fresh(0)
        seed(1)
        losses = run_to(stop, tmp_path, first, its_optimizer, data)
        second, its_optimizer = fresh(7)
        seed(2)
        loaded = load(tmp_path, second, its_optimizer)
        losses += run_to(
            0,
            tmp_path,
            second,
            its_optimizer,
            data,
            start=loaded.position,
            carried=loaded.carried_state,
        )
        assert losses == whole
        assert same(model, second)
        assert (random.random(), np.random.rand(), torch.rand(1).item()) == draws


def test_same_seed_same_run():
    def run(number):
        model = toy(number)
        return model, [
            p.loss for p in train(model, batches(4), build_optimizer(model, Options()), epochs=2)
        ]

    (one, losses), (other, others), (_, different) = run(3), run(3), run(4)
    assert losses == others and same(one, other) and losses != different


def saved(tmp_path, step=1):
    model = toy()
    optimizer = build_optimizer(model, Options())
    run_to(step, tmp_path, model, optimizer, batches(4))
    return model, optimizer


def test_everything_comes_back(tmp_path):
    model, optimizer = saved(tmp_path)
    checkpoint = Checkpoint(
        Position(9, 2, 1), 12.5, [1.0, float("-inf")], [torch.ones(2)], {"tokens": 99}
    )
    save(tmp_path, model, optimizer, checkpoint)
    loaded = load(tmp_path, model, optimizer)
    assert torch.equal(loaded.carried_state.pop(), checkpoint.carried_state.pop())
    assert loaded == checkpoint


def test_one_generation_remains(tmp_path):
    model, optimizer = saved(tmp_path)
    for step in range(2, 5):
        save(tmp_path, model, optimizer, Checkpoint(Position(step)))
        folders = [path.name for path in tmp_path.iterdir() if path.is_dir()]
        assert folders == [json.loads((tmp_path / "manifest.json").read_text())["generation"]]
        assert load(tmp_path, model, optimizer).position.step == step
    assert not [path for path in tmp_path.rglob("*") if ".tmp" in path.name]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_every_flipped_byte_is_seen(tmp_path):
    model, optimizer = saved(tmp_path)
    chooser = random.Random(0)
    for path in files(tmp_path):
        sound = path.read_bytes()
        for _ in range(25):
            position = chooser.randrange(len(sound))
            path.write_bytes(
                sound[:position] + bytes([sound[position] ^ 0x41]) + sound[position + 1 :]
            )
            try:
                assert (
                    load(tmp_path, model, optimizer).position.step == 1
                )  # a space, or the step, of the manifest
                assert path.name == "manifest.json"
            except InputError as error:
                assert any(
                    word in str(error) for word in ("damaged", "truncated", "missing", "newer")
                )
                assert "\n" not in str(error)
        path.write_bytes(sound)


@pytest.mark.parametrize("name", module.FILES)
def test_truncated_and_missing_files(name, tmp_path):
    model, optimizer = saved(tmp_path)
    path = tmp_path / "a" / name
    size = path.stat().st_size
    for length in (0, 1, size // 2, size - 1):
        path.write_bytes(path.read_bytes()[:length] if length else b"")
        with pytest.raises(InputError) as refused:
            load(tmp_path, model, optimizer)
        assert f"{path}: truncated: " in str(refused.value) and f"{size:,} were written" in str(
            refused.value
        )
        path.write_bytes(b"x" * (size - 1))
    path.write_bytes(b"x" * (size + 1))
    with pytest.raises(
        InputError, match="damaged: .* bytes, .* were written; copy the run again or train anew"
    ):
        load(tmp_path, model, optimizer)
    path.unlink()
    with pytest.raises(
        InputError, match="missing, though manifest.json names it; copy the run again or train anew"
    ):
        load(tmp_path, model, optimizer)


def test_no_checkpoint(tmp_path):
    model = toy()
    assert not exists(tmp_path)
    with pytest.raises(InputError) as refused:
        load(tmp_path, model, build_optimizer(model, Options()))
    assert (
        str(refused.value)
        == f"{tmp_path}: no checkpoint to resume from; leave out resume to start anew"
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"[]",
        b"[" * 5000,
        b'{"format": 1}',
        b'{"format": 1, "generation": "../x", "step": 1}',
    ],
)
def test_a_damaged_manifest(content, tmp_path):
    model, optimizer = saved(tmp_path)
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(
        InputError, match="manifest.json: damaged; leave out resume and choose another out"
    ):
        load(tmp_path, model, optimizer)


def test_a_newer_format_is_refused_by_both_numbers(tmp_path):
    model, optimizer = saved(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 2, "holds": "something else"}')
    with pytest.raises(InputError) as refused:
        load(tmp_path, model, optimizer)
    assert str(refused.value).endswith(
        "format 2 is newer than this version of ostinato reads (1); upgrade ostinato"
    )


def test_another_optimizer_or_model_is_refused(tmp_path):
    model, _ = saved(tmp_path)
    with pytest.raises(
        InputError, match="its optimizer is Adam, this run's is SGD; resume with the same one"
    ):
        load(tmp_path, model, build_optimizer(model, Options(optimizer="sgd")))
    other = toy(tied=False)
    with pytest.raises(InputError, match="lacks tensor 'output.weight'"):
        load(tmp_path, other, build_optimizer(other, Options()))


@pytest.mark.parametrize("at", range(4))
def test_a_full_disk_leaves_the_checkpoint_before_it(at, tmp_path, monkeypatch):
    model, optimizer = saved(tmp_path)
    original, calls = os.fsync, iter(range(100))

    def full(handle):
        if not os.path.isdir(f"/proc/self/fd/{handle}") and next(calls) == at:  # noqa: PTH112
            raise OSError(errno.ENOSPC, "No space left on device")
        original(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotSaved) as failed:
        save(tmp_path, model, optimizer, Checkpoint(Position(2)))
    message = str(failed.value)
    assert message.startswith("no checkpoint of step 2 (the one of step 1 is whole): ")
    assert "no space left" in message and "\n" not in message
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["a"]
    assert load(tmp_path, model, optimizer).position.step == 1
    save(tmp_path, model, optimizer, Checkpoint(Position(3)))
    assert load(tmp_path, model, optimizer).position.step == 3


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small disk needs root"
)
def test_a_disk_that_is_really_full(tmp_path):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", tmp_path], check=False
    )
    if mounted.returncode:
        pytest.skip("cannot mount here")
    try:
        model, optimizer = saved(tmp_path / "training")
        (tmp_path / "filler").write_bytes(b"x" * (shutil.disk_usage(tmp_path).free - 8192))
        with pytest.raises(NotSaved, match="no space left"):
            save(tmp_path / "training", model, optimizer, Checkpoint(Position(2)))
        assert load(tmp_path / "training", model, optimizer).position.step == 1
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_the_first_checkpoint_cannot_be_written(tmp_path):
    (tmp_path / "training").write_text("a file")
    model = toy()
    with pytest.raises(
        NotSaved, match=r"no checkpoint of step 1 \(there is none before it\): .*cannot be written"
    ):
        save(
            tmp_path / "training", model, build_optimizer(model, Options()), Checkpoint(Position(1))
        )


def save_without_pause(folder, told):
    """Go on from what is there: weights that all equal the step, saved step after step, until
    killed.
    """
    model = toy()
    optimizer = build_optimizer(model, Options())
    step = load(folder, model, optimizer).position.step
    while True:
        step += 1
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(step)
        save(folder, model, optimizer, Checkpoint(Position(step), counters={"step": step}))
        os.write(told, f"{step}\n".encode())


def test_kills_at_any_moment_leave_a_checkpoint_that_can_be_loaded(tmp_path):
    """Each process starts from what the one before it left, saves without pause, and is killed."""
    model, optimizer = saved(tmp_path)
    chooser, last = random.Random(1), 1
    for _ in range(20):
        heard, told = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                save_without_pause(tmp_path, told)
            finally:
                os._exit(1)
        os.close(told)
        reported = os.read(heard, 100)  # its first checkpoint is written
        time.sleep(chooser.random() * 0.03)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        while more := os.read(heard, 4096):
            reported += more
        os.close(heard)
        step = load(tmp_path, model, optimizer).counters["step"]
        assert all((parameter == step).all() for parameter in model.parameters())
        assert last < int(reported.split()[-1]) <= step
        last = step


def test_a_kill_between_any_two_operations_leaves_a_checkpoint_that_can_be_loaded(
    tmp_path, monkeypatch
):
    """The same without chance: the save is cut short at its first, second, ... operation on
    files.
    """

    class Killed(BaseException):
        pass

    model, optimizer = saved(tmp_path / "sound")
    cut, finished = 0, False
    while not finished:
        folder = tmp_path / f"cut {cut}"
        shutil.copytree(tmp_path / "sound", folder)
        calls = iter(range(10_000))

        def counting(original, calls=calls, cut=cut):
            def called(*args, **keywords):
                if next(calls) == cut:
                    raise Killed
                return original(*args, **keywords)

            return called

        with monkeypatch.context() as patch:
            for place, name in [
                (os, "fsync"),
                (Path, "replace"),
                (Path, "mkdir"),
                (Path, "unlink"),
                (Path, "rmdir"),
            ]:
                patch.setattr(place, name, counting(getattr(place, name)))
            try:
                save(folder, model, optimizer, Checkpoint(Position(2)))
                finished = True
            except Killed:
                pass
        step = load(folder, model, optimizer).position.step
        assert step in (1, 2)
        save(folder, model, optimizer, Checkpoint(Position(3)))
        assert load(folder, model, optimizer).position.step == 3
        cut += 1
    assert cut > 10 and step == 2


def test_the_manifest_is_replaced_after_all_else_has_reached_the_disk(tmp_path, monkeypatch):
    model, optimizer = saved(tmp_path)
    order, fsync, replace = [], os.fsync, Path.replace

    def noted_fsync(handle):
        order.append(
            ("sync", Path(os.readlink(f"/proc/self/fd/{handle}")).name.split(".safe")[0].strip("."))  # noqa: PTH115
        )
        fsync(handle)

    def noted_replace(self, target):
        order.append(("rename", Path(target).name.split(".")[0]))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    save(tmp_path, model, optimizer, Checkpoint(Position(2)))
    renames = [name for kind, name in order if kind == "rename"]
    assert renames == ["model", "optimizer", "state", "manifest"]
    last = order.index(("rename", "manifest"))
    assert order[last - 1][0] == "sync" and order[last + 1] == ("sync", tmp_path.name)
    for name in renames[:-1]:
        place = order.index(("rename", name))
        assert order[place - 1][0] == "sync" and order[place + 1] == ("sync", "b")
