"""Sample paths of windows: drawn by an autoregressive network, otherwise by a Gaussian copula."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from ostinato.models.autoregressive_forecaster import AutoregressiveForecaster
from ostinato.models.forecaster import Forecaster
from ostinato.tasks.forecasting.forecast import Forecast
from ostinato.tasks.forecasting.scenarios import draw_scores, follow_quantiles, rank_paths
from ostinato.tasks.forecasting.windows import EncodedWindow, Window, stack_windows
from ostinato.tasks.shared.inference import device_of


@torch.inference_mode()
def draw_paths(
    network: Forecaster,
    encode: Callable[[Sequence[Window]], Sequence[EncodedWindow]],
    records: Sequence[Window],
    forecasts: Sequence[Forecast],
    samples: int,
    *,
    seed: int,
    counts: bool,
) -> list[np.ndarray]:
    """Draws whole futures [S, H] of each window.

    The values at each step follow the quantiles of the forecast.

    Args:
        network: A forecaster; an autoregressive one draws the paths itself.
        encode: Windows -> their tensors.
        records: The windows.
        forecasts: Their forecasts.
        samples: The number S of paths.
        seed: Seed of the random numbers.
        counts: Whether values are counts, to which paths are rounded.
    """
    paths = []
    for number, (record, forecast) in enumerate(zip(records, forecasts, strict=True)):
        steps = len(forecast.quantiles)
        if isinstance(network, AutoregressiveForecaster) and steps:
            batch = stack_windows(encode([record])).to(device_of(network))
            drawn = network.sample_paths(batch, paths=samples, seed=seed)[0]
            scores = rank_paths(drawn.double().cpu().numpy())
        else:
            scores = draw_scores(float(network.persistence), steps, samples, (seed, number))
        values = follow_quantiles(forecast.quantiles, scores)
        paths.append(values.round().clip(min=0) if counts else values)
    return paths
