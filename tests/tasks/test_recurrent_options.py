"""--activation and --merge: what they build and refuse; models saved without them load."""

import json
from pathlib import Path

import pytest
import torch

import ostinato
from ostinato import tasks
from ostinato.cells import CELLS
from ostinato.errors import InputError
from ostinato.layers.recurrent import Recurrent
from ostinato.options import fields
from ostinato.tasks.classification.options import ClassificationOptions
from ostinato.tasks.shared.recurrent_options import MergeOptions, RecurrentOptions
from ostinato.tasks.tagging.options import TaggingOptions
from ostinato.tasks.translation.options import TranslationOptions
from ostinato.tasks.video.options import VideoOptions

OPTIONS = (ClassificationOptions, TaggingOptions, TranslationOptions, VideoOptions)


@pytest.mark.parametrize("options", OPTIONS)
def test_both_are_options_of_the_task(options):
    assert issubclass(options, MergeOptions)
    found = fields(options)
    assert found["activation"].choices == ("tanh", "relu", "sigmoid")
    assert found["activation"].default is None
    assert found["merge"].choices == ("concat", "sum", "mean", "product")
    assert found["merge"].default == "concat"


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("cell", ["rnn", "jordan", "indrnn"])
def test_the_cell_has_the_activation(cell, activation):
    options = RecurrentOptions(cell=cell, activation=activation)
    assert options.cell_type(2, 3).g is getattr(torch, activation)
    assert RecurrentOptions(cell=cell).cell_type is CELLS[cell]


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        (
            RecurrentOptions,
            {"activation": "relu"},
            "activation is for cell rnn or .*got cell lstm",
        ),
        (
            TranslationOptions,
            {"merge": "sum", "bidirectional": False},
            "merge sum needs bidirectional",
        ),
        (TranslationOptions, {"hidden_size": 9}, "hidden_size must be even"),
        (TaggingOptions, {"hidden_size": 9}, "hidden_size must be even"),
    ],
)
def test_what_does_not_fit_is_refused(options, settings, message):
    with pytest.raises(InputError, match=message):
        options(**settings)


@pytest.mark.parametrize("options", [TranslationOptions, TaggingOptions])
def test_added_directions_may_have_any_size(options):
    assert options(hidden_size=9, merge="sum").hidden_size == 9


def test_a_model_trained_with_both_is_loaded_and_one_without_either_has_the_defaults(tmp_path):
    settings = {"epochs": 1, "hidden_size": 8, "embedding_size": 4}
    texts, labels = ["a b", "b a a", "b b", "a a"] * 5, ["x", "y", "x", "y"] * 5
    table = tmp_path / "train.tsv"
    table.write_text(
        "text\tlabel\n" + "".join(f"{a}\t{b}\n" for a, b in zip(texts, labels, strict=True))
    )
    model = ostinato.train(
        "classification",
        train=[table],
        dev=[table],
        test=[table],
        out=tmp_path / "run",
        model="rnn",
        activation="relu",
        merge="sum",
        members=1,
        **settings,
    )
    (layer,) = (part for part in model.network.modules() if isinstance(part, Recurrent))
    assert layer.merge == "sum" and layer.cells[0].g is torch.relu and layer.output_size == 8
    loaded = ostinato.load(tmp_path / "run")
    assert loaded.predict(texts) == model.predict(texts)

    ostinato.train(
        "classification",
        train=[table],
        dev=[table],
        test=[table],
        out=tmp_path / "plain",
        model="rnn",
        members=1,
        **settings,
    )
    before = ostinato.load(tmp_path / "plain").predict(texts)
    path = tmp_path / "plain" / "model.json"
    description = json.loads(path.read_text())
    for name in ("activation", "merge"):
        del description["options"][name]
    path.write_text(json.dumps(description))
    assert ostinato.load(tmp_path / "plain").predict(texts) == before


SHARED = ("RecurrentOptions", "MergeOptions", "BidirectionalOptions")
FOLDERS = [path.parent for path in Path(tasks.__file__).parent.glob("*/options.py")]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_task_ignores_the_options_that_it_inherits(folder):
    inherited = [name for name in SHARED if name in (folder / "options.py").read_text()]
    if not inherited:
        pytest.skip("the task has no options of tasks.shared.recurrent_options")
    code = "\n".join(path.read_text() for path in folder.glob("*.py"))
    assert "CELLS[options.cell]" not in code, "options.cell_type is the cell with --activation"
    assert "cell_type" in code
    if inherited != ["RecurrentOptions"]:
        assert "merge=options.merge" in code, "--merge is not given to the network"
