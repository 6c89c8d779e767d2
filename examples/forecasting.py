"""Tomorrow's temperature from Python: trains on the packaged weather, forecasts, checks itself,
draws scenarios.

Expect a MASE of about 0.75 for forecasts of two weeks (Theta: 0.87, last value: 0.93), after
about half a minute.

    python examples/forecasting.py [RUN]
"""

import sys

import ostinato
from ostinato.data.files.samples import sample_files


def main(run: str = "runs/example-forecasting") -> None:
    model = ostinato.train("forecasting", out=run, overwrite=True)
    report = model.report
    print(f"MASE {report['metrics']['mase']:.3f}; {report['verdict']}")
    print(
        f"80 % intervals hold {report['metrics']['coverage_80']:.0%}; pictures: {run}/forecast.png"
    )

    test = str(sample_files("forecasting")["test"])
    rolling = ostinato.load(run, windows="all", stride=7).evaluate([test])
    errors = rolling["by_step"]["mae"]
    print(f"mean absolute error {errors[0]:.2f} one day ahead, {errors[-1]:.2f} two weeks ahead")

    warm = [20 + 5 * (day % 7 == 0) for day in range(140)]  # any list of numbers will do
    [forecast] = model.predictions([warm])
    print("a made-up series goes on:", [round(value, 1) for value in forecast.details["forecast"]])

    [scenario] = model.generate(prompt=test, samples=1, length=3)
    print("one scenario:", scenario.rows[:3])


if __name__ == "__main__":
    main(*sys.argv[1:2])
