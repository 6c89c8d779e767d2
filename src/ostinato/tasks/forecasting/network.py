"""The networks that forecast."""

from __future__ import annotations

from typing import TypedDict

from torch import nn

from ostinato.models.direct_forecaster import DirectForecaster
from ostinato.models.forecaster import Forecaster
from ostinato.models.forecaster_ensemble import ForecasterEnsemble
from ostinato.models.linear_forecaster import LinearForecaster
from ostinato.models.path_forecasters import AUTOREGRESSIVE
from ostinato.models.segment_forecaster import SegmentForecaster
from ostinato.tasks.forecasting.options import ForecastingOptions
from ostinato.tasks.forecasting.preprocessing import ForecastingPreprocessing
from ostinato.tasks.forecasting.statistical import StatisticalForecaster


class Sizes(TypedDict):
    """Keyword arguments that all recurrent forecasters take."""

    hidden_size: int
    layers: int
    dropout: float


def build_network(
    options: ForecastingOptions, preprocessing: ForecastingPreprocessing
) -> Forecaster:
    """Builds a network with initial weights, or an ensemble of `members` of them."""
    if options.members > 1 and not options.closed_form:
        members = [build_member(options, preprocessing) for _ in range(options.members)]
        return ForecasterEnsemble(members)
    return build_member(options, preprocessing)


def build_member(
    options: ForecastingOptions, preprocessing: ForecastingPreprocessing
) -> Forecaster:
    """One forecaster."""
    look_back, horizon = int(options.look_back or 1), int(options.horizon or 1)
    season = int(options.season or 1)
    if options.statistical:
        return StatisticalForecaster(options.model, look_back, horizon, season)
    if options.model == "linear":
        return LinearForecaster(look_back, horizon)
    sizes: Sizes = {
        "hidden_size": options.hidden_size,
        "layers": options.layers,
        "dropout": options.dropout,
    }
    cell, features = options.cell_type, preprocessing.features
    if options.decoder == "segments":
        return SegmentForecaster(
            cell,
            look_back,
            horizon,
            features,
            segment=int(options.segment or 1),
            skip=options.skip,
            **sizes,
        )
    if options.decoder == "autoregressive":
        return AUTOREGRESSIVE[options.likelihood](
            cell,
            look_back,
            horizon,
            features,
            season=season,
            likelihood=options.likelihood,
            paths=options.paths,
            **sizes,
        )
    return DirectForecaster(cell, look_back, horizon, features, skip=options.skip, **sizes)


def initialise(
    network: nn.Module, options: ForecastingOptions, preprocessing: ForecastingPreprocessing
) -> None:
    """Sets the weights of the linear model, which are fitted in closed form."""
    if isinstance(network, LinearForecaster) and preprocessing.model_tensors is not None:
        network.weight.copy_(preprocessing.model_tensors["weight"])
        network.bias.copy_(preprocessing.model_tensors["bias"])
