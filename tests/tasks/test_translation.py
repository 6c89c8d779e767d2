"""Translation: what its options do to the answers, and that a toy language is learned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import ostinato
from ostinato.cells import CELLS
from ostinato.data.text.sentence_pairs import Pair
from ostinato.data.text.vocabulary import EOS, UNK
from ostinato.decoding.step import Hypothesis
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.tasks import TASKS
from ostinato.tasks.task import Task
from toy_language import TINY, write_toy

TEXTS = [
    Pair("one two three", "UN DEUX TROIS"),
    Pair("two", "DEUX"),
    Pair("three one", "TROIS UN"),
    Pair("one", "UN"),
]


def task(**settings) -> Task:
    values = {"unit": "word", "hidden_size": 8, "embedding_size": 6, **settings}
    return TASKS["translation"].create(values).fit(TEXTS)


def network(made: Task, seed: int = 0):
    torch.manual_seed(seed)
    built = made.build_network().eval()
    made.initialise(built)
    return built


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"attention": "none"},
        {"attention": "additive", "input_feeding": True},
        {"context": "every"},
        {"cell": "gru", "layers": 2},
        {"reverse_source": True},
        {"bidirectional": False},
        {"joint_vocabulary": True},
        {"unit": "character"},
        {"lexicon": True},
        {"lexicon": True, "attention": "none", "reverse_source": True},
    ],
    ids=str,
)
def test_batch_is_one_by_one(settings):
    made = task(**settings)
    model = network(made)
    pairs = [
        *TEXTS,
        Pair("three three three two one one", "TROIS"),
        Pair("", "UN"),
        Pair("two", ""),
        Pair("unheard of", "INCONNU"),
    ]
    together, scores = (
        made.predictor.predict(model, pairs),
        made.predictor.log_probabilities(model, pairs),
    )
    for pair, prediction, score in zip(pairs, together, scores, strict=True):
        alone = made.predictor.predict(model, [pair])[0]
        assert alone.text == prediction.text
        assert alone.details["log_probability"] == pytest.approx(
            prediction.details["log_probability"], rel=1e-4, abs=1e-5
        )
        assert made.predictor.log_probabilities(model, [pair])[0] == pytest.approx(
            score, rel=1e-4, abs=1e-5
        )
    assert [made.predictor.predict(model, [pair])[0].text for pair in reversed(pairs)] == [
        each.text for each in reversed(together)
    ]


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_translates(cell):
    made = task(cell=cell)
    assert len(made.predictor.predict(network(made), TEXTS)) == 4


def looking(made: Task, tokens: list[int], at: list[int], source: int) -> Hypothesis:
    """A hypothesis whose attention went to these positions of what the encoder read."""
    watched = torch.zeros(len(tokens), source)
    watched[range(len(at)), at] = 1.0
    return Hypothesis(tokens, -1.0, finished=True, watched=watched)


def test_unknown_words_are_copied_from_where_attention_looked():
    made = task(copy_unknown=True)
    known = made.preprocessing.target.encode("DEUX")[0]
    answer = made.predictor.interpret(
        [looking(made, [UNK, known, UNK], [2, 1, 0], 3)], Pair("Ada two Turing", "")
    )
    assert answer.text == "Turing DEUX Ada"
    assert answer.details["unknown"] == pytest.approx(2 / 3)
    made = task(copy_unknown=False)
    assert (
        made.predictor.interpret(
            [looking(made, [UNK, known, UNK], [2, 1, 0], 3)], Pair("Ada two Turing", "")
        ).text
        == "<unk> DEUX <unk>"
    )


def test_a_reversed_source_is_pointed_at_by_its_own_order():
    made = task(copy_unknown=True, reverse_source=True, align=True)
    answer = made.predictor.interpret(
        [looking(made, [UNK, UNK], [0, 2], 3)], Pair("Ada two Turing", "")
    )
    assert answer.details["alignment"] == [2, 0]
    assert answer.text == "Turing Ada"
    assert (
        made.preprocessing.encode(Pair("one two", "")).inputs.tolist()
        == task().preprocessing.encode(Pair("two one", "")).inputs.tolist()
    )


def test_encoding():
    made = task(maximum_tokens=2)
    example = made.preprocessing.encode(TEXTS[0])
    assert len(example.inputs) == 2
    assert example.targets[-1] == EOS
    made = made.restore(made.preprocessing.to_dict())
    assert torch.equal(made.preprocessing.encode(TEXTS[0]).inputs, example.inputs)


def test_too_long_pairs_are_left_out_of_training():
    made = task(maximum_tokens=2)
    with collect_notices() as notices:
        assert made.preprocessing.trainable_records(TEXTS) == TEXTS[1:]
    assert notices == ["1 pair of more than 2 tokens left out of training"]
    with pytest.raises(InputError, match="no training pair has maximum_tokens 1 or less"):
        task(maximum_tokens=1).preprocessing.trainable_records(TEXTS[:1])


def test_joint_vocabulary_shares_units_and_embedding():
    made = task(joint_vocabulary=True)
    model = network(made)
    assert made.preprocessing.source is made.preprocessing.target
    assert model.encoder.embedding is model.decoder.embedding
    other = task(joint_vocabulary=True)
    other = other.restore(made.preprocessing.to_dict()).preprocessing
    assert other.source is other.target


def test_initial_range():
    made = task(initial_range=0.01)
    model = network(made)
    made.initialise(model)
    assert max(float(parameter.detach().abs().max()) for parameter in model.parameters()) <= 0.01


@pytest.mark.parametrize(("beam", "n_best"), [(1, 1), (1, 4), (6, 3)])
def test_n_best(beam, n_best):
    made = task(beam=beam, n_best=n_best)
    for answer in made.predictor.predict(network(made), TEXTS):
        found = answer.details.get("n_best", [None])
        assert len(found) == n_best
        if n_best > 1:
            assert found[0]["prediction"] == answer.text


def test_maximum_length():
    made = task(maximum_length=1)
    assert all(
        len(answer.text.split()) <= 1 for answer in made.predictor.predict(network(made), TEXTS)
    )


def test_sampling_follows_the_seed():
    made = task(sampling=True, temperature=2.0)
    model = network(made)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append([answer.text for answer in made.predictor.predict(model, TEXTS * 5)])
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 9}, "hidden_size must be even with bidirectional; got 9"),
        ({"freeze_embeddings": True}, "freeze_embeddings needs embeddings FILE"),
        (
            {"attention": "none", "input_feeding": True},
            "input_feeding needs an attention other than none",
        ),
        ({"attention": "none", "align": True}, "align needs attention; this model has none"),
        (
            {"attention": "none", "copy_unknown": True},
            "copy_unknown needs attention; this model has none",
        ),
        ({"sampling": True, "n_best": 2}, "sampling gives one translation"),
        ({"sparse_embeddings": True}, "sparse_embeddings needs tied=False"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(InputError, match=message):
        task(**settings)


LEARNING = {
    "unit": "word",
    "hidden_size": 64,
    "embedding_size": 32,
    "learning_rate": 0.01,
    "dropout": 0.0,
    "tensorboard": False,
    "batch_size": 32,
    "evaluate_every": 5.0,
}


@pytest.mark.parametrize(
    "settings",
    [{"cell": "lstm", "epochs": 20.0}, {"cell": "gru", "epochs": 15.0, "attention": "additive"}],
    ids=str,
)
def test_a_toy_language_is_learned(settings, tmp_path):
    """Words upside down and in capitals, 400 pairs: BLEU above 90 on sentences never seen."""
    train, test = (
        write_toy(tmp_path, 400, longest=6),
        write_toy(tmp_path, 50, seed=9, stem="test", longest=6),
    )
    model = ostinato.train("translation", train=train, out=tmp_path / "run", **LEARNING, **settings)
    result = model.evaluate(test)
    assert result["metrics"]["bleu"] > 90
    assert result["metrics"]["bleu"] > result["baseline"]["metrics"]["bleu"]
    assert model.predict(["one two three"]) == ["THREE TWO ONE"]
    saved = ostinato.load(tmp_path / "run")
    sources = Path(test[0]).read_text().splitlines()
    assert saved.predict(sources) == model.predict(sources)
    assert saved.predictions(sources) == model.predictions(sources)
    assert ostinato.load(tmp_path / "run", beam=1).task.options.beam == 1
    with pytest.raises(InputError, match="hidden_size cannot be changed on a trained model"):
        ostinato.load(tmp_path / "run", hidden_size=3)
    for wrong, message in [
        ("one two", "expected a list of inputs, not one text"),
        (7, "expected a list of inputs; got 7"),
        ([3], "expected a text, or a pair of texts .* got 3"),
    ]:
        with pytest.raises(InputError, match=message):
            model.predict(wrong)
    assert json.loads((tmp_path / "run/report.json").read_text())["data"]["train"] == 370


def test_a_dictionary_is_compared_with_networks(place, ostinato):
    """`--model dictionary`: word for word, with the scores that it has as the baseline."""
    line = "compare translation --train train.src train.tgt --models dictionary,gru --out both"
    outcome = ostinato(*line.split(), "--json", *TINY)
    assert outcome.status == 0, outcome.err
    rows = {row["model"]: row for row in json.loads(outcome.out)["models"]}
    assert rows.keys() == {"dictionary", "gru"}
    assert rows["dictionary"]["metrics"].keys() == {"bleu", "chrf"}
    assert rows["dictionary"]["parameters"] == 0
    baseline = json.loads(Path("both/gru/report.json").read_text())["baseline"]["metrics"]
    assert rows["dictionary"]["metrics"] == baseline

    outcome = ostinato("predict", "both/dictionary", "train.src", "--json")
    assert outcome.status == 0 and outcome.out.count("\n") == 20
    assert json.loads(outcome.out.splitlines()[0]).keys() == {"prediction"}
    for refused, message in (
        ("score both/dictionary train.src train.tgt", "a dictionary knows no probabilities"),
        ("predict both/dictionary,both/gru train.src", "cannot decode together"),
        ("predict both/dictionary,both/dictionary train.src", "do not decode together"),
        ("predict both/dictionary train.src --n-best 2", "has one translation of each sentence"),
        ("predict both/dictionary train.src --sampling", "leave out --sampling"),
        (
            "train translation --model dictionary --dev-metric perplexity",
            "a dictionary knows no probabilities; name bleu or chrf",
        ),
        ("train dialogue --model dictionary", "dictionary"),
    ):
        outcome = ostinato(*refused.split())
        assert outcome.status == 2 and len(outcome.err.splitlines()) == 1, refused
        assert message in outcome.err
    assert ostinato("verify", "both/dictionary").status == 0
