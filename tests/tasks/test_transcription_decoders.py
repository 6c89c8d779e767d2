"""Transcription with attention decoders, units, language runs, phrases and word lists."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import ostinato
from ostinato.decoding.ctc import NEVER
from ostinato.errors import InputError
from ostinato.tasks.transcription.fusion import PhraseScorer, WordList, WordScorer
from ostinato.tasks.transcription.language_runs import CharacterScorer, RunModel, RunWords
from ostinato.tasks.transcription.phrases import expand, read_phrases
from ostinato.tasks.transcription.units import Units

SOUNDS = {"a": 0, "b": 1}
TEXTS = ["ab a", "b ab", "a b", "ab ab", "b a", "a ab b", "ab", "b"]
SMALL = {"hidden_size": 24, "layers": 1, "tensorboard": False, "subsampling": 2}
QUICK = {**SMALL, "dropout": 0.0, "time_masks": 0, "frequency_masks": 0, "speed": 0.0}


def write_features(path, number=48):
    """Features whose bursts spell the transcripts; between words there is silence."""
    draw = np.random.default_rng(0)
    parts, lengths, texts = [], [], []
    for count in range(number):
        text = TEXTS[count % len(TEXTS)]
        frames = []
        for letter in text:
            frames += [np.eye(3)[SOUNDS.get(letter, 2)]] * 6 + [np.zeros(3)] * 2
        parts.append(np.array(frames) + 0.1 * draw.normal(size=(len(frames), 3)))
        lengths.append(len(frames))
        texts.append(text)
    np.savez(path, X=np.concatenate(parts).astype(np.float32), lengths=lengths, text=texts)
    return str(path)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return write_features(tmp_path_factory.mktemp("features") / "train.npz")


@pytest.fixture(scope="module")
def joint(features, tmp_path_factory):
    return ostinato.train(
        "transcription",
        train=[features],
        dev=[features],
        test=[features],
        out=tmp_path_factory.mktemp("joint") / "run",
        decoder="joint",
        epochs=30.0,
        least_steps=1,
        batch_size=8,
        learning_rate=0.01,
        evaluate_every=10.0,
        **QUICK,
    )


def test_joint_decoding_learns_and_attends(joint, features):
    assert joint.report["metrics"]["cer"] < 5
    predictions = joint.predictions(joint.task.reader.read([features])[:8])
    assert [each.text for each in predictions] == TEXTS
    assert predictions[0].attention.shape == (4, 16)  # labels, frames after subsampling
    for each in predictions:
        assert [word.text for word in each.words] == each.text.split()
        starts = [word.start for word in each.words]
        assert starts == sorted(starts)
    assert (joint.folder / "attention.png").read_bytes()[:4] == b"\x89PNG"


def test_ctc_alone_is_asked_for_when_predicting(joint, features):
    alone = ostinato.load(joint.folder, ctc_weight=1.0)
    records = alone.task.reader.read([features])[:8]
    assert [each.text for each in alone.predictions(records)] == TEXTS
    assert alone.predictions(records)[0].attention is None
    several = ostinato.load(f"{joint.folder},{joint.folder}")
    with pytest.raises(InputError, match="ctc_weight 1"):
        several.predictions(records)
    together = ostinato.load(f"{joint.folder},{joint.folder}", ctc_weight=1.0)
    assert [each.text for each in together.predictions(records)] == TEXTS


def test_n_best_and_phrases_with_an_attention_decoder(joint, features, tmp_path):
    records = joint.task.reader.read([features])[:2]
    best = ostinato.load(joint.folder, n_best=3).predictions(records)[0]
    assert len({text for text, _ in best.answers}) == 3
    assert best.answers[0][1] >= best.answers[1][1]
    (tmp_path / "phrases.txt").write_text("b [ab]\n(ab | b) b\n")
    bound = ostinato.load(joint.folder, phrases=str(tmp_path / "phrases.txt"))
    assert {each.text for each in bound.predictions(records)} <= {"b", "b ab", "ab b", "b b"}
    (tmp_path / "words.txt").write_text("b\nab\n")
    listed = ostinato.load(joint.folder, words=str(tmp_path / "words.txt"))
    assert {word for each in listed.predictions(records) for word in each.text.split()} <= {
        "b",
        "ab",
    }


def test_an_attention_decoder_alone(features, tmp_path):
    model = ostinato.train(
        "transcription",
        train=[features],
        dev=[features],
        out=tmp_path / "run",
        decoder="attention",
        unit="subword",
        vocabulary_size=12,
        epochs=2.0,
        least_steps=1,
        **QUICK,
    )
    records = model.task.reader.read([features])[:2]
    again = ostinato.load(tmp_path / "run")
    assert [each.text for each in model.predictions(records)] == [
        each.text for each in again.predictions(records)
    ]
    assert len(model.score(records)) == 2
    with pytest.raises(InputError, match="no CTC output"):
        model.task.predictor.recogniser.score_labels(model.network, [])
    with pytest.raises(InputError, match="decoder ctc, joint or transducer"):
        ostinato.load(f"{tmp_path / 'run'},{tmp_path / 'run'}").predictions(records)


def test_subwords_and_words_with_ctc(features, tmp_path):
    model = ostinato.train(
        "transcription",
        train=[features],
        dev=[features],
        test=[features],
        out=tmp_path / "run",
        unit="subword",
        vocabulary_size=12,
        epochs=25.0,
        least_steps=1,
        batch_size=8,
        learning_rate=0.01,
        evaluate_every=25.0,
        **QUICK,
    )
    assert model.report["metrics"]["cer"] < 10
    [first] = model.predictions(model.task.reader.read([features])[:1])
    assert first.text == " ".join(word.text for word in first.words) == "ab a"


def test_units():
    letters = Units("character")
    assert letters.split("go on") == ["g", "o", " ", "o", "n"]
    assert letters.join(["g", "o", " ", "o", "n"]) == "go on"
    assert letters.spell(" ") == (True, "")
    assert letters.spell("g") == (False, "g")
    assert Units("word").spell("go") == (True, "go")
    subwords, tokens = Units.fit("subword", ["go on", "go go on"], size=20)
    assert subwords.join(subwords.split("go on")) == "go on"
    assert set(subwords.split("on go")) <= set(tokens)
    assert subwords.spell("▁go") == (True, "go")
    assert Units.from_dict("subword", json.loads(json.dumps(subwords.to_dict()))) == subwords


@pytest.mark.parametrize(
    ("line", "phrases"),
    [
        ("plain words", ["plain words"]),
        ("go [now] (up | down)", ["go up", "go down", "go now up", "go now down"]),
        ("(a | [b] c)", ["a", "c", "b c"]),
        ("", [""]),
    ],
)
def test_phrases_expand(line, phrases):
    assert expand(line) == phrases


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ok\ngo (up | down", r"phrases.txt:2: '\)' is missing"),
        ("go] up", r"phrases.txt:1: '\]' without its partner"),
        ("a | b", r"phrases.txt:1: '\|' without its partner"),
        ("\n\n", "no phrases"),
        ("(a|b|c|d|e|f|g|h|i|j) " * 5, "more than 20,000 phrases"),
    ],
)
def test_phrases_that_are_none(tmp_path, text, message):
    (tmp_path / "phrases.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_phrases(str(tmp_path / "phrases.txt"))


def test_phrases_that_the_model_cannot_write(joint, features, tmp_path):
    (tmp_path / "phrases.txt").write_text("xyz\n")
    model = ostinato.load(joint.folder, phrases=str(tmp_path / "phrases.txt"))
    with pytest.raises(InputError, match="cannot write any of its 1 phrases"):
        model.predictions(model.task.reader.read([features])[:1])


def test_phrases_and_word_lists_as_scorers():
    phrases = PhraseScorer([(1, 2), (1, 3, 3)])
    state, score = phrases.extend(phrases.start(), 1)
    assert score == 0 and phrases.finish(state) == NEVER
    assert phrases.extend(state, 1)[1] == NEVER
    assert phrases.finish(phrases.extend(state, 2)[0]) == 0
    spellings = [Units("character").spell(each) for each in ("<blank>", "a", "b", " ")]
    words = WordScorer(WordList(["ab"]), spellings, whole=False, weight=1.0, bonus=0.0)
    state, _ = words.extend(words.start(), 1)
    assert words.extend(state, 3)[1] == NEVER  # "a" is no word
    state, score = words.extend(state, 2)
    assert score == 0 and words.finish(state) == 0


@pytest.fixture(scope="module", params=["character", "word", "subword"])
def language(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("language")
    (folder / "text.txt").write_text("\n".join(TEXTS * 4) + "\n")
    size = {"vocabulary_size": 12} if request.param == "subword" else {}
    return ostinato.train(
        "language",
        train=[str(folder / "text.txt")],
        dev=[str(folder / "text.txt")],
        out=folder / "run",
        unit=request.param,
        alone=True,  # shallow fusion asks the network
        hidden_size=8,
        epochs=1.0,
        least_steps=1,
        tensorboard=False,
        **size,
    )


def test_a_language_run_scores_lines_as_the_run_does(language):
    """Shallow fusion adds the log-probability that `score` gives to the whole line."""
    folder = str(language.folder)
    tokens = ["<blank>", "a", "b", " "]
    spellings = [Units("character").spell(token) for token in tokens]
    if language.task.options.unit == "character":
        scorer = CharacterScorer(RunModel(folder), spellings, weight=2.0, bonus=0.5)
    else:
        scorer = WordScorer(RunWords(folder), spellings, whole=False, weight=2.0, bonus=0.5)
    for text in ("ab a", "b"):
        state, total = scorer.start(), 0.0
        for letter in text:
            state, score = scorer.extend(state, tokens.index(letter))
            total += score
        total += scorer.finish(state)
        [expected] = language.score([text])
        words = len(text.split())
        assert total == pytest.approx(2 * expected + 0.5 * words, abs=1e-4)


def test_a_language_run_in_the_beam(joint, language, features, caplog):
    model = ostinato.load(joint.folder, lm=str(language.folder), lm_weight=0.1)
    result = model.evaluate([features])
    assert result["metrics"]["cer"] < 10
    assert "contains" in caplog.text and "too optimistic" in caplog.text


def test_a_run_of_another_task_is_no_language_model(joint, features):
    model = ostinato.load(joint.folder, lm=str(joint.folder))
    with pytest.raises(InputError, match="a run of transcription, not of language"):
        model.predictions(model.task.reader.read([features])[:1])


def test_remembered_histories_are_bounded(language, monkeypatch):
    monkeypatch.setattr("ostinato.tasks.transcription.language_runs.MOST_REMEMBERED", 3)
    model = RunModel(str(language.folder))
    free = RunModel(str(language.folder))
    ids = model.tokenizer.encode("ab ab a b")
    for end in range(len(ids)):
        np.testing.assert_array_equal(
            model.distribution(tuple(ids[:end])), free.distribution(tuple(ids[:end]))
        )
        assert len(model.remembered) <= 3 + len(ids)
    assert torch.is_inference_mode_enabled() is False
