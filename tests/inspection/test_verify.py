"""The checks pass for what keeps the laws, and find each kind of fault in what does not."""

import json
import math

import pytest
import torch
from torch import nn

from ostinato.cells import CELLS, GRU, LSTM
from ostinato.commands.verify import largest_difference
from ostinato.inspection.verify import verify
from ostinato.layers.recurrent import Recurrent

X, LENGTHS = (
    torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(1)),
    torch.tensor([6, 0, 2, 5]),
)


def failed(report) -> set[str]:
    return {check.name for check in report.checks if not check.passed}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_cell_passes(cell, bidirectional):
    layer = Recurrent(cell, 3, 4, layers=2, bidirectional=bidirectional, dropout=0.5)
    report = verify(layer, X, LENGTHS)
    assert report.passed, str(report)
    assert layer.training
    assert "NO" not in str(report)
    json.dumps(report.rows())


class Model(nn.Module):
    """Tokens to scores, with faults to choose from."""

    def __init__(self, fault: str = ""):
        super().__init__()
        self.fault = fault
        self.embedding, self.recurrent = nn.Embedding(9, 3), Recurrent(GRU, 3, 4)
        self.calls = 0
        self.hidden = torch.ones(1)

    def forward(self, tokens, lengths=None, state=None):
        x = self.embedding(tokens)
        if self.fault == "padding":
            x = x - x.mean(dim=1, keepdim=True)
        if self.fault == "neighbours":
            x = x - x.mean(dim=0, keepdim=True)
        if self.fault == "forgets":
            state = None
        if self.fault == "order":
            x = x * torch.arange(1, len(x) + 1)[:, None, None]
        outputs, state = self.recurrent(x, lengths, state)
        return outputs * self.hidden, state


TOKENS = torch.randint(9, (4, 6), generator=torch.Generator().manual_seed(1))


def test_a_model_of_tokens_passes():
    report = verify(Model(), TOKENS, LENGTHS)
    assert report.passed, str(report)
    assert {check.name for check in report.checks if check.deviation is None} == {
        "padding on the left"
    }


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (
            "padding",
            {
                "batch = one by one",
                "padding on the right",
                "chunks = whole",
                "gradients under padding",
            },
        ),
        ("neighbours", {"batch = one by one"}),
        ("forgets", {"chunks = whole"}),
        ("order", {"batch = one by one", "any order"}),
    ],
)
def test_faults_are_found(fault, found):
    report = verify(Model(fault), TOKENS, LENGTHS)
    assert found <= failed(report)
    assert "NO" in str(report)


def test_what_is_not_saved_is_found():
    model = Model()
    report = verify(model, TOKENS, LENGTHS)
    assert "saved and loaded" not in failed(report)

    class Forgetful(Model):
        def state_dict(self, *args, **kwargs):
            whole = super().state_dict(*args, **kwargs)
            return {name: value for name, value in whole.items() if "bias" not in name}

        def load_state_dict(self, state_dict, strict=True, assign=False):
            for name, value in super().state_dict().items():
                value.copy_(state_dict[name]) if name in state_dict else value.zero_()

    assert "saved and loaded" in failed(verify(Forgetful(), TOKENS, LENGTHS))


def test_a_function_can_be_checked():
    layer = Recurrent(LSTM, 3, 4).double()
    report = verify(lambda x, lengths, state: layer(x, lengths, state), X.double())
    assert report.passed, str(report)
    reasons = {check.name: check.reason for check in report.checks if check.deviation is None}
    assert reasons["saved and loaded"] == "not a module"
    assert reasons["gradients under padding"] == "nothing here is trained"


def test_a_stricter_limit_may_fail():
    assert not verify(Recurrent(LSTM, 3, 40), X, LENGTHS, allowed=-1.0).passed


def test_nothing_to_check_is_refused():
    with pytest.raises(
        ValueError,
        match=r"x must be \[B, T, ...\] of at least one row and one step; got \[0, 6, 3\]",
    ):
        verify(Recurrent(LSTM, 3, 4), X[:0])


@pytest.mark.parametrize(
    ("values", "others", "difference"),
    [
        ([-math.inf, -1.0], [-math.inf, -1.0], 0.0),  # a label that the model has not seen
        ([-math.inf], [-1.0], math.inf),
        ([-1.0], [-math.inf], math.inf),
        ([-4.0, -1.0], [-4.2, -1.0], 0.05),
        ([], [], 0.0),
    ],
)
def test_scores_are_compared_though_some_are_infinite(values, others, difference):
    assert largest_difference(values, others) == pytest.approx(difference)
