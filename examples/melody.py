"""Music from Python: trains on traditional tunes, generates jigs and waltzes, continues and
scores a tune.

Expect training to take about two and a half minutes on two cores; tune.abc, tune.png and
tune.wav to look at and to listen to (and tune.mid with `pip install '.[music]'`).

    python examples/melody.py [RUN]
"""

import importlib.util
import sys
from pathlib import Path

import ostinato
from ostinato.data.music.abc_text import abc_text


def main(run: str = "runs/example-melody") -> None:
    model = ostinato.train("melody", out=run, overwrite=True)
    scores, baseline = model.report["metrics"], model.report["baseline"]
    print(
        f"{scores['nll_per_step']:.3f} nats a step; {baseline['name']}: "
        f"{baseline['metrics']['nll_per_step']:.3f}"
    )

    for kind in ("jig", "waltz"):
        (tune,) = model.generate(condition=kind, temperature=0.7, seed=4)
        print(abc_text(tune, model.task.options.steps_per_quarter))

    (tune,) = model.generate(
        prompt="X:1\nM:3/4\nL:1/8\nK:G\nD2|G4 BG|B4 A2|G4 E2|D4", length=96, temperature=0.7
    )
    kinds = (".abc", ".png", ".wav", *((".mid",) if importlib.util.find_spec("symusic") else ()))
    for kind in kinds:
        print("wrote", *model.task.predictor.save_generated([tune], Path(run) / f"tune{kind}"))

    print(model.predict(["X:1\nM:6/8\nL:1/8\nK:D\nA|dfd ecA|"]))  # the next four bars
    print(model.score([tune]))  # log-probabilities


if __name__ == "__main__":
    main(*sys.argv[1:2])
