"""What one line, `ostinato.accelerate(model)`, gains in two unchanged torch.nn programs, from
batch to optimizer step.

    python benchmarks/accelerate.py --threads 1 --markdown

tagger     words -> nn.Embedding -> bidirectional nn.LSTM on a PackedSequence -> nn.Linear ->
           cross-entropy; lengths 5..50
language   words -> nn.Embedding -> 3-layer nn.GRU, state carried from batch to batch ->
           nn.Linear -> cross-entropy

A step is forward, backward and Adam; inference is the forward pass alone. The plain and the
accelerated copy start from the same weights and take turns; their losses are compared at every
step. Medians.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import time

from kernels import CLOCKS, machine


def tagger(torch):
    nn, rnn = torch.nn, torch.nn.utils.rnn

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(5000, 128)
            self.lstm = nn.LSTM(128, 256, batch_first=True, bidirectional=True)
            self.output = nn.Linear(512, 20)

        def forward(self, words, lengths):
            packed = rnn.pack_padded_sequence(
                self.embedding(words), lengths, batch_first=True, enforce_sorted=False
            )
            outputs, _ = rnn.pad_packed_sequence(
                self.lstm(packed)[0], batch_first=True, total_length=words.shape[1]
            )
            return self.output(outputs)

    words, lengths, tags = (
        torch.randint(5000, (64, 50)),
        torch.randint(5, 51, (64,)),
        torch.randint(20, (64, 50)),
    )
    tags[torch.arange(50) >= lengths[:, None]] = -100
    return Tagger(), lambda model, _: (model(words, lengths), tags, None)


def language(torch):
    nn = torch.nn

    class Language(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(2000, 256)
            self.gru = nn.GRU(256, 256, 3, batch_first=True)
            self.output = nn.Linear(256, 2000)

        def forward(self, words, state):
            outputs, state = self.gru(self.embedding(words), state)
            return self.output(outputs), state.detach()

    words = torch.randint(2000, (32, 36))

    def run(model, state):
        logits, state = model(words[:, :-1], state)
        return logits, words[:, 1:], state

    return Language(), run


def measure(name: str, make, seconds: float, clock: str) -> list[dict]:
    import torch

    import ostinato

    torch.manual_seed(0)
    plain, run = make(torch)
    models = {"torch": plain, "accelerated": copy.deepcopy(plain)}
    print(ostinato.accelerate(models["accelerated"]))
    optimizers = {key: torch.optim.Adam(model.parameters()) for key, model in models.items()}
    states, losses = dict.fromkeys(models), {}

    def train(key):
        optimizers[key].zero_grad()
        logits, wanted, states[key] = run(models[key], states[key])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())
        loss.backward()
        optimizers[key].step()
        losses[key] = loss.item()

    @torch.no_grad()
    def infer(key):
        run(models[key], None)

    rows = []
    for mode, function in [("training", train), ("inference", infer)]:
        times = {key: [] for key in models}
        until = time.perf_counter() + seconds
        while time.perf_counter() < until or len(times["torch"]) < 5:
            for key in models:
                start = CLOCKS[clock]()
                function(key)
                times[key].append(CLOCKS[clock]() - start)
            if abs(losses["torch"] - losses["accelerated"]) > 1e-3 * losses["torch"]:
                raise SystemExit(f"the losses differ: {losses}")
        taken = {key: statistics.median(found[1:]) * 1e3 for key, found in times.items()}
        gain = round(taken["torch"] / taken["accelerated"], 2)
        threads = torch.get_num_threads()
        rows.append(
            {"program": name, "mode": mode, "threads": threads}
            | {f"{key} ms": round(value, 2) for key, value in taken.items()}
            | {"times": gain}
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="as in kernels.py")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each line of the table")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    print(machine())
    for name, make in [("tagger", tagger), ("language", language)]:
        for row in measure(name, make, options.seconds, options.clock):
            print(
                " | ".join(map(str, row.values() if options.markdown else [json.dumps(row)])),
                flush=True,
            )


if __name__ == "__main__":
    main()
