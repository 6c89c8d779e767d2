"""--init-from: weights by name, rows by token; freezing, layer-wise rates, gradual unfreezing."""

from __future__ import annotations

import json

import pytest
import torch

import ostinato
from ostinato.data.files.weights_file import load_weights
from ostinato.errors import InputError
from ostinato.tasks import TASKS
from ostinato.training.layer_rates import find_depths, freeze, set_layer_rates
from ostinato.training.loop import train
from toy_language import write_toy

TINY = {"hidden_size": 8, "embedding_size": 6, "unit": "word", "epochs": 2, "tensorboard": False}
SILENT = {"learning_rate": 1e-30, "epochs": 0.01}  # to see what a run begins with


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A translator of the toy language."""
    folder = tmp_path_factory.mktemp("first")
    files = write_toy(folder)
    return ostinato.train("translation", train=files, out=folder / "run", cell="gru", **TINY)


def test_rows_are_matched_by_token(first, tmp_path):
    """The second data has some of the words, in another order of frequency, and new ones."""
    (tmp_path / "a.src").write_text("six new\nsix one\nsix three new\nnew six\nsix six\n" * 4)
    (tmp_path / "a.tgt").write_text("NEW SIX\nONE SIX\nNEW THREE SIX\nSIX NEW\nSIX SIX\n" * 4)
    files = [tmp_path / "a.src", tmp_path / "a.tgt"]
    second = ostinato.train(
        "translation", train=files, out=tmp_path / "run", init_from=str(first.folder), **SILENT
    )
    assert second.task.options.cell == "gru"  # the network's options are the first run's
    assert second.task.options.hidden_size == 8
    before, now = (load_weights(each.folder / "model.safetensors") for each in (first, second))
    sides = {"encoder.embedding.weight": "inputs", "decoder.embedding.weight": "targets"}
    shared = 0
    for name, tensor in now.items():
        side = sides.get(name) or ("targets" if name.startswith("decoder.output") else None)
        if side is None:
            torch.testing.assert_close(tensor, before[name])
            continue
        old = first.task.preprocessing.vocabulary(side)
        for row, token in enumerate(second.task.preprocessing.vocabulary(side)):
            if token in old:
                torch.testing.assert_close(tensor[row], before[name][list(old).index(token)])
                shared += token.lower().strip("▁") in ("six", "one", "three")
    assert shared >= 6
    found = json.loads((second.folder / "report.json").read_text())["init_from"]
    assert (
        found["rows"]["encoder.embedding.weight"]["taken"]
        < found["rows"]["encoder.embedding.weight"]["all"]
    )
    assert found["new"] == []
    assert any("rows of encoder.embedding.weight" in note for note in second.report["notes"])


def test_the_same_data_takes_over_everything(first, tmp_path):
    files = write_toy(tmp_path)
    second = ostinato.train(
        "translation", train=files, out=tmp_path / "run", init_from=str(first.folder), **SILENT
    )
    before, now = (load_weights(each.folder / "model.safetensors") for each in (first, second))
    assert before.keys() == now.keys()
    for name in before:
        torch.testing.assert_close(now[name], before[name])


def train_tiny(name, folder, **more):
    from ostinato import options
    from ostinato.training.options import Options

    known = {*options.fields(TASKS[name].options), *options.fields(Options)}
    tiny = {key: value for key, value in {**TINY, "members": 1, **more}.items() if key in known}
    given = {key: value for key, value in more.items() if key == "init_from"}
    return ostinato.train(name, out=folder, **{**tiny, "epochs": 0.01, **given})


@pytest.mark.parametrize(
    "name",
    [
        "tagging",
        *(pytest.param(name, marks=pytest.mark.slow) for name in TASKS if name != "tagging"),
    ],
)
def test_every_task_begins_with_a_run(name, tmp_path):
    first = train_tiny(name, tmp_path / "first")
    second = train_tiny(
        name, tmp_path / "second", init_from=str(tmp_path / "first"), learning_rate=1e-30
    )
    assert second.report["init_from"]["new"] == []
    before, now = (load_weights(each.folder / "model.safetensors") for each in (first, second))
    taken = second.report["init_from"]["whole"]
    assert taken
    for name in taken:
        if "running" not in name:
            torch.testing.assert_close(now[name], before[name])


def test_a_run_of_another_task(first, tmp_path):
    with pytest.raises(InputError, match="a run of task translation, not language; give a run of"):
        ostinato.train("language", out=tmp_path / "x", init_from=str(first.folder))
    with pytest.raises(InputError, match="no such run folder"):
        ostinato.train("translation", out=tmp_path / "x", init_from=str(tmp_path / "none"))
    closed = tmp_path / "closed"
    ostinato.train("classification", out=closed, model="most-frequent", tensorboard=False)
    with pytest.raises(InputError, match="fitted without gradient steps and has no weights"):
        ostinato.train("classification", out=tmp_path / "x", init_from=str(closed))
    assert not (tmp_path / "x").exists()


def test_another_run_on_resuming(first, tmp_path):
    files = write_toy(tmp_path)
    given = {"train": files, "out": tmp_path / "run", **TINY}
    ostinato.train("translation", **given)
    with pytest.raises(InputError, match="--init-from cannot change when a run is resumed"):
        ostinato.train(
            "translation", out=tmp_path / "run", resume=True, init_from=str(first.folder)
        )


def test_frozen_parameters_stay(first, tmp_path):
    files = write_toy(tmp_path)
    second = ostinato.train(
        "translation",
        train=files,
        out=tmp_path / "run",
        init_from=str(first.folder),
        freeze="encoder,decoder.embedding",
        epochs=1,
    )
    before, now = (load_weights(each.folder / "model.safetensors") for each in (first, second))
    for name in before:
        frozen = name.startswith(("encoder.", "decoder.embedding"))
        assert torch.equal(before[name], now[name]) == frozen, name
    with pytest.raises(InputError, match="freeze: no parameters called 'enc'; the network has dec"):
        freeze(first.network, "enc")


def test_depths_and_rates(first):
    network = first.task.build_network()
    depths = find_depths(network)
    assert depths["decoder.output.bias"] == 0
    assert depths["encoder.embedding.weight"] == max(depths.values())
    cells = {depths[name] for name in depths if name.startswith("encoder.recurrent.cells")}
    assert len(cells) == 1  # both directions of a layer have one depth
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    set_layer_rates(optimizer, network, factor=0.5, unfreeze_every=2.0)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            depth = depths[names[id(parameter)]]
            assert group["rate_factor"] == 0.5**depth
            assert group["trained_from"] == 2.0 * depth
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(names)


def test_layers_are_unfrozen_from_the_top(first):
    """With a layer an epoch, the first epoch changes the top alone, the last one everything."""
    from ostinato.data.batching.batch import collate
    from ostinato.data.text.sentence_pairs import Pair

    network = first.task.build_network()
    encode = first.task.preprocessing.encode
    batch = collate([encode(Pair("one two", "TWO ONE")), encode(Pair("six", "SIX"))])
    depths = find_depths(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    set_layer_rates(optimizer, network, factor=1.0, unfreeze_every=1.0)
    begin = {name: p.detach().clone() for name, p in network.named_parameters()}
    for progress in train(network, [batch], optimizer, epochs=6, schedule=lambda step, epoch: 0.1):
        changed = {
            depths[name]
            for name, p in network.named_parameters()
            if not torch.equal(p, begin[name])
        }
        assert changed == set(range(min(progress.step, 1 + max(depths.values()))))
