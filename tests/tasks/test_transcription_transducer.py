"""Transcription with transducers, whole and live."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_transcription_decoders import QUICK, TEXTS, write_features

import ostinato as package
from ostinato.errors import InputError


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return write_features(tmp_path_factory.mktemp("features") / "train.npz")


def train(features, folder, **options):
    settings = {"epochs": 30.0, "least_steps": 1, "batch_size": 8, "learning_rate": 0.01}
    settings |= {"evaluate_every": 15.0, "decoder": "transducer", **QUICK, **options}
    return package.train(
        "transcription", train=[features], dev=[features], test=[features], out=folder, **settings
    )


@pytest.fixture(scope="module")
def both(features, tmp_path_factory):
    """Both directions, with CTC beside the transducer."""
    return train(features, tmp_path_factory.mktemp("both") / "run")


@pytest.fixture(scope="module")
def live(features, tmp_path_factory):
    """One direction, without CTC."""
    folder = tmp_path_factory.mktemp("live") / "run"
    return train(features, folder, bidirectional=False, lookahead=2, ctc_weight=0.0)


@pytest.mark.parametrize("name", ["both", "live"])
def test_it_learns_and_says_when(name, features, request):
    model = request.getfixturevalue(name)
    assert model.report["metrics"]["cer"] < 5
    records = model.task.reader.read([features])[:8]
    predictions = model.predictions(records)
    assert [each.text for each in predictions] == TEXTS
    again = package.load(model.folder)
    assert [each.details for each in again.predictions(records)] == [
        each.details for each in predictions
    ]
    for each in predictions:
        assert [word.text for word in each.words] == each.text.split()
        times = [time for word in each.words for time in (word.start, word.end)]
        assert times == sorted(times) and times[-1] <= each.seconds + 0.02
        assert all(0 < word.confidence <= 1 for word in each.words)
        assert each.posteriors.shape[1] == 4 and (each.posteriors <= 0).all()
    json.dumps(predictions[0].details)
    assert (model.folder / "posteriors.png").read_bytes()[:4] == b"\x89PNG"


def test_the_log_probability_is_that_of_score(both, features):
    records = both.task.reader.read([features])[:8]
    answers = [each.answers[0][1] for each in both.predictions(records)]
    assert answers == pytest.approx(both.score(records), abs=1e-4)


def test_n_best_beam_language_model_and_phrases(both, features, tmp_path):
    records = both.task.reader.read([features])[:8]
    wide = package.load(both.folder, n_best=3).predictions(records)
    assert [each.text for each in wide] == TEXTS
    assert len({text for text, _ in wide[0].answers}) == 3
    assert wide[0].answers[0][1] >= wide[0].answers[1][1]
    fused = package.load(both.folder, lm="transcripts", lm_weight=0.3)
    assert fused.task.options.width == 8
    assert [each.text for each in fused.predictions(records)] == TEXTS
    (tmp_path / "phrases.txt").write_text("b [ab]\n(ab | b) b\n")
    bound = package.load(both.folder, phrases=str(tmp_path / "phrases.txt"))
    assert {each.text for each in bound.predictions(records)} <= {"b", "b ab", "ab b", "b b"}
    (tmp_path / "words.txt").write_text("b\nab\n")
    listed = package.load(both.folder, words=str(tmp_path / "words.txt"))
    words = {word for each in listed.predictions(records) for word in each.text.split()}
    assert words <= {"b", "ab"}


def test_ctc_alone_is_asked_for_when_predicting(both, live, features):
    alone = package.load(both.folder, ctc_weight=1.0)
    records = alone.task.reader.read([features])[:8]
    texts = [each.text for each in alone.predictions(records)]
    assert sum(one == other for one, other in zip(texts, TEXTS, strict=True)) >= 6
    together = package.load(f"{both.folder},{both.folder}", ctc_weight=1.0)
    assert [each.text for each in together.predictions(records)] == texts
    with pytest.raises(InputError, match="no CTC output: it was trained with ctc_weight 0"):
        package.load(live.folder, ctc_weight=1.0).predictions(records)


def test_it_starts_from_a_run_of_ctc(features, tmp_path):
    by_ctc = train(features, tmp_path / "ctc", decoder="ctc", epochs=0.2)
    model = train(features, tmp_path / "run", epochs=0.2, init_from=by_ctc.folder)
    taken = model.report["init_from"]
    assert taken["new"] and all(name.startswith("head.") for name in taken["new"])
    assert any(name.startswith("encoder.") for name in taken["whole"])


def test_several_runs_decode_together(both, features, tmp_path):
    """Twice the same run gives what it gives; another one has its say."""
    records = both.task.reader.read([features])[:8]
    twice = package.load(f"{both.folder},{both.folder}").predictions(records)
    for one, other in zip(twice, both.predictions(records), strict=True):
        assert one.text == other.text
        assert one.answers[0][1] == pytest.approx(other.answers[0][1], abs=1e-4)
    weak = train(features, tmp_path / "run", epochs=0.2, seed=2, hidden_size=16)
    mixed = package.load(f"{both.folder},{weak.folder}")
    answers = [each.answers[0][1] for each in mixed.predictions(records)]
    assert all(answer < each.answers[0][1] for answer, each in zip(answers, twice, strict=True))
    assert "an ensemble" in mixed.task.predictor.why_no_streamer(mixed.network)


@pytest.mark.parametrize("options", [{}, {"beam": 3}], ids=["greedy", "beam"])
def test_chunked_is_whole_to_the_bit(live, features, options, tmp_path):
    model = package.load(live.folder, **options)
    records = model.task.reader.read([features])[:5]
    for record, whole in zip(records, model.predictions(records), strict=True):
        draw, stream, place = np.random.default_rng(1), model.stream(), 0
        while place < len(record.audio):
            size = int(draw.integers(1, 9))
            partial = stream(record.audio[place : place + size])
            place += size
            stream.save(tmp_path / "state")
            stream = model.stream()
            stream.restore(tmp_path / "state")
        assert whole.text.startswith(str(partial)[:1])
        final = stream.finish()
        assert final.details | {"audio": ""} == whole.details | {"audio": ""}
        np.testing.assert_array_equal(final.posteriors, whole.posteriors)


def test_streams_that_are_not_to_be_had_say_why(both, features, tmp_path):
    assert "both directions" in both.task.predictor.why_no_streamer(both.network)
    joint = train(features, tmp_path / "run", decoder="joint", bidirectional=False, epochs=0.2)
    assert "attention decoder" in joint.task.predictor.why_no_streamer(joint.network)


def test_it_is_not_exported(both, tmp_path, ostinato):
    outcome = ostinato("export", both.folder, "--format", "onnx", "--output", tmp_path / "x")
    assert outcome.status == 2 and "depends on its own labels" in outcome.err


def test_inspection(both, features):
    record = both.task.reader.read([features])[0]
    data = package.inspect(both, record, "posteriors").data
    np.testing.assert_allclose(data["posteriors"].sum(1), 1, atol=1e-12)
    assert [span["label"] for span in data["alignment"]] == ["a", "b", "space", "a"]
    assert all(span["probability"] > 0.3 for span in data["alignment"])
    parts = package.inspect(both, record, "connectivity").data["parts"]
    assert {part["part"] for part in parts} == {"encoder 0", "prediction"}
    assert all(len(part["gradient"]) == len(part["steps"]) for part in parts)
    [prediction] = [part for part in parts if part["part"] == "prediction"]
    assert prediction["steps"] == ["<bos>", "a", "b", " ", "a"]
    # the last label is written after all but itself was read
    assert all(value > 0 for value in prediction["gradient"][1:4]) and not prediction["gradient"][4]


def test_every_view(both, features, tmp_path, ostinato):
    page = tmp_path / "page.html"
    outcome = ostinato("inspect", "all", both.folder, features, "--output", page)
    assert outcome.status == 0, outcome.err


def test_utterances_that_ctc_cannot_spell_are_kept(features, tmp_path, caplog):
    """A transducer emits several labels at a frame."""
    data = np.load(features)
    x = np.concatenate([data["X"], np.ones((2, 3), np.float32)])
    np.savez(
        tmp_path / "more.npz",
        X=x,
        lengths=[*data["lengths"], 2],
        text=[*data["text"], "ab ab ab"],
    )
    model = train(str(tmp_path / "more.npz"), tmp_path / "run", epochs=1.0)
    assert "left out" not in caplog.text
    assert all(np.isfinite(model.score(model.task.reader.read([str(tmp_path / "more.npz")]))))
