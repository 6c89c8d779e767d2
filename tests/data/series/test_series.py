"""Series of numbers from .ts and .npz files."""

import gzip

import numpy as np
import pytest

from ostinato.data.series.labelled_series import as_series, parse_series
from ostinato.data.series.series import is_series, read_series
from ostinato.errors import InputError

HEADER = (
    "# made here\n@problemName toy\n@timeStamps false\n@dimensions 2\n@classLabel true a b\n@data\n"
)


def read(path):
    return [(series.values.tolist(), series.label) for series in read_series(path)]


def test_ts_of_varying_lengths(tmp_path):
    path = tmp_path / "a.ts"
    path.write_text(HEADER + "1,2,3:4,5,6:a\n\n7:8:b\n")
    assert read(path) == [([[1, 4], [2, 5], [3, 6]], "a"), ([[7, 8]], "b")]
    assert [series.where for series in read_series(path)] == [f"{path}:7", f"{path}:9"]


def test_ts_of_one_dimension_without_labels(tmp_path):
    path = tmp_path / "a.ts"
    path.write_text("@univariate true\n@classLabel false\n@data\n1,2.5\n")
    assert read(path) == [([[1], [2.5]], "")]


def ragged():
    return {
        "X": np.arange(6.0).reshape(3, 2),
        "lengths": np.array([1, 2]),
        "y": np.array(["a", "b"]),
    }


@pytest.mark.parametrize(
    "arrays, expected",
    [
        (
            {"X": np.ones((2, 3, 2)), "y": np.array([0, 1])},
            [([[1, 1]] * 3, "0"), ([[1, 1]] * 3, "1")],
        ),
        (
            {"X": np.ones((2, 3)), "y": np.array([0, 1]), "labels": np.array(["no", "yes"])},
            [([[1]] * 3, "no"), ([[1]] * 3, "yes")],
        ),
        (
            {"X": np.ones((2, 3, 2)), "lengths": np.array([1, 3])},
            [([[1, 1]], ""), ([[1, 1]] * 3, "")],
        ),
        ({"X": np.ones((1, 2, 2, 2))}, [([[1] * 4] * 2, "")]),
        (ragged(), [([[0, 1]], "a"), ([[2, 3], [4, 5]], "b")]),
    ],
)
def test_npz(tmp_path, arrays, expected):
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    assert read(tmp_path / "a.npz") == expected


@pytest.mark.parametrize(
    "content, message",
    [
        ("", r"a\.ts:0: no @data line; is it a \.ts file"),
        ("1,2:a\n", r"a\.ts:1: expected a header line such as @classLabel"),
        ("@timeStamps true\n@data\n", r"a\.ts: series with time stamps"),
        ("@targetLabel true\n@data\n", r"a\.ts: has numbers to predict"),
        (
            HEADER + "1,2:3,4:c\n",
            r"a\.ts:7: the label 'c' is not among those of @classLabel; known: a, b",
        ),
        (
            HEADER + "1,2:3,4:a\n1,NaN:3,4:a\n",
            r"a\.ts:8: dimension 1, step 2: 'NaN' is not a finite number; fill it in",
        ),
        (HEADER + "1,2:3,?:a\n", r"a\.ts:7: dimension 2, step 2: a missing value"),
        (HEADER + "1,x:3,4:a\n", r"a\.ts:7: dimension 1, step 2: 'x' is not a finite number"),
        (HEADER + "1,2:3:a\n", r"a\.ts:7: dimensions of differing length \(2, 1\)"),
        (HEADER + "1,2:a\n", r"a\.ts:7: 1 dimension, expected 2"),
        (HEADER + "a\n", r"a\.ts:7: a label without a series"),
    ],
)
def test_errors_of_ts(tmp_path, content, message):
    (tmp_path / "a.ts").write_text(content)
    with pytest.raises(InputError, match=message):
        list(read_series(tmp_path / "a.ts"))


GOOD = np.ones((2, 3, 2))
HOLE = np.where(np.arange(12).reshape(2, 3, 2) == 9, np.nan, 1.0)


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"Y": GOOD}, r"a\.npz: no array 'X' among Y; expected X \[N, T, D\]"),
        (
            {"X": np.array([[1, 2], [3]], dtype=object)},
            r"a\.npz: refused: 'X' holds Python objects.*X \[N, T, D\], with lengths",
        ),
        ({"X": GOOD, "y": np.array([{}, {}])}, r"a\.npz: refused: 'y' holds Python objects"),
        ({"X": np.array([["a"]])}, r"a\.npz: X must be numbers \[N, T, D\]; got <U1"),
        ({"X": np.ones(3)}, r"a\.npz: X must be numbers"),
        ({"X": HOLE}, r"a\.npz: series 2, step 2, dimension 2: nan is not a finite number"),
        (
            {"X": GOOD, "lengths": np.array([1, 9])},
            r"a\.npz: series 2 has length 9, but X only 3 steps",
        ),
        ({"X": GOOD, "lengths": np.array([0, 3])}, r"a\.npz: series 1: has no steps"),
        ({"X": GOOD, "lengths": np.array([1, 1, 1])}, r"a\.npz: 3 lengths for 2 rows of X"),
        ({"X": GOOD, "lengths": np.array([1.5, 2.0])}, r"a\.npz: lengths must be whole numbers"),
        ({"X": GOOD, "y": np.array([1])}, r"a\.npz: y has shape \(1,\) for 2 series"),
        (
            {"X": GOOD, "y": np.array([0, 2]), "labels": np.array(["a", "b"])},
            r"a\.npz: y has the number 2, but there are 2 labels, from 0",
        ),
    ],
)
def test_errors_of_npz(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        list(read_series(tmp_path / "a.npz"))


def test_a_gzipped_npz(tmp_path):
    np.savez(tmp_path / "a.npz", X=GOOD)
    packed = tmp_path / "a.npz.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.npz").read_bytes()))
    assert is_series(packed)
    for one, other in zip(read_series(packed), read_series(tmp_path / "a.npz"), strict=True):
        assert (one.values == other.values).all()


def test_a_damaged_or_missing_npz(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match=r"a\.npz: not a readable \.npz file"):
        list(read_series(tmp_path / "a.npz"))
    with pytest.raises(InputError, match=r"b\.npz: no such file"):
        list(read_series(tmp_path / "b.npz"))


def test_an_array_that_claims_too_much_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr("ostinato.data.files.npz.LARGEST", 50)
    np.savez(tmp_path / "a.npz", X=GOOD)
    with pytest.raises(InputError, match=r"a\.npz: refused: 'X' claims 0 GiB"):
        list(read_series(tmp_path / "a.npz"))


def test_values_from_python_and_json():
    assert as_series([1, 2]).tolist() == [[1], [2]]
    assert parse_series("[[1, 2], [3, 4]]", "-:1").tolist() == [[1, 2], [3, 4]]
    for value, message in [
        ([[1], [2, 3]], "frames of differing shape"),
        ([], "with at least one step"),
        ([float("nan")], "not a finite number"),
        ([[[1]]], r"got shape \(1, 1, 1\)"),
    ]:
        with pytest.raises(InputError, match=message):
            as_series(value)
    with pytest.raises(InputError, match=r"-:3: not JSON; this model reads series"):
        parse_series("some text", "-:3")


def test_is_series():
    assert [is_series(name) for name in ("a.ts", "a.TS.gz", "a.npz", "a.tsv", "ts")] == [
        True,
        True,
        True,
        False,
        False,
    ]
