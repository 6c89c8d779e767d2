"""Film reviews, positive or negative, from Python: trains on the packaged sample, answers, says
how sure it is, compares.

Expect an accuracy of about 75 % after about a minute on two cores (a bag of words with
scikit-learn: about 77 %).

    python examples/classification.py [RUN]
"""

import sys

import ostinato
from ostinato.commands.compare import compare


def main(run: str = "runs/example-classification") -> None:
    model = ostinato.train("classification", out=run, overwrite=True)
    scores, intervals = model.report["metrics"], model.report["intervals"]
    print(
        f"accuracy {scores['accuracy']:.1%}, 95 % interval {intervals['accuracy'][0]:.1%} to "
        f"{intervals['accuracy'][1]:.1%}; {model.report['baseline']['name']}: "
        f"{model.report['baseline']['metrics']['accuracy']:.1%}"
    )
    print(
        f"calibration error {scores['calibration_error']:.3f}; who is taken for whom: "
        f"{run}/confusion.png"
    )

    reviews = [
        "a warm , funny and wonderful film . see it .",
        "two hours of my life wasted on this mess .",
    ]
    for review, answer in zip(reviews, model.predictions(reviews), strict=True):
        print(f"{answer.text}, {answer.details['probabilities'][answer.text]:.0%}: {review}")
    print(model.score([(reviews[0], "positive"), (reviews[0], "negative")]))  # log-probabilities

    result = compare(
        "classification",
        models="most-frequent,convolution,gru",
        out=f"{run}-compare",
        time_limit="20s",
        overwrite=True,
    )
    for row in result["models"]:
        print(f"{row['model']:<15} {row['score']:.3f}  {row['seconds']:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:2])
