"""Language: texts to streams, scores that do not depend on how a text is cut, continuations,
suggestions, and what is refused.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import ostinato as package
from ostinato import kernels
from ostinato.commands.run.recipe import names
from ostinato.data.batching.bptt_stream import store_ids
from ostinato.data.text.corpus import Corpus, Line
from ostinato.data.text.vocabulary import EOS
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.options import build
from ostinato.tasks.language import TASK
from ostinato.tasks.language.next_words import half_typed_word
from ostinato.tasks.language.options import LanguageOptions
from ostinato.tasks.language.preprocessing import is_tokenized
from ostinato.tasks.language.text_scores import score_text
from ostinato.tasks.request import Request
from ostinato.tasks.task import Task

UNITS = ("character", "word", "subword")
SMALL = {"hidden_size": 12, "embedding_size": 6, "tensorboard": False}
NOUNS, VERBS = ["king", "queen", "fool", "knight"], ["sees", "loves", "fights", "follows"]


def verses(count: int, seed: int = 0) -> list[str]:
    chance = random.Random(seed)
    return [
        f"the {chance.choice(NOUNS)} {chance.choice(VERBS)} the {chance.choice(NOUNS)},"
        if chance.random() < 0.9
        else ""
        for _ in range(count)
    ]


def write(path: Path, lines: list[str]) -> str:
    path.write_text("".join(line + "\n" for line in lines))
    return str(path)


def task(unit: str = "character", **settings) -> Task:
    small = {"vocabulary_size": 60} if unit == "subword" else {}
    made = TASK.create({"unit": unit, "hidden_size": 12, "embedding_size": 6, **small, **settings})
    return made.fit(Corpus.from_lines(verses(200)))


def change(made: Task, **options) -> Task:
    """The fitted task with other options."""
    return made.with_options(replace(made.options, **options))


def network(made: Task, seed: int = 0):
    torch.manual_seed(seed)
    built = made.build_network()
    if made.options.closed_form:
        made.initialise(built)
    return built.eval()


# scores


@pytest.mark.parametrize("model", ["lstm", "kneser-ney", "hmm"])
@pytest.mark.parametrize("unit", UNITS)
def test_a_text_has_one_score_however_it_is_read(unit, model):
    """Any chunk length, and token by token from its beginning: every token once, the state
    carried.
    """
    made = task(unit, model=model)
    network_ = network(made)
    corpus = Corpus.from_lines(verses(60, seed=1))
    numbers = made.preprocessing.encode_text(corpus).ids
    losses = {}
    for steps in (1, 7, 10_000):
        found = np.full(len(numbers), np.nan)
        for places, each in score_text(
            network_, numbers, first=made.preprocessing.line_end, steps=steps
        ):
            assert np.isnan(found[places]).all()
            found[places] = each
        losses[steps] = found
    assert np.allclose(losses[1], losses[7], atol=1e-5)
    assert np.allclose(losses[1], losses[10_000], atol=1e-5)
    state, by_hand = network_.initial_state(1), []
    for before, after in zip([made.preprocessing.line_end, *numbers[:-1]], numbers, strict=True):
        logits, state = network_.step(torch.tensor([int(before)]), state)
        by_hand.append(-float(logits.detach().log_softmax(-1)[0, int(after)]))
    assert np.allclose(losses[7], by_hand, atol=1e-4)
    counts = made.predictor.count_text(network_, corpus)
    assert sum(total for total, _ in counts["perplexity"]) == pytest.approx(sum(by_hand), rel=1e-5)
    assert sum(size for _, size in counts["perplexity"]) == len(numbers)
    assert sum(size for _, size in counts["bits_per_character"]) == sum(
        len(line.text) + 1 for line in corpus
    )
    assert len(counts["perplexity"]) == 60


def test_parts_that_are_read_side_by_side_hardly_differ():
    made = task()
    model = network(made)
    numbers = made.preprocessing.encode_text(Corpus.from_lines(verses(100))).ids
    one = sum(
        each.sum() for _, each in score_text(model, numbers, first=made.preprocessing.line_end)
    )
    places = np.concatenate(
        [
            places
            for places, _ in score_text(
                model, numbers, first=made.preprocessing.line_end, rows=7, context=50, steps=13
            )
        ]
    )
    several = sum(
        each.sum()
        for _, each in score_text(
            model, numbers, first=made.preprocessing.line_end, rows=7, context=50, steps=13
        )
    )
    assert sorted(places) == list(range(len(numbers)))
    assert several == pytest.approx(one, rel=1e-4)


@pytest.mark.parametrize("unit", UNITS)
def test_streamed_is_in_memory(unit, tmp_path, monkeypatch):
    """A text on disk and packed, encoded into a memory map, trains to the same bits as one in
    memory.
    """
    train, dev = (
        write(tmp_path / "train.txt", verses(300)),
        write(tmp_path / "dev.txt", verses(30, seed=2)),
    )
    (tmp_path / "train.txt.gz").write_bytes(gzip.compress(Path(train).read_bytes()))
    size = {"vocabulary_size": 60} if unit == "subword" else {}
    settings = {**SMALL, "unit": unit, "epochs": 1.0, "batch_size": 4, "chunk": 10, **size}
    whole = package.train("language", train=train, dev=dev, out=tmp_path / "memory", **settings)
    monkeypatch.setitem(Corpus.read.__func__.__kwdefaults__, "in_memory", 256)
    monkeypatch.setitem(store_ids.__kwdefaults__, "in_memory", 256)
    assert isinstance(task(unit).preprocessing.encode_text(Corpus.read([train])).ids, np.memmap)
    streamed = package.train(
        "language", train=f"{train}.gz", dev=dev, out=tmp_path / "streamed", **settings
    )
    assert (tmp_path / "memory/model.safetensors").read_bytes() == (
        tmp_path / "streamed/model.safetensors"
    ).read_bytes()
    assert whole.report["metrics"] == streamed.report["metrics"]


def test_a_line_is_scored_by_itself():
    made = task()
    model = network(made)
    lines = ["the king", "", "the fool loves the queen,", "the"]
    scores = made.predictor.log_probabilities(model, [Line(line) for line in lines])
    for line, score in zip(lines, scores, strict=True):
        counts = made.predictor.count_text(model, Corpus.from_lines([line]))["perplexity"]
        assert -sum(total for total, _ in counts) == pytest.approx(score, abs=1e-3)
    assert made.predictor.log_probabilities(
        model, Corpus.from_lines([Line("the ", ended=False), Line("king")])
    ) == pytest.approx(scores[:1], abs=1e-4)


def test_lines_and_what_ends_them():
    assert task("word").preprocessing.encode(Line("the king")).targets.tolist()[-1] == EOS
    characters = task("character").preprocessing
    assert (
        characters.tokenizer.decode(characters.encode(Line("the king")).targets.tolist())
        == "the king\n"
    )
    assert characters.encode(Line("the king")).inputs[0] == characters.line_end
    assert len(characters.ids(Line("the ", ended=False))) == 4


@pytest.mark.parametrize(
    ("lines", "tokenized"),
    [(["well , is it ?"] * 5, True), (["Well, is it?"] * 5, False), (["no marks"], True)],
)
def test_whether_words_stand_apart_from_marks(lines, tokenized):
    assert is_tokenized(Corpus.from_lines(lines)) == tokenized


# training


def test_resumed_is_never_stopped(tmp_path):
    """The carried state, the dropout and the place in the text come back to the bit."""
    train, dev = (
        write(tmp_path / "train.txt", verses(300)),
        write(tmp_path / "dev.txt", verses(30, seed=2)),
    )
    settings = {
        **SMALL,
        "train": train,
        "dev": dev,
        "batch_size": 4,
        "chunk": 10,
        "dropout": 0.3,
        "weight_drop": 0.2,
        "vary_chunk": True,
        "schedule": "constant",
        "optimizer": "asgd",
        "average_patience": 0,
        "evaluate_every": 0.25,
        "clip_norm": 0.5,
    }
    package.train("language", out=tmp_path / "whole", epochs=1.6, **settings)
    package.train("language", out=tmp_path / "parts", epochs=0.7, **settings)
    package.train("language", out=tmp_path / "parts", epochs=1.6, resume=True, **settings)
    assert (tmp_path / "whole/model.safetensors").read_bytes() == (
        tmp_path / "parts/model.safetensors"
    ).read_bytes()


def test_a_small_language_is_learned_and_beats_the_baseline_only_where_it_can(tmp_path):
    train, test = (
        write(tmp_path / "train.txt", verses(600)),
        write(tmp_path / "test.txt", verses(80, seed=5)),
    )
    settings = {**SMALL, "hidden_size": 64, "epochs": 8.0, "batch_size": 4}
    model = package.train("language", train=train, test=test, out=tmp_path / "run", **settings)
    characters = sum(len(line) + 1 for line in verses(80, seed=5)) / 80
    best = (0.9 * 3 * math.log2(4) + 0.47) / characters  # nobody can know more
    assert best < model.report["metrics"]["bits_per_character"] < 2 * best
    assert model.report["baseline"]["name"] == "Kneser-Ney 8-gram"
    assert model.report["baseline"]["simpler"][0]["name"] == "unigram"
    assert (
        model.report["metrics"]["perplexity"]
        < model.report["baseline"]["simpler"][0]["metrics"]["perplexity"]
    )
    text = model.generate(prompt="the ", length=300, seed=3, temperature=0.5)[0]
    words = text.replace(",", "").split()
    assert sum(word in ("the", *NOUNS, *VERBS) for word in words) > 0.8 * len(words)
    assert model.predict(["the ki", "the queen lov"])[1].startswith("es the ")
    loaded = package.load(tmp_path / "run", suggest=2)
    assert loaded.predict(["the king lo", "the ki"]) == [
        loaded.predict(["the king lo"])[0],
        loaded.predict(["the ki"])[0],
    ]
    assert loaded.predict(["the king lo"])[0].split("\t")[0] == "loves"
    assert set(loaded.predict(["the k"])[0].split("\t")) == {"king", "knight"}
    assert loaded.evaluate([test])["metrics"] == model.report["metrics"]
    assert (
        loaded.task.reader.overlap(
            Corpus.from_lines(["x" * 50, "y" * 50]), Corpus.from_lines(["y" * 50, "short"])
        )
        == 0.5
    )


@pytest.mark.parametrize("model", ["kneser-ney", "unigram", "hmm"])
def test_counting_is_a_model_too(model, tmp_path):
    train, dev = (
        write(tmp_path / "train.txt", verses(300)),
        write(tmp_path / "dev.txt", verses(30, seed=2)),
    )
    made = package.train(
        "language", train=train, dev=dev, out=tmp_path / "run", model=model, unit="word", **SMALL
    )
    baseline = made.report["baseline"]
    beside = {
        "kneser-ney": baseline["metrics"],
        "unigram": baseline["simpler"][0]["metrics"],
        "hmm": made.report["metrics"],
    }[model]
    assert made.report["metrics"] == pytest.approx(beside, rel=1e-5)
    assert (
        made.report["metrics"]["perplexity"]
        < 1.01 * baseline["simpler"][0]["metrics"]["perplexity"]
    )
    loaded = package.load(tmp_path / "run")
    assert loaded.evaluate([dev])["metrics"] == made.report["metrics"]
    assert loaded.generate(length=5, seed=1) == made.generate(length=5, seed=1)
    lines = [
        "the king loves the queen,",
        "the king",
        "",
        "and the knight loves the queen, and the king",
    ]
    assert loaded.score(lines) == pytest.approx(
        [loaded.score([line])[0] for line in lines]
    )  # whatever stands beside it


def test_an_ensemble_and_the_baseline_answer_together(tmp_path):
    train, dev = (
        write(tmp_path / "train.txt", verses(300)),
        write(tmp_path / "dev.txt", verses(30, seed=2)),
    )
    runs = [
        package.train(
            "language",
            train=train,
            dev=dev,
            out=tmp_path / str(seed),
            seed=seed,
            epochs=2.0,
            batch_size=4,
            alone=True,
            **SMALL,
        )
        for seed in (1, 2)
    ]
    both = package.load(f"{tmp_path}/1,{tmp_path}/2")
    assert both.evaluate([dev])["metrics"]["perplexity"] < max(
        run.report["metrics"]["perplexity"] for run in runs
    )
    assert len(both.generate(length=10)[0]) == 10


def test_a_network_and_an_n_gram_answer_together(tmp_path):
    """In either order the mean of their probabilities, which is never less than half the
    better one's.
    """
    train, dev = (
        write(tmp_path / "train.txt", verses(300)),
        write(tmp_path / "dev.txt", verses(30, seed=2)),
    )
    runs = [
        package.train(
            "language",
            train=train,
            dev=dev,
            out=tmp_path / model,
            model=model,
            epochs=2.0,
            batch_size=4,
            alone=True,
            **SMALL,
        )
        for model in ("gru", "kneser-ney")
    ]
    both, turned = (
        package.load(f"{tmp_path}/{one},{tmp_path}/{other}")
        for one, other in [("gru", "kneser-ney"), ("kneser-ney", "gru")]
    )
    found = both.evaluate([dev])["metrics"]["perplexity"]
    assert found == pytest.approx(turned.evaluate([dev])["metrics"]["perplexity"], rel=1e-5)
    alone = [run.report["metrics"]["perplexity"] for run in runs]
    assert found < min(max(alone), 2 * min(alone))
    line = "the king loves the queen,"
    best = max(run.score([line])[0] for run in runs)
    assert best - (len(line) + 1) * math.log(2) < both.score([line])[0] < best
    assert both.generate(length=10, seed=1) == both.generate(length=10, seed=1)


@pytest.mark.parametrize(
    "recipe",
    ["zaremba2014-small", "zaremba2014-medium", "zaremba2014-large", "awd-lstm", "char-rnn", "ptb"],
)
def test_its_recipes_train(recipe, tmp_path):
    assert recipe in names()
    train = write(tmp_path / "train.txt", verses(400))
    small = {**SMALL, "epochs": 0.3, **({"last_size": 6} if recipe == "awd-lstm" else {})}
    model = package.train("language", train=train, recipe=recipe, out=tmp_path / "run", **small)
    assert math.isfinite(model.report["metrics"]["perplexity"])


# generating


@pytest.mark.parametrize("unit", UNITS)
def test_greedy_and_beam_are_brute_force(unit):
    made = task(unit, vocabulary_size=30 if unit == "subword" else None)
    model = network(made)
    allowed = [
        number
        for number in range(len(made.preprocessing.tokenizer))
        if number not in made.preprocessing.never_generated
    ]
    scores = {}
    start = torch.tensor([made.preprocessing.prompt_ids("the")])
    for text in itertools.product(allowed, repeat=2):
        losses, _ = model.losses(
            torch.cat([start, torch.tensor([text[:1]])], 1),
            torch.cat([start[:, 1:], torch.tensor([text])], 1),
            model.initial_state(1),
        )
        scores[text] = -float(losses[0, -2:].sum())
    best = sorted(scores, key=lambda text: -scores[text])[:3]
    wanted = [made.preprocessing.continue_text("the", text) for text in best]
    found = list(
        made.predictor.generate(model, Request("the", length=2, beam=len(allowed), samples=3))
    )
    assert [piece.result for piece in found] == wanted
    first = max(
        allowed,
        key=lambda token: sum(
            math.exp(score) for text, score in scores.items() if text[0] == token
        ),
    )
    greedy = list(made.predictor.generate(model, Request("the", length=1, temperature=0.0)))
    assert greedy[-1].result == made.preprocessing.continue_text("the", [first])


@pytest.mark.parametrize("unit", UNITS)
def test_pieces_are_the_whole_and_follow_from_the_seed(unit):
    made = task(unit)
    model = network(made)
    pieces = list(made.predictor.generate(model, Request("the king", length=40, samples=3, seed=5)))
    for sample in range(3):
        texts = [piece.text for piece in pieces if piece.sample == sample]
        results = [
            piece.result for piece in pieces if piece.sample == sample and piece.result is not None
        ]
        assert results == ["".join(texts)]
    again = [
        piece.result
        for piece in made.predictor.generate(
            model, Request("the king", length=40, samples=2, seed=5)
        )
        if piece.result
    ]
    assert again == [piece.result for piece in pieces if piece.result][:2]
    assert again != [
        piece.result
        for piece in made.predictor.generate(
            model, Request("the king", length=40, samples=2, seed=6)
        )
        if piece.result
    ]


@pytest.mark.parametrize(
    ("cell", "way"),
    [("lstm", {}), ("gru", {"top_p": 0.8}), ("rnn", {"top_k": 5, "temperature": 0.7})],
)
def test_one_by_one_and_by_the_reference_it_is_the_same_text(cell, way):
    made = task(cell=cell)
    model = network(made)

    def texts(samples):
        found = {
            piece.sample: piece.result
            for piece in made.predictor.generate(
                model, Request("the ", length=150, samples=samples, **way)
            )
            if piece.result is not None
        }
        return [found[sample] for sample in range(samples)]

    together = texts(7)
    assert texts(1) == together[:1]
    with kernels.disabled():
        assert texts(3) == together[:3]
    assert len(set(together)) == 7


def test_smaller_weights_where_there_are_any():
    made = task(weights="int8")
    assert len(list(made.predictor.generate(network(made), Request(length=20, samples=3)))) >= 3
    normed = task(layers=2, residual=True, pre_norm=True)
    assert len(list(normed.predictor.generate(network(normed), Request(length=20, samples=3)))) >= 3
    counted = task(model="hmm", weights="bfloat16")
    with pytest.raises(
        InputError,
        match="weights bfloat16: only a single network of rnn, lstm or gru cells on the CPU, "
        "without zoneout",
    ):
        list(counted.predictor.generate(network(counted), Request(length=5)))


def test_a_cache_takes_part_in_every_answer():
    plain, made = task(), task(cache=50, cache_weight=0.5, cache_sharpness=20.0)
    model = network(plain)
    text = Corpus.from_lines(verses(40, seed=3))
    without, remembered = (
        each.predictor.count_text(model, text)["perplexity"] for each in (plain, made)
    )
    assert np.sum([count[0] for count in remembered]) < np.sum([count[0] for count in without])
    assert made.predictor.count_text(model, text, quick=True) == plain.predictor.count_text(
        model, text, quick=True
    )
    assert made.predictor.log_probabilities(model, text) != plain.predictor.log_probabilities(
        model, text
    )
    prompt = [Line("the king loves the fool, the king lo")]
    assert (
        made.predictor.predict(model, prompt)[0].details
        != plain.predictor.predict(model, prompt)[0].details
    )
    suggesting = change(made, suggest=2)
    assert suggesting.predictor.predict(model, prompt)[0].details["suggestions"]
    request = Request("the king loves the fool, the king ", length=30)
    assert [piece.text for piece in made.predictor.generate(model, request)] != [
        piece.text for piece in plain.predictor.generate(model, request)
    ]


def test_counted_models_have_no_cache():
    made, text = task(model="kneser-ney", cache=10), Corpus.from_lines(verses(20, seed=3))
    plain = task(model="kneser-ney")
    with collect_notices() as notices:
        counts = made.predictor.count(network(made), text, [])
    assert counts == plain.predictor.count(network(plain), text, [])
    assert "cache: model kneser-ney has no states to compare; scored without" in notices
    assert not any("--cache" in command for command in made.next_commands("run", None))
    assert any("--cache" in command for command in task().next_commands("run", None))


def test_what_the_cache_is_like_is_said():
    made = task(cache=1000)
    with collect_notices() as notices:
        made.predictor.count(network(made), Corpus.from_lines(verses(20)), [])
    assert notices[-1] == "with a cache: size 1,000, weight 0.2, sharpness 15.0"


def test_a_range_leaves_layer_norms_alone():
    made = task(layers=2, pre_norm=True, cell="gru-layer-norm", initial_range=0.05)
    model = network(made)
    made.initialise(model)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.LayerNorm)]
    assert len(norms) == 10 and all(
        (norm.weight == 1).all() and not norm.bias.any() for norm in norms
    )
    assert 0 < model.output.weight.abs().max() <= 0.05


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"cache": -1}, "cache must be at least 0; got -1"),
        ({"cache": 100_001}, "cache must be at most 100000; got 100001"),
        ({"cache_weight": 1.0}, "cache_weight must be at most 0.99; got 1.0"),
        ({"cache_sharpness": 1e39}, r"cache_sharpness must be at most 1000; got 1e\+39"),
    ],
)
def test_limits_of_the_cache(settings, message):
    with pytest.raises(InputError, match=message):
        build(LanguageOptions, settings)


def test_residual_layers_are_of_one_size():
    with pytest.raises(
        InputError, match="residual needs layers of equal size; leave out last_size"
    ):
        task(residual=True, layers=2, last_size=5)


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_continued_reads_as_if_decoded_whole(unit):
    made = task(unit)
    text = "the king loves the fool,"
    for cut in range(1, len(text)):
        if unit != "character" and text[cut - 1] != " ":
            continue
        numbers = made.preprocessing.tokenizer.encode(text[cut:])
        assert text[:cut] + made.preprocessing.continue_text(text[:cut], numbers) == text
    assert (
        made.preprocessing.continue_text(
            "",
            [*made.preprocessing.ids(Line("the king")), *made.preprocessing.ids(Line("the fool"))],
        )
        == "the king\nthe fool\n"
    )


def test_a_stop_ends_a_sample_before_it():
    made = task()
    model = network(made)
    whole = [
        piece.result
        for piece in made.predictor.generate(model, Request(length=200, samples=4))
        if piece.result
    ]
    stop = whole[0][50:53]
    cut = [
        piece.result
        for piece in made.predictor.generate(model, Request(length=200, samples=4, stop=stop))
        if piece.result is not None
    ]
    assert cut == [text.split(stop)[0] for text in whole]
    found = list(made.predictor.generate(model, Request(length=10, beam=2, stop=whole[0][0])))
    assert all(whole[0][0] not in piece.text for piece in found)


def test_a_prompt_may_be_a_file_and_a_length_nothing(tmp_path):
    made = task()
    model = network(made)
    (tmp_path / "prompt.txt").write_text("the king\nthe fool")
    request = Request(str(tmp_path / "prompt.txt"), length=5)
    assert [each.result for each in made.predictor.generate(model, request)][-1] == [
        each.result
        for each in made.predictor.generate(model, Request("the king\nthe fool", length=5))
    ][-1]
    assert [
        each.result for each in made.predictor.generate(model, Request(length=0, samples=2))
    ] == ["", ""]


def test_predictions_end_with_the_line_and_suggestions_complete_words():
    made = task("word", maximum_length=7)
    model = network(made)
    lines = [Line(text) for text in ("the king", "", "the", "the fool loves")]
    together = made.predictor.predict(model, lines)
    assert [each.text for each in together] == [
        made.predictor.predict(model, [line])[0].text for line in lines
    ]
    assert all("\n" not in each.text for each in together)
    suggesting = change(made, suggest=3)
    for text, start in [
        ("the k", "k"),
        ("the ", ""),
        ("", ""),
        ("the king lov", "lov"),
        ("x y zzz", "zzz"),
    ]:
        words = suggesting.predictor.predict(model, [Line(text)])[0].details["suggestions"]
        assert all(each["word"].startswith(start) for each in words)
        assert [each["probability"] for each in words] == sorted(
            (each["probability"] for each in words), reverse=True
        )
    assert suggesting.predictor.predict(model, [Line("x y zzz")])[0].text == ""
    # where marks are separate words, a mark at the end is complete
    assert half_typed_word("the king ,", tokenized=True) == ""
    assert half_typed_word("the king lov", tokenized=True) == "lov"


# what is refused


def test_what_is_wrong_is_said_in_one_line(tmp_path, ostinato):
    train = write(tmp_path / "train.txt", verses(100))
    run = ["--out", tmp_path / "run", "--hidden-size", "8", "--no-tensorboard", "--epochs", "0.1"]
    (tmp_path / "empty.txt").write_text("\n\n  \n")
    (tmp_path / "short.txt").write_text("the\nking\n")
    (tmp_path / "latin.txt").write_bytes("the king\nthe fool loves a caf\xe9\n".encode("latin-1"))
    (tmp_path / "one.txt").write_text("the king loves the fool")
    for file, message in [
        ("empty.txt", "empty.txt: the files contain no text"),
        ("latin.txt", "latin.txt:2:21: byte 0xe9 is not UTF-8"),
        ("short.txt", "fewer than one --chunk of 64; give more text or a smaller --chunk"),
        ("one.txt", "the text has only one line, so none can be held out; give --dev"),
        ("none.txt", "no such file"),
    ]:
        outcome = ostinato("train", "language", "--train", tmp_path / file, *run)
        assert outcome.status == 2, outcome
        assert message in outcome.err
        assert outcome.err.count("\n") <= 2
    assert ostinato("train", "language", "--train", train, *run, "--unit", "word").status == 0
    for flags, message in [
        (["--temperature", "-1"], "--temperature must be 0"),
        (["--beam", "2", "--samples", "3"], "--samples 3: a search gives"),
        (["--condition", "x"], "this model is unconditional; use --prompt"),
    ]:
        outcome = ostinato("generate", tmp_path / "run", *flags)
        assert (outcome.status, message in outcome.err) == (2, True), outcome
    outcome = ostinato("generate", tmp_path / "run", "--prompt", "the kaiser", "--length", "3")
    assert outcome.status == 0
    assert "unknown to the model, read as <unk>: kaiser" in outcome.err
    outcome = ostinato("train", "language", "--train", train, *run, "--overwrite")
    assert outcome.status == 0
    outcome = ostinato("generate", tmp_path / "run", "--prompt", "the King z")
    assert outcome.status == 2
    assert outcome.err == "--prompt: the model has never seen 'K', 'z'; leave it out\n"


def test_the_command_line(tmp_path, ostinato, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = write(tmp_path / "train.txt", verses(300))
    assert (
        ostinato(
            "train",
            "language",
            "--train",
            train,
            "--out",
            "run",
            "--hidden-size",
            "8",
            "--no-tensorboard",
        ).status
        == 0
    )
    generated = ostinato("generate", "run", "--length", "50", "--samples", "2", "--seed", "4")
    samples = json.loads(
        ostinato("generate", "run", "--length", "50", "--samples", "2", "--seed", "4", "--json").out
    )["samples"]
    assert generated.out == f"{samples[0]}\n\n{samples[1]}\n"
    assert ostinato("generate", "run", "--length", "50", "--output", "made.txt").status == 0
    assert Path("made.txt").read_text() == ostinato("generate", "run", "--length", "50").out
    Path("new.txt").write_text("the ki\n\nthe queen ")
    lines = ostinato("predict", "run", "new.txt", "--suggest", "3").out.split("\n")
    assert [len(line.split("\t")) for line in lines] == [3, 3, 3, 1]
    parsed = [
        json.loads(line)
        for line in ostinato(
            "predict", "run", "new.txt", "--suggest", "3", "--json"
        ).out.splitlines()
    ]
    assert [[each["word"] for each in line["suggestions"]] for line in parsed] == [
        line.split("\t") for line in lines[:3]
    ]
    scores = [float(value) for value in ostinato("score", "run", "new.txt").out.split()]
    assert len(scores) == 3
    result = json.loads(ostinato("evaluate", "run", "new.txt", "--json").out)
    assert set(result["metrics"]) == {"perplexity", "bits_per_character"}
    assert result["metrics"]["bits_per_character"] == pytest.approx(
        math.log2(result["metrics"]["perplexity"])
    )
    compared = json.loads(
        ostinato(
            "compare",
            "language",
            "--train",
            train,
            "--models",
            "kneser-ney,rnn,gru",
            "--hidden-size",
            "8",
            "--epochs",
            "0.2",
            "--json",
        ).out
    )
    assert {row["model"] for row in compared["models"]} == {"kneser-ney", "rnn", "gru"}


def test_several_runs_answer_together_with_a_baseline(tmp_path):
    train = write(tmp_path / "train.txt", verses(300))
    dev = write(tmp_path / "dev.txt", verses(30, seed=2))
    for seed in (1, 2):
        package.train(
            "language",
            train=train,
            dev=dev,
            out=tmp_path / str(seed),
            seed=seed,
            epochs=0.1,
            **SMALL,
        )
    runs = [package.load(tmp_path / str(seed)) for seed in (1, 2)]
    both = package.load(f"{tmp_path}/1,{tmp_path}/2")
    scores = [run.evaluate([dev])["metrics"]["perplexity"] for run in (*runs, both)]
    assert scores[2] <= 1.01 * max(scores[:2])
    assert both.evaluate([dev])["alone"]["perplexity"] > 2 * scores[2]
