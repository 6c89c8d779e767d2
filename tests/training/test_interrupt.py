from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from ostinato.errors import Interrupted
from ostinato.training.interrupt import interruptible


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_becomes_a_flag_and_an_exit_status(number, status):
    handler = signal.getsignal(number)
    with interruptible() as interrupt:
        assert not interrupt and interrupt.exit_status == 0 and interrupt.name == ""
        os.kill(os.getpid(), number)
        assert (
            interrupt
            and interrupt.exit_status == status
            and interrupt.name == signal.Signals(number).name
        )
    assert signal.getsignal(number) == handler


@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)],
)
def test_a_second_signal_ends_it_at_once(number, raised):
    handler = signal.getsignal(number)
    with pytest.raises(raised) as stopped, interruptible():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), number)
    if raised is SystemExit:
        assert stopped.value.code == 128 + number
    assert signal.getsignal(number) == handler


def test_ctrl_c_is_answered_on_stderr(capfd):
    with interruptible("stopping after this step"):
        os.kill(os.getpid(), signal.SIGINT)
    assert capfd.readouterr().err == "\nstopping after this step\n"
    with interruptible("stopping after this step"):
        os.kill(os.getpid(), signal.SIGTERM)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("early", [True, False])
def test_where_nothing_is_to_be_saved_the_first_signal_ends_it(early):
    handler = signal.getsignal(signal.SIGTERM)
    with (
        pytest.raises(Interrupted, match="^go on with --resume$") as stopped,
        interruptible() as interrupt,
    ):
        if early:
            os.kill(os.getpid(), signal.SIGTERM)
        interrupt.exit_at_once("go on with --resume")
        assert not early
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("the signal was to end it")
    assert stopped.value.status == 143
    assert signal.getsignal(signal.SIGTERM) == handler


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread_nothing_is_caught():
    seen = []

    def work():
        with interruptible() as interrupt:
            seen.append(bool(interrupt))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_the_process_ends_with_the_signals_status():
    code = (
        "import os, signal, sys\nfrom ostinato.training.interrupt import interruptible\n"
        "with interruptible() as interrupt:\n os.kill(os.getpid(), signal.SIGTERM)\n "
        "sys.exit(interrupt.exit_status)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 143
