"""Random requests from the server's own description: none may get a 5xx or an undocumented status.

A server process is started for each run, and schemathesis sends what /openapi.json allows and what
it does not (pip install schemathesis).

    python benchmarks/serving_schema.py runs/language runs/forecasting --seconds 300
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import time

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance"


def check_run(run: str, seconds: float, examples: int) -> int:
    """The exit status of schemathesis on the server of a run; its report goes to stdout."""
    command = [sys.executable, "-m", "ostinato", "serve", run, "--port", "0", "--no-snapshot"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = server.stderr.readline()
        while line and not re.search(r"http://\S+:\d+", line):
            line = server.stderr.readline()
        found = re.search(r"http://\S+:(\d+)", line)
        assert found, f"{run}: the server did not start"
        url = f"http://127.0.0.1:{found[1]}"
        time.sleep(2)
        arguments = ["run", f"{url}/openapi.json", "--checks", CHECKS, "-n", str(examples)]
        program = [sys.executable, "-c", "from schemathesis.cli import schemathesis as s; s()"]
        try:
            return subprocess.run([*program, *arguments], timeout=seconds, check=False).returncode
        except subprocess.TimeoutExpired:
            print(f"{run}: stopped after {seconds:g} seconds")
            return 0
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", help="run folders")
    parser.add_argument("--seconds", type=float, default=300.0, help="for each run at most")
    parser.add_argument("--examples", type=int, default=100, help="for each operation and phase")
    arguments = parser.parse_args()
    failed = [
        run for run in arguments.runs if check_run(run, arguments.seconds, arguments.examples)
    ]
    print(f"failures: {', '.join(failed) or 'none'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
