"""What white is: one decision for arrays that belong together."""

import numpy as np
import pytest
from PIL import Image

from ostinato.data.images.images import read_image
from ostinato.data.images.pixel_range import check_scale, decide_pixel_maximum, to_bytes
from ostinato.errors import InputError

ROWS = [
    ([np.array([True, False])], 1),
    ([np.array([0, 1], np.uint8)], 1),
    ([np.array([0.0, 0.5])], 1),
    ([np.array([0.0, 0.5]), np.array([200.0])], 255),
    ([np.array([0, 7], np.uint16)], 255),
    ([np.array([0, 256], np.uint16)], 65535),
    ([np.zeros(3)], 255),
]


@pytest.mark.parametrize("arrays, maximum", ROWS)
def test_decision(arrays, maximum):
    assert decide_pixel_maximum(arrays) == maximum


def test_bytes():
    assert to_bytes(np.array([0.0, 0.5, 1]), "x", 1).tolist() == [0, 128, 255]
    assert to_bytes(np.array([0.0, 1]), "x", 255).tolist() == [0, 1]
    assert to_bytes(np.array([False, True]), "x", 255).tolist() == [0, 255]
    assert to_bytes(np.array([0, 65535], np.uint16), "x", 65535).tolist() == [0, 255]
    assert to_bytes(np.array([0.0, 4095]), "x", 4095).tolist() == [0, 255]


def test_messages():
    with pytest.raises(
        InputError,
        match="x: pixels of 0 to 9, but white is 1 in the data .* name it with pixel_max",
    ):
        to_bytes(np.array([0, 9]), "x", 1)
    with pytest.raises(
        InputError, match="a: all pixels are of 0 to 0.5, but white is 255 .* say pixel_maximum 1"
    ):
        check_scale([np.array([0.5])], "a", 255)
    check_scale([np.array([1])], "a", 255)  # one dark picture
    check_scale([np.array([True])] * 2, "a", 255)
    with pytest.raises(InputError, match="a pixel is not a finite number"):
        to_bytes(np.array([np.nan]), "x")


def test_greys_of_16_bits_are_scaled_by_their_type(tmp_path):
    """A dark picture stays dark, whatever its own brightest value."""
    Image.fromarray(np.full((8, 8), 2570, np.uint16)).save(tmp_path / "a.png")
    assert set(read_image(str(tmp_path / "a.png"), 8).ravel()) == {10}
