"""The same network behind `ostinato serve` and behind LitServe: sentences classified a second.

Both servers run in turn on this machine with the same clients; the network, its tokenizer and the
number of torch's threads are the same, so that the ratio is that of the servers (pip install
litserve). LitServe batches up to 32 requests that arrive within 5 ms.

    python benchmarks/serving_peer.py --classification runs/sentiment --seconds 10 --rounds 3
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from http_load import Connection, load_clients, render
from ostinato.data.files.samples import sample_files

CLIENTS = 32


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


async def answers(port: int, text: str) -> None:
    """Returns when the server answers."""
    while True:
        try:
            connection = await Connection.open(port)
            await connection.call("POST", "/predict", {"inputs": [text]})
            return
        except (OSError, RuntimeError):
            await asyncio.sleep(0.2)


def measure(command: list[str], port: int, texts: list[str], seconds: float) -> dict[str, float]:
    """What CLIENTS clients measure of a server, after two seconds of warming up."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    try:
        requests = [render("POST", "/predict", {"inputs": [text]}) for text in texts]
        shares = [requests[number::CLIENTS] for number in range(CLIENTS)]

        async def run() -> dict[str, float]:
            await asyncio.wait_for(answers(port, texts[0]), 120)
            await load_clients(port, shares, 2)
            return await load_clients(port, shares, seconds)

        return asyncio.run(run())
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # LitServe leaves its workers behind, busy
        server.wait(60)
        time.sleep(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--classification", required=True, help="the run of a text classifier")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="turns of both servers")
    parser.add_argument("--words", type=int, default=19, help="words of a text (SST-2 has 19)")
    arguments = parser.parse_args()

    from ostinato.model import load

    reader = load(arguments.classification).task.reader
    records = reader.read([str(sample_files("classification")["test"])])
    texts = [" ".join(record.inputs.split()[: arguments.words]) for record in records]
    peer = Path(__file__).with_name("litserve_contender.py")
    found: dict[str, list[float]] = {"ostinato": [], "litserve": []}
    for _ in range(arguments.rounds):
        port = free_port()
        run = arguments.classification
        ours = ["-m", "ostinato", "serve", run, "--port", str(port), "--no-snapshot"]
        for name, command in (("ostinato", ours), ("litserve", [str(peer), run, str(port)])):
            figures = measure([sys.executable, *command], port, texts, arguments.seconds)
            found[name].append(figures["per_second"])
            print(name, json.dumps(figures), flush=True)
    ratio = float(np.median(found["ostinato"]) / np.median(found["litserve"]))
    print(f"ostinato serve answers {ratio:.2f} times as many requests a second as LitServe")


if __name__ == "__main__":
    main()
