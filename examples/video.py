"""Where a handwritten digit moves, from Python: trains on the packaged sample, answers, says
how sure it is, learns labels of frames.

Expect an accuracy of about 99 % for the direction (a linear model of the flattened frames: 59
%), after about half a minute.

    python examples/video.py [RUN]
"""

import sys
import tempfile

import numpy as np

import ostinato


def main(run: str = "runs/example-video") -> None:
    model = ostinato.train("video", out=run, overwrite=True)
    scores, beside = model.report["metrics"], model.report["baseline"]
    print(
        f"accuracy {scores['accuracy']:.1%}; {beside['name']}: "
        f"{beside['metrics']['accuracy']:.1%}; who is taken for whom: {run}/confusion.png"
    )

    square = np.zeros((8, 20, 20), np.uint8)  # not a digit, but it moves
    for step in range(8):
        square[step, 6:12, 2 + step : 8 + step] = 200
    [answer] = model.predictions([square])
    print(
        f"a square that moves to the right: {answer.text}, "
        f"{answer.details['probabilities'][answer.text]:.0%}"
    )

    # a label a frame: is the sum of all steps so far above zero?
    steps = np.random.default_rng(0).normal(size=(300, 20, 2)).astype(np.float32)
    above = np.where(steps[..., 0].cumsum(1) > 0, "above", "below")
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/walks.npz", X=steps, y=above)
        model = ostinato.train(
            "video",
            train=[f"{folder}/walks.npz"],
            out=f"{run}-frames",
            overwrite=True,
            bidirectional=False,
        )
    print(
        f"frames: {model.report['metrics']['accuracy']:.1%}; each by itself: "
        f"{model.report['baseline']['metrics']['accuracy']:.1%}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:2])
