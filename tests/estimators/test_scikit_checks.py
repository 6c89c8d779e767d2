"""scikit-learn's own checks of estimators."""

import pytest

pytest.importorskip("sklearn")
from sklearn.utils.estimator_checks import estimator_checks_generator

from ostinato.sklearn import Classifier, Regressor

CLASSIFIER = Classifier(hidden_size=16, dropout=0.0, learning_rate=0.02, epochs=15)
REGRESSOR = Regressor(hidden_size=16, dropout=0.0, learning_rate=0.02, epochs=30)


def names(estimator):
    return [
        pytest.param(e, c, id=str(getattr(c, "func", c).__name__))
        for e, c in estimator_checks_generator(estimator)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), [*names(CLASSIFIER), *names(REGRESSOR)])
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)
