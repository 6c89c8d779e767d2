"""The forecast of a run's duration, printed once after its first steps."""

from __future__ import annotations

from ostinato.training.loop import Progress

ENOUGH = 3.0  # seconds of steps that a forecast is based on
WORTH_SAYING = 30.0  # seconds; shorter runs get no forecast


class Forecast:
    """Forecast(epochs=10, begin=0)(progress) -> a line after the first steps, "" after others.

    Args:
        epochs: the number of epochs of the run
        begin: epochs completed at the start
    """

    def __init__(self, epochs: float, begin: float):
        self.epochs, self.begin = epochs, begin
        self.seconds, self.steps, self.said = 0.0, 0, False

    def __call__(self, progress: Progress) -> str:
        """The forecast, once there have been enough steps; otherwise ""."""
        self.steps += 1
        self.seconds += progress.seconds * (self.steps > 1)  # the first one allocates and compiles
        done = progress.epoch - self.begin
        if self.said or self.seconds < ENOUGH or done <= 0:
            return ""
        self.said = True
        left = (self.epochs - progress.epoch) / done * self.seconds * self.steps / (self.steps - 1)
        if left < WORTH_SAYING:
            return ""
        return (
            f"about {format_duration(left)} for {self.epochs:.4g} epochs of "
            f"{max(1, round(self.steps / done)):,} steps; --time-limit ends it earlier, with its "
            "report"
        )


def format_duration(seconds: float) -> str:
    """format_duration(250) -> "4 min"; 30 -> "30 s"; 9000 -> "2.5 h" """
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.2g} h"


def as_time_limit(seconds: float) -> str:
    """A --time-limit that is enough for these seconds, rounded up: as_time_limit(250) -> "5m" """
    steps = ((60, 10, "s"), (600, 60, "m"), (3600, 300, "m"), (36000, 1800, "m"))
    for most, step, unit in steps:
        if seconds <= most:
            rounded = -(-int(seconds + 0.999) // step) * step
            return f"{rounded}s" if unit == "s" else f"{rounded // 60}m"
    return f"{-(-int(seconds) // 3600)}h"
