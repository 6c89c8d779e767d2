"""Options of forecasting: its flags and recipe keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from ostinato.cells import CELLS
from ostinato.errors import InputError, option_name
from ostinato.models.path_forecasters import AUTOREGRESSIVE
from ostinato.options import OneOf, option, redefine
from ostinato.tasks.shared.cache_options import CacheOptions
from ostinato.tasks.shared.model_choice import ModelChoice
from ostinato.tasks.shared.recurrent_options import RecurrentOptions
from ostinato.tasks.shared.series_options import SeriesOptions

STATISTICAL = ("naive", "seasonal-naive", "drift", "theta")
CLOSED_FORM = (*STATISTICAL, "linear")


Decoder = Literal["segments", "direct", "autoregressive"]


@dataclass(frozen=True)
class ForecastingOptions(ModelChoice, SeriesOptions, RecurrentOptions, CacheOptions):
    closed_form_models: ClassVar[tuple[str, ...]] = CLOSED_FORM

    # the data
    past_covariates: str | None = option(
        None, "columns known up to the present only, separated by commas", group="data"
    )
    future_covariates: str | None = option(
        None, "columns also known in the future, separated by commas", group="data"
    )
    static_covariates: str | None = option(
        None, "columns that are constant within a series, separated by commas", group="data"
    )
    fill: Literal["none", "zero", "previous", "linear"] = option(
        "none",
        "how missing values of the past are filled in; none: the network reads that they are "
        "missing",
        group="data",
    )
    horizon: int | None = option(
        None,
        "steps to forecast (default: a season, or 12)",
        minimum=1,
        maximum=10_000,
        group="data",
    )
    season: int | None = option(
        None,
        "steps of a season, 1 for none (default: found in the series)",
        minimum=1,
        group="data",
    )
    look_back: int | None = option(
        None,
        "past steps that the network reads (default: by horizon, season and length)",
        minimum=1,
        group="data",
    )
    calendar: bool | None = option(
        None,
        "read hour, weekday and the like from the time stamps (default: where they are dates)",
        group="data",
    )
    scaling: Literal["mean", "standard", "robust", "log", "none"] = option(
        "standard",
        "how values are scaled: by their mean, by mean and standard deviation, by median and "
        "quartiles, as logarithms, or not",
        group="data",
    )
    scale_over: Literal["window", "series"] = option(
        "window",
        "what the scale is computed from: each window, or the training part of each series",
        group="data",
    )
    anchor: bool = option(
        True, "subtract the last value from the window and add it to the forecast", group="data"
    )
    # the model
    model: Annotated[str, OneOf("recurrent", *CELLS, *CLOSED_FORM)] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline"
    )
    cell: Annotated[str, OneOf(*CELLS)] = redefine(RecurrentOptions, "cell", "gru")
    decoder: Decoder | None = option(
        None,
        "segments: the network reads and predicts segments (SegRNN); direct: it reads steps, and "
        "its last state predicts the whole horizon; autoregressive: values are sampled one by one "
        "(DeepAR) (default: segments for a look-back of 48 or more, else direct)",
    )
    hidden_size: int = redefine(RecurrentOptions, "hidden_size", 64)
    segment: int | None = option(
        None,
        "segments: length of a segment in steps (default: a season, or by the look-back)",
        minimum=1,
    )
    skip: bool = option(True, "add a linear model of the window to the forecast")
    likelihood: Annotated[str, OneOf(*AUTOREGRESSIVE)] = option(
        "student-t",
        "autoregressive: the distribution of a value; negative-binomial: for counts; "
        "quantiles: of any shape",
    )
    bptt: int | None = option(
        None,
        "autoregressive: steps of truncated backpropagation, which bound the memory of a long "
        "look-back (default: the whole window)",
        minimum=2,
        group="training",
    )
    paths: int = option(
        200,
        "autoregressive: sample paths that a forecast is estimated from",
        minimum=10,
        maximum=2000,
    )
    members: int = option(
        1, "networks trained together, whose forecasts are averaged", minimum=1, maximum=100
    )
    dropout: float = redefine(RecurrentOptions, "dropout", 0.1)
    epoch_windows: int = option(
        10_000,
        "maximum windows of an epoch; of more, a new random sample each epoch",
        minimum=1,
        group="training",
    )
    dev_metric: Literal["mase", "smape", "mae", "mse", "crps"] = option(
        "mase", "the dev score that chooses the best weights"
    )
    reference: Literal["none", "theta", "seasonal-naive"] = option(
        "none",
        "a simple method whose forecast the network starts from and corrects",
    )
    # predicting
    samples: int = option(
        0,
        "sample paths to print with each forecast",
        minimum=0,
        maximum=10_000,
        when_predicting=True,
    )
    level: str = option(
        "80,95", "coverages of the intervals in percent, separated by commas", when_predicting=True
    )
    windows: str = option(
        "1",
        "how many of the last forecasts of each series are scored, or all (rolling origins)",
        when_predicting=True,
    )
    stride: int | None = option(
        None,
        "steps between two of these forecasts (default: 1 with --windows all, else a horizon)",
        minimum=1,
        when_predicting=True,
    )
    future: str | None = option(
        None,
        "a table with the future covariates of the steps to predict",
        when_predicting=True,
        path="given",
    )
    conformal: bool = option(
        True, "correct the intervals by their coverage of held-out windows", when_predicting=True
    )
    picture: str | None = option(
        None,
        "also draw the forecasts: some of them into this .png file, or all into this .html page",
        when_predicting=True,
        path="written",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.levels  # noqa: B018 (checks them)
        if self.windows != "all" and not re.fullmatch(r"[1-9]\d{0,8}", self.windows):
            raise InputError(
                f"{option_name('windows')}: expected a number from 1, or all; got '{self.windows}'"
            )
        autoregressive = self.decoder in (None, "autoregressive") and not self.closed_form
        if self.likelihood in ("negative-binomial", "quantiles") and not autoregressive:
            raise InputError(
                f"{option_name('likelihood')} {self.likelihood} needs "
                f"{option_name('decoder')} autoregressive"
            )
        if self.bptt is not None and not autoregressive:
            raise InputError(
                f"{option_name('bptt')} needs {option_name('decoder')} autoregressive: other "
                "networks predict from the end of the window alone"
            )
        if self.reference != "none" and (self.decoder == "autoregressive" or self.closed_form):
            raise InputError(
                f"{option_name('reference')} {self.reference}: for networks that predict all steps "
                "at once"
            )
        if self.decoder == "segments" and self.hidden_size % 2:
            raise InputError(
                f"{option_name('hidden_size')} must be even with segments; got {self.hidden_size}"
            )
        if self.future is not None and not self.covariates("future"):
            raise InputError(
                f"{option_name('future')}: the model was trained without "
                f"{option_name('future_covariates')}"
            )
        if self.picture is not None and not self.picture.lower().endswith((".png", ".html")):
            raise InputError(
                f"{option_name('picture')}: expected a name that ends in .png or "
                f".html; got '{self.picture}'"
            )

    @property
    def levels(self) -> tuple[float, ...]:
        """The coverages of --level in percent: "80,95" -> (80.0, 95.0)."""
        found = []
        for part in self.level.split(","):
            try:
                found.append(float(part))
            except ValueError:
                found.append(-1.0)
            if not 0 < found[-1] < 100:
                raise InputError(
                    f"{option_name('level')}: expected percentages between 0 and 100, "
                    f"such as 80,95; got '{part}'"
                )
        return tuple(dict.fromkeys(found))

    def covariates(self, kind: str) -> tuple[str, ...]:
        """The names of the "past", "future" or "static" covariates."""
        names: str | None = getattr(self, f"{kind}_covariates")
        return tuple(name.strip() for name in (names or "").split(",") if name.strip())

    @property
    def statistical(self) -> bool:
        """Whether the model is a statistical method, which needs no fitting and reads whole
        histories.
        """
        return self.model in STATISTICAL

    @classmethod
    def as_model(cls, name: str) -> dict[str, Any]:
        return {"model": name}
