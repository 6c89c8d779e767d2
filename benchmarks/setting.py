"""What every benchmark says of itself: the machine, the versions and the settings; and where its data and its result are."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ostinato.commands.report import finite


def machine() -> dict[str, Any]:
    """{"processor": "AMD EPYC", "cores": 2, "memory_gib": 23.4, "torch": "2.13.0+cpu", "threads": 2, ...}"""
    import numpy
    import sacrebleu
    import torch

    import ostinato
    from ostinato import kernels

    return {
        "processor": processor(), "cores": os.cpu_count(), "memory_gib": memory_gib(), "system": platform.platform(terse=True),
        "python": platform.python_version(), "ostinato": ostinato.__version__, "torch": torch.__version__,
        "numpy": numpy.__version__, "sacrebleu": sacrebleu.__version__, "threads": torch.get_num_threads(),
        "kernels": kernels.status()["instruction_set"] or "none",
    }  # fmt: skip


def processor() -> str:
    path = Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.is_file() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def setting(arguments: argparse.Namespace) -> Iterator[str]:
    """Two lines that stand above every table. Where the data lies is the reader's own affair and left out."""
    yield ", ".join(f"{name} {value}" for name, value in machine().items())
    yield "settings: " + ", ".join(f"{name} {listed(value)}" for name, value in settings(arguments).items())


def settings(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(arguments).items() if name not in ("data", "tatoeba", "output", "runs", "joeynmt_python")}


def listed(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def write(output: str | None, arguments: argparse.Namespace, result: dict[str, Any]) -> None:
    """The result, the machine and the settings as a JSON file, if one is asked for."""
    if output:
        everything = {"machine": machine(), "settings": settings(arguments), **result}
        Path(output).write_text(json.dumps(finite(everything), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def parallel(data: str, part: str, pair: str) -> list[str]:
    """parallel("multi30k", "train", "de-en") -> ["multi30k/train.de.gz", "multi30k/train.en.gz"]"""
    return [find(data, f"{part}.{language}") for language in pair.split("-")]


def find(data: str, name: str) -> str:
    for path in (Path(data) / name, Path(data) / f"{name}.gz"):
        if path.is_file():
            return str(path)
    raise SystemExit(f"{data}: has neither {name} nor {name}.gz; name the folder of the corpus with --data")
