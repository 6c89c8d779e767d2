"""Shared by many tests: a toy language, a model trained on it, the command line in this process."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from toy_language import TINY, Outcome, write_toy

# how long an example takes depends on what else runs on the machine
settings.register_profile("ostinato", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ostinato")

# a shell's background job ignores these, and so would every process that a test starts
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tiny matrices gain nothing from threads, and the tests of other processes lose by them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def quick_pictures(request, monkeypatch):
    """PNG pictures of one pixel: to draw them takes longer than to train a tiny model.

    Tests that are marked `pictures` draw them, and so does every process that a test starts."""
    if request.node.get_closest_marker("pictures"):
        return
    from matplotlib.figure import Figure

    save = Figure.savefig

    def save_quickly(figure, file, **settings):
        name = getattr(file, "name", file)
        if settings.get("format") == "png" or str(name).endswith(".png"):
            figure = Figure(figsize=(0.1, 0.1), dpi=10)
            settings["dpi"] = 10
        save(figure, file, **settings)

    monkeypatch.setattr(Figure, "savefig", save_quickly)


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium; where it or playwright is missing, the test is skipped and says so."""
    sync = pytest.importorskip(
        "playwright.sync_api", reason="playwright is missing: pip install playwright"
    )
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A run that tests only read: 20 pairs, 8 units, an epoch; beside it train.src and
    train.tgt.
    """
    from ostinato.cli import main

    folder = tmp_path_factory.mktemp("trained")
    files = write_toy(folder)
    assert (
        main(["train", "translation", "--train", *files, "--out", str(folder / "run"), *TINY]) == 0
    )
    return folder / "run"


@pytest.fixture
def place(trained, tmp_path, monkeypatch) -> Path:
    """The working directory of a test: a copy of the run as `run`, beside train.src and
    train.tgt.
    """
    shutil.copytree(trained.parent, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ostinato(capsys) -> Callable[..., Outcome]:
    """ostinato("predict", "run", "new.src") -> the command's Outcome, without another process."""
    from ostinato.cli import main

    def call(*arguments) -> Outcome:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Outcome(status, *capsys.readouterr())

    return call


@pytest.fixture
def refused(tmp_path, monkeypatch, ostinato) -> Callable[..., None]:
    """A check that a command is refused in one line and writes nothing.

    refused(made, "train ... --out new", "bad.tsv:3: no label", make)

    It runs in a folder with the files of the folder `made` and those that make() adds; the line
    has these words, or matches this pattern."""

    def check(
        made: Path,
        command: str,
        message: str | re.Pattern,
        make: Callable[[], object] = lambda: None,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for path in made.iterdir():
            (tmp_path / path.name).symlink_to(path)
        make()
        outcome = ostinato(*command.split())
        assert outcome.status == 2 and outcome.out == "", outcome.err
        assert len(outcome.err.splitlines()) == 1 and "Traceback" not in outcome.err
        assert (
            message in outcome.err if isinstance(message, str) else message.search(outcome.err)
        ), outcome.err
        assert not Path("new").exists()

    return check
