"""From samples to features: 100 frames a second of log-mel energies or mel cepstra (MFCC).

Frames are computed one by one from their own samples, so that a recording that comes in chunks of
any size gives the very features of the whole one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np

from ostinato.errors import InputError, option_name

FrontEndKind = Literal["log-mel", "mfcc"]
HOP_SECONDS = 0.01
SCALE = 32768.0  # samples of -1 to 1 as 16-bit numbers, which both front ends are made for
# CMU Sphinx, as it made the released features of AN4
PRE_EMPHASIS, FILTERS, LOWEST, HIGHEST, WINDOW_SECONDS, CEPSTRA = (
    0.97,
    40,
    130.0,
    6800.0,
    410 / 16000,
    13,
)


class FrontEnd(NamedTuple):
    """How features are made of samples.

    Args:
        kind: log-mel (kaldi-native-fbank), or mfcc: 13 cepstra as CMU Sphinx computes them.
        rate: Samples a second.
        bins: Mel filters of log-mel.
    """

    kind: str
    rate: int
    bins: int = 40

    @property
    def size(self) -> int:
        """Features a frame."""
        return CEPSTRA if self.kind == "mfcc" else self.bins

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return round(HOP_SECONDS * self.rate)

    def start(self) -> MfccStream | LogMelStream:
        """A stream: `accept(samples) -> frames [n, size]`, and at the end `finish()`."""
        return MfccStream(self) if self.kind == "mfcc" else LogMelStream(self)

    def features(self, blocks: Iterable[np.ndarray]) -> np.ndarray:
        """All frames [T, size] of a recording, given in blocks of samples of -1 to 1."""
        stream = self.start()
        frames = [stream.accept(block) for block in blocks]
        return np.concatenate([*frames, stream.finish()])


class Filterbank(NamedTuple):
    """Sphinx's mel filterbank and cosine transform for one rate."""

    window: np.ndarray  # [W]
    transform: int  # points of the Fourier transform
    filters: np.ndarray  # [transform / 2 + 1, FILTERS]
    cosines: np.ndarray  # [FILTERS, CEPSTRA]


@cache
def filterbank(rate: int) -> Filterbank:
    """40 triangles of unit area, equally spaced in 2595 log10(1 + f / 700) from 130 to 6800 Hz (or
    0.425 of the rate), their edges rounded to the bins of the Fourier transform; then
    cos(pi i (j + 1/2) / 40) / 40 with the first filter at half weight (CMU Sphinx 3,
    fe_sigproc).
    """
    width = round(WINDOW_SECONDS * rate)
    transform = 1 << math.ceil(math.log2(width))
    highest = min(HIGHEST, 0.425 * rate)
    mels = np.linspace(to_mel(LOWEST), to_mel(highest), FILTERS + 2)
    spacing = rate / transform
    edges = np.floor(700 * (10 ** (mels / 2595) - 1) / spacing + 0.5) * spacing  # [FILTERS + 2]
    frequencies = np.arange(transform // 2 + 1) * spacing
    filters = np.zeros((transform // 2 + 1, FILTERS))
    for number in range(FILTERS):
        left, centre, right = edges[number : number + 3]
        height = 2 / max(right - left, spacing)
        rising = (frequencies - left) / max(centre - left, 1e-9)
        falling = (right - frequencies) / max(right - centre, 1e-9)
        filters[:, number] = height * np.clip(np.minimum(rising, falling), 0, None)
    weights = np.ones(FILTERS)
    weights[0] = 0.5
    angles = np.pi * np.outer(np.arange(FILTERS) + 0.5, np.arange(CEPSTRA)) / FILTERS
    cosines = np.cos(angles) * weights[:, None] / FILTERS
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(width) / (width - 1))
    return Filterbank(window, transform, filters, cosines)


def to_mel(frequency: float) -> float:
    return 2595 * math.log10(1 + frequency / 700)


class MfccStream:
    """13 mel cepstra a frame, as CMU Sphinx's front end, from samples in chunks of any size."""

    def __init__(self, front_end: FrontEnd):
        self.front_end, self.bank = front_end, filterbank(front_end.rate)
        self.last = 0.0  # the sample before the next chunk, for the pre-emphasis
        self.rest = np.zeros(0)  # emphasised samples that the next frame begins with

    def accept(self, samples: np.ndarray) -> np.ndarray:
        """Samples of -1 to 1 [N] -> the frames that are complete now [n, 13]."""
        if len(samples):
            given = samples.astype(np.float64) * SCALE
            before = np.concatenate([[self.last], given[:-1]])
            self.rest = np.concatenate([self.rest, given - PRE_EMPHASIS * before])
            self.last = float(given[-1])
        width, hop = len(self.bank.window), self.front_end.hop
        frames = max(0, (len(self.rest) - width) // hop + 1)
        if not frames:
            return np.zeros((0, CEPSTRA), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self.rest, width)[::hop][:frames]
        found = self.transform(windows)
        self.rest = self.rest[frames * hop :].copy()
        return found

    def transform(self, windows: np.ndarray) -> np.ndarray:
        """Emphasised samples [n, W] -> cepstra [n, 13]; each frame by products of its own."""
        spectrum = np.fft.rfft(windows * self.bank.window, self.bank.transform)
        power = spectrum.real**2 + spectrum.imag**2
        energies = np.matmul(power[:, None], self.bank.filters)  # [n, 1, FILTERS]
        logs = np.log(np.maximum(energies, 1e-5))
        return np.matmul(logs, self.bank.cosines)[:, 0].astype(np.float32)

    def finish(self) -> np.ndarray:
        """The last frame, of the samples that are left, filled with zeros."""
        if not len(self.rest):
            return np.zeros((0, CEPSTRA), np.float32)
        width = len(self.bank.window)
        padded = np.concatenate([self.rest[:width], np.zeros(max(0, width - len(self.rest)))])
        self.rest = np.zeros(0)
        return self.transform(padded[None])

    def state(self) -> dict[str, Any]:
        return {"last": self.last, "rest": self.rest.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        self.last, self.rest = float(state["last"]), np.array(state["rest"], np.float64)


class LogMelStream:
    """Log energies of mel filters, by kaldi-native-fbank, from samples in chunks of any size."""

    def __init__(self, front_end: FrontEnd):
        self.front_end = front_end
        self.width = round(0.025 * front_end.rate)
        self.rest = np.zeros(0, np.float32)  # samples that the next frame begins with
        self.new_bank()

    def new_bank(self) -> None:
        """A filterbank that has seen nothing: what it is given begins with the next frame."""
        fbank = require_fbank()
        options = fbank.FbankOptions()
        options.frame_opts.samp_freq = self.front_end.rate
        options.frame_opts.dither = 0.0
        options.mel_opts.num_bins = self.front_end.bins
        self.bank, self.done = fbank.OnlineFbank(options), 0

    def accept(self, samples: np.ndarray) -> np.ndarray:
        """Samples of -1 to 1 [N] -> the frames that are complete now [n, bins]."""
        given = np.asarray(samples, np.float32) * np.float32(SCALE)
        self.rest = np.concatenate([self.rest, given])
        self.bank.accept_waveform(self.front_end.rate, given.tolist())
        ready = self.bank.num_frames_ready
        # copies: what get_frame gives is gone after pop
        frames = [np.array(self.bank.get_frame(number)) for number in range(self.done, ready)]
        if frames:
            self.bank.pop(ready - self.done)
            self.rest = self.rest[(ready - self.done) * self.front_end.hop :].copy()
            self.done = ready
        return (
            np.stack(frames).astype(np.float32)
            if frames
            else np.zeros((0, self.front_end.bins), np.float32)
        )

    def finish(self) -> np.ndarray:
        """Nothing: a frame that is not complete is left out."""
        return np.zeros((0, self.front_end.bins), np.float32)

    def state(self) -> dict[str, Any]:
        return {"rest": self.rest.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        self.new_bank()
        self.rest = np.array(state["rest"], np.float32)
        self.bank.accept_waveform(self.front_end.rate, self.rest.tolist())


def require_fbank() -> Any:
    """The module kaldi_native_fbank. InputError where it is not installed."""
    try:
        import kaldi_native_fbank
    except ImportError:
        raise InputError(
            "log-mel features need kaldi-native-fbank: pip install 'ostinato[audio]', "
            f"or take {option_name('front_end')} mfcc"
        ) from None
    return kaldi_native_fbank
