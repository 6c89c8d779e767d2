"""The full-size model of Sutskever, Vinyals and Le (2014), 384 million parameters, trained
within 8 GiB of memory.

    python benchmarks/sutskever2014_memory.py [--steps 3] [--tokens 25] [--limit 8]

Vocabularies of 160,000 and 80,000 made-up words, four layers of 1,000 units, batches of 128:
the recipe as it stands. Takes a few steps in a process of its own, then a checkpoint, and
prints the peak of its resident memory after each part.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from memory import peak_mib
from ostinato.commands.tables import table
from setting import setting, write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=25, help="words a sentence")
    parser.add_argument("--limit", type=float, default=8.0, help="GiB")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", help="write the result as JSON")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(measure(arguments)))
        return
    for line in setting(arguments):
        print(line)
    command = [sys.executable, __file__, *sys.argv[1:], "--inside"]
    result = json.loads(
        subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[
            -1
        ]
    )
    print(
        "\n".join(
            table(["part", "peak GiB so far", "seconds"], [[*row] for row in result["parts"]])
        )
    )
    within = result["peak_gib"] <= arguments.limit
    print(
        f"{result['parameters']:,} parameters; {result['tokens_per_second']:,.0f} target tokens a "
        f"second; peak {result['peak_gib']:.2f} GiB: {'within' if within else 'BEYOND'} "
        f"{arguments.limit:g} GiB"
    )
    write(arguments.output, arguments, result)
    sys.exit(0 if within else 1)


def measure(arguments: argparse.Namespace) -> dict:
    """What happens in the process of its own."""
    import torch

    from ostinato.commands.run.config import RunRequest, make_config
    from ostinato.data.batching.buckets import BucketedBatches
    from ostinato.data.text.sentence_pairs import Pair
    from ostinato.tasks.translation.preprocessing import TranslationPreprocessing
    from ostinato.training import checkpoint
    from ostinato.training.loop import BEGINNING, train
    from ostinato.training.optimise import build_optimizer

    parts: list[tuple[str, float, float]] = []
    began = time.perf_counter()

    def note(part: str) -> None:
        nonlocal began
        parts.append((part, peak(), time.perf_counter() - began))
        began = time.perf_counter()

    torch.manual_seed(arguments.seed)
    config = make_config(
        RunRequest("translation", train=["-"], recipe="sutskever2014", seed=arguments.seed)
    )
    task, options = config.build_task(), config.build_options()
    sides = task.options.source_vocabulary_size, task.options.target_vocabulary_size
    source, target = (make_words(*each) for each in zip("st", sides, strict=True))
    task = replace(task, preprocessing=TranslationPreprocessing(task.options, source, target))
    network = task.build_network()
    task.initialise(network)
    note("vocabularies and weights")
    pairs = [
        Pair(
            *(
                " ".join(f"{letter}{number}" for number in numbers)
                for letter, numbers in zip("st", drawn, strict=True)
            )
        )
        for drawn in torch.randint(
            0, 79_000, (options.batch_size * arguments.steps, 2, arguments.tokens)
        ).tolist()
    ]
    batches = BucketedBatches(
        [task.preprocessing.encode(pair) for pair in pairs],
        batch_size=options.batch_size,
        tokens=None,
        seed=arguments.seed,
    )
    optimizer = build_optimizer(network, options)
    tokens = seconds = 0.0
    for progress in train(
        network,
        batches,
        optimizer,
        epochs=1,
        clip_norm=options.clip_norm,
        normalise=options.normalise,
    ):
        note(
            f"step {progress.step}: loss {progress.loss:.3f}, gradient norm "
            f"{progress.gradient_norm:.2f}"
        )
        if progress.step > 1:  # the first one warms up
            tokens, seconds = tokens + progress.tokens, seconds + progress.seconds
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(Path(folder), network, optimizer, checkpoint.Checkpoint(BEGINNING))
        note("a checkpoint")
        checkpoint.load(Path(folder), network, optimizer)
        note("loading it")
    network.eval()
    task.predictor.predict(network, pairs[:8])
    note(f"8 sentences translated, beam {task.options.beam}")
    return {
        "parts": parts,
        "peak_gib": peak(),
        "tokens_per_second": tokens / max(1e-9, seconds),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }


def make_words(letter: str, size: int):
    """Words s0, s1, ... so many that with the special tokens there are `size`."""
    from ostinato.data.text.tokenizers import WordTokenizer
    from ostinato.data.text.vocabulary import Vocabulary

    empty = Vocabulary([])
    return WordTokenizer(
        Vocabulary([f"{letter}{number}" for number in range(size - len(empty))]), tokenized=True
    )


def peak() -> float:
    """GiB of resident memory at most so far."""
    return peak_mib() / 1024


if __name__ == "__main__":
    main()
