"""BLEU, search score and time of beam search by its width, and whether batches change answers.

    python benchmarks/beam_widths.py RUN FILE...        a run of translation, and a test set
    python benchmarks/beam_widths.py --rules RUN,RUN+RUN,... FILE...

With `--rules` today's search is compared with the rule that toolkits commonly have, which was
Ostinato's once: a sentence is done when `width` hypotheses are complete, and the greedy hypothesis
has no place of its own. Several runs are separated by commas; those joined by + answer together.
"""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from itertools import product
from unittest import mock

import torch
from torch import Tensor

import ostinato
from ostinato.decoding import beam


def main() -> None:
    if sys.argv[1] == "--rules":
        _, _, runs, *files = sys.argv
        compare_rules(runs.split(","), files)
    else:
        run, *files = sys.argv[1:]
        compare_widths(run, files)


def compare_widths(run: str, files: list[str]) -> None:
    print(
        "| beam | length penalty | BLEU | mean log P | lower log P than greedy | one by one | s |"
    )
    print("|---|---|---|---|---|---|---|")
    greedy: list[float] = []
    for penalty, width in product((None, 0.0), (1, 2, 5, 10)):
        chosen = {} if penalty is None else {"length_penalty": penalty}
        model = ostinato.load(run, beam=width, **chosen)
        records = model.task.reader.read(files)
        inputs = [record[0] for record in records]
        start = time.perf_counter()
        found = model.predictions(inputs)
        seconds = time.perf_counter() - start
        scores = [each.details["log_probability"] for each in found]
        greedy = greedy or scores
        worse = sum(score < before - 1e-4 for score, before in zip(scores, greedy, strict=True))
        alone = [model.predict([each])[0] for each in inputs[:50]]
        same = sum(one == each.text for one, each in zip(alone, found[:50], strict=True))
        bleu = model.evaluate(files)["metrics"]["bleu"]
        print(
            f"| {width} | {model.task.options.length_penalty:g} | {bleu:.2f} "
            f"| {sum(scores) / len(scores):.3f} | {worse} of {len(scores)} "
            f"| {same} of {len(alone)} equal | {seconds:.1f} |",
            flush=True,
        )


def compare_rules(runs: list[str], files: list[str]) -> None:
    """By run, width and rule, ranked by log P alone: only then is greedy's score comparable."""
    print("| run | beam | rule | BLEU | mean log P | worse than greedy | s |")
    print("|---|---|---|---|---|---|---|")
    for run in runs:
        greedy: list[float] = []
        for width, rule in ((1, "greedy"), *product((2, 5, 10), ("width complete", "today"))):
            model = ostinato.load(run.replace("+", ","), beam=width, length_penalty=0.0)
            inputs = [record[0] for record in model.task.reader.read(files)]
            common = rule == "width complete"
            with mock.patch.multiple(beam, **COMMON_RULE) if common else nullcontext():
                model.predict(inputs[:10])
                start = time.process_time()
                found = model.predictions(inputs)
                seconds = time.process_time() - start
                bleu = model.evaluate(files)["metrics"]["bleu"]
            scores = [each.details["log_probability"] for each in found]
            greedy = greedy or scores
            worse = sum(score < before - 1e-4 for score, before in zip(scores, greedy, strict=True))
            print(
                f"| {run} | {width} | {rule} | {bleu:.2f} | {sum(scores) / len(scores):.3f} "
                f"| {worse} of {len(scores)} | {seconds:.1f} |",
                flush=True,
            )


def keep_nothing(best: beam.Candidates, slot: Tensor, *_) -> tuple[beam.Candidates, Tensor]:
    """In place of `keep_greedy`."""
    return best, torch.full_like(slot, -1)


def find_incomplete(
    totals: Tensor,
    greedy: Tensor,
    complete: Tensor,
    remaining: Tensor,
    limits: Tensor,
    length: int,
    length_penalty: float,
) -> tuple[Tensor, Tensor]:
    """In place of `find_improvable`: over when `width` hypotheses are complete."""
    reach = torch.maximum(*beam.reachable_scores(totals, length, limits, length_penalty))
    return ((reach > complete[:, -1]) & (remaining > 0)).nonzero()[:, 0], greedy


COMMON_RULE = {"keep_greedy": keep_nothing, "find_improvable": find_incomplete}


if __name__ == "__main__":
    main()
