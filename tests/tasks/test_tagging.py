"""Tagging from files to columns: what is kept, what is told apart, what is counted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import ostinato as package
from ostinato.cli import main
from ostinato.data.text.sentence import Sentence
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.tasks.tagging import TASK
from ostinato.tasks.tagging.prediction import find_part

TINY = {
    "hidden_size": 16,
    "embedding_size": 8,
    "character_size": 6,
    "epochs": 12.0,
    "batch_size": 4,
    "learning_rate": 0.02,
    "dropout": 0.0,
    "tensorboard": False,
}
NAMES = """-DOCSTART- -X- O

Anna NNP I-PER
Berg NNP I-PER
lives VBZ O
in IN O
Oslo NNP I-LOC
. . O

Oslo NNP I-LOC
Paris NNP B-LOC
and CC O
Rome NNP I-LOC

Karl NNP I-PER
sleeps VBZ O
. . O

"""


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    (folder / "train.txt").write_text(NAMES * 8)
    (folder / "test.txt").write_text(NAMES)
    return folder


@pytest.fixture(scope="module")
def model(names):
    files = {
        part: [str(names / f"{file}.txt")]
        for part, file in (("train", "train"), ("dev", "test"), ("test", "test"))
    }
    return package.train("tagging", **files, out=names / "run", **TINY)


def test_entities_are_learned_and_scored_in_the_scheme_of_the_file(model):
    fitted = model.task.preprocessing
    assert fitted.file_scheme == "iob1" and set(fitted.tags.tokens) == {
        "O",
        "B-PER",
        "E-PER",
        "S-PER",
        "S-LOC",
    }
    assert list(model.report["metrics"]) == ["f1", "precision", "recall", "accuracy"]
    assert model.report["metrics"]["f1"] == 1.0 and model.report["metrics"]["accuracy"] == 1.0
    assert 0 < model.report["baseline"]["metrics"]["f1"] <= 1
    assert any("spans in scheme iob1, learned as iobes" in note for note in model.report["notes"])


def test_every_line_comes_back(model, names, ostinato):
    found = ostinato("predict", names / "run", names / "test.txt")
    given, lines = NAMES.split("\n"), found.out.split("\n")
    assert found.status == 0 and len(lines) == len(given)
    for line, came in zip(given, lines, strict=False):
        assert came == (f"{line} {line.split()[-1]}" if line else "")


def test_sentences_and_columns_get_the_same_tags(model, names, tmp_path):
    text = tmp_path / "new.txt"
    text.write_text("Anna Berg lives in Oslo .\n\nKarl sleeps .\n")
    records = list(model.task.reader.read_inputs([text]))
    answers = [
        prediction.details["tags"]
        for prediction in model.task.predictor.predict(model.network, records)
    ]
    assert answers == [["I-PER", "I-PER", "O", "O", "I-LOC", "O"], [], ["I-PER", "O", "O"]]
    assert (
        model.predict(["Karl sleeps ."])
        == model.predict([["Karl", "sleeps", "."]])
        == ["Karl\tI-PER\nsleeps\tO\n.\tO\n"]
    )


def test_the_k_best(model, names, ostinato):
    found = ostinato("predict", names / "run", names / "test.txt", "--k-best", "3", "--json")
    answers = [json.loads(line) for line in found.out.splitlines()]
    assert [len(answer.get("n_best", [])) for answer in answers] == [
        1,
        3,
        3,
        3,
    ]  # the first is the line that begins a document
    for answer in answers[1:]:
        scores = [each["log_probability"] for each in answer["n_best"]]
        assert (
            scores == sorted(scores, reverse=True)
            and " ".join(answer["tags"]) == answer["n_best"][0]["prediction"]
        )
    columns = ostinato("predict", names / "run", names / "test.txt", "--k-best", "2").out.split(
        "\n"
    )
    assert {len(line.split()) for line in columns if line} == {5}


def test_a_probability_is_that_of_its_tags(model):
    right, wrong = (
        (["Karl", "sleeps", "."], ["I-PER", "O", "O"]),
        (["Karl", "sleeps", "."], ["O", "O", "O"]),
    )
    scores = model.score([right, wrong, (["Karl"], ["I-ORG"]), ([], [])])
    assert 0 >= scores[0] > scores[1] and scores[2:] == [-float("inf"), 0.0]
    assert model.predictions([right[0]])[0].details["log_probability"] == pytest.approx(
        scores[0], abs=1e-4
    )


def test_long_sentences_are_taken_apart_and_put_together(model):
    words = ["Karl", "sleeps", "."] * 5
    whole = ["I-PER", "O", "O"] * 5
    short = model.task.with_options(replace(model.task.options, maximum_tokens=3))
    record = short.reader.as_record((words, whole))
    assert short.predictor.predict(model.network, [record])[0].details["tags"] == whole
    assert short.predictor.log_probabilities(model.network, [record])[0] < 0


def test_tags_never_seen_are_counted_as_wrong_and_said(model, tmp_path):
    path = tmp_path / "other.txt"
    path.write_text("Karl NNP I-PER\nsleeps VBZ I-ODD\n\n")
    result = model.evaluate([str(path)])
    assert result["metrics"]["accuracy"] == 0.5
    assert any(
        "never seen in training, counted as wrong: I-ODD (1)" in note for note in result["notes"]
    )


def test_unknown_words_and_letters_get_tags(model):
    answers = model.predictions([["\u4e2d\u6587", "\U0001f600", "x" * 1000], [""]])
    assert len(answers[0].details["tags"]) == 3 and answers[0].details["unknown"] == 1.0


def test_binary_names():
    task = TASK.create({"binary": True})
    records = [
        task.reader.convert_tags(Sentence(["a", "b"], tags))
        for tags in (["I-PER", "O"], ["PROPN", "NOUN"], ["O", "B-LOC"])
    ]
    assert [each.tags for each in records] == [["NAME", "O"], ["NAME", "O"], ["O", "NAME"]]
    task = task.fit(records)
    assert task.preprocessing.file_scheme == "binary" and task.options.dev_metric == "f1"
    assert task.preprocessing.span_scheme is None


def test_broken_tags_are_put_right_and_counted():
    with collect_notices() as notices:
        task = TASK.create({}).fit(
            [
                Sentence(["a", "b", "c", "d"], ["B-X", "I-X", "O", "B-X"]),
                Sentence(["a", "b"], ["O", "I-X"]),
            ]
        )
    fitted = task.preprocessing
    assert fitted.file_scheme == "bio" and "1 tags broke its rules" in notices[0]
    assert set(fitted.tags.tokens) == {"O", "B-X", "E-X", "S-X"}


@pytest.mark.parametrize("kind", ["hmm", "feature-crf", "most-frequent"])
def test_baselines_are_models_of_the_same_commands(kind, names, tmp_path):
    run = tmp_path / "run"
    files = {
        part: [str(names / f"{file}.txt")] for part, file in (("train", "train"), ("dev", "test"))
    }
    trained = package.train("tagging", **files, out=run, model=kind)
    assert trained.report["metrics"]["accuracy"] > 0.9
    words = [["Karl", "sleeps", "."]]
    assert package.load(run).predict(words) == trained.predict(words)
    if kind != "most-frequent":
        assert package.load(run).score([(words[0], ["I-PER", "O", "O"])])[0] < 0
    else:
        with pytest.raises(
            InputError,
            match="a model of most frequent tags has no probabilities; train with model hmm",
        ):
            trained.score([(words[0], ["I-PER", "O", "O"])])


def test_two_runs_decode_together(names, tmp_path):
    files = {
        part: [str(names / f"{file}.txt")] for part, file in (("train", "train"), ("dev", "test"))
    }
    for seed in (1, 2):
        package.train("tagging", **files, out=tmp_path / str(seed), seed=seed, **TINY)
    pair = package.load(f"{tmp_path / '1'},{tmp_path / '2'}")
    assert pair.evaluate([str(names / "test.txt")])["metrics"]["f1"] > 0.9


def test_resumed_is_never_stopped(names, tmp_path):
    files = {
        part: [str(names / f"{file}.txt")] for part, file in (("train", "train"), ("dev", "test"))
    }
    settings = {**files, **TINY, "schedule": "constant"}
    whole = package.train("tagging", out=tmp_path / "whole", **{**settings, "epochs": 4.0})
    package.train("tagging", out=tmp_path / "parts", **{**settings, "epochs": 2.0})
    parts = package.train(
        "tagging", out=tmp_path / "parts", resume=True, **{**settings, "epochs": 4.0}
    )
    for (name, one), other in zip(
        whole.network.state_dict().items(), parts.network.state_dict().values(), strict=True
    ):
        assert one.equal(other), name


PAIRS = (
    "".join(
        f"{word} {kind} {tag}\n\n"
        for word, kind, tag in [("a", "x", "T"), ("b", "x", "T"), ("a", "y", "F"), ("b", "y", "F")]
    )
    * 8
)


def test_further_columns_are_read_beside_the_word(tmp_path, ostinato):
    """The word says nothing here, the second column everything."""
    (tmp_path / "train.txt").write_text(PAIRS)
    files = [
        "--train",
        tmp_path / "train.txt",
        "--dev",
        tmp_path / "train.txt",
        "--out",
        tmp_path / "run",
    ]
    settings = [
        part
        for name, value in TINY.items()
        if name != "tensorboard"
        for part in (f"--{name.replace('_', '-')}", value)
    ]
    assert (
        ostinato(
            "train", "tagging", *files, "--feature-columns", "2", "--no-tensorboard", *settings
        ).status
        == 0
    )
    (tmp_path / "new.txt").write_text("a x\na y\nodd y\nodd never\n\n\nb y\n")
    found = ostinato("predict", tmp_path / "run", tmp_path / "new.txt")
    assert [line.split() for line in found.out.split("\n")][:3] == [
        ["a", "x", "T"],
        ["a", "y", "F"],
        ["odd", "y", "F"],
    ]
    (tmp_path / "text.txt").write_text("just a sentence here\nand one more\n")
    found = ostinato("predict", tmp_path / "run", tmp_path / "text.txt")
    assert (
        found.status == 2
        and "text.txt:1: a sentence a line, but the model reads the columns 2 beside the word"
        in found.err
    )
    with pytest.raises(
        InputError,
        match="the model reads the columns 2 with each word; pass a Sentence with features",
    ):
        package.load(tmp_path / "run").predict(["a b"])
    assert package.load(tmp_path / "run").predictions([Sentence(["a"], features=[("y",)])])[
        0
    ].details["tags"] == ["F"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("1", "column 1 is the word's own"),
        ("3", "column 3 is that of the tag to be learned"),
        ("2,-2", "column 2 is given twice"),
        ("9", "the columns are 1 to 3"),
        ("pos", "no such column"),
    ],
)
def test_columns_that_cannot_be_read_beside_the_word(columns, said, tmp_path, ostinato):
    (tmp_path / "train.txt").write_text(PAIRS)
    found = ostinato(
        "train",
        "tagging",
        "--train",
        tmp_path / "train.txt",
        "--out",
        tmp_path / "run",
        "--feature-columns",
        columns,
    )
    assert found.status == 2 and said in found.err and "train.txt:1" in found.err


KAGGLE = "Sentence #,Word,POS,Tag\n" + "".join(
    f"Sentence: {number},Anna,NNP,B-per\n,Berg,NNP,I-per\n,likes,VBZ,O\n,{city},NNP,B-geo\n"
    for number, city in enumerate(["Oslo", "Rome"] * 16, start=1)
)
TOKENS = "".join(
    json.dumps({"tokens": ["Anna", "Berg", "likes", city], "ner_tags": [1, 2, 0, 5]}) + "\n"
    for city in ["Oslo", "Rome"] * 16
)
WRITTEN = {  # how the files write "Anna Berg likes Oslo"
    "bmes": "B-NAME E-NAME O S-LOC",
    "bmewo": "B-NAME E-NAME O W-LOC",
    "bilou": "B-NAME L-NAME O U-LOC",
    "ioe2": "I-NAME E-NAME O E-LOC",
    "bare": "B I O B",
    "suffix": "NAME-B NAME-I O LOC-B",
    "underscore": "B_NAME I_NAME O B_LOC",
}
COUNTED = {"model": "hmm", "tensorboard": False}


@pytest.mark.parametrize("name", WRITTEN)
def test_spans_are_scored_and_answered_as_the_files_write_them(name, tmp_path):
    tags = WRITTEN[name].split()
    words = ["Anna", "Berg", "likes", "Oslo"]
    rows = [f"{word}\t{tag}\n" for word, tag in zip(words, tags, strict=True)]
    (tmp_path / "train.tsv").write_text(("".join(rows) + "\n") * 32)
    files = {"train": [str(tmp_path / "train.tsv")], "dev": [str(tmp_path / "train.tsv")]}
    trained = package.train("tagging", **files, out=tmp_path / "run", **COUNTED)
    assert trained.report["metrics"]["f1"] == 1.0
    loaded = package.load(tmp_path / "run")
    assert loaded.predictions([words])[0].details["tags"] == tags
    assert loaded.evaluate([str(tmp_path / "train.tsv")])["metrics"]["f1"] == 1.0
    assert loaded.score([(words, tags)])[0] > -float("inf")


def test_a_table_with_a_word_a_row(tmp_path, ostinato):
    (tmp_path / "ner.csv").write_text(KAGGLE)
    files = {part: [str(tmp_path / "ner.csv")] for part in ("train", "dev")}
    trained = package.train("tagging", **files, out=tmp_path / "run", **COUNTED)
    assert trained.report["metrics"]["f1"] == 1.0 and trained.report["examples"]
    found = ostinato("predict", tmp_path / "run", tmp_path / "ner.csv")
    assert found.out.startswith("Anna\tB-per\nBerg\tI-per\nlikes\tO\nOslo\tB-geo\n\nAnna")
    assert found.out.count("\n\n") == 32


@pytest.mark.parametrize("names", [None, "O,B-PER,I-PER,B-ORG,I-ORG,B-LOC"])
def test_tags_by_number(names, tmp_path, ostinato):
    (tmp_path / "ner.jsonl").write_text(TOKENS)
    files = {part: [str(tmp_path / "ner.jsonl")] for part in ("train", "dev")}
    trained = package.train("tagging", **files, out=tmp_path / "run", tag_names=names, **COUNTED)
    assert ("f1" in trained.report["metrics"]) == bool(names)
    said = any("the tags are numbers" in note for note in trained.report["notes"])
    assert said != bool(names)
    found = ostinato("predict", tmp_path / "run", tmp_path / "ner.jsonl", "--json")
    tags = json.loads(found.out.splitlines()[0])["tags"]
    assert tags == (["B-PER", "I-PER", "O", "B-LOC"] if names else ["1", "2", "0", "5"])


def test_spans_in_no_known_scheme_are_said():
    records = [Sentence(["a", "b", "c"], ["BEGIN-X", "IN-X", "O"])] * 2
    with collect_notices() as notices:
        task = TASK.create({}).fit(records)
    assert task.preprocessing.file_scheme is None
    assert "look like spans, in no known scheme ('BEGIN-X', 'IN-X')" in notices[0]


def test_binary_names_in_any_form(tmp_path):
    (tmp_path / "a.txt").write_text("Anna PER-B\nBerg PER-I\nlikes O\n")
    read = TASK.create({"binary": True}).reader.read([tmp_path / "a.txt"])
    assert read[0].tags == ["NAME", "NAME", "O"]


def test_a_typed_line_is_a_sentence(model):
    assert model.task.options.at_a_terminal().layout == "sentences"


def test_accents_composed_or_apart_are_one_word():
    task = TASK.create({}).fit([Sentence(["caf\u00e9", "x"], ["A", "B"])] * 2)
    fitted = task.preprocessing
    assert fitted.look_up("cafe\u0301") == fitted.look_up("caf\u00e9")
    assert fitted.share_unknown(["cafe\u0301", "cafe"]) == 0.5


def test_sentences_as_typed_are_tokenised_and_it_is_said(names, tmp_path, capsys):
    run = tmp_path / "run"
    package.train("tagging", train=[str(names / "train.txt")], out=run, model="hmm")
    plain = tmp_path / "plain.txt"
    plain.write_text("Karl sleeps.\n")
    capsys.readouterr()
    assert main(["predict", str(run), str(plain)]) == 0
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.split("\n") if line] == ["Karl", "sleeps", "."]
    assert "plain.txt: not tokenised: punctuation is split off, as in 'Karl sleeps .'" in shown.err
    assert main(["predict", str(run), str(plain), "--tokenized"]) == 0
    shown = capsys.readouterr()
    assert "sleeps." in shown.out and "not tokenised" not in shown.err


def test_words_that_all_begin_alike_are_noted(tmp_path):
    (tmp_path / "de.txt").write_text("de:Berlin B-LOC\nde:. O\n\nde:Karl B-PER\nde:. O\n\n" * 5)
    with collect_notices() as notices:
        package.train(
            "tagging", train=[str(tmp_path / "de.txt")], out=tmp_path / "run", model="most-frequent"
        )
    assert any(note.startswith("all words begin with 'de:'") for note in notices)


def test_a_report_has_types_confusions_and_short_examples(names, tmp_path):
    run = tmp_path / "run"
    files = {
        part: [str(names / f"{file}.txt")] for part, file in (("train", "train"), ("dev", "test"))
    }
    report = package.train("tagging", **files, out=run, model="feature-crf").report
    assert {"number", "precision", "recall", "f1"} == set(next(iter(report["classes"].values())))
    assert not any("-" in name for name in report["classes"])  # types of spans, not tags
    assert (run / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert find_part(["O"] * 40, ["O"] * 30 + ["B-PER"] + ["O"] * 9) == (22, 38)
    assert find_part(["O"], ["O"]) == (0, 1)
