"""Counters of the server, in the text format of Prometheus."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Histogram:
    """Counts of values up to each bound."""

    def __init__(self, bounds: Iterable[float]):
        self.bounds = tuple(bounds)
        self.counts = [0] * len(self.bounds)
        self.total, self.number = 0.0, 0

    def add(self, value: float) -> None:
        self.total += value
        self.number += 1
        for place, bound in enumerate(self.bounds):
            if value <= bound:
                self.counts[place] += 1
                break

    def lines(self, name: str) -> Iterable[str]:
        so_far = 0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            so_far += count
            yield f'{name}_bucket{{le="{bound:g}"}} {so_far}'
        yield f'{name}_bucket{{le="+Inf"}} {self.number}'
        yield f"{name}_sum {self.total:.6f}"
        yield f"{name}_count {self.number}"


class Counters:
    """Requests by route and status, their seconds, and how many were answered together."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.seconds, self.together = Histogram(SECONDS), Histogram(SIZES)
        self.items = 0

    def text(self, sessions: int) -> str:
        """All of them as text."""
        lines = [
            "# HELP ostinato_requests_total Requests by route and status.",
            "# TYPE ostinato_requests_total counter",
        ]
        for (route, status), count in sorted(self.requests.items()):
            lines.append(f'ostinato_requests_total{{route="{route}",status="{status}"}} {count}')
        lines += [
            "# HELP ostinato_request_seconds Time from the first byte to the answer's headers.",
            "# TYPE ostinato_request_seconds histogram",
            *self.seconds.lines("ostinato_request_seconds"),
            "# HELP ostinato_requests_together Requests that the model answered together.",
            "# TYPE ostinato_requests_together histogram",
            *self.together.lines("ostinato_requests_together"),
            "# HELP ostinato_items_total Items fed to sessions.",
            "# TYPE ostinato_items_total counter",
            f"ostinato_items_total {self.items}",
            "# HELP ostinato_sessions Sessions at present.",
            "# TYPE ostinato_sessions gauge",
            f"ostinato_sessions {sessions}",
            "# HELP process_resident_memory_bytes Memory of the process.",
            "# TYPE process_resident_memory_bytes gauge",
            f"process_resident_memory_bytes {resident_memory()}",
        ]
        return "\n".join(lines) + "\n"


def resident_memory() -> int:
    """Bytes of the process in memory; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
