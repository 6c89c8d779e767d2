"""accelerate: what is replaced, what is left alone and why, what stays the same, and the way
back.
"""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import ostinato
from ostinato.layers.drop_in import torch_cells, torch_style
from ostinato.layers.drop_in.accelerate import FASTER, accelerate


class Tagger(nn.Module):
    """A program as users write it: packing, two directions, a cell called in a loop."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 6)
        self.encoder = nn.LSTM(6, 5, 2, bidirectional=True, batch_first=True)
        self.stack = nn.ModuleList(
            [nn.GRU(10, 4, batch_first=True), nn.RNN(4, 4, batch_first=True)]
        )
        self.cell = nn.GRUCell(4, 4)
        self.register_buffer("scale", torch.ones(4))
        self.out = nn.Linear(4, 3)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(
            self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        x, _ = pad_packed_sequence(self.encoder(packed)[0], batch_first=True)
        for layer in self.stack:
            x, _ = layer(x)
        h = None
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return self.out(h * self.scale)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Tagger()


def answer(model):
    return model(torch.arange(12).reshape(3, 4), torch.tensor([2, 4, 3]))


def classes(model):
    return {path: type(module) for path, module in model.named_modules()}


def test_in_place_with_the_very_same_parameters(model):
    expected = answer(model)
    parameters, names, before = (
        list(model.parameters()),
        list(model.state_dict()),
        dict(model.named_modules()),
    )
    report = ostinato.accelerate(model)
    assert report.module is model
    assert report.replaced == 4
    torch.testing.assert_close(answer(model), expected, rtol=0, atol=1e-6)
    assert all(one is other for one, other in zip(model.parameters(), parameters, strict=True))
    assert list(model.state_dict()) == names
    assert all(module is before[path] for path, module in model.named_modules())
    assert {type(model.encoder), type(model.stack[0]), type(model.stack[1]), type(model.cell)} == {
        torch_style.LSTM,
        torch_style.GRU,
        torch_style.RNN,
        torch_cells.GRUCell,
    }


def test_training_goes_on_with_the_same_optimizer(model):
    twin = copy.deepcopy(model)
    optimizers = [torch.optim.Adam(each.parameters(), lr=0.01) for each in (model, twin)]
    for step in range(6):
        if step == 3:
            accelerate(model)
        for each, optimizer in zip((model, twin), optimizers, strict=True):
            optimizer.zero_grad()
            answer(each).pow(2).sum().backward()
            optimizer.step()
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


def test_copy_leaves_the_original_alone(model):
    before = classes(model)
    faster = accelerate(model, copy=True).module
    assert classes(model) == before
    assert type(faster.encoder) is torch_style.LSTM
    for (name, one), (other_name, other) in zip(
        model.named_parameters(), faster.named_parameters(), strict=True
    ):
        assert name == other_name
        assert torch.equal(one, other)
        assert one is not other
    torch.testing.assert_close(answer(faster), answer(model), rtol=0, atol=1e-6)


def test_undo(model):
    before, expected = classes(model), answer(model)
    report = accelerate(model)
    assert report.undo() is model
    assert classes(model) == before
    assert torch.equal(answer(model), expected)
    report.undo()
    assert classes(model) == before


@pytest.mark.parametrize("theirs", list(FASTER))
def test_the_module_itself(theirs):
    layer = theirs(3, 4)
    report = accelerate(layer)
    assert report.module is layer
    assert type(layer) is FASTER[theirs]
    assert report.rows[0].path == "(the module itself)"
    assert type(report.undo()) is theirs


def test_what_is_kept(model):
    seen = []
    model.encoder.register_forward_hook(lambda *call: seen.append("forward"))
    model.encoder.register_forward_pre_hook(lambda *call: seen.append("before"))
    model.stack[0].requires_grad_(False)
    model.stack[1].double()
    model.cell.eval()
    model.encoder.mark = "kept"
    report = accelerate(model)
    assert [row.note for row in report.rows] == ["2 hooks kept", "", "", ""]
    model.encoder(torch.ones(1, 2, 6))
    assert seen == ["before", "forward"]
    assert not any(parameter.requires_grad for parameter in model.stack[0].parameters())
    assert model.stack[1].weight_ih_l0.dtype == torch.float64
    assert not model.cell.training
    assert model.encoder.training
    assert model.encoder.mark == "kept"


class Twisted(nn.LSTM):
    def forward(self, input, hx=None):
        return super().forward(-input, hx)


def quantized():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.LSTM(3, 4)), {nn.LSTM})[0]


def instance_forward():
    layer = nn.GRU(3, 4)
    layer.forward = lambda x: x
    return layer


def scripted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(nn.LSTM(3, 4))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda: Twisted(3, 4),
            "a subclass, Twisted, that may compute something else; derive it from ostinato.nn",
        ),
        (lambda: ostinato.nn.GRU(3, 4), "already ours"),
        (
            lambda: type("Mine", (ostinato.nn.GRU,), {})(3, 4),
            "a subclass, Mine, that may compute something else",
        ),
        (instance_forward, "its forward was replaced by another one"),
        (quantized, "quantized: its weights are not floating point"),
        (scripted, "compiled by torch.jit; accelerate the module it was made from"),
    ],
)
def test_what_is_left_alone_and_why(make, reason):
    layer = make()
    before = type(layer)
    report = accelerate(nn.Sequential(layer))
    (row,) = report.rows
    assert not row.replaced
    assert row.note.startswith(reason)
    assert type(layer) is before
    assert report.replaced == 0


def test_shared_modules_are_replaced_once():
    layer = nn.GRU(4, 4)
    report = accelerate(nn.ModuleDict({"a": layer, "b": layer}))
    assert [(row.path, row.note) for row in report.rows] == [
        ("a", ""),
        ("b", "the same module as a"),
    ]
    assert type(layer) is torch_style.GRU
    report.undo()
    assert type(layer) is nn.GRU


def test_shared_weights_stay_shared():
    first, second = nn.GRU(4, 4), nn.GRU(4, 4)
    second.weight_hh_l0 = first.weight_hh_l0
    for copied in (False, True):
        model = accelerate(nn.Sequential(first, second), copy=copied).module
        assert model[0].weight_hh_l0 is model[1].weight_hh_l0


@pytest.mark.parametrize("removed", [False, True])
def test_parametrized_modules(removed):
    layer = nn.GRU(3, 4)
    nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    x = torch.randn(5, 2, 3)
    expected = layer(x)[0]
    report = accelerate(layer)
    assert report.rows[0].note == "parametrizations kept: weight_hh_l0"
    assert isinstance(layer, torch_style.GRU)
    torch.testing.assert_close(layer(x)[0], expected, rtol=0, atol=1e-6)
    if removed:
        nn.utils.parametrize.remove_parametrizations(layer, "weight_hh_l0")
    report.undo()
    assert isinstance(layer, nn.GRU)
    assert not isinstance(layer, torch_style.GRU)
    assert nn.utils.parametrize.is_parametrized(layer) != removed
    assert torch.equal(layer(x)[0], expected)


def test_parametrized_after_accelerating():
    layer = nn.GRU(3, 4)
    report = accelerate(layer)
    nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    report.undo()
    assert not isinstance(layer, torch_style.GRU)
    layer(torch.randn(5, 2, 3))


def test_report():
    model = nn.ModuleDict({"encoder": nn.LSTM(3, 4), "odd": Twisted(3, 4)})
    assert str(accelerate(model)).splitlines() == [
        "path     kind                     replaced",
        "encoder  torch.nn.LSTM            yes",
        f"odd      {__name__}.Twisted  no        a subclass, Twisted, that may compute something "
        "else; derive it from ostinato.nn",
    ]
    assert str(accelerate(nn.Linear(1, 1))) == "Linear has no recurrent layers."


def test_what_is_not_a_module():
    with pytest.raises(ValueError, match=r"module must be a torch.nn.Module; got dict"):
        accelerate({})


def test_the_accelerated_model_can_be_saved_and_copied(model, tmp_path):
    expected = answer(model)
    accelerate(model)
    torch.save(model.state_dict(), tmp_path / "weights")
    plain = Tagger()
    plain.load_state_dict(torch.load(tmp_path / "weights", weights_only=True))
    assert torch.equal(answer(plain), expected)
    torch.testing.assert_close(answer(copy.deepcopy(model)), expected, rtol=0, atol=1e-6)
