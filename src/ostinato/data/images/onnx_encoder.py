"""A convolutional network from an ONNX file: images in, features of their regions out.

Run by onnxruntime, never trained. Features can be kept in a folder, so that a second training need
not compute them again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from ostinato.data.files.atomic import remove_leftovers, sha256, write_atomically
from ostinato.data.files.streams import cannot_open
from ostinato.data.files.wording import first_line
from ostinato.errors import InputError, option_name

# (mean, standard deviation) of pixels as fractions of 0 to 1, one for each of red, green and blue
NORMALISATIONS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "unit": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "symmetric": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "bytes": ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)),
}


class OnnxEncoder:
    """encoder = OnnxEncoder("resnet.onnx"); encoder(pixels uint8 [3, S, S]) -> float32 [R, D]

    A feature map [1, D, h, w] gives h x w regions, a vector [1, D] one.

    Args:
        path: of the ONNX file.
        normalise: how pixels are scaled before: "imagenet", "unit" (0 to 1), "symmetric" (-1 to 1)
            or "bytes" (0 to 255).
        cache: a folder for the features computed; None keeps none.
        output: the name of the model's output; None is its first.

    Raises:
        InputError: no such file, no ONNX, an input that is no image, an output of another shape,
            onnxruntime not installed.
    """

    def __init__(
        self,
        path: str,
        *,
        normalise: str = "imagenet",
        cache: str | None = None,
        output: str | None = None,
    ):
        self.path, self.normalise = path, normalise
        if not Path(path).is_file():
            raise InputError(cannot_open(path, FileNotFoundError()))
        self.digest = sha256(path)
        self.cache = None if cache is None else Path(cache)
        if self.cache is not None:
            remove_leftovers(self.cache)
        self.session = open_session(path)
        given = self.session.get_inputs()
        shape = given[0].shape if len(given) == 1 else []
        sizes = [side if isinstance(side, int) and side > 0 else None for side in shape]
        # [N, H, W, C], as in TensorFlow
        self.channels_last = len(sizes) == 4 and sizes[1] not in (1, 3) and sizes[3] in (1, 3)
        self.channels = (sizes[3] if self.channels_last else sizes[1]) if len(sizes) == 4 else None
        if self.channels not in (1, 3) or given[0].type not in (
            "tensor(float)",
            "tensor(float16)",
            "tensor(uint8)",
        ):
            described = ", ".join(f"{each.name} {each.type} {each.shape}" for each in given)
            raise InputError(
                f"{path}: its input is not a picture: expected one tensor [N, 3, H, W] or "
                f"[N, H, W, 3]; got {described}"
            )
        self.input, self.type = given[0].name, given[0].type
        height, width = (sizes[1], sizes[2]) if self.channels_last else (sizes[2], sizes[3])
        self.size = height  # None is any
        if height != width:
            raise InputError(
                f"{path}: reads pictures of {width} x {height}; only square ones can be given here"
            )
        outputs = [each.name for each in self.session.get_outputs()]
        if output is not None and output not in outputs:
            raise InputError(f"{path}: no output '{output}' among {', '.join(outputs)}")
        self.output = output or outputs[0]

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """The features of an image, from the cache if they are there."""
        if self.cache is None:
            return self.run(pixels)
        settings = f"{self.digest} {self.output} {self.normalise} {pixels.shape}".encode()
        path = self.cache / f"{hashlib.sha256(settings + pixels.tobytes()).hexdigest()[:40]}.npy"
        if path.is_file():
            try:
                return np.load(path, allow_pickle=False)
            except (ValueError, OSError, EOFError):
                path.unlink()  # cut short: computed again
        found = self.run(pixels)
        self.cache.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: np.save(file, found), tidy=False)
        return found

    def run(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels uint8 [3, S, S] -> features float32 [R, D]."""
        try:
            answer = self.session.run([self.output], {self.input: self.preprocess(pixels)})[0]
        except Exception as error:  # onnxruntime's own exceptions share no other class
            raise InputError(
                f"{self.path}: cannot be run on a picture of {pixels.shape[1]} x "
                f"{pixels.shape[2]}: {first_line(error)}"
            ) from None
        answer = np.asarray(answer, dtype=np.float32)
        if answer.ndim == 4 and answer.shape[0] == 1:
            answer = answer[0].reshape(answer.shape[1], -1).T
        elif answer.ndim == 3 and answer.shape[0] == 1:
            answer = answer[0]
        if answer.ndim != 2 or not answer.size or not np.isfinite(answer).all():
            raise InputError(
                f"{self.path}: its output {self.output} is not features [1, D], [1, R, D] or "
                f"[1, D, h, w] of finite numbers; got shape {list(answer.shape)}"
            )
        return np.ascontiguousarray(answer)

    def preprocess(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels in the model's layout, [1, C, H, W] or [1, H, W, C], normalised."""
        if self.channels == 1:
            pixels = pixels.mean(0, keepdims=True).astype(np.uint8)
        if self.type != "tensor(uint8)":
            mean, deviation = (
                np.array(each[: self.channels], dtype=np.float32)[:, None, None]
                for each in NORMALISATIONS[self.normalise]
            )
            pixels = ((pixels / np.float32(255) - mean) / deviation).astype(
                np.float16 if self.type == "tensor(float16)" else np.float32
            )
        return np.ascontiguousarray(pixels.transpose(1, 2, 0) if self.channels_last else pixels)[
            None
        ]


def open_session(path: str) -> Any:
    """An onnxruntime session of the file."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            f"{option_name('encoder')} needs onnxruntime; pip install 'ostinato[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no other class
        raise InputError(
            f"{path}: not an ONNX model that onnxruntime can run: {first_line(error)}"
        ) from None
