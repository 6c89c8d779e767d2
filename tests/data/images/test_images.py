"""Images of every kind become squares of bytes; other files are refused in one line."""

import gzip
import io

import numpy as np
import pytest
from PIL import Image

from ostinato.data.images.images import (
    as_pixels,
    augment,
    data_uri,
    from_array,
    is_image,
    open_image,
    read_image,
    split_part,
    to_bytes,
)
from ostinato.errors import InputError

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def halves(size=(8, 8), mode="RGB"):
    """Left half red, right half blue."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, *size))
    return image.convert(mode)


@pytest.mark.parametrize("ending", ["png", "bmp", "gif", "webp", "tiff", "jpg"])
def test_formats(tmp_path, ending):
    halves((16, 16)).save(
        tmp_path / f"a.{ending}", **({"lossless": True} if ending == "webp" else {})
    )
    pixels = read_image(str(tmp_path / f"a.{ending}"), 16)
    assert pixels.shape == (3, 16, 16) and pixels.dtype == np.uint8
    assert (
        np.abs(pixels[:, 8, 2].astype(int) - RED).max() < 20
        and np.abs(pixels[:, 8, 13].astype(int) - BLUE).max() < 20
    )


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "CMYK", "1", "I;16"])
def test_modes(tmp_path, mode):
    image = (
        halves(mode="L").point(lambda value: value * 256, "I")
        if mode == "I;16"
        else halves(mode=mode)
    )
    image.convert("I;16").save(tmp_path / "a.png") if mode == "I;16" else image.save(
        tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    )
    assert read_image(str(next(tmp_path.iterdir())), 8).shape == (3, 8, 8)


def test_transparency_is_white_and_a_cameras_rotation_is_undone(tmp_path):
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_image(str(tmp_path / "clear.png"), 4) == 255).all()
    tags = Image.Exif()
    tags[0x0112] = 3  # upside down
    halves().save(tmp_path / "turned.png", exif=tags)
    assert tuple(read_image(str(tmp_path / "turned.png"), 8)[:, 4, 0]) == BLUE


def test_what_is_not_square_is_filled_up_with_white():
    pixels = as_pixels(Image.new("RGB", (8, 4), RED), 8)
    assert (
        tuple(pixels[:, 0, 4]) == WHITE
        and tuple(pixels[:, 4, 4]) == RED
        and tuple(pixels[:, 7, 4]) == WHITE
    )


def test_a_gzipped_image(tmp_path):
    halves().save(tmp_path / "a.png")
    packed = tmp_path / "a.png.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.png").read_bytes()))
    assert is_image(packed) and is_image(f"{packed}#xywh=0,0,4,4")
    assert (read_image(str(packed), 8) == read_image(str(tmp_path / "a.png"), 8)).all()
    assert read_image(f"{packed}#xywh=0,0,4,4", 4).shape == (3, 4, 4)


def test_a_part_of_a_sheet(tmp_path):
    halves((16, 8)).save(tmp_path / "sheet.png")
    name = str(tmp_path / "sheet.png")
    assert split_part(f"{name}#xywh=8,0,8,8") == (name, (8, 0, 8, 8))
    assert split_part(f"{name}#xywh=pixel:8,0,8,8")[1] == (8, 0, 8, 8) and split_part(
        "a#b.png"
    ) == ("a#b.png", None)
    assert (read_image(f"{name}#xywh=8,0,8,8", 8).reshape(3, -1).T == BLUE).all()
    assert is_image(f"{name}#xywh=8,0,8,8") and is_image("A.JPG") and not is_image("list.txt")
    with pytest.raises(
        InputError, match="xywh=9,0,8,8: that part lies outside of the picture, which is 16 x 8"
    ):
        open_image(f"{name}#xywh=9,0,8,8")


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "bmp"])
def test_a_picture_cut_short(tmp_path, ending):
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, {"jpg": "JPEG"}.get(ending, ending.upper()))
    (tmp_path / f"a.{ending}").write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    with pytest.raises(
        InputError, match=rf"a\.{ending}: cut short or damaged \(.*\); copy it again, or remove it"
    ):
        read_image(str(tmp_path / f"a.{ending}"), 8)


def enormous(path, width=30_000, height=30_000):
    """A PNG of a few bytes that claims to be 900 million pixels."""
    Image.new("1", (8, 8)).save(path)
    data = bytearray(path.read_bytes())
    import struct
    import zlib

    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    path.write_bytes(bytes(data))
    return str(path)


@pytest.mark.parametrize("side", [11_000, 30_000])
def test_a_decompression_bomb_is_refused(tmp_path, side):
    with pytest.raises(
        InputError, match=r"bomb.png: refused: .* pixels, more than 100 million; make it smaller"
    ):
        read_image(enormous(tmp_path / "bomb.png", side, side), 8)


def test_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"hello")
    with pytest.raises(InputError, match="a.png: not a picture that Pillow can read"):
        read_image(str(tmp_path / "a.png"), 8)
    with pytest.raises(InputError, match="b.png: no such file; did you mean '.*a.png'"):
        read_image(str(tmp_path / "b.png"), 8)
    with pytest.raises(InputError, match="a folder; name a file in it"):
        read_image(str(tmp_path), 8)


def test_pillow_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(InputError, match=r"pictures need Pillow; pip install 'ostinato\[images\]'"):
        read_image("a.png", 8)


def test_arrays():
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    assert as_pixels(from_array(grey), 4)[1].tolist() == grey.tolist()
    assert to_bytes(np.array([0.0, 0.5, 1.0]), "x").tolist() == [0, 128, 255]
    assert to_bytes(np.array([0, 255]), "x").tolist() == [0, 255]
    for wrong, message in [
        (np.zeros((2, 2, 5)), r"expected pixels \[H, W, 3\] or \[H, W\]; got shape \[2, 2, 5\]"),
        (np.full((2, 2), np.nan), "a pixel is not a finite number"),
        (np.full((2, 2), 256), "must be 0 to 255, or fraction"),
        (np.full((2, 2), "a"), "pixels must be numbers"),
    ]:
        with pytest.raises(InputError, match=message):
            from_array(wrong)


def test_varied_moves_all_frames_alike_and_the_same_for_the_same_seed():
    frames = np.random.default_rng(0).integers(0, 255, (1, 3, 16, 16), dtype=np.uint8).repeat(4, 0)
    one = augment(frames, 7, shift=0.2, zoom=0.1, flip=True)
    assert (
        one.shape == frames.shape
        and (one == one[:1]).all()
        and (one == augment(frames, 7, shift=0.2, zoom=0.1, flip=True)).all()
    )
    assert (augment(frames, 7, shift=0, zoom=0, flip=False) == frames).all()
    mirrored = [
        (augment(frames, seed, shift=0, zoom=0, flip=True) == frames[..., ::-1]).all()
        for seed in range(40)
    ]
    assert 8 < sum(mirrored) < 32


def test_a_picture_inside_a_page():
    assert data_uri(halves()).startswith("data:image/png;base64,") and data_uri(
        halves((800, 600))
    ).startswith("data:image/jpeg;base64,")
