"""What every benchmark says of itself: the machine, the versions and the settings; where its
data and its result are; and what those that train on several sets with several seeds have in
common.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ostinato.commands.tables import replace_non_finite, table

KEPT = (
    "metrics",
    "intervals",
    "baseline",
    "seconds",
    "tokens_per_second",
    "parameters",
    "weights",
    "options",
    "training",
    "data",
)


def machine() -> dict[str, Any]:
    """{"processor": "AMD EPYC", "cores": 2, "memory_gib": 23.4, "torch": "2.13.0+cpu",
    "threads": 2, ...}
    """
    import numpy
    import sacrebleu
    import torch

    import ostinato
    from ostinato import kernels

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": memory_gib(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "ostinato": ostinato.__version__,
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "sacrebleu": sacrebleu.__version__,
        "threads": torch.get_num_threads(),
        "kernels": kernels.status()["instruction_set"] or "none",
    }


def processor() -> str:
    path = Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.is_file() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def setting(arguments: argparse.Namespace) -> Iterator[str]:
    """Two lines that stand above every table.

    Where the data lies is the reader's own affair and left out.
    """
    yield ", ".join(f"{name} {value}" for name, value in machine().items())
    yield "settings: " + ", ".join(
        f"{name} {listed(value)}" for name, value in settings(arguments).items()
    )


def settings(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(arguments).items()
        if name not in ("data", "tatoeba", "output", "runs", "joeynmt_python")
    }


def listed(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def write(output: str | None, arguments: argparse.Namespace, result: dict[str, Any]) -> None:
    """The result, the machine and the settings as a JSON file, if one is asked for."""
    if output:
        everything = {"machine": machine(), "settings": settings(arguments), **result}
        Path(output).write_text(
            json.dumps(replace_non_finite(everything), ensure_ascii=False, indent=1) + "\n",
            encoding="utf-8",
        )


def parallel(data: str, part: str, pair: str) -> list[str]:
    """parallel("multi30k", "train", "de-en") -> ["multi30k/train.de.gz", "multi30k/train.en.gz"]"""
    return [find(data, f"{part}.{language}") for language in pair.split("-")]


def find(data: str, name: str) -> str:
    for path in (Path(data) / name, Path(data) / f"{name}.gz"):
        if path.is_file():
            return str(path)
    raise SystemExit(
        f"{data}: has neither {name} nor {name}.gz; name the folder of the corpus with --data"
    )


def flags(
    description: str | None,
    *,
    runs: str,
    data: str = "the folder of the sets",
    needs_data: bool = True,
) -> argparse.ArgumentParser:
    """A parser of the flags that every benchmark that trains has: --data, --runs and --output."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=needs_data, help=data)
    parser.add_argument(
        "--runs", default=runs, help="where the trained models go; replaces what is there"
    )
    parser.add_argument("--output", help="also write everything to this JSON file")
    return parser


def add_sets(
    parser: argparse.ArgumentParser,
    sets: Iterable[str],
    *,
    chosen: Sequence[str] | None = None,
    seeds: Sequence[int] = (1, 2, 3),
) -> None:
    """--sets, all of them unless others are `chosen`, and --seeds."""
    names = list(sets)
    parser.add_argument("--sets", nargs="+", choices=names, default=list(chosen or names))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(seeds))


def kept(report: dict[str, Any]) -> dict[str, Any]:
    """What of a run's report stands in a benchmark's."""
    return {name: report[name] for name in KEPT}


def together(runs: str, rows: Sequence[dict[str, Any]], test: list[str]) -> dict[str, Any]:
    """The runs of all seeds, in folders RUNS-SEED, as one model; its time is theirs together."""
    import ostinato

    result = ostinato.load(",".join(f"{runs}-{row['seed']}" for row in rows)).evaluate(test)
    sums = {name: sum(row[name] for row in rows) for name in ("seconds", "parameters")}
    return {
        **rows[0],
        **sums,
        "seed": "together",
        "metrics": result["metrics"],
        "intervals": result["intervals"],
    }


def tell(
    arguments: argparse.Namespace,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    result: dict[str, Any],
) -> None:
    """The setting and a table; everything as JSON, too, if --output asks for it."""
    print(*setting(arguments), sep="\n")
    print(*table(list(columns), list(rows)), sep="\n")
    write(arguments.output, arguments, result)
