"""Sound files and lists of recordings as records."""

import io
import struct

import numpy as np
import pytest

from ostinato.data.audio.audio_files import audio_info, read_audio
from ostinato.data.audio.recordings import (
    OUTSIDE,
    find_problem,
    read_audio_list,
    read_recordings,
)
from ostinato.data.audio.sound_headers import missing_bytes
from ostinato.data.audio.standard_input import read_standard_input
from ostinato.errors import InputError

soundfile = pytest.importorskip("soundfile")

TONE = (0.5 * np.sin(np.arange(4000) / 5)).astype(np.float32)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        ("a.wav", "PCM_16"),
        ("a.wav", "PCM_U8"),
        ("a.wav", "PCM_24"),
        ("a.wav", "FLOAT"),
        ("a.wav", "PCM_32"),
        ("a.wav", "ULAW"),
        ("a.wav", "GSM610"),
        ("a.flac", "PCM_16"),
        ("a.ogg", "VORBIS"),
        ("a.mp3", "MPEG_LAYER_III"),
    ],
)
def test_every_kind_of_file(here, name, subtype):
    soundfile.write(name, TONE, 16000, subtype=subtype)
    assert missing_bytes(name) == 0
    samples = read_audio(name)
    assert audio_info(name).rate == 16000
    assert abs(len(samples) - len(TONE)) <= 2500  # lossy codecs pad
    if subtype not in ("VORBIS", "MPEG_LAYER_III", "ULAW", "GSM610"):
        assert np.abs(samples - TONE).max() < (0.02 if subtype == "PCM_U8" else 1e-3)


def test_stereo_is_mixed_down_and_rates_are_changed(here):
    soundfile.write("a.wav", np.stack([TONE, np.zeros_like(TONE)], 1), 8000, subtype="FLOAT")
    assert read_audio("a.wav") == pytest.approx(TONE / 2, abs=1e-6)
    assert len(read_audio("a.wav", 16000)) == 2 * len(TONE)


def test_manifests(here):
    soundfile.write("a.wav", TONE, 16000)
    (here / "t.tsv").write_text("audio\ttext\tspeaker\na.wav\thello  you\tann\n")
    (here / "nemo.jsonl").write_text(
        '{"audio_filepath": "a.wav", "duration": 0.25, "text": "hello"}\n'
    )
    (here / "plain.tsv").write_text("a.wav\thello\n")
    (here / "metadata.csv").write_text("file_name,transcription\na.wav,hello\n")
    [one] = read_recordings(["t.tsv"])
    assert (one.audio, one.text, one.speaker, one.where) == ("a.wav", "hello you", "ann", "t.tsv:2")
    [nemo] = read_recordings(["nemo.jsonl"])
    assert nemo.duration == 0.25
    assert find_problem(nemo) is None
    assert read_recordings(["plain.tsv"])[0].text == "hello"
    assert read_recordings([str(here)])[0].text == "hello"  # metadata.csv of a folder
    assert [r.audio for r in read_audio_list(["t.tsv"])] == ["a.wav"]


def test_a_folder_of_sounds_and_texts(here):
    (here / "ann").mkdir()
    soundfile.write("ann/x.wav", TONE, 16000)
    (here / "ann" / "x.txt").write_text("good\nmorning\n")
    [one] = read_recordings([str(here)])
    assert (one.text, one.speaker) == ("good morning", "ann")
    (here / "ann" / "x.txt").unlink()
    with pytest.raises(InputError, match="x.wav: no transcript x.txt beside it"):
        read_recordings([str(here)])


def test_folders_of_speech_corpora(here):
    (here / "84" / "121").mkdir(parents=True)
    soundfile.write("84/121/84-121-0000.flac", TONE, 16000)
    (here / "84" / "121" / "84-121.trans.txt").write_text("84-121-0000 GO  ON\n")
    [one] = read_recordings([str(here)])
    assert (one.text, one.speaker, find_problem(one)) == ("GO ON", "84", None)
    (here / "kaldi").mkdir()
    (here / "kaldi" / "wav.scp").write_text("u 84/121/84-121-0000.flac\nv ../a.wav\n")
    (here / "kaldi" / "text").write_text("u go on\n")
    (here / "kaldi" / "utt2spk").write_text("u ann\n")
    one, two = read_recordings([str(here / "kaldi")], folder=str(here))
    assert (one.text, one.speaker, find_problem(one)) == ("go on", "ann", None)
    assert two.audio.startswith(OUTSIDE)
    (here / "kaldi" / "text").unlink()
    with pytest.raises(InputError, match="wav.scp: no file text beside it"):
        read_recordings([str(here / "kaldi")])


def test_features(here):
    frames = np.arange(12.0).reshape(6, 2)
    np.savez("a.npz", X=frames, lengths=[2, 4], text=["one", "two"])
    one, two = read_recordings(["a.npz"])
    assert one.audio.shape == (2, 2)
    assert two.text == "two"
    np.savez("b.npz", X=np.zeros((2, 3, 4)), lengths=[1, 3], text=["one", "two"])
    assert [len(each.audio) for each in read_recordings(["b.npz"])] == [1, 3]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"lengths": [1]}, "expected one array X of frames"),
        ({"X": np.zeros((3, 2)), "lengths": [1]}, "lengths add up to 1, but X has 3 frames"),
        ({"X": np.full((2, 2), np.nan)}, "frame 1: feature 1 is not a finite number"),
        ({"X": np.array([["a"]])}, "X must be numbers"),
        ({"X": np.zeros((2, 2)), "text": ["a", "b"]}, "text must be one for each of 1 recordings"),
    ],
)
def test_bad_features(here, arrays, message):
    np.savez("a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_recordings(["a.npz"])


def test_what_is_no_good_for_training(here):
    def problem(samples, name="a.wav", row=None):
        soundfile.write(name, samples, 8000)
        (here / "t.jsonl").write_text(row or f'{{"audio": "{name}", "text": "x"}}')
        return find_problem(read_recordings(["t.jsonl"])[0])

    assert problem(TONE) is None
    assert problem(np.zeros(100)) == "silent"
    assert problem(np.sign(TONE)) == "clipped"
    assert problem(np.zeros(0)) == "no samples"
    wrong = '{"audio": "a.wav", "text": "x", "duration": 9}'
    assert problem(TONE, row=wrong) == "0.50 s long, not 9.00"
    assert problem(TONE, row='{"audio": "b.wav", "text": "x"}') == "missing"
    outside = '{"audio": "../b.wav", "text": "x"}'
    assert problem(TONE, row=outside) == "outside the folder (audio_folder)"
    assert read_recordings(["t.jsonl"])[0].audio.startswith(OUTSIDE)
    assert problem(TONE, row='{"audio": "", "text": "x"}') == "no audio named"
    soundfile.write("a.wav", TONE, 8000)
    data = (here / "a.wav").read_bytes()
    (here / "a.wav").write_bytes(data[:-1000])
    (here / "t.jsonl").write_text('{"audio": "a.wav", "text": "x"}')
    assert missing_bytes("a.wav") == 1000
    assert find_problem(read_recordings(["t.jsonl"])[0]) == "truncated (1,000 bytes are missing)"


class Pipe(io.BytesIO):
    def isatty(self):
        return False

    def read1(self, size=-1):
        return super().read1(min(size, 7) if size > 0 else size)  # pieces of odd sizes


def test_a_pipe_of_samples(here):
    values = (TONE * 32767).astype("<i2")
    [record] = read_standard_input(16000, Pipe(values.tobytes()))
    assert np.array_equal(np.concatenate(list(record.audio)), values.astype(np.float32) / 32768)
    [record] = read_standard_input(None, Pipe(b"\0\1" * 50))
    assert record.audio.rate == 0
    assert len(np.concatenate(list(record.audio))) == 50


def test_a_pipe_of_wav(here):
    stereo = np.stack([TONE, -TONE / 2], 1)
    soundfile.write("a.wav", stereo, 8000, subtype="PCM_16")
    data = bytearray((here / "a.wav").read_bytes())
    place = data.index(b"data")
    data[place + 4 : place + 8] = struct.pack("<I", 0xFFFFFFFF)  # as recorders write it
    [record] = read_standard_input(None, Pipe(bytes(data)))
    assert (record.audio.rate, record.audio.channels) == (8000, 2)
    assert np.concatenate(list(record.audio)) == pytest.approx(TONE / 4, abs=1e-4)


def test_a_header_that_names_another_rate(here):
    soundfile.write("a.wav", TONE, 8000)
    data = (here / "a.wav").read_bytes()
    with pytest.raises(InputError, match="a WAV of 8,000 samples a second, not 16,000"):
        list(read_standard_input(16000, Pipe(data)))


def test_samples_that_are_no_numbers(here):
    bad = TONE.copy()
    bad[1234] = np.nan
    soundfile.write("a.wav", bad, 8000, subtype="FLOAT")
    with pytest.raises(InputError, match="a.wav: sample 1,235 is not a finite number"):
        read_audio("a.wav")


def test_a_pipe_of_paths(here):
    records = list(read_standard_input(None, Pipe(b"a.wav\n\nb/c.wav")))
    assert [record.audio for record in records] == ["a.wav", "", "b/c.wav"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"fLaC1234", "a compressed sound file; name the file"),
        (b"RIFF1234WAVE", "ends within the WAV header"),
        (b"abcd\xff\n", "standard input:1: not UTF-8"),
    ],
)
def test_bad_pipes(data, message):
    with pytest.raises(InputError, match=message):
        list(read_standard_input(None, Pipe(data)))
