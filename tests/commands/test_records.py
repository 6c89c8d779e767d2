"""Examples handed over in Python in place of files."""

import io

import numpy as np
import pytest
import torch

import ostinato
from ostinato.commands.run.record_rows import list_rows, name_classes
from ostinato.commands.run.records import records_as_files
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.tasks import TASKS

ROWS = [("a fine film", "good"), ("a dull one", "bad"), ("great fun", "good"), ("boring", "bad")]


class Frame:
    """What is used of a DataFrame."""

    columns = ("text", "label")

    def to_dict(self, kind):
        assert kind == "records"
        return [{"text": text, "label": label} for text, label in ROWS]


class Names:
    names = ["bad", "good"]


class Dataset:
    """What is used of a Hugging Face dataset."""

    column_names = ["text", "label"]
    features = {"text": None, "label": Names()}

    def __iter__(self):
        return iter([{"text": text, "label": Names.names.index(label)} for text, label in ROWS])


COLUMNS = {"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]}
DICTS = [{"text": text, "label": label} for text, label in ROWS]


class LazyFrame:
    """What is used of a lazy frame of polars."""

    columns = ("text", "label")

    def collect_schema(self):
        raise AssertionError("not read")

    def collect(self):
        return Frame()


class Table:
    """What is used of a table of pyarrow."""

    column_names = ["text", "label"]

    def to_pylist(self):
        return DICTS


TEXTS, LABELS = [text for text, _ in ROWS], [label for _, label in ROWS]


@pytest.mark.parametrize(
    "given",
    [
        *(ROWS, DICTS, COLUMNS, Frame(), Dataset(), iter(ROWS), LazyFrame(), Table()),
        *((TEXTS, LABELS), (np.array(TEXTS), np.array(LABELS)), np.array(ROWS)),
        np.array(ROWS, dtype=object),
    ],
)
def test_every_kind_of_list(given):
    with records_as_files("classification", {}, train=given) as files:
        records = TASKS["classification"].create({}).reader.read(files["train"], training=True)
    assert [record[:2] for record in records] == ROWS


GIVEN = {
    "translation": [("a b", "c d")],
    "dialogue": [("hello", "hi"), ["a", "b", "c"]],
    "language": [("some text",), {"text": "more"}],
    "tagging": [(["a", "b"], ["X", "Y"]), {"tokens": ["c"], "ner_tags": ["X"]}],
    "genome": [("ACGT", "x"), ("GGGT", "y")],
    "melody": [[60, 62, 64, 65], [67, 65, 64, 62]],
    "video": [(np.zeros((3, 4)), "a"), (np.ones((2, 4)), "b")],
    "captioning": [(np.ones((2, 3)), ["a", "b"]), (np.ones((2, 3)), ["c"])],
    "transcription": [(np.ones((5, 3)), "yes"), (np.ones((4, 3)), "no")],
    "forecasting": [np.arange(40.0), np.arange(40.0)],
    "anomaly": [list(range(40)), np.arange(40.0)],
    "autoencoder": [[1.0, 2, 3], [4.0, 5, 6]],
    "classification": ROWS,
}


def test_there_is_a_case_for_every_task():
    assert set(GIVEN) == set(TASKS)


def read_given(task, given, settings=()):
    """The records of examples given in Python, all read before the files go."""
    with records_as_files(task, dict(settings), train=given) as files:
        return list(TASKS[task].create(dict(settings)).reader.read(files["train"]))


WORDS, TAGS = ["Oslo", "is", "big"], ["B-LOC", "O", "O"]


@pytest.mark.parametrize(
    "given",
    [
        [(WORDS, TAGS)] * 2,
        ([WORDS] * 3, [TAGS] * 3),
        [list(zip(WORDS, TAGS, strict=True))] * 2,
        [{"tokens": WORDS, "ner_tags": TAGS, "id": "1"}] * 2,
        [{"text": " ".join(WORDS), "tags": " ".join(TAGS)}] * 2,
        [
            {"sentence_id": 5, "word": word, "tag": tag}
            for word, tag in zip(WORDS, TAGS, strict=True)
        ],
        [
            {"Sentence #": name, "Word": word, "POS": "X", "Tag": tag}
            for name, word, tag in zip(
                ["Sentence: 1", None, float("nan")], WORDS, TAGS, strict=True
            )
        ],
    ],
)
def test_every_layout_of_tagged_sentences(given):
    assert {(tuple(one.words), tuple(one.tags)) for one in read_given("tagging", given)} == {
        (tuple(WORDS), tuple(TAGS))
    }


def test_the_column_of_tags_is_chosen_of_dicts():
    given = [{"tokens": WORDS, "pos_tags": ["N", "V", "A"], "ner_tags": TAGS}]
    (record,) = read_given("tagging", given, {"tag_column": "pos_tags"})
    assert record.tags == ["N", "V", "A"]


def test_translations_and_messages_as_hugging_face_has_them():
    given = [
        {"translation": {"de": "ja", "en": "yes"}},
        {"translation": {"en": "no", "de": "nein"}},
    ]
    with collect_notices() as notices:
        assert read_given("translation", given) == [("ja", "yes"), ("nein", "no")]
    assert notices == ["train: from de to en, in the order of its first translation"]
    assert read_given("translation", given, {"source_column": "en"})[0] == ("yes", "ja")
    assert read_given("translation", given, {"target_column": "de"})[1] == ("no", "nein")
    messages = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello"},
    ]
    others = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]
    for row in ({"messages": messages}, {"conversations": others}, {"dialog": ["hi", "hello"]}):
        (record,) = read_given("dialogue", [row])
        assert record[-2:] == ("hi", "hello")


def series_of(record):
    """The series of a forecaster's window, or of an anomaly detector's record."""
    return getattr(record, "series", record)


@pytest.mark.parametrize("task", ["forecasting", "anomaly"])
def test_every_layout_of_series(task):
    values, columns = np.arange(19.0), {"ds": [f"2024-01-{day:02}" for day in range(1, 20)]}
    for given in (
        *(values, values.tolist(), torch.tensor(values), [values]),
        *({**columns, "y": values}, [{**columns, "y": values, "unique_id": "a"}]),
        [{"ds": day, "y": value} for day, value in zip(columns["ds"], values, strict=True)],
    ):
        (record,) = read_given(task, given, {"horizon": 2} if task == "forecasting" else {})
        assert np.asarray(series_of(record).values).ravel().tolist() == values.tolist()


def test_sounds(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    samples = np.sin(np.arange(800) / 9).astype(np.float32)
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, 8000)
    content = {"bytes": path.read_bytes(), "path": None}
    for sound in (
        *((samples, 8000), {"array": samples, "sampling_rate": 8000}, content),
        *(str(path), path, {"bytes": None, "path": str(path)}),
    ):
        with records_as_files("transcription", {}, train=[(sound, "yes")]) as files:
            (record,) = TASKS["transcription"].create({}).reader.read(files["train"])
            assert soundfile.read(record.audio)[1] == 8000 and record.text == "yes"
    assert read_given("transcription", [(samples, "yes")], {"sample_rate": 8000})
    with pytest.raises(InputError, match=r"train:1: samples without their rate; give \(samples"):
        read_given("transcription", [(samples, "yes")])
    with pytest.raises(InputError, match="train:2: expected samples"):
        read_given("transcription", [((samples, 8000), "yes"), ("b.wav", "yes")])


def test_pictures_with_classes():
    images = pytest.importorskip("PIL.Image")
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    image = images.fromarray(pixels)
    stream = io.BytesIO()
    image.save(stream, "png")
    for given in (image, {"bytes": stream.getvalue(), "path": "x.png"}):
        records = read_given("classification", [(given, "cat"), (given, "dog")])
        assert [record.label for record in records] == ["cat", "dog"]
        assert (records[0].inputs * 255).round().astype(np.uint8).tolist() == pixels.tolist()
    (record, _) = read_given("classification", (np.stack([pixels, pixels]), ["cat", "dog"]))
    assert record.inputs.shape == (4, 4, 3)
    with pytest.raises(InputError, match="train:2: the label of an image must be usable as"):
        read_given("classification", [(image, "cat"), (image, "../dog")])
    with pytest.raises(InputError, match="train:2: expected an image, as the first is"):
        read_given("classification", [(image, "cat"), ("text", "dog")])


def test_ids_that_stand_for_no_class_stay():
    features = {"label": Names(), "tags": type("List", (), {"feature": Names()})(), "id": None}
    row = {"label": -1, "tags": [0, -100, np.int64(1)], "id": 7}
    assert name_classes(row, features) == {"label": -1, "tags": ["bad", -100, "good"], "id": 7}
    assert name_classes({"label": None, "tags": None, "id": 7}, features)["tags"] is None


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_of_others(library):
    module = pytest.importorskip(library)
    frame = module.DataFrame({"text": TEXTS, "label": LABELS})
    records = read_given("classification", frame)
    assert [record[:2] for record in records] == ROWS
    assert [
        one.source
        for one in read_given("translation", module.DataFrame({"source": TEXTS, "target": LABELS}))
    ] == TEXTS
    tagged = module.DataFrame({"tokens": [WORDS] * 2, "ner_tags": [TAGS] * 2})
    assert read_given("tagging", tagged)[1].tags == TAGS
    series = read_given("forecasting", module.Series([1.0, 2, 3, 4] * 3), {"horizon": 1})
    assert np.asarray(series_of(series[0]).values).ravel().tolist() == [1, 2, 3, 4] * 3


def test_frames_with_times():
    pandas = pytest.importorskip("pandas")
    times = pandas.date_range("2024-01-01", periods=12, freq="D")
    for given in (
        pandas.Series([1.0, 2, 3, 4] * 3, index=times),
        pandas.DataFrame({"y": [1.0, 2, 3, 4] * 3}, index=times),
        pandas.DataFrame({"y": [1.0, 2, 3, 4] * 3}, index=times.to_period("D")),
    ):
        series = series_of(read_given("forecasting", given, {"horizon": 1})[0])
        assert np.asarray(series.values).ravel().tolist() == [1, 2, 3, 4] * 3
        assert series.axis.stamps(0, 1)[0].startswith("2024-01-01")


class Odd:
    def __repr__(self):
        return "Odd()"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "wrong",
    [5, b"ab", object(), [Odd()], [Odd(), Odd()], [{"a": Odd()}], [(Odd(), Odd())], {"a": 5}],
)
def test_wrong_types_are_refused_in_words_by_every_task(task, wrong):
    settings = {"horizon": 1} if task == "forecasting" else {}
    with pytest.raises(InputError, match=r"^train"):
        read_given(task, wrong, settings)


@pytest.mark.parametrize("task", GIVEN)
def test_every_task_reads_them(task):
    with records_as_files(task, {}, train=GIVEN[task]) as files:
        records = list(TASKS[task].create({}).reader.read(files["train"]))
    assert len(records) == len(GIVEN[task]) + (task == "dialogue")


def test_series():
    x, y = np.arange(24.0).reshape(2, 4, 3), [0, 1]
    for given in ((x, y), [(x[0], 0), (x[1, :2], 1)]):
        with records_as_files("classification", {}, train=given) as files:
            first, second = TASKS["classification"].create({}).reader.read(files["train"])
        assert first.inputs.tolist() == x[0].tolist() and second.label == "1"


@pytest.mark.parametrize(
    "given, message",
    [
        (5, "train: expected a list of files, or of examples: .*; got 5"),
        ([("a",)], r"train:1: expected a pair \(text, label\), or a dict of these; got"),
        ([("a", "x"), "b"], "not both; one is 'b'"),
        (iter([]), "train: no examples"),
        ({"text": ["a"], "label": []}, "train: columns of differing length"),
        ((np.ones((2, 3)), [1]), "train: X and y must be of the same length"),
    ],
)
def test_refused(given, message):
    with (
        pytest.raises(InputError, match=message),
        records_as_files("classification", {}, train=given),
    ):
        pass


def test_lines_of_messages_are_numbers_of_examples(tmp_path):
    with pytest.raises(InputError, match="^train:2: no label; complete the row or remove it"):
        ostinato.train("classification", train=[("a", "x"), ("b", None)], out=tmp_path / "run")


def test_trained_and_evaluated(tmp_path):
    tiny = {"epochs": 0.1, "hidden_size": 8, "embedding_size": 8, "tensorboard": False}
    model = ostinato.train("classification", train=ROWS * 5, test=ROWS, out=tmp_path / "r", **tiny)
    assert model.report["tested_on"] == "test"
    assert not any("/tmp" in command.replace(str(tmp_path), "") for command in model.report["next"])
    assert model.evaluate(Frame())["examples"] == 4
    for wrong, message in (
        (lambda: model.evaluate("/x"), "expected a list of files, not one text"),
        (lambda: model.predict([()]), "."),
        (lambda: model.predict([None]), "."),
        (lambda: model.generate(temperature="x"), "temperature: expected a number, got 'x'"),
        (lambda: model.evaluate(ROWS, seed="x"), "seed: expected a whole number, got 'x'"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()


def test_a_dataset_of_several_parts_is_refused():
    class Parts(dict):
        column_names = {"train": ["text"]}

    with pytest.raises(InputError, match="several parts \\('train', 'test'\\); give one of them"):
        list_rows(Parts(train=1, test=2), "train")
