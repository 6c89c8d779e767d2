"""One contender of benchmarks/translation_speed.py in a process of its own, so that its memory
is its own.

    # then a JSON object a line on stdin, one answered at a time on stdout
    python translation_worker.py plain WORK.json

Imports Ostinato only for the contender that is Ostinato: another may run in another environment."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from memory import forget_peak, peak_mib

CONTENDERS = {
    "ostinato": ("ostinato_contender", "Ostinato"),
    "plain": ("plain_seq2seq", "Plain"),
    "joeynmt": ("joeynmt_contender", "JoeyNMT"),
}


def main() -> None:
    name, path = sys.argv[1:3]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    work = json.loads(Path(path).read_text())
    torch.manual_seed(1)
    torch.set_num_threads(work["threads"])
    module, contender = CONTENDERS[name]
    built = getattr(importlib.import_module(module), contender)(json.loads(sys.argv[3]))
    for line in sys.stdin:
        forget_peak()
        answer = answer_to(built, work, **json.loads(line))
        print(json.dumps({**answer, "peak_mib": peak_mib()}), file=answers, flush=True)


def answer_to(contender: Any, work: dict, do: str, **wanted: Any) -> dict[str, Any]:
    """What `do` asks for, and how long it took."""
    began = time.perf_counter()
    if do == "describe":
        return {"parameters": contender.parameters()}
    if do == "train":
        contender.train(work["batches"][wanted["start"] : wanted["stop"]])
        return {"seconds": time.perf_counter() - began}
    if do == "decode":
        found = contender.decode(work["sources"][: wanted["sentences"]], wanted["width"])
        return {"seconds": time.perf_counter() - began, "tokens": found}
    from safetensors.torch import load_file, save_file

    if do == "teach":
        save_file(contender.teach(work["lessons"], wanted["minutes"]), wanted["weights"])
        return {}
    weights = load_file(wanted["weights"])
    weights["decoder.output.weight"] = weights["decoder.embedding.weight"]
    contender.load(weights)
    return {"loss": contender.loss(work["batches"][0])}


if __name__ == "__main__":
    main()
