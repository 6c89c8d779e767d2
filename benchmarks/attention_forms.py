"""What the forms of attention cost and gain: BLEU and speed of each, on Multi30k, after equally
many epochs of the same recipe.

    python benchmarks/attention_forms.py --data FOLDER  # five forms, about 40 minutes on one core
    python benchmarks/attention_forms.py --data FOLDER --forms general input-feeding  # some of them
    # 9 minutes
    python benchmarks/attention_forms.py --tatoeba fra.txt.gz --epochs 1 --set hidden_size=256 \
        vocabulary_size=2000

FOLDER as in multi30k.py; Tatoeba's short sentences as in tatoeba.py, English to French. All
runs are the recipe multi30k but for the form and the number of epochs, over which its learning
rate falls to zero; so few epochs tell the forms apart, and are no measure of what the recipe
reaches.

    general          Luong's, after the recurrence, so that a whole target runs through one call
                     of the kernel
    dot, additive    the same with other scores
    input-feeding    general, its result an input of the next step, so that the decoder goes
                     step by step
    gru              general, with GRUs for LSTMs
    none             no attention at all"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from multi30k import TEST, between, measure
from ostinato.commands.tables import table
from setting import setting, write
from tatoeba import split

FORMS = {
    "general": [],
    "dot": ["attention=dot"],
    "additive": ["attention=additive"],
    "input-feeding": ["input_feeding=true"],
    "gru": ["cell=gru"],
    "none": ["attention=none"],
}
COLUMNS = [
    "form",
    "BLEU beam 5",
    "95 % interval",
    "BLEU greedy",
    "perplexity",
    "tokens/s training",
    "times general's time",
    "sentences/s beam 5",
    "parameters",
]


def main() -> None:
    arguments = read_arguments()
    found: dict[str, Any] = {}
    test = TEST
    if arguments.tatoeba:
        arguments.data, arguments.pair, test = f"{arguments.runs}/tatoeba", "en-fr", "test"
        split(arguments.tatoeba, arguments.data, longest=arguments.longest)
    for form in arguments.forms:
        options = argparse.Namespace(
            **{
                **vars(arguments),
                "runs": f"{arguments.runs}/{form}",
                "minutes": None,
                "recipe": "multi30k",
                "set": [f"epochs={arguments.epochs}", *FORMS[form], *arguments.set],
            }
        )
        found[form] = measure(options, arguments.pair, arguments.seed, test=test)
        print(
            f"{form}: BLEU {found[form]['beam_5']['metrics']['bleu']:.2f}",
            file=sys.stderr,
            flush=True,
        )
        write(arguments.output, arguments, {"runs": found})
    print(*setting(arguments), sep="\n")
    print(*table(COLUMNS, [cells(form, found) for form in found]), sep="\n")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    corpus = parser.add_mutually_exclusive_group(required=True)
    corpus.add_argument("--data", help="the folder of Multi30k")
    corpus.add_argument(
        "--tatoeba",
        metavar="FILE",
        help="the English-French pairs of manythings.org/anki: fra.txt or fra.txt.gz",
    )
    parser.add_argument(
        "--longest",
        type=int,
        default=8,
        help="words of the longest English sentence taken from Tatoeba",
    )
    parser.add_argument(
        "--forms",
        nargs="+",
        default=["general", "input-feeding", "gru", "dot", "additive"],
        choices=list(FORMS),
    )
    parser.add_argument("--pair", default="de-en", help="source-target")
    parser.add_argument("--epochs", type=float, default=4.0, help="training of each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="OPTION=VALUE",
        help="options of all runs on top of the recipe",
    )
    parser.add_argument(
        "--runs",
        default="runs/attention-forms",
        help="where the trained models go; replaces what is there",
    )
    parser.add_argument("--output", help="also write everything to this JSON file")
    return parser.parse_args()


def cells(form: str, found: dict[str, Any]) -> list[Any]:
    run, first = found[form], found.get("general", found[form])
    beam, greedy = run["beam_5"], run["greedy"]
    slower = first["tokens_per_second"] / run["tokens_per_second"]
    return [
        form,
        beam["metrics"]["bleu"],
        between(beam),
        greedy["metrics"]["bleu"],
        beam["metrics"]["perplexity"],
        run["tokens_per_second"],
        slower,
        beam["examples_per_second"],
        run["parameters"],
    ]


if __name__ == "__main__":
    main()
