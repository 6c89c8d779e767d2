"""How quickly `ostinato serve` answers: steps of sessions, sentences classified, health beside
slow clients.

A server process is started for a run; the clients are raw connections of this process, so that
they cost little. Two minutes on two cores.

    ostinato train language --cell lstm --hidden-size 256 --layers 2 --epochs 1 \\
        --out runs/characters
    ostinato train classification --out runs/sentiment
    python benchmarks/serving.py --language runs/characters --classification runs/sentiment
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import uvloop

from http_load import Connection, render, repeat, repeat_at_rate
from ostinato.data.files.samples import sample_files

SESSIONS, CLIENTS, SLOW = 50, 32, 300


async def measure_sessions(
    port: int, seconds: float, items: int, rate: float = 0.0
) -> dict[str, float]:
    """SESSIONS clients that feed `items` characters a request.

    Args:
        rate: Steps a second of all sessions together, each due at a fixed time; 0: a client asks
            again as soon as it has its answer.
    """
    workers = []
    for number in range(SESSIONS):
        connection = await Connection.open(port)
        id = (await connection.call("POST", "/sessions"))["session"]
        request = render("POST", f"/sessions/{id}", {"inputs": ["a"] * items})
        step = partial(connection.send, request)
        if rate:
            own = rate / items / SESSIONS
            workers.append(repeat_at_rate(step, seconds, own, number / SESSIONS / own))
        else:
            workers.append(repeat(step, seconds))
    taken = np.array([each for worker in await asyncio.gather(*workers) for each in worker])
    return {
        "p50_ms": 1000 * float(np.median(taken)),
        "p99_ms": 1000 * float(np.quantile(taken, 0.99)),
        "steps_per_second": len(taken) * items / seconds,
    }


async def measure_one_session(port: int, seconds: float) -> dict[str, float]:
    """A single session, a character a request."""
    connection = await Connection.open(port)
    id = (await connection.call("POST", "/sessions"))["session"]

    async def step() -> None:
        await connection.call("POST", f"/sessions/{id}", {"inputs": ["a"]})

    taken = await repeat(step, seconds)
    return {
        "p50_ms": 1000 * float(np.median(taken)),
        "p99_ms": 1000 * float(np.quantile(taken, 0.99)),
    }


async def measure_predictions(port: int, texts: list[str], clients: int, seconds: float) -> float:
    """Sentences a second, one a request."""

    async def worker(number: int) -> int:
        connection, count = await Connection.open(port), number

        async def one() -> None:
            nonlocal count
            text = texts[count % len(texts)]
            count += 1
            await connection.call("POST", "/predict", {"inputs": [text]})

        return len(await repeat(one, seconds))

    return sum(await asyncio.gather(*map(worker, range(clients)))) / seconds


async def measure_health(port: int) -> float:
    """The slowest of 100 calls of /health in milliseconds, beside SLOW clients that send no
    more.
    """
    slow = [await Connection.open(port) for _ in range(SLOW)]
    for each in slow:
        each.transport.write(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n")
    connection = await Connection.open(port)
    slowest = 0.0
    for _ in range(100):
        began = time.perf_counter()
        await connection.call("GET", "/health")
        slowest = max(slowest, time.perf_counter() - began)
    for each in slow:
        each.transport.close()
    return 1000 * slowest


class Server:
    """A server process for a run."""

    def __init__(self, run: str):
        began = time.perf_counter()
        command = [sys.executable, "-m", "ostinato", "serve", run, "--port", "0", "--no-snapshot"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        self.port = int(re.search(r":(\d+)$", line.strip())[1])
        uvloop.run(self.wait())
        self.seconds = time.perf_counter() - began

    async def wait(self) -> None:
        await (await Connection.open(self.port)).call("GET", "/ready")

    @property
    def megabytes(self) -> float:
        with Path(f"/proc/{self.process.pid}/statm").open() as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all its threads, which does not depend on what else the machine
        does.
        """
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self, work: Callable[[], float | dict[str, float]], seconds: float) -> dict:
        """What `work` measures, with the processor time of a unit of its work."""
        before = self.cpu_seconds
        found = work()
        rates = found if isinstance(found, dict) else {"per_second": found}
        rate = rates.get("steps_per_second", rates.get("per_second"))
        milliseconds = 1000 * (self.cpu_seconds - before) / (rate * seconds)
        return {**rates, "processor_ms_each": milliseconds}

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--language", required=True, help="the run of a language model")
    parser.add_argument("--classification", required=True, help="the run of a text classifier")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument(
        "--rates",
        type=int,
        nargs="*",
        default=[500, 1000, 2000, 3000],
        help="steps a second of all sessions together, at fixed times",
    )
    parser.add_argument("--words", type=int, default=19, help="words of a text (SST-2 has 19)")
    parser.add_argument("--output", help="write all numbers to this JSON file")
    arguments = parser.parse_args()
    seconds, found = arguments.seconds, {"processor": platform.processor() or platform.machine()}

    server = Server(arguments.language)
    found["ready_seconds"], before = server.seconds, server.megabytes
    found["one_session"] = uvloop.run(measure_one_session(server.port, seconds))
    for name, items in (("sessions", 1), ("sessions_20_a_request", 20)):
        found[name] = server.measure(
            lambda items=items: uvloop.run(measure_sessions(server.port, seconds, items)), seconds
        )
    for rate in arguments.rates:
        found[f"sessions_at_{rate}_steps_per_second"] = server.measure(
            lambda rate=rate: uvloop.run(measure_sessions(server.port, seconds, 1, rate)), seconds
        )
    found["health_ms"] = uvloop.run(measure_health(server.port))
    found["megabytes"] = {"at the start": before, "at the end": server.megabytes}
    server.stop()

    from ostinato.model import load

    reader = load(arguments.classification).task.reader
    records = reader.read([str(sample_files("classification")["test"])])
    texts = [" ".join(record.inputs.split()[: arguments.words]) for record in records]
    server = Server(arguments.classification)
    found["texts_per_second"] = {
        clients: server.measure(
            lambda clients=clients: uvloop.run(
                measure_predictions(server.port, texts, clients, seconds)
            ),
            seconds,
        )
        for clients in (1, CLIENTS)
    }
    server.stop()
    print(json.dumps(found, indent=1))
    if arguments.output:
        with Path(arguments.output).open("w") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
