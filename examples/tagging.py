"""Parts of speech on the packaged sample, from Python: trains, tags, looks at the second best.

Expect a test accuracy of about 0.90 after about half a minute (a hidden Markov model: 0.884),
from 1,200 sentences.

    python examples/tagging.py [RUN]
"""

import sys

import ostinato


def main(run: str = "runs/example-tagging") -> None:
    model = ostinato.train("tagging", out=run, overwrite=True)
    report = model.report
    low, high = report["intervals"]["accuracy"]
    print(f"accuracy {report['metrics']['accuracy']:.3f}, 95 % interval {low:.3f} to {high:.3f}")
    print(f"{report['baseline']['name']}: {report['baseline']['metrics']['accuracy']:.3f}")

    print(model.predict(["The old man the boat ."])[0])
    print(
        model.score(
            [
                (["They", "can", "fish", "."], ["PRON", "AUX", "VERB", "PUNCT"]),
                (["They", "can", "fish", "."], ["PRON", "VERB", "NOUN", "PUNCT"]),
            ]
        )
    )

    several = ostinato.load(run, k_best=3)
    for answer in several.predictions([["They", "can", "fish", "."]]):
        for tagging in answer.details["n_best"]:
            print(f"{tagging['log_probability']:.2f}  {tagging['prediction']}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
