"""How long the views of `ostinato inspect` take, and how large their pages are.

    python benchmarks/inspect_views.py [--output FILE.json]

Random weights and inputs; about a minute on one core. What is to be reached on two cores: gates
of 1,000 steps x 2 layers x 512 units in 2 s, gradients of 200 steps x 256 units in 10 s, a
search of a million states in 1 s; a page of 1,000 steps x 512 units of at most 1 MB that opens
in Chromium in 1 s, and one of 5,000 steps that opens. Without Chromium and playwright pages are not
opened.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

import ostinato
from ostinato.inspection.views.states import search

CASES = {
    "gates, 1,000 steps x 2 x 512": ("gates", (64, 512, 2), 1000),
    "gradients, 200 steps x 256": ("gradients", (64, 256, 1), 200),
    "lags, 200 steps x 256": ("lags", (64, 256, 1), 200),
    "unrolled, 200 steps x 256": ("unrolled", (64, 256, 1), 200),
    "neurons, 1,000 steps x 512": ("neurons", (64, 512, 1), 1000),
    "gates, 1,000 steps x 512": ("gates", (64, 512, 1), 1000),
    "gates, 5,000 steps x 512": ("gates", (64, 512, 1), 5000),
}
STATES, WIDTH = 1_000_000, 256


@contextmanager
def open_chromium() -> Iterator[Any]:
    """A function page text -> seconds from opening it until it is drawn; None without Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        yield lambda page: None
        return
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)

        def load(page: str) -> float:
            path = Path(folder, "page.html")
            path.write_text(page, encoding="utf-8")
            tab = browser.new_page(viewport={"width": 1280, "height": 800})
            started = time.perf_counter()
            tab.goto(path.as_uri())
            tab.wait_for_function("document.documentElement.dataset.ready === 'true'")
            seconds = time.perf_counter() - started
            tab.close()
            return seconds

        load("<html data-ready=true>")  # the first tab starts processes
        yield load
        browser.close()


def measure(load: Any) -> list[dict[str, object]]:
    """A row for each case."""
    torch.manual_seed(0)
    rows: list[dict[str, object]] = []
    for name, (view, sizes, steps) in CASES.items():
        layer, x = nn.LSTM(*sizes), torch.randn(steps, 1, sizes[0])
        started, busy = time.perf_counter(), time.process_time()
        found = ostinato.inspect(layer, x, view)
        seconds, processor = time.perf_counter() - started, time.process_time() - busy
        page = found.page()
        row = {"case": name, "seconds": seconds, "processor": processor}
        rows.append({**row, "page": len(page.encode()), "load": load(page)})
    states = torch.randn(STATES, WIDTH)
    search(states, states[0], 10)
    started, busy = time.perf_counter(), time.process_time()
    search(states, states[7], 10)
    seconds, processor = time.perf_counter() - started, time.process_time() - busy
    name = f"states, {STATES:,} x {WIDTH}"
    row = {"case": name, "seconds": seconds, "processor": processor}
    rows.append({**row, "page": None, "load": None})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    with open_chromium() as load:
        rows = measure(load)
    for row in rows:
        took = f"{row['seconds']:6.2f} s, processor {row['processor']:6.2f} s"
        print(f"{row['case']:32} {took}", end="")
        print("" if row["page"] is None else f", page {row['page']:,} bytes", end="")
        print("" if row["load"] is None else f", opened in {row['load']:.2f} s", flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps({"torch": torch.__version__, "rows": rows}))


if __name__ == "__main__":
    main()
