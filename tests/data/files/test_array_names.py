"""The names of arrays."""

import pytest

from ostinato.data.files.array_names import match_names

WANTED = ("X", "y", "lengths", "labels")
BOTH = ["X_train", "y_train", "X_test", "y_test"]


@pytest.mark.parametrize(
    "names, training, found",
    [
        (["X", "y"], True, {"X": "X", "y": "y"}),
        (BOTH, True, {"X": "X_train", "y": "y_train"}),
        (BOTH, False, {"X": "X_test", "y": "y_test"}),
        (["x", "label"], True, {"X": "x", "y": "label"}),
        (["train_x", "train_labels"], False, {"X": "train_x", "y": "train_labels"}),
        (["data", "labels"], True, {"X": "data", "labels": "labels"}),
        (["foo"], True, {}),
    ],
)
def test_match(names, training, found):
    assert match_names(names, WANTED, training=training) == found
