"""TensorBoard events, written at once and by this thread.

tensorboardX's own writer hands them to a thread, whose traceback on a full disk none can catch."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ostinato.notices import notify
from ostinato.training.file_removal import remove_files

EVENT_FILE = re.compile(r"events\.out\.tfevents\..*")
FLUSH_SECONDS = 10  # between two writes to the disk


class EventLog:
    """Scalars for TensorBoard in `folder`, in an event file of this run.

    A full disk ends the events, and is said once; it does not end the training.

    Args:
        folder: is made if need be; the events of earlier runs in it are removed
        resumed_step: goes on after this step: earlier events stay, and TensorBoard hides those of
            later steps
    """

    def __init__(self, folder: Path, resumed_step: int | None = None) -> None:
        self.folder = folder
        self.writer: Any = None
        self.flushed = time.monotonic()
        suffix = "" if resumed_step is None else f".{resumed_step}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if resumed_step is None:
                remove_files(folder, EVENT_FILE)
            self._open(suffix, resumed_step)
        except OSError as error:
            self._give_up(error)

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Adds the values of a step by their names."""
        if self.writer is None:
            return
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import scalar

        try:
            for name, value in values.items():
                summary = scalar(name, value)
                self.writer.write_event(Event(wall_time=time.time(), step=step, summary=summary))
            if time.monotonic() - self.flushed > FLUSH_SECONDS:
                self.writer.flush()
                self.flushed = time.monotonic()
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Writes what is left."""
        if self.writer is None:
            return
        try:
            self.writer.close()
        except OSError as error:
            self._give_up(error)

    def _open(self, suffix: str, resumed_step: int | None) -> None:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        self.writer = EventsWriter(str(self.folder / "events"), suffix)
        if resumed_step is not None:
            start = SessionLog(status=SessionLog.START)
            self.writer.write_event(
                Event(wall_time=time.time(), step=resumed_step + 1, session_log=start)
            )
        self.writer.flush()

    def _give_up(self, error: OSError) -> None:
        self.writer = None
        notify(f"{self.folder}: no more TensorBoard events: {error.strerror}")
