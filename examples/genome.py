"""Splice junctions from Python: trains on the packaged sample, says what each sequence is and
how sure it is, compares.

Expect a test accuracy of about 0.967 after about a minute (position weights by logistic
regression: 0.94).

    python examples/genome.py [RUN]
"""

import sys

import ostinato
from ostinato.commands.compare import compare


def main(run: str = "runs/example-genome") -> None:
    model = ostinato.train("genome", out=run, overwrite=True)
    scores, intervals = model.report["metrics"], model.report["intervals"]
    print(
        f"accuracy {scores['accuracy']:.3f}, 95 % interval {intervals['accuracy'][0]:.3f} to "
        f"{intervals['accuracy'][1]:.3f}; AUROC {scores['auroc']:.3f}"
    )
    print(
        f"{model.report['baseline']['name']}: {model.report['baseline']['metrics']['accuracy']:.3f}"
    )

    # an exon ends, and an intron begins with GT
    sequence = "TTCTATGAGAAACGTGGCATTGTGCGCAAGGTGGGCCCCGCGGGACGGGGCAGCTCCGGG"
    answer = model.predictions([sequence])[0]
    print(answer.text)  # BED: name, start, end, label, score
    print(
        {
            label: round(probability, 3)
            for label, probability in answer.details["probabilities"].items()
        }
    )
    print(model.score([(sequence, "EI"), (sequence, "IE"), (sequence, "N")]))  # log-probabilities

    result = compare(
        "genome",
        models="most-frequent,convolution,gru",
        out=f"{run}-compare",
        time_limit="20s",
        overwrite=True,
    )
    for row in result["models"]:
        print(f"{row['model']:<15} {row['score']:.3f}  {row['seconds']:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:2])
