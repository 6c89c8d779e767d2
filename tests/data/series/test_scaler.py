"""Standardisation of series."""

import numpy as np
import pytest

from ostinato.data.series.scaler import Scaler


def test_scaler():
    series = [np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[5.0, 5.0]])]
    scaler = Scaler.fit(series)
    scaled = np.concatenate([scaler(one) for one in series])
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(scaled.std(0), [1, 0], atol=1e-6)
    again = Scaler.from_dict(scaler.to_dict())
    assert (again(series[0]) == scaler(series[0])).all() and again.dimensions == 2
    for wrong in (
        {"mean": [0.0]},
        {"mean": [0.0], "scale": [0.0]},
        {"mean": [0.0], "scale": [1.0, 1.0]},
        None,
    ):
        with pytest.raises(ValueError, match="scaler"):
            Scaler.from_dict(wrong)
