"""Translation with --lexicon: from training to every verb, and where a time limit chooses it."""

from __future__ import annotations

import pytest
import torch

import ostinato
from ostinato.commands.export import export
from ostinato.commands.run import fit_to_time
from ostinato.commands.verify import verify
from ostinato.data.batching.buckets import BucketedBatches
from ostinato.data.text.sentence_pairs import Pair
from ostinato.errors import InputError
from ostinato.models.lexical_encoder_decoder import LexicalEncoderDecoder
from ostinato.notices import collect_notices
from ostinato.tasks import TASKS
from ostinato.training.options import Options
from toy_language import write_toy

SMALL = {"unit": "word", "hidden_size": 8, "embedding_size": 8, "epochs": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lexicon")
    files = write_toy(folder, 60, longest=4)
    return ostinato.train(
        "translation", train=files, out=str(folder / "run"), lexicon=True, alone=True, **SMALL
    ), files


def test_it_is_saved_with_the_network(run):
    model, _ = run
    again = ostinato.load(model.folder)
    assert isinstance(again.network, LexicalEncoderDecoder)
    assert again.network.lexicon.chances.max() > 0.5
    inputs = ["one two", "three", "six five four", "", "unknown words"]
    assert again.predict(inputs) == model.predict(inputs)
    pairs = [("one two", "TWO ONE"), ("three", "THREE")]
    assert again.score(pairs) == model.score(pairs)


def test_it_knows_the_words_after_a_single_epoch(run):
    model, _ = run
    right, wrong = model.score([("three", "THREE"), ("three", "FIVE")])
    assert right > wrong + 0.5


def test_the_score_is_that_of_the_decoded_text(run):
    model, _ = run
    model = ostinato.load(model.folder, beam=1)
    found = model.predictions(["one two"])[0]
    if found.details["log_probability"] < 0:
        score = model.score([("one two", found.text)])[0]
        assert score == pytest.approx(found.details["log_probability"], abs=1e-4)


def test_every_verb_that_needs_more_than_predictions(run, tmp_path):
    model, files = run
    assert all(check["passed"] for check in verify(str(model.folder)))
    assert ostinato.load(f"{model.folder},{model.folder}").predict(["one"]) == model.predict(
        ["one"]
    )
    aligned = ostinato.load(model.folder, align=True).predictions(["one two"])[0]
    assert set(aligned.details) >= {"alignment", "tokens"}
    with pytest.raises(InputError, match="--lexicon is not exported; train with --no-lexicon"):
        export(model, format="onnx", output=str(tmp_path / "model.onnx"))


def test_what_it_does_not_go_with():
    for values, message in (
        ({"teacher_forcing": 0.5}, "lexicon needs teacher_forcing 1: it reads the true"),
        ({"model": "dictionary"}, "lexicon is a part of recurrent networks"),
    ):
        with pytest.raises(InputError, match=message):
            TASKS["translation"].create({"lexicon": True, **values})
    with pytest.raises(InputError, match="lexicon: no such option"):
        TASKS["dialogue"].create({"lexicon": True})


@pytest.mark.parametrize(
    ("values", "expected"),
    [({}, True), ({"lexicon": False}, False), ({"reverse_source": True}, None)],
    ids=str,
)
def test_a_short_time_limit_chooses_it(values, expected, monkeypatch):
    monkeypatch.setattr(fit_to_time, "time_step", lambda *_: 1.0)
    records = [Pair("one two", "UN DEUX"), Pair("two", "DEUX"), Pair("one", "UN")]
    task = TASKS["translation"].create({"unit": "word", "hidden_size": 8, **values}).fit(records)
    examples = [task.preprocessing.encode(record) for record in records]
    batches = BucketedBatches(examples, batch_size=1, tokens=None, seed=1)

    def fit(seconds):
        settings = {"given": [], "device": "cpu", "records": records, "seconds": seconds}
        return fit_to_time.fit_to_time(task, batches, Options(epochs=10.0), **settings)[0]

    with collect_notices() as notes:
        found = fit(10.0)
    assert found.options.lexicon is expected
    assert any("a statistical translation model" in note for note in notes) == (expected is True)
    if expected:
        network = found.build_network()
        found.initialise(network)
        assert network.lexicon.chances.max() > 0
        assert fit(1000.0).options.lexicon is None
    torch.manual_seed(0)
