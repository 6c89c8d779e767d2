"""Sessions of a server from Python's standard library alone: what comes next, the state fetched
and put back.

    ostinato train language --out runs/language
    ostinato serve runs/language &
    python examples/sessions.py "To be, or n" [URL]

Prints the five most probable next characters after the text, feeds the best one, and goes on
for 40.
"""

import json
import sys
from urllib.request import Request, urlopen


def call(url: str, method: str = "POST", body: object = None) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    data = None if method == "GET" else content
    with urlopen(Request(url, data, {"Content-Type": kind}, method=method)) as answer:
        return answer.read()


def main(text: str = "To be, or n", url: str = "http://127.0.0.1:8000") -> None:
    session = f"{url}/sessions/{json.loads(call(f'{url}/sessions'))['session']}"
    for step in range(40):
        [output] = json.loads(call(session, body={"inputs": [text[-1:] if step else text]}))[
            "outputs"
        ]
        if not step:
            print({each["text"]: round(each["probability"], 3) for each in output["next"]})
            state = call(f"{session}/state", "GET")
            print(f"the state after {len(text)} characters: {len(state):,} bytes")
        text += output["prediction"]
    print(text)
    call(f"{session}/state", "PUT", state)  # back to where the text ended
    call(session, "DELETE")


if __name__ == "__main__":
    main(*sys.argv[1:])
