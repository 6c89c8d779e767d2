"""Forecasts of networks, corrected on held-out windows, and their metric counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import nn

from ostinato.data.files.atomic import write_atomically
from ostinato.errors import InputError, option_name
from ostinato.models.forecaster import Forecaster
from ostinato.tasks.forecasting.calibration import (
    choose_correction,
    choose_share,
    measure_errors,
    measure_persistence,
    rank_futures,
    split_windows,
)
from ostinato.tasks.forecasting.forecast import Forecast, header
from ostinato.tasks.forecasting.network_forecasts import NetworkForecasts
from ostinato.tasks.forecasting.options import ForecastingOptions
from ostinato.tasks.forecasting.page import write_page
from ostinato.tasks.forecasting.paths import draw_paths
from ostinato.tasks.forecasting.picture import draw_errors, draw_forecasts
from ostinato.tasks.forecasting.preprocessing import ForecastingPreprocessing
from ostinato.tasks.forecasting.scenarios import Scenario, collect_scenario
from ostinato.tasks.forecasting.scores import ForecastTally, count_forecast, judge
from ostinato.tasks.forecasting.streamer import ForecastingStreamer
from ostinato.tasks.forecasting.windows import Window, choose_shown, perturb_future
from ostinato.tasks.prediction import Counts
from ostinato.tasks.predictor import Predictor, spread
from ostinato.tasks.request import Piece, Request

ROWS = 64  # windows per batch, padded to this: a forecast must not depend on the others
ROWS_OF_PATHS = 16
SHOWN = 9  # series in a plot
MOST_CALIBRATION = 5000  # held-out windows that the correction is measured on
SHOWN_ON_PAGE = 300


class ForecastingPredictor(Predictor):
    options: ForecastingOptions
    preprocessing: ForecastingPreprocessing
    one_pass = True

    @cached_property
    def forecasts(self) -> NetworkForecasts:
        """Turns a network's quantiles into forecasts, with the task's options."""
        options = self.options
        paths = options.decoder == "autoregressive"
        return NetworkForecasts(
            self.preprocessing.encoder,
            int(options.season or 1),
            ROWS_OF_PATHS if paths else ROWS,
            options.levels,
        )

    @torch.inference_mode()
    def predict(self, network: nn.Module, records: Sequence[Window]) -> list[Forecast]:
        model = require_forecaster(network)
        forecasts = self.forecasts.forecast(model, records, correct=self.options.conformal)
        if not self.options.samples:
            return forecasts
        paths = self.draw_paths(network, records, forecasts, self.options.samples, seed=1)
        return [
            replace(forecast, samples=drawn)
            for forecast, drawn in zip(forecasts, paths, strict=True)
        ]

    def draw_paths(
        self,
        network: nn.Module,
        records: Sequence[Window],
        forecasts: Sequence[Forecast],
        samples: int,
        *,
        seed: int,
    ) -> list[np.ndarray]:
        """Draws whole futures [S, H] of each window; see `paths.draw_paths`."""
        counts = self.options.likelihood == "negative-binomial"
        encode = self.preprocessing.encoder.encode_windows
        model = require_forecaster(network)
        return draw_paths(model, encode, records, forecasts, samples, seed=seed, counts=counts)

    def streamer(
        self, network: nn.Module, as_record: Callable[[Any], Any]
    ) -> ForecastingStreamer | None:
        return None if self.why_no_streamer(network) else ForecastingStreamer(self, network)

    def why_no_streamer(self, network: nn.Module) -> str:
        if self.preprocessing.covariates or self.preprocessing.categories:
            return "the model reads covariates, which a stream of values does not have"
        return ""

    def calibrate(self, network: nn.Module, records: Sequence[Window]) -> None:
        """Measures the correction of the quantiles on held-out windows; it becomes part of the
        network's buffers.
        """
        model = require_forecaster(network)
        records = list(islice(iter(records), MOST_CALIBRATION))
        horizon = int(self.options.horizon or 1)
        if self.preprocessing.refers:
            metric = self.options.dev_metric
            choose_share(model, lambda: self.dev_score(network, records, metric))
        raw = self.forecasts.forecast(model, records, correct=False)
        units = [self.forecasts.unit_of(record) for record in records]
        errors = measure_errors(records, raw, units, horizon)
        later = split_windows([record.series.name for record in records])
        model.correction.copy_(torch.from_numpy(choose_correction(errors, later)))
        corrected = self.forecasts.forecast(model, records, correct=True)
        model.persistence.fill_(measure_persistence(rank_futures(records, corrected, horizon)))

    def count(
        self, network: nn.Module, records: Any, predictions: Sequence[Forecast]
    ) -> dict[str, list[Counts]]:
        season = int(self.options.season or 1)
        counts: dict[str, list[Counts]] = {}
        for record, prediction in zip(records, predictions, strict=True):
            for name, each in count_forecast(record, prediction, season).items():
                counts.setdefault(name, []).append(each)
        return counts

    def count_quickly(self, network: nn.Module, records: Any, metric: str) -> list[Counts]:
        season, found = int(self.options.season or 1), []
        model = require_forecaster(network)
        for start in range(0, len(records), 512):
            piece = records[start : start + 512]
            forecasts = self.forecasts.forecast(model, piece, correct=False)
            found += [
                count_forecast(record, forecast, season)[metric]
                for record, forecast in zip(piece, forecasts, strict=True)
            ]
        return found

    def log_probabilities(self, network: nn.Module, records: Sequence[Window]) -> list[float]:
        """The log density of each window's future, summed over its steps.

        For a window without a future, that of the last steps of the series given those before.
        """
        horizon = int(self.options.horizon or 1)
        scored = [
            record
            if len(record.future)
            else Window.at(record.series, max(0, record.cut - horizon), horizon)
            for record in records
        ]
        found = []
        for record, forecast in zip(scored, self.predict(network, scored), strict=True):
            truth = record.future
            seen = ~np.isnan(truth)
            if not len(forecast.quantiles) or not seen.any():
                found.append(float("-inf"))
                continue
            density = forecast.log_density(np.where(seen, truth, 0))
            found.append(float(density[seen].sum()))
        return found

    def format_lines(
        self, predictions: Iterator[Forecast], output: str | None = None
    ) -> Iterator[str]:
        first = next(
            predictions, None
        )  # so that an error in the input is raised before the header is printed
        yield header(self.options.levels, self.options.samples)
        for prediction in chain([] if first is None else [first], predictions):
            if len(prediction.quantiles):
                yield prediction.text

    def stream(
        self, network: nn.Module, inputs: Iterator[Window], *, ahead: int = 1
    ) -> Iterator[Forecast]:
        drawn: list[tuple[Window, Forecast]] = []
        picture = self.options.picture or ""
        page = picture.lower().endswith(".html")
        while records := list(islice(inputs, ahead)):
            for record, forecast in zip(records, self.predict(network, records), strict=True):
                if picture and (len(drawn) < SHOWN or page):
                    drawn.append((record, forecast))
                yield forecast
        if drawn and picture:
            season = int(self.options.season or 1)
            records, forecasts = zip(*drawn, strict=True)
            content = write_page(records, forecasts, "Forecasts") if page else None
            write_atomically(picture, content or draw_forecasts(records, forecasts, season))

    def tally(self) -> ForecastTally:
        return ForecastTally(self.options.levels)

    def shown(self, records: Any) -> list[int]:
        examples = spread(list(range(len(records))))
        return [*choose_shown(records, SHOWN), *choose_shown(records, SHOWN_ON_PAGE), *examples]

    def examples(
        self, network: nn.Module, records: Any, predictions: Sequence[Forecast]
    ) -> list[dict[str, str]]:
        indices = spread(list(range(len(records))))
        return [self.show(records[each], predictions[each]) for each in indices]

    def pictures(
        self, records: Any, predictions: Sequence[Forecast]
    ) -> dict[str, Callable[[BinaryIO], object]]:
        season = int(self.options.season or 1)

        def choose(most: int) -> tuple[list[Window], list[Forecast]]:
            indices = choose_shown(records, most)
            return [records[each] for each in indices], [predictions[each] for each in indices]

        found: dict[str, Callable[[BinaryIO], object]] = {
            "forecast.png": draw_forecasts(*choose(SHOWN), season),
        }
        many = choose(SHOWN_ON_PAGE)
        if len(many[0]) > SHOWN:
            page = write_page(*many, "Forecasts of the test set")
            found["forecasts.html"] = lambda file: file.write(page)
        return found

    def draw_tables(self, result: Mapping[str, Any]) -> dict[str, Callable[[BinaryIO], object]]:
        return {"errors.png": draw_errors(result["by_step"])}

    def verdict(self, result: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
        """A sentence on whether the model is better than the baselines."""
        return "" if self.options.statistical else judge(result, baseline)

    def laws(self, network: nn.Module, records: Sequence[Window]) -> dict[str, float]:
        """Counts the forecasts that change with the values after their cut."""
        before = self.predict(network, records)
        after = self.predict(network, [perturb_future(record) for record in records])
        changed = sum(
            not np.array_equal(one.quantiles, other.quantiles)
            for one, other in zip(before, after, strict=True)
        )
        return {"nothing after the cut changes a forecast": float(changed)}

    def generate(self, network: nn.Module, request: Request) -> Iterator[Piece]:
        if request.prompt is None:
            raise InputError(
                f"{option_name('prompt')} is needed: the file of the series to continue"
            )
        from ostinato.tasks.forecasting.reader import ForecastingReader

        reader = ForecastingReader(self.options, self.preprocessing, task_name=self.task_name)
        records = list(reader.read_inputs([request.prompt]))
        forecasts = self.predict(network, records)
        paths = self.draw_paths(network, records, forecasts, request.samples, seed=request.seed)
        for sample in range(request.samples):
            scenario = collect_scenario(forecasts, paths, request.length, sample)
            yield Piece(sample, scenario.text, scenario)

    def save_generated(self, results: Sequence[Scenario], path: Path) -> list[Path]:
        """One table of all scenarios: unique_id, ds, sample, value."""
        rows = "\n".join(result.text for result in results)
        write_atomically(path, f"unique_id,ds,sample,value\n{rows}\n".encode())
        return [path]

    def show(self, record: Window, prediction: Forecast) -> dict[str, str]:
        def listed(values: np.ndarray) -> str:
            return " ".join(f"{value:.4g}" for value in values[:12])

        return {
            "series": f"{prediction.name} from {(prediction.stamps or ['?'])[0]}",
            "true": listed(record.future),
            "forecast": listed(prediction.point),
        }


def require_forecaster(network: nn.Module) -> Forecaster:
    """Narrows the type of a network that this task has built."""
    if not isinstance(network, Forecaster):
        raise TypeError(f"a {type(network).__name__} is not a Forecaster")
    return network
