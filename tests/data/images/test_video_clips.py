"""Clips of pixels or features, with a label each or one a frame."""

import numpy as np
import pytest

from ostinato.data.images.video_clips import as_frames, read_clips, read_unlabelled
from ostinato.errors import InputError


def clips(path, **arrays):
    np.savez(path / "a.npz", **arrays)
    return list(read_clips(str(path / "a.npz")))


def test_pixels_and_features(tmp_path):
    first, second = clips(
        tmp_path,
        X=np.ones((2, 5, 8, 6, 3), np.uint8),
        lengths=[5, 2],
        y=[1, 0],
        labels=["no", "yes"],
    )
    assert (
        first.frames.shape == (5, 3, 8, 6)
        and second.frames.shape == (2, 3, 8, 6)
        and second.frames.dtype == np.uint8
    )
    assert (first.label, second.label, second.where) == ("yes", "no", f"{tmp_path}/a.npz: clip 2")
    assert clips(tmp_path, frames=np.ones((2, 5, 8, 6)))[0].frames.shape == (5, 1, 8, 6)
    assert (
        clips(tmp_path, frames=np.ones((2, 5, 8, 6)))[0].frames.max() == 255
    )  # fractions of 0 to 1
    assert clips(tmp_path, features=np.ones((2, 5, 7)))[1].frames.shape == (5, 7)
    assert [
        len(clip.frames) for clip in clips(tmp_path, X=np.ones((6, 4, 4), np.uint8), lengths=[2, 4])
    ] == [2, 4]


def test_labels_of_frames(tmp_path):
    wanted = [("a", "b", "b"), ("a", "a")]
    x = np.ones((2, 3, 4), np.float32)
    assert [
        clip.label
        for clip in clips(tmp_path, X=x, lengths=[3, 2], y=[["a", "b", "b"], ["a", "a", "x"]])
    ] == wanted
    assert [
        clip.label
        for clip in clips(
            tmp_path, X=x, lengths=[3, 2], y=[[0, 1, 1], [0, 0, 0]], label_names=["a", "b"]
        )
    ] == wanted
    assert [
        clip.label
        for clip in clips(
            tmp_path, X=np.ones((5, 4)), lengths=[3, 2], y=[0, 1, 1, 0, 0], labels=["a", "b"]
        )
    ] == wanted
    assert [
        clip.label
        for clip in clips(
            tmp_path, X=x, lengths=[3, 2], y=[[0.0, 1, 1], [0, 0, 0]], labels=["a", "b"]
        )
    ] == wanted
    assert [clip.label for clip in clips(tmp_path, X=x, y=[3.0, 3.5])] == ["3", "3.5"]


def test_lines_of_json(tmp_path):
    (tmp_path / "a").write_text("[[1, 2], [3, 4]]\n\n")
    first, blank = read_unlabelled([str(tmp_path / "a")])
    assert first.frames.tolist() == [[1, 2], [3, 4]] and len(blank.frames) == 0


HOLE = np.ones((2, 3, 4))
HOLE[1, 2, 0] = np.inf
ROWS = [
    (
        "nothing",
        {"y": [1]},
        r"expected one array X \(or frames, or features\) \[N, T, ...\]; got none",
    ),
    ("two", {"X": HOLE, "frames": HOLE}, "got X and frames"),
    ("objects", {"X": np.array([[1], [1, 2]], dtype=object)}, "refused: 'X' holds Python objects"),
    ("text", {"X": [["a"]]}, "X must be numbers"),
    (
        "NaN",
        {"X": HOLE},
        r"a.npz: clip 2, frame 3: the value at \[1\] is not a finite number; fill it in",
    ),
    (
        "a length beyond T",
        {"X": np.ones((2, 3, 4)), "lengths": [3, 5]},
        "series 2 has length 5, but X only 3 steps",
    ),
    (
        "no frames",
        {"X": np.ones((2, 3, 4)), "lengths": [3, 0]},
        "a.npz: clip 2: has no frames; remove it",
    ),
    (
        "labels",
        {"X": np.ones((2, 3, 4)), "y": [1, 2, 3]},
        r"y has shape \[3\] for 2 clips of up to 3 frames; expected a label a clip",
    ),
    (
        "an unknown number",
        {"X": np.ones((2, 3, 4)), "y": [0, 2], "labels": ["a", "b"]},
        "y has the number 2, but there are 2 labels, from 0",
    ),
    (
        "five channels",
        {"X": np.ones((1, 2, 3, 3, 5))},
        r"expected features \[T, D\] or pixels .* got shape \[2, 3, 3, 5\]",
    ),
    ("large pixels", {"X": np.full((1, 2, 3, 3), 300)}, "pixels must be 0 to 255"),
]


@pytest.mark.parametrize("name, arrays, message", ROWS, ids=[row[0] for row in ROWS])
def test_refused(tmp_path, name, arrays, message):
    with pytest.raises(InputError, match=message):
        clips(tmp_path, **arrays)


def test_frames_of_differing_shape():
    for value in ([[1.0], [1.0, 2.0]], ["a"], [None]):
        with pytest.raises(
            InputError,
            match="frames of differing shape, or no numbers; expected frames of equal shape",
        ):
            as_frames(value)
