"""BLEU, search score and time of beam search by its width, and whether batches change answers.

python benchmarks/beam_widths.py RUN FILE...        a run of translation, and a test set
"""

from __future__ import annotations

import sys
import time
from itertools import product

import ostinato


def main() -> None:
    run, *files = sys.argv[1:]
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


if __name__ == "__main__":
    main()
