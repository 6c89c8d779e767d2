"""Estimators that follow scikit-learn's conventions: Classifier, Regressor, Tagger, Forecaster.

    from ostinato.sklearn import Classifier
    GridSearchCV(Classifier(), {"cell": ["gru", "lstm"]}).fit(texts, labels)

Needs scikit-learn: pip install 'ostinato[sklearn]'."""

from __future__ import annotations

import importlib
from typing import Any

from ostinato.errors import InputError

_WHERE = {
    "Classifier": "ostinato.sklearn.classifier",
    "Regressor": "ostinato.sklearn.regressor",
    "Tagger": "ostinato.sklearn.tagger",
    "Forecaster": "ostinato.sklearn.forecaster",
}
__all__ = [*_WHERE]


def __getattr__(name: str) -> Any:
    """The estimators, imported when they are first used."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise InputError(
            "ostinato.sklearn needs scikit-learn: pip install 'ostinato[sklearn]'"
        ) from None
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
