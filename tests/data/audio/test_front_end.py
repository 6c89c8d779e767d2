"""Features of sound: the released ones of AN4, other rates, and chunks of any size."""

from pathlib import Path

import numpy as np
import pytest

from ostinato.data.audio.audio_files import read_audio, read_blocks
from ostinato.data.audio.front_end import FrontEnd, filterbank
from ostinato.data.audio.resampler import Resampler, resample
from ostinato.data.audio.warping import warp, warp_matrix
from ostinato.data.files.samples import FOLDER

pytest.importorskip("soundfile")

WAV = FOLDER / "transcription" / "recording.wav"
HERE = Path(__file__).parent


def test_mfcc_equal_the_released_features_of_an4():
    """CMU's own features of this recording (float16); its padded last frame was made otherwise."""
    released = np.load(HERE / "an4_cen3-fjlp-b.npz")["features"].astype(np.float32)
    found = FrontEnd("mfcc", 16000).features(read_blocks(WAV))
    assert found.shape == released.shape
    assert np.abs(found - released)[:-1].max() < 0.01


def test_the_filters():
    bank = filterbank(16000)
    assert len(bank.window) == 410
    assert bank.transform == 512
    assert bank.filters.shape == (257, 40)
    areas = bank.filters.sum(0) * 16000 / 512
    assert areas == pytest.approx(np.ones(40), abs=1e-6)  # triangles of unit area on the bins


@pytest.mark.parametrize("kind", ["mfcc", "log-mel"])
@pytest.mark.parametrize("rate", [8000, 16000, 11025])
def test_chunks_are_the_whole_to_the_bit(kind, rate):
    if kind == "log-mel":
        pytest.importorskip("kaldi_native_fbank")
    front_end, samples = FrontEnd(kind, rate), read_audio(WAV)
    whole = front_end.features([samples])
    assert whole.shape[1] == front_end.size
    draw, place, stream, parts = np.random.default_rng(0), 0, front_end.start(), []
    while place < len(samples):
        size = int(draw.integers(1, 900))
        parts.append(stream.accept(samples[place : place + size]))
        place += size
        if draw.random() < 0.3:
            kept = stream.state()
            stream = front_end.start()
            stream.restore(kept)
    assert np.array_equal(np.concatenate([*parts, stream.finish()]), whole)


def test_log_mel_is_kaldis():
    fbank = pytest.importorskip("kaldi_native_fbank")
    options = fbank.FbankOptions()
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = 40
    online = fbank.OnlineFbank(options)
    samples = read_audio(WAV)
    online.accept_waveform(16000, (samples * 32768).tolist())
    online.input_finished()
    theirs = np.stack([np.array(online.get_frame(n)) for n in range(online.num_frames_ready)])
    assert np.array_equal(FrontEnd("log-mel", 16000).features([samples]), theirs)


@pytest.mark.parametrize(
    ("before", "after"), [(16000, 8000), (8000, 16000), (44100, 16000), (11025, 8000)]
)
def test_resampled_chunks_are_the_whole(before, after):
    samples = read_audio(WAV)[:before]
    whole, stream, place, parts = resample(samples, before, after), Resampler(before, after), 0, []
    while place < len(samples):
        parts.append(stream(samples[place : place + 333]))
        place += 333
        if place % 5 == 0:
            kept, stream = stream.state(), Resampler(before, after)
            stream.restore(kept)
    parts.append(stream(np.zeros(0, np.float32), last=True))
    assert np.array_equal(np.concatenate(parts), whole)
    assert len(whole) == round(len(samples) * after / before)


@pytest.mark.parametrize(("before", "after"), [(16000, 8000), (8000, 16000), (44100, 16000)])
def test_resampling_is_soxrs(before, after):
    soxr = pytest.importorskip("soxr")
    noise = np.random.default_rng(0).normal(size=before).clip(-1, 1).astype(np.float32)
    found, theirs = resample(noise, before, after), soxr.resample(noise, before, after)
    assert len(found) == len(theirs)
    assert np.abs(found - theirs)[200:-200].max() < 2e-6
    tone = np.sin(2 * np.pi * 440 * np.arange(before) / before)
    there = np.sin(2 * np.pi * 440 * np.arange(after) / after)
    assert np.abs(resample(tone, before, after) - there)[200:-200].max() < 1e-3


def test_the_state_of_another_resampler_is_refused():
    with pytest.raises(ValueError, match="another resampler"):
        Resampler(16000, 8000).restore(Resampler(44100, 8000).state())


def test_no_sound_has_no_features():
    for kind in ("mfcc", "log-mel"):
        assert FrontEnd(kind, 16000).features([np.zeros(0, np.float32)]).shape[0] == 0


@pytest.mark.parametrize("kind", ["mfcc", "log-mel"])
def test_warped_features_are_those_of_warped_sound(kind):
    """A peak at 1000 Hz, read at frequencies 1.25 times as high, is found at 800 Hz."""
    front_end = FrontEnd(kind, 16_000)
    np.testing.assert_allclose(warp_matrix(front_end, 1000), np.eye(front_end.size), atol=1e-5)
    time = np.arange(16_000) / 16_000
    frames = {
        pitch: front_end.features([0.3 * np.sin(2 * np.pi * pitch * time).astype(np.float32)])
        for pitch in (800, 1000)
    }
    warped = frames[1000][20:80].mean(0) @ warp_matrix(front_end, 1250)
    own, other = frames[800][20:80].mean(0), frames[1000][20:80].mean(0)
    assert np.abs(warped - own).mean() < 0.6 * np.abs(other - own).mean()


def test_frequencies_are_warped_up_to_half_the_rate():
    hertz = np.array([0.0, 1000.0, 4000.0, 8000.0])
    np.testing.assert_allclose(warp(hertz, 0.9, 16_000), [0, 900, 3600, 8000])
    assert (np.diff(warp(np.linspace(0, 8000, 99), 1.2, 16_000)) > 0).all()
