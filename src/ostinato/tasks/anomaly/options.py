"""Options of anomaly detection: its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from ostinato.cells import CELLS
from ostinato.options import OneOf, option, redefine
from ostinato.tasks.shared.cache_options import CacheOptions
from ostinato.tasks.shared.recurrent_options import RecurrentOptions
from ostinato.tasks.shared.series_options import SeriesOptions


@dataclass(frozen=True)
class AnomalyOptions(SeriesOptions, RecurrentOptions, CacheOptions):
    # the data
    labels: str | None = option(
        None,
        "the windows of true anomalies as NAB's JSON, by file name; else a column anomaly of "
        "0 and 1",
        when_predicting=True,
        group="data",
        path="given",
    )
    season: int | None = option(
        None,
        "steps of a season, 1 for none (default: of the frequency, such as a day)",
        minimum=1,
        group="data",
    )
    memory: int = option(
        1000, "past steps of the running mean and standard deviation", minimum=10, group="data"
    )
    chunk: int = option(
        256,
        "steps after which the gradient is truncated; the state is carried on",
        minimum=16,
        group="training",
    )
    # the model
    detector: Literal["forecaster", "autoencoder"] = option(
        "forecaster",
        "forecaster: the network predicts each value from all before it; autoencoder: it "
        "reconstructs the last --window values from a code",
    )
    window: int = option(32, "autoencoder: steps of a window", minimum=2, maximum=10_000)
    code_size: int = option(4, "autoencoder: dimension of the code", minimum=1)
    scoring: Literal["error", "surprise"] = option(
        "error",
        "error: the absolute error, compared with the errors before it (anomaly likelihood, "
        "Lavin and Ahmad 2015); surprise: -log p, likewise",
    )
    cell: Annotated[str, OneOf(*CELLS)] = redefine(RecurrentOptions, "cell", "gru")
    hidden_size: int = redefine(RecurrentOptions, "hidden_size", 48)
    dropout: float = redefine(RecurrentOptions, "dropout", 0.1)
    dev_metric: Literal["mae", "nab", "f1"] = option(
        "mae", "the dev score that chooses the best weights"
    )
    false_alarms: float = option(
        0.001,
        "alarms per step on held-out series, which are taken to have no anomalies; sets the "
        "threshold",
        above=0,
        maximum=0.5,
    )
    # predicting
    threshold: float | None = option(
        None,
        "lowest score that raises an alarm (default: by --false-alarms)",
        minimum=0,
        when_predicting=True,
    )
    hold_off: int = option(
        100, "steps after an alarm without another", minimum=0, when_predicting=True
    )
    smooth: int = option(
        3, "steps whose errors are averaged for a score", minimum=1, when_predicting=True
    )
