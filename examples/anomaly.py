"""Anomalies from Python: trains on the packaged series, says what it found, scores a series of
your own.

Expect a NAB score of about 51 (windowed Gaussian: 42, last change: 45), after about a minute.

    python examples/anomaly.py [RUN]
"""

import sys

import numpy as np

import ostinato


def main(run: str = "runs/example-anomaly") -> None:
    model = ostinato.train("anomaly", out=run, overwrite=True)
    report = model.report
    print(
        f"NAB {report['metrics']['nab']:.1f}; {report['baseline']['name']}: "
        f"{report['baseline']['metrics']['nab']:.1f}"
    )
    print(f"{report['alarms']}; picture: {run}/anomalies.png")

    steps = np.arange(600)
    values = np.sin(steps / 4) + 0.1 * np.random.default_rng(0).normal(size=600)
    values[400:420] = 4  # any list of numbers will do
    [answer] = model.predictions([values])
    print("alarms at steps", np.flatnonzero(answer.alarms).tolist())


if __name__ == "__main__":
    main(*sys.argv[1:2])
