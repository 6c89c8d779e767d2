"""The exit status of a process, and what it says on stderr when it fails.

0 success; 2 an error that the user can put right (one line on stderr); 1 a failure of ours; 130 and
143 after an interrupt."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ostinato.errors import InputError, Interrupted, RunFailed, name_options_as_flags
from ostinato.memory_shortage import describe_shortage
from ostinato.terminal import discard, flush_or_discard, print_message

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def exit_status_of(action: Callable[[], object]) -> int:
    """Calls the action; returns the exit status."""
    status = call(action)
    flush_or_discard()  # Python would say 120 of what is left in the buffer and cannot be written
    return status


def call(action: Callable[[], object]) -> int:
    """Calls the action, and says on stderr why it has failed; returns the exit status."""
    try:
        with name_options_as_flags(), ending_by_sigterm():
            action()
        return 0
    except InputError as error:
        print_message(error)
        return 2
    except RunFailed as error:
        print_message(error)
        return 1
    except BrokenPipeError:  # the reader of our output, such as head, has closed it
        discard(1)
        return 0
    except OSError as error:
        if error.errno in FULL:
            where = error.filename or "the disk"
            print_message(f"{where}: {error.strerror}; make room and run again")
            return 2
        if error.filename is None:
            raise
        # a file name that is too long, a folder without permission
        print_message(f"{error.filename}: {error.strerror}")
        return 2
    except Interrupted as interrupted:
        print_message(interrupted)
        return interrupted.status
    except KeyboardInterrupt:
        print_message("interrupted")
        return 130
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except (MemoryError, RuntimeError) as error:
        if (shortage := describe_shortage(error)) is None:
            raise
        print_message(f"{shortage}; give smaller sizes, shorter inputs or fewer at a time")
        return 2


@contextmanager
def ending_by_sigterm() -> Iterator[None]:
    """SIGTERM raises Interrupted, so that temporary files are removed; training saves first."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted("stopped", 128 + number)

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
