"""Examples handed over in Python in place of files."""

import numpy as np
import pytest

import ostinato
from ostinato.commands.run.records import list_rows, records_as_files
from ostinato.errors import InputError
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


@pytest.mark.parametrize("given", [ROWS, DICTS, COLUMNS, Frame(), Dataset(), iter(ROWS)])
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
}


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
