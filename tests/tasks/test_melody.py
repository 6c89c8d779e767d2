"""Melody, from files to tunes: the sample, conditions, prompts, keys; equal seeds, equal
tunes; chunks.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import ostinato
from ostinato.data.batching.batch import collate
from ostinato.data.files.samples import sample_files
from ostinato.data.music.tunes import END, Note, Tune, chords_of, events_of, sharps_of
from ostinato.errors import InputError
from ostinato.tasks.melody import TASK
from ostinato.tasks.melody import markov as counting
from ostinato.tasks.melody.baseline import TuneBaseline
from ostinato.tasks.melody.generation import TuneGenerator

TINY = {
    "hidden_size": 12,
    "embedding_size": 8,
    "epochs": 1.0,
    "tensorboard": False,
    "overwrite": True,
}
CHORDS = [
    [[60, 64, 67], [60, 64, 67], [59, 62, 67], [60, 64]] * 3,
    [[62, 65], [62, 65, 69], [], [57, 64]] * 4,
] * 6


@pytest.fixture(scope="module")
def tunes(tmp_path_factory):
    return ostinato.train(
        "melody", out=tmp_path_factory.mktemp("melody") / "tunes", condition="genre", **TINY
    )


@pytest.fixture(scope="module")
def chords(tmp_path_factory):
    folder = tmp_path_factory.mktemp("melody")
    (folder / "chords.json").write_text(
        json.dumps({"train": CHORDS, "valid": CHORDS[:3], "test": CHORDS[:3]})
    )
    file = str(folder / "chords.json")
    return ostinato.train(
        "melody", train=[file], dev=[f"{file}:valid"], test=[file], out=folder / "run", **TINY
    )


def fitted(records, **options):
    return TASK.create(options).fit(records)


def bar_positions(task, metre, steps):
    return task.preprocessing.features.encode_bar_positions(metre, steps)


def with_maximum_steps(task, steps):
    return task.with_options(replace(task.options, maximum_steps=steps))


def test_what_is_read_and_what_is_predicted():
    tune = Tune((Note(0, 2, 60), Note(3, 1, 62)), 4, "jig")
    task = fitted([tune], condition="genre")
    example = task.preprocessing.encode(tune)
    assert example.targets.tolist() == [60, 128, 129, 62, END]
    assert [row.nonzero().flatten().tolist() for row in example.inputs] == [
        [131, 133],
        [60, 133],
        [128, 133],
        [129, 133],
        [62, 133],
    ]  # the event before, or the beginning; the kind
    assert bar_positions(task, "4/4", np.arange(3)).shape == (3, 0)
    hidden = [
        task.preprocessing.encode(tune, draw=draw).inputs[:, 132].any().item()
        for draw in range(200)
    ]
    assert 0.03 < np.mean(hidden) < 0.2  # training sees some tunes as of no kind


def test_the_place_in_the_bar():
    tune = Tune((Note(0, 8, 60),), 8, metre="3/4")
    task = fitted([tune, tune._replace(metre="2/4")], steps_per_quarter=1)
    found = [
        row.nonzero().flatten().tolist() for row in task.preprocessing.encode(tune).inputs[:, 132:]
    ]
    assert found[:4] == [
        [0, 4, 5],
        [1, 4, 5],
        [2, 4, 5],
        [0, 4, 6],
    ]  # step of the bar, metre, bar of the phrase
    assert bar_positions(task, "2/4", np.array([17])).nonzero()[:, 1].tolist() == [1, 3, 5]
    assert not bar_positions(task, "7/8", np.arange(4)).any()
    generator = TuneGenerator(task.options, task.preprocessing, torch.nn.Identity())
    beginning = generator.begin(tune, 4, generator.writer("3/4"), 0)
    rows = torch.cat([beginning.encode(), beginning.encode_after(np.array([129]), 1)])
    assert torch.equal(rows[:, 132:], bar_positions(task, "3/4", np.arange(10)))


def test_chords_are_read_and_predicted_as_sets():
    tune = Tune((Note(0, 2, 60), Note(1, 1, 64)), 2)
    task = fitted([tune])
    example = task.preprocessing.encode(tune)
    assert task.preprocessing.chords
    assert example.targets.dtype == torch.int8
    assert [row.nonzero().flatten().tolist() for row in example.targets] == [[60], [60, 64]]
    assert [row.nonzero().flatten().tolist() for row in example.inputs] == [[128], [60]]


def test_training_sees_other_keys_and_the_same_draw_the_same_one():
    tune = Tune((Note(0, 2, 60), Note(2, 1, 64)), 3)
    task = fitted([tune], transpose=3, voices="melody")
    firsts = {task.preprocessing.encode(tune, draw=draw).targets[0].item() for draw in range(100)}
    assert firsts == set(range(57, 64))
    encode = task.preprocessing.encode
    assert torch.equal(encode(tune, draw=5).inputs, encode(tune, draw=5).inputs)
    assert not fitted([tune], transpose=0).preprocessing.varies


def test_a_normalised_key():
    tune = Tune(
        tuple(Note(step, 1, pitch) for step, pitch in enumerate((67, 69, 71, 72, 74, 76, 78, 79))),
        8,
    )
    task = fitted([tune], normalise_key=True, transpose=0)
    assert sharps_of(task.preprocessing.normalise(tune)) == 0
    encode = task.preprocessing.encode
    assert encode(tune).targets[0] == 72
    assert encode(tune.transposed(2)).targets.tolist() == encode(tune).targets.tolist() or (
        encode(tune.transposed(2)).targets - encode(tune).targets
    )[:8].unique().tolist() in ([12], [-12])


@pytest.mark.parametrize("which", ["tunes", "chords"])
def test_cut_into_chunks_is_whole(which, request):
    model = request.getfixturevalue(which)
    records = model.task.reader.read([str(sample_files("melody")["test"])])[:5]
    whole = model.score(records)
    in_chunks = with_maximum_steps(model.task, 7).predictor
    assert in_chunks.log_probabilities(model.answering_network, records) == pytest.approx(
        whole, abs=1e-3
    )
    assert [model.score([record])[0] for record in records] == pytest.approx(whole, abs=1e-3)


def test_long_tunes_are_learned_in_parts():
    tune = Tune(tuple(Note(step, 1, 60) for step in range(25)), 25)
    task = fitted([tune], maximum_steps=10)
    parts = task.preprocessing.trainable_records([tune])
    examples = [task.preprocessing.encode(part) for part in parts]
    assert [len(example.targets) for example in examples] == [
        10,
        10,
        6,
    ]  # the end is predicted once
    assert [example.inputs[0].any().item() for example in examples] == [True, False, False]


@pytest.mark.parametrize("which", ["tunes", "chords"])
def test_the_same_seed_the_same_tunes(which, request):
    model = request.getfixturevalue(which)
    three = model.generate(samples=3, length=40, seed=7)
    assert three == model.generate(samples=3, length=40, seed=7)
    assert three[:1] == model.generate(samples=1, length=40, seed=7)
    assert three != model.generate(samples=3, length=40, seed=8)
    assert all(tune.steps <= 40 for tune in three)
    (none,) = model.generate(length=0)
    assert none.notes == ()
    greedy = model.generate(temperature=0, length=20)
    assert greedy == model.generate(temperature=0, length=20, seed=99)


def test_a_tune_made_of_nothing_begins_as_tunes_do(tunes):
    begun = {
        (tune.notes[0].start, tune.notes[0].pitch)
        for tune in tunes.generate(samples=20, length=40, condition="jig")
    }
    assert len(begun) > 1
    assert begun <= set(map(tuple, tunes.task.preprocessing.openings["jig"]))


@pytest.mark.parametrize("which", ["tunes", "chords"])
def test_a_prompt_is_gone_on_with(which, request, tmp_path):
    model = request.getfixturevalue(which)
    (tune,) = model.generate(prompt="60 62 64 65", length=12, seed=3)
    assert [note[::2] for note in tune.notes[:4]] == [(0, 60), (1, 62), (2, 64), (3, 65)]
    assert 4 < tune.steps <= 16
    (tmp_path / "seed.abc").write_text("X:1\nM:3/4\nL:1/16\nK:D\nFGA\n")
    (tune,) = model.generate(prompt=str(tmp_path / "seed.abc"), length=12)
    assert [note.pitch for note in tune.notes[:3]] == [66, 67, 69]
    assert (tune.metre, tune.sharps) == ("3/4", 2)


def test_the_text_is_the_tune(tunes, tmp_path):
    from ostinato.commands.generate import generate, pieces
    from ostinato.data.music.music_files import Reading

    made = "".join(pieces(generate(tunes, samples=2, length=50, seed=5, condition="jig")))
    (tmp_path / "made.abc").write_text(made)
    read = list(Reading().read([tmp_path / "made.abc"]))
    results = tunes.generate(samples=2, length=50, seed=5, condition="jig")
    assert [tune.notes for tune in read] == [tune.notes for tune in results]
    assert [(tune.label, tune.metre) for tune in read] == [("jig", "6/8")] * 2


def test_files_of_every_kind(tunes, chords, tmp_path, ostinato):
    pytest.importorskip("symusic")
    for model in (tunes, chords):
        found = ostinato(
            "generate",
            str(model.folder),
            "--length",
            "24",
            "--samples",
            "2",
            "--output",
            str(tmp_path / "tune"),
        )
        assert found.status == 0, found.err
        names = {
            "tune.abc",
            "tune-1.mid",
            "tune-2.mid",
            "tune-1.png",
            "tune-2.png",
            "tune-1.wav",
            "tune-2.wav",
        }
        assert {path.name for path in tmp_path.iterdir()} == names
        assert (tmp_path / "tune.abc").read_text().count("X:") == 2
    found = ostinato(
        "generate", str(tunes.folder), "--length", "9", "--output", str(tmp_path / "one.midi")
    )
    assert found.status == 0 and (tmp_path / "one.midi").read_bytes().startswith(b"MThd")


def test_predict_continues_each_tune(tunes):
    answers = tunes.predict(["G2A2B2", "", [60, 62]])
    assert len(answers) == 3 and all("\n" not in answer for answer in answers)
    assert tunes.predict(["", "G2A2B2"]) == [answers[1], answers[0]]
    prediction = tunes.predictions(["G2A2B2"])[0]
    assert all(start >= 6 for start, _, _ in prediction.details["notes"])


def test_together(tunes):
    both = tunes.task.combine([tunes.network, tunes.network])
    records = tunes.task.reader.read([str(sample_files("melody")["test"])])[:4]
    predictor = tunes.task.predictor
    assert predictor.log_probabilities(both, records) == pytest.approx(
        predictor.log_probabilities(tunes.network, records), abs=1e-3
    )
    assert len(predictor.predict(both, records[:1])) == 1


def test_the_report_has_baselines(tunes, chords):
    assert "Markov" in tunes.report["baseline"]["name"]
    assert (
        tunes.report["baseline"]["metrics"]["nll_per_step"]
        < tunes.report["baseline"]["simpler"][0]["metrics"]["nll_per_step"]
    )
    assert chords.report["baseline"]["name"] == "Markov model of each pitch"
    for model in (tunes, chords):
        metrics = model.report["metrics"]
        assert np.exp(metrics["nll_per_step"]) == pytest.approx(metrics["perplexity"])


@pytest.mark.parametrize("name", ["markov", "frequencies"])
@pytest.mark.parametrize("kind", ["melody", "chords"])
def test_counting_is_a_model_too(kind, name, tmp_path):
    train, test = (tmp_path / f"{part}.json" for part in ("train", "test"))
    train.write_text(
        json.dumps(
            CHORDS
            if kind == "chords"
            else [[60 + step % 5 + n % 3 for step in range(20)] for n in range(30)]
        )
    )
    test.write_text(
        json.dumps(
            [CHORDS[0], CHORDS[1][:5]]
            if kind == "chords"
            else [[60, 61, 62, 63], [61, -1], [60] * 9]
        )
    )
    made = ostinato.train(
        "melody", train=[str(train)], test=[str(test)], out=tmp_path / "run", model=name, **TINY
    )
    baseline = made.report["baseline"]
    beside = baseline if name == "markov" else baseline["simpler"][0]
    assert made.report["metrics"] == pytest.approx(beside["metrics"], rel=1e-5)
    loaded = ostinato.load(tmp_path / "run")
    assert loaded.evaluate([str(test)])["metrics"] == made.report["metrics"]
    records = loaded.task.reader.read([str(test)])
    whole = loaded.score(records)
    assert whole == pytest.approx([loaded.score([record])[0] for record in records])
    in_chunks = with_maximum_steps(loaded.task, 3).predictor
    chunked = in_chunks.log_probabilities(loaded.network, records)
    assert chunked == pytest.approx(whole)  # chunked = whole
    three = loaded.generate(samples=3, length=12, seed=7, prompt="60 62")
    assert three == made.generate(samples=3, length=12, seed=7, prompt="60 62")
    assert three[:1] == made.generate(samples=1, length=12, seed=7, prompt="60 62")
    assert len(loaded.predict(["60 62", "", "64"])) == 3


def test_what_is_drawn_is_what_is_counted():
    """Step by step, the distribution that is sampled is the one that scores."""
    for records, options in (
        (CHORDS[:2], {}),
        ([[60, 62, 64, 60, 62, 64]] * 3, {"voices": "melody"}),
    ):
        task = TASK.create({"model": "markov", **options})
        tunes = [task.reader.as_record(record) for record in records]
        task = task.fit(tunes)
        network, example = task.build_network().eval(), task.preprocessing.encode(tunes[0])
        losses, _ = network.losses(collate([example]))
        state = network.read(example.inputs[None, :3], torch.tensor([3]), network.initial_state(1))
        told = Told()
        network.step(example.inputs[3][None], state, told)
        wanted = example.targets[3]
        if task.preprocessing.chords:
            p = told.logits.sigmoid()[0]
            assert -torch.where(wanted > 0, p, 1 - p).log().sum() == pytest.approx(
                losses[0, 3].item(), rel=1e-5
            )
        else:
            assert -told.logits.log_softmax(-1)[0, wanted] == pytest.approx(
                losses[0, 3].item(), rel=1e-5
            )


class Told:
    """Remembers the logits that it is asked to draw from."""

    def choose(self, logits, rows):
        self.logits = logits
        return logits.argmax(-1)

    def flip(self, logits, rows):
        self.logits = logits
        return logits > 0


@pytest.mark.parametrize("chords", [False, True])
def test_a_baseline_is_saved_and_loaded(chords):
    tunes = [Tune((Note(0, 2, 60 + n % 3), Note(2, 2, 64)), 5) for n in range(30)]
    baseline = TuneBaseline.fit(tunes, lambda tune: tune, chords=chords)
    again = TuneBaseline.restore(json.loads(json.dumps(baseline.state())), lambda tune: tune)
    assert again.name == baseline.name
    assert again.measure(tunes) == baseline.measure(tunes)
    assert [each.name for each in again.simpler] == [each.name for each in baseline.simpler]


def test_the_order_of_the_baseline_is_chosen_with_one_model_for_each(monkeypatch):
    fitted_orders = []

    def fit_ngram(sequences, order):
        fitted_orders.append(order)
        return fit(sequences, order)

    fit = counting.fit_ngram
    monkeypatch.setattr(counting, "fit_ngram", fit_ngram)
    tunes = [Tune((Note(0, 2, 60 + n % 3), Note(2, 2, 64)), 5) for n in range(200)]
    TuneBaseline.fit(tunes, lambda tune: tune, chords=False)
    assert sorted(fitted_orders[: len(counting.ORDERS)]) == sorted(counting.ORDERS)
    assert len(fitted_orders) == len(counting.ORDERS) + 2


@pytest.mark.pictures
def test_only_a_tune_that_had_a_prompt_has_it_in_its_picture(tunes, tmp_path):
    """A picture shades the steps of the prompt of its own tune, and of no call before it."""

    def pictures(*made):
        files = tunes.task.predictor.save_generated(made, tmp_path / "tune.png")
        return [path.read_bytes() for path in files]

    pytest.importorskip("matplotlib")
    (free,) = tunes.generate(length=12, seed=3)
    before = pictures(free)
    (prompted,) = tunes.generate(prompt="60 62 64 65", length=12, seed=3)
    assert prompted.prompt_steps == 4
    assert pictures(prompted) != pictures(Tune(*prompted))
    assert pictures(free) == before
    assert pictures(prompted, free) == [*pictures(prompted), *before]
    assert tunes.generate(length=12, seed=3) == [free]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"beam": 3}, "beam is not for tunes"),
        ({"stop": "x"}, "stop is not for tunes; use length, in steps"),
        ({"condition": "jigg"}, "condition jigg: no such kind; did you mean 'jig'?"),
        ({"prompt": "missing.mid"}, "missing.mid: no such file"),
        ({"prompt": "[60, 200]"}, "the prompt, step 2: the pitch 200 is outside 0 to 127"),
    ],
)
def test_what_generate_refuses(tunes, request_, message):
    with pytest.raises(InputError, match=message):
        tunes.generate(**request_)


def test_a_model_without_kinds_refuses_them(chords):
    with pytest.raises(
        InputError,
        match="condition jig: this model is unconditional; train with condition genre",
    ):
        chords.generate(condition="jig")


def test_events_and_chords_agree():
    for tune in TASK.create({}).reader.read([str(sample_files("melody")["train"])]):
        assert ((chords_of(tune).sum(1) > 0) == (events_of(tune) != 129)).all()
