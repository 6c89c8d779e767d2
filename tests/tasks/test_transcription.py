"""Transcription: preprocessing, decoding with language models, times, formats, streams, and
the command line.
"""

from __future__ import annotations

import io
import json
import sys
import types

import numpy as np
import pytest
import torch

import ostinato
from ostinato.data.audio.audio_files import read_audio
from ostinato.data.audio.recordings import Recording, read_recordings
from ostinato.data.files.samples import FOLDER, sample_files
from ostinato.decoding.ctc import prefix_beam
from ostinato.errors import InputError
from ostinato.models.transcriber import Transcriber
from ostinato.tasks import TASKS
from ostinato.tasks.transcription.decoder import Decoder, split_at_silence
from ostinato.tasks.transcription.error_analysis import (
    analyse_errors,
    judge_transcripts,
    notify_nothing_written,
)
from ostinato.tasks.transcription.features import (
    FeatureStream,
    Statistics,
    change_speed,
    mask_features,
    normalise_recording,
)
from ostinato.tasks.transcription.fusion import WordNgram, WordScorer
from ostinato.tasks.transcription.recogniser import Recogniser
from ostinato.tasks.transcription.segments import cut_segments
from ostinato.tasks.transcription.transcript import Transcript, Word, clock, cues
from ostinato.tasks.transcription.tuning import tune_fusion
from ostinato.tasks.transcription.units import Units

soundfile = pytest.importorskip("soundfile")

WAV = FOLDER / "transcription" / "recording.wav"
TINY = {"hidden_size": 16, "layers": 2, "epochs": 1, "tensorboard": False, "least_steps": 1}


def write_tones(folder, number=24, rate=8000):
    """A folder of tones whose pitches spell their transcripts, as manifest.tsv."""
    draw = np.random.default_rng(0)
    lines = ["audio\ttext\tspeaker"]
    for count in range(number):
        letters = draw.choice(list("ab"), int(draw.integers(1, 3)))
        parts = []
        for letter in letters:
            pitch = 300 if letter == "a" else 1200
            parts += [0.4 * np.sin(2 * np.pi * pitch * np.arange(rate // 8) / rate)]
            parts += [np.zeros(rate // 16)]
        sound = np.concatenate(parts) + 0.01 * draw.normal(size=sum(map(len, parts)))
        soundfile.write(folder / f"{count}.wav", sound, rate)
        lines.append(f"{count}.wav\t{''.join(letters)}\ts{count % 3}")
    (folder / "manifest.tsv").write_text("\n".join(lines) + "\n")
    return str(folder / "manifest.tsv")


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """The manifest of tones, and a model of one direction that has learned them."""
    folder = tmp_path_factory.mktemp("tones")
    manifest = write_tones(folder)
    model = ostinato.train(
        "transcription",
        train=[manifest],
        test=[manifest],
        out=folder / "run",
        front_end="mfcc",
        bidirectional=False,
        hidden_size=24,
        layers=1,
        lookahead=1,
        deltas=1,
        epochs=60.0,
        least_steps=1,
        learning_rate=0.02,
        batch_size=8,
        evaluate_every=20.0,
        tensorboard=False,
    )
    return manifest, model


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Thirty recordings of the sample's test set, as features."""
    path = tmp_path_factory.mktemp("few") / "few.npz"
    records = read_recordings([str(sample_files("transcription")["test"])])[::4][:30]
    np.savez(
        path,
        X=np.concatenate([record.audio for record in records]),
        lengths=[len(record.audio) for record in records],
        text=[record.text for record in records],
        front_end=np.array("mfcc"),
        rate=np.array(16000),
    )
    return str(path)


@pytest.fixture(scope="module")
def both(tmp_path_factory, few):
    """A model of both directions, hardly trained."""
    out = tmp_path_factory.mktemp("both") / "run"
    return ostinato.train("transcription", train=[few], dev=[few], out=out, **TINY)


def test_it_learns_to_transcribe_tones(tones):
    manifest, model = tones
    assert model.report["metrics"]["wer"] < 30
    assert model.report["baseline"]["name"].startswith("nearest recording")
    assert "wer by speaker" in model.report["details"]
    assert (model.folder / "posteriors.png").read_bytes()[:4] == b"\x89PNG"
    loaded = ostinato.load(model.folder)
    paths = [record.audio for record in read_recordings([manifest])]
    assert loaded.predict(paths) == model.predict(paths)
    assert loaded.evaluate([manifest])["metrics"] == model.report["metrics"]


def test_words_have_times_inside_the_recording(tones):
    manifest, model = tones
    records = read_recordings([manifest])
    for record, answer in zip(records, model.predictions(records), strict=True):
        length = len(read_audio(record.audio)) / 8000
        assert answer.seconds == pytest.approx(length, abs=0.1)
        for word in answer.details["words"]:
            assert 0 <= word["start"] < word["end"] <= length + 0.1
            assert 0 < word["confidence"] <= 1


@pytest.mark.parametrize("size", [1, 37, 800, 100_000])
def test_a_stream_is_the_whole_to_the_bit(tones, size):
    manifest, model = tones
    path = read_recordings([manifest])[0].audio
    samples = read_audio(path)
    [whole] = model.predictions([path])
    stream, partial = model.stream(), ""
    for place in range(0, len(samples), size):
        partial = stream(samples[place : place + size])
    final = stream.finish()
    assert final.text == whole.text
    assert final.text.startswith(partial)
    assert np.array_equal(final.posteriors, whole.posteriors)
    assert final.words == whole.words


def test_a_stream_goes_on_from_its_state(tones):
    manifest, model = tones
    samples = read_audio(read_recordings([manifest])[1].audio)
    stream = model.stream()
    stream(samples[:2000])
    kept, content = stream.state, stream.to_bytes()
    other, third = model.stream(), model.stream()
    other.state = kept
    third.from_bytes(content)
    nothing = np.zeros(0, np.float32)
    assert other(nothing) == stream(nothing) == third(nothing)
    stream(samples[2000:])
    other((samples[2000:] * 32768).astype(np.int16))  # 16-bit numbers, too
    third(samples[2000:3000])
    third(samples[3000:])
    found = stream.finish().posteriors
    assert np.array_equal(found, other.finish().posteriors)
    assert np.array_equal(found, third.finish().posteriors)


@pytest.mark.parametrize(("rate", "size"), [(16000, 999), (11025, 4000), (44100, 3)])
def test_a_stream_of_another_rate_is_the_whole_and_has_a_state(tones, tmp_path, rate, size):
    manifest, model = tones
    samples = read_audio(read_recordings([manifest])[1].audio, rate)[: 6000 if size < 10 else None]
    soundfile.write(tmp_path / "other.wav", samples, rate, subtype="FLOAT")
    [whole] = model.predictions([str(tmp_path / "other.wav")])
    stream, half = model.stream(rate=rate), len(samples) // 2
    for place in range(0, half, size):
        stream(samples[place : min(half, place + size)])
    stream.save(tmp_path / "state")
    found = [model.stream(rate=rate), model.stream()]
    found[0].state = stream.state
    found[1].restore(tmp_path / "state")  # which knows the rate
    for each in (stream, *found):
        each(samples[half:])
        final = each.finish()
        assert np.array_equal(final.posteriors, whole.posteriors)
        assert final.words == whole.words
    assert found[1].state.rate == rate  # the next recording's, too


def test_streams_are_told_what_they_cannot_do(tones, both):
    _, model = tones
    with pytest.raises(InputError, match="7 samples a second; expected 1,000 to 768,000"):
        model.stream(rate=7)
    with pytest.raises(InputError, match="both directions"):
        both.stream(rate=8000)
    with pytest.raises(InputError, match="expected a chunk of samples"):
        model.stream()("text")
    assert type(both.stream()).__name__ == "Stream"  # whole inputs only


def test_decoding_with_a_beam_while_streaming(tones):
    manifest, model = tones
    wide = ostinato.load(model.folder, beam=4, n_best=2)
    record = read_recordings([manifest])[2]
    [answer] = wide.predictions([record])
    assert len(answer.candidates) == 2
    assert answer.candidates[0][1] >= answer.candidates[1][1]
    assert "n_best" in answer.details
    score = wide.score([record._replace(text=answer.text)])
    assert score[0] >= answer.candidates[0][1] - 0.05


def test_inputs_of_every_kind(tones):
    manifest, model = tones
    path = read_recordings([manifest])[0].audio
    samples = read_audio(path)
    [text] = model.predict([path])
    assert model.predict([samples]) == [text]
    assert model.predict([(samples, 8000)]) == [text]
    assert model.predict([(samples * 32768).astype(np.int16)]) == [text]
    features = np.concatenate(list(model.task.preprocessing.read(Recording(path))))
    assert model.predict([features]) == [text]
    with pytest.raises(InputError, match="7 features a frame, but the model was trained on 13"):
        model.predict([np.zeros((5, 7))])
    with pytest.raises(InputError, match="expected the path of a sound file"):
        model.predict([None])


def test_a_language_model_and_phrases(tones, tmp_path):
    manifest, model = tones
    (tmp_path / "phrases.txt").write_text("a\nbb\naba\n")
    chosen = ostinato.load(model.folder, phrases=str(tmp_path / "phrases.txt"))
    paths = [record.audio for record in read_recordings([manifest])]
    assert set(chosen.predict(paths)) <= {"a", "bb", "aba"}
    fused = ostinato.load(model.folder, lm="transcripts", lm_weight=0.3)
    known = {record.text for record in read_recordings([manifest])} | {""}
    assert set(fused.predict(paths)) <= known
    with pytest.raises(InputError, match="phrases and lm: give one of them"):
        ostinato.load(model.folder, lm="transcripts", phrases="x")
    (tmp_path / "empty.txt").write_text("\n")
    for option in ("lm", "phrases"):
        with pytest.raises(InputError, match="empty.txt: no "):
            ostinato.load(model.folder, **{option: str(tmp_path / "empty.txt")}).predict(paths[:1])


def test_a_language_model_that_knows_the_test_is_flagged(tones, tmp_path):
    manifest, model = tones
    (tmp_path / "text.txt").write_text("ab\nba\na\nb\n")
    result = model.evaluate([manifest])
    assert not any("--lm" in note for note in result["notes"])
    fused = ostinato.load(model.folder, lm=str(tmp_path / "text.txt"))
    notes = fused.evaluate([manifest])["notes"]
    assert any("its scores are too optimistic" in note for note in notes)


def test_word_scores_are_those_of_the_n_gram_model():
    model = WordNgram(["one two", "one three", "two"], 2)
    tokens = ["<blank>", *" ehnortw"]
    spellings = [Units("character").spell(token) for token in tokens]
    scorer = WordScorer(model, spellings, whole=False, weight=2.0, bonus=0.5)
    state, total = scorer.start(), 0.0
    for letter in "one two":
        state, score = scorer.extend(state, tokens.index(letter))
        total += score
    total += scorer.finish(state)
    ids, history, expected = model.ids, model.start(), 0.0
    for word in ("one", "two"):
        expected += model.log_probability(history, ids[word])
        history = model.extend(history, ids[word])
    expected += model.log_probability(history, 0)
    assert total == pytest.approx(2 * expected + 0.5 * 2)
    assert scorer.extend(scorer.start(), tokens.index("n"))[1] == -np.inf  # no such word
    assert scorer.extend(scorer.start(), tokens.index(" "))[1] == -np.inf
    words = [Units("word").spell(token) for token in ("<blank>", "one", "x")]
    by_words = WordScorer(model, words, whole=True, weight=1, bonus=0)
    assert by_words.extend(by_words.start(), 2)[1] == -np.inf
    openly = WordScorer(model, words, whole=True, weight=1, bonus=0, open_vocabulary=True)
    assert -50 < openly.extend(openly.start(), 2)[1] < -3


def test_the_language_model_decides_between_equal_sounds():
    tokens = ["<blank>", " ", "a", "b"]
    rows = np.log(np.array([[0.1, 0.1, 0.41, 0.39], [0.7, 0.1, 0.1, 0.1]]))
    model = WordNgram(["b", "b", "b", "a"], 2)
    spellings = [Units("character").spell(token) for token in tokens]
    scorer = WordScorer(model, spellings, whole=False, weight=1.0, bonus=0.0)
    assert prefix_beam(rows, 8)[0].labels == (2,)
    assert prefix_beam(rows, 8, scorer=scorer)[0].labels == (3,)


def test_features_in_chunks_are_the_whole():
    frames = np.random.default_rng(0).normal(3, 2, (57, 4)).astype(np.float32)
    statistics = Statistics.of([frames])
    for running in (False, True):
        for deltas in (0, 1, 2):
            make = lambda running=running, deltas=deltas: FeatureStream(  # noqa: E731
                statistics, running=running, deltas=deltas
            )
            stream = make()
            whole = np.concatenate([stream.accept(frames), stream.finish()])
            assert whole.shape == (57, 4 * (deltas + 1))
            stream, parts = make(), []
            for place in range(0, 57, 5):
                parts.append(stream.accept(frames[place : place + 5]))
                kept, stream = stream.state(), make()
                stream.restore(kept)
            assert np.array_equal(np.concatenate([*parts, stream.finish()]), whole)
    line = np.arange(20, dtype=np.float32)[:, None]
    stream = FeatureStream(Statistics(np.zeros(1), np.ones(1)), running=False, deltas=2)
    found = np.concatenate([stream.accept(line), stream.finish()])
    assert found[5:15, 1] == pytest.approx(np.ones(10))  # the slope of a line
    assert found[6:14, 2] == pytest.approx(np.zeros(8), abs=1e-6)


def test_normalisation_and_augmentation():
    frames = np.random.default_rng(0).normal(3, 2, (40, 4)).astype(np.float32)
    found = normalise_recording(frames)
    assert found.mean(0) == pytest.approx(np.zeros(4), abs=1e-5)
    assert found.std(0) == pytest.approx(np.ones(4), abs=1e-4)
    assert normalise_recording(np.ones((3, 2), np.float32)).tolist() == [[0, 0]] * 3
    assert len(change_speed(frames, 2.0)) == 20
    assert change_speed(frames, 1.0) is frames
    assert change_speed(frames, 0.5)[[0, -1]] == pytest.approx(frames[[0, -1]])
    masked = mask_features(
        frames, np.random.default_rng(1), times=2, time_share=0.2, bands=1, width=2
    )
    assert (masked == 0).any()
    assert ((masked == frames) | (masked == 0)).all()


def test_segments_cover_the_recording_and_end_at_quiet_places():
    frames = np.ones((100, 13), np.float32)
    frames[28:36, 0] = -9
    parts = list(cut_segments([frames[:30], frames[30:]], 40))
    assert [start for start, _ in parts][0] == 0
    assert np.array_equal(np.concatenate([part for _, part in parts]), frames)
    assert all(len(part) <= 40 for _, part in parts)
    assert 28 <= len(parts[0][1]) <= 36
    assert [len(part) for _, part in cut_segments([], 40)] == [0]
    starts = np.cumsum([0, *(len(part) for _, part in parts)])[:-1]
    assert [start for start, _ in parts] == starts.tolist()


def test_a_long_recording_is_transcribed_in_segments(both, monkeypatch):
    short = ostinato.load(both.folder, segment_seconds=1.0)
    [answer] = short.predictions([np.tile(np.random.default_rng(0).normal(size=(90, 13)), (4, 1))])
    assert answer.seconds == pytest.approx(3.6)
    starts = [word.start for word in answer.words]
    assert starts == sorted(starts)


def test_features_of_a_long_recording_are_not_all_kept(both, monkeypatch):
    """Segments are answered as soon as there are many, and the answers are the same."""
    model = ostinato.load(both.folder, segment_seconds=1.0)
    draw = np.random.default_rng(0)
    inputs = [draw.normal(size=(frames, 13)) for frames in (1000, 40, 350)]
    records = [model.task.reader.as_record(each) for each in inputs]
    whole = model.task.predictor.predict(model.network, records)
    seen = []
    score = Recogniser.score_frames

    def count(self, network, examples):
        seen.append(sum(len(each.inputs) for each in examples))
        return score(self, network, examples)

    monkeypatch.setattr(Recogniser, "score_frames", count)
    monkeypatch.setattr(ostinato.tasks.transcription.prediction, "FRAMES_IN_MEMORY", 250)
    found = list(model.task.predictor.stream(model.network, iter(records), ahead=3))
    assert [each.text for each in found] == [each.text for each in whole]
    assert [each.seconds for each in found] == [each.seconds for each in whole]
    for one, other in zip(found, whole, strict=True):
        assert [word.start for word in one.words] == [word.start for word in other.words]
    assert sum(seen) == 1390 and max(seen) <= 350


TRANSCRIPT = Transcript(
    [Word("GOOD", 0.5, 0.9, 0.9), Word("DAY", 1.0, 1.25, 0.5), Word("SIR", 9.0, 9.5, 0.25)],
    [("GOOD DAY SIR", -1.0)],
    "a b.wav",
    10.0,
)


def test_a_long_recording_is_aligned_in_pieces_and_reads_the_same(tones, tmp_path, monkeypatch):
    manifest, model = tones
    samples = np.concatenate([read_audio(each.audio) for each in read_recordings([manifest])])
    soundfile.write(tmp_path / "all.wav", samples, 8000)
    [whole] = model.predictions([str(tmp_path / "all.wav")])
    monkeypatch.setattr("ostinato.tasks.transcription.decoder.MOST_ROWS", 40)
    [split] = model.predictions([str(tmp_path / "all.wav")])
    assert split.text.replace(" ", "") == whole.text.replace(" ", "") != ""
    assert split.seconds == pytest.approx(whole.seconds)
    letters = "".join(word.text for word in split.words)
    assert letters == split.text.replace(" ", "")
    starts = [word.start for word in split.words]
    assert starts == sorted(starts) and split.words[-1].end <= split.seconds


def test_pieces_end_where_nothing_is_said():
    rows = np.full((30, 2), -3.0)
    rows[:, 1] = -1.0
    for blanks in (slice(2, 5), slice(7, 9), slice(14, 18)):
        rows[blanks, 0] = 0.0
    assert split_at_silence(rows, 10) == [0, 8, 16, 26]
    assert split_at_silence(rows, 30) == [0]


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("text", ["GOOD DAY SIR"]),
        (
            "srt",
            ["1", "00:00:00,500 --> 00:00:01,250", "GOOD DAY", ""]
            + ["2", "00:00:09,000 --> 00:00:09,500", "SIR", ""],
        ),
        (
            "vtt",
            ["WEBVTT", "", "00:00:00.500 --> 00:00:01.250", "GOOD DAY", ""]
            + ["00:00:09.000 --> 00:00:09.500", "SIR", ""],
        ),
        (
            "tsv",
            ["audio\tstart\tend\tword\tconfidence", "a b.wav\t0.500\t0.900\tGOOD\t0.9000"]
            + ["a b.wav\t1.000\t1.250\tDAY\t0.5000", "a b.wav\t9.000\t9.500\tSIR\t0.2500"],
        ),
        (
            "ctm",
            ["a_b 1 0.50 0.40 GOOD 0.90", "a_b 1 1.00 0.25 DAY 0.50", "a_b 1 9.00 0.50 SIR 0.25"],
        ),
    ],
)
def test_formats(both, kind, lines):
    predictor = ostinato.load(both.folder, format=kind).task.predictor
    assert list(predictor.format_lines(iter([TRANSCRIPT]))) == lines
    if kind in ("srt", "vtt"):
        with pytest.raises(InputError, match="holds one recording"):
            list(predictor.format_lines(iter([TRANSCRIPT, TRANSCRIPT])))


def test_clock_and_cues():
    assert clock(3661.5, ",") == "01:01:01,500"
    words = [Word("w" * 30, second, second + 0.5, 1.0) for second in (0.0, 0.6, 1.2, 1.8)]
    assert [len(cue) for cue in cues(words)] == [2, 2]  # 84 characters at most
    assert list(cues([])) == []


def test_errors_are_analysed():
    found = analyse_errors(
        ["a b", "x", "c c"],
        ["a c", "x", "c"],
        ["s", "t", "s"],
        [(1, 0, 0, 2), (0, 0, 0, 1), (0, 0, 1, 1)],
    )
    assert found["sentences"]["wrong"] == 2
    assert found["commonest errors"] == {"b for c": 1, "+c": 1}
    assert found["wer by speaker"]["t"] == 0
    assert found["wer by speaker"]["s"] == pytest.approx(200 / 3)
    assert set(found["wer, interval by speaker"]) == {"low", "high"}
    assert "wer by speaker" not in analyse_errors(["a"], ["a"], [""], [(0, 0, 0, 1)])


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ((0, 10, 0), "wer 100, commonest transcript 157: the network writes nothing yet, which is"),
        ((4, 6, 3), "wer 130, commonest transcript 157: not one word of the network's is right"),
        ((5, 1, 7), "wer 130, commonest transcript 157: the network is not better than an empty"),
        ((5, 1, 0), ""),
    ],
)
def test_who_writes_nothing_is_not_better(errors, words):
    counts = dict(zip(("substitutions", "deletions", "insertions"), errors, strict=True))
    result = {"details": {"wer": counts | {"words": 10}}, "metrics": {"wer": 10.0 * sum(errors)}}
    found = judge_transcripts(result, {"name": "commonest transcript", "metrics": {"wer": 157.0}})
    assert found.startswith(words) and bool(found) == bool(words)


@pytest.mark.parametrize(
    ("decoder", "reason"), [("ctc", "nothing but blanks"), ("attention", "the decoder ends every")]
)
def test_silence_of_a_model_is_explained(decoder, reason, caplog):
    notify_nothing_written(["", "a"], decoder, training=True)
    assert not caplog.messages
    notify_nothing_written(["", ""], decoder, training=True)
    assert caplog.messages[-1].startswith(f"dev: {reason}")
    assert "so far, which is usual in the first epochs" in caplog.messages[-1]
    notify_nothing_written(["", ""], decoder)
    assert caplog.messages[-1].startswith(reason)
    assert "not one of 2 recordings has any text" in caplog.messages[-1]


class Blanks(Transcriber):
    """A transcriber that has learned the blank alone."""

    def label_log_probabilities(self, outputs):
        found = super().label_log_probabilities(outputs)
        return torch.cat([found[..., :1] + 50, found[..., 1:]], -1).log_softmax(-1)


def test_blanks_are_spoken_of_while_training_and_in_the_report(few, tmp_path, capsys, monkeypatch):
    from ostinato.cli import main

    monkeypatch.setattr(ostinato.tasks.transcription.network, "Transcriber", Blanks)
    flags = ["--hidden-size", "8", "--layers", "1", "--epochs", "1", "--least-steps", "1"]
    flags += ["--evaluate-every", "0.5", "--no-tensorboard", "--out", str(tmp_path / "run")]
    assert main(["train", "transcription", "--train", few, "--dev", few, *flags]) == 0
    shown = capsys.readouterr()  # a pipe, no terminal
    assert "note: dev: nothing but blanks so far" in shown.err
    assert "nothing but blanks: not one of 30 recordings" in shown.err
    assert "a token is a frame of an input that was trained on" in shown.out
    assert "the network writes nothing yet, which is not better" in shown.out


def test_what_ctc_cannot_spell_is_left_out(tmp_path, caplog):
    frames = np.random.default_rng(0).normal(size=(3 * 40 + 8, 13))
    np.savez(
        tmp_path / "a.npz",
        X=frames,
        lengths=[40, 40, 40, 8],
        text=["ab", "ba", "ab", "aab"],
        id=["one", "two", "three", "four"],
    )
    model = ostinato.train(
        "transcription",
        train=[str(tmp_path / "a.npz")],
        dev=[str(tmp_path / "a.npz")],
        out=tmp_path / "run",
        **TINY,
    )
    notes = " ".join(model.report["notes"])
    assert "1 recording left out: four: 4 labels and repeats for 2 frames" in notes
    assert all(torch.isfinite(p).all() for p in model.network.parameters())
    assert model.score([(frames[:8], "aab")]) == [-np.inf]
    assert model.score([(frames[:40], "zz")]) == [-np.inf]
    with pytest.raises(InputError, match="the model was trained on features"):
        model.predict([str(WAV)])
    np.savez(tmp_path / "b.npz", X=frames[:16], lengths=[8, 8], text=["aab", "bba"])
    with pytest.raises(InputError, match="lower subsampling"):
        ostinato.train(
            "transcription",
            train=[str(tmp_path / "b.npz")],
            dev=[str(tmp_path / "a.npz")],
            out=tmp_path / "other",
            subsampling=16,
            **TINY,
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lookahead": 2}, "lookahead is for bidirectional=False"),
        ({"subsampling_by": "pyramid", "subsampling": 3}, "subsampling_by pyramid halves"),
        ({"subsampling_by": "pyramid", "layers": 2}, "got 4 and 2"),
        ({"hidden_size": 5}, "hidden_size must be even"),
    ],
)
def test_options_that_do_not_fit(settings, message):
    with pytest.raises(InputError, match=message):
        TASKS["transcription"].create(settings)


@pytest.mark.parametrize("by", ["stack", "pyramid", "convolution"])
def test_every_subsampling_and_unit(by, few, tmp_path):
    model = ostinato.train(
        "transcription",
        train=[few],
        dev=[few],
        out=tmp_path / "run",
        subsampling_by=by,
        unit="word",
        cell="gru",
        lowercase=True,
        **{**TINY, "layers": 3, "epochs": 0.02},
    )
    assert model.network.encoder.factor == 4
    assert "nine" in model.task.preprocessing.labels
    assert len(model.predict([str(WAV)])) == 1


def test_the_command_line(tones, capsys, monkeypatch, tmp_path):
    from ostinato.cli import main

    manifest, model = tones
    record = read_recordings([manifest])[0]
    run = str(model.folder)
    assert main(["predict", run, record.audio]) == 0
    text = capsys.readouterr().out
    assert main(["predict", run, record.audio, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["prediction"] + "\n" == text
    assert set(answer["words"][0]) == {"word", "start", "end", "confidence"}
    (tmp_path / "list.txt").write_text(f"{record.audio}\n\n{record.audio}\n")
    assert main(["predict", run, str(tmp_path / "list.txt")]) == 0
    assert capsys.readouterr().out == f"{text}\n{text}"
    samples = (read_audio(record.audio) * 32768).astype("<i2").tobytes()
    for data, more in ((samples, ["--rate", "8000"]), (record.audio.encode() + b"\n", [])):
        stream = io.BufferedReader(io.BytesIO(data))
        monkeypatch.setattr(
            sys, "stdin", types.SimpleNamespace(buffer=stream, isatty=lambda: False)
        )
        assert main(["predict", run, "-", *more]) == 0
        assert capsys.readouterr().out == text
    pause = np.zeros(16000, "<i2").tobytes()  # two lines, with a pause between them
    stream = io.BufferedReader(io.BytesIO(samples + pause + samples + pause))
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=stream, isatty=lambda: False))
    assert main(["predict", run, "-", "--rate", "8000", "--pause-seconds", "0.5", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) >= 2
    assert lines[1]["words"][0]["start"] > 1.0


def test_an_interrupt_leaves_what_was_heard(tones, capsys, monkeypatch):
    from ostinato.cli import main

    class Microphone(io.BytesIO):
        def read1(self, size=-1):
            return super().read1(size) or interrupt()

    def interrupt():
        raise KeyboardInterrupt

    manifest, model = tones
    audio = read_recordings([manifest])[0].audio
    sound = Microphone((read_audio(audio) * 32768).astype("<i2").tobytes())
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=sound, isatty=lambda: False))
    assert main(["predict", str(model.folder), "-", "--rate", "8000"]) == 130
    assert capsys.readouterr().out == f"{model.predict([audio])[0]}\n"


def test_the_decoder_answers_nothing_with_nothing(both):
    decoder = Decoder(both.task.options, both.task.preprocessing)
    empty = decoder.transcribe(np.zeros((0, 28), np.float32))
    assert (empty.text, empty.words) == ("", [])
    assert both.predict([""]) == [""]


def test_the_language_model_is_tuned_on_a_dev_set(tones):
    manifest, model = tones
    fused = ostinato.load(model.folder, lm="transcripts")
    tuned = tune_fusion(fused, [manifest], weights=(0.1, 2.0), bonuses=(0.0, 1.0))
    assert len(tuned.tried) == 4
    assert tuned.wer == min(wer for _, _, wer in tuned.tried)
    assert (tuned.weight, tuned.bonus, tuned.wer) in tuned.tried
    again = ostinato.load(
        model.folder, lm="transcripts", lm_weight=tuned.weight, word_bonus=tuned.bonus
    )
    assert again.evaluate([manifest])["metrics"]["wer"] == pytest.approx(tuned.wer, abs=5)
    with pytest.raises(InputError, match="no language model to tune"):
        tune_fusion(model, [manifest])
