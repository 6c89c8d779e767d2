"""Networks too large for the machine are refused before memory is taken."""

import pytest
import torch
from torch import nn

from ostinato.errors import InputError
from ostinato.models import outline as module
from ostinato.models.outline import check_memory, memory_limit, outline


def test_an_outline_has_the_shapes_and_draws_nothing():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    sketch = outline(lambda: nn.LSTM(3, 5, num_layers=2))
    assert torch.equal(before, torch.get_rng_state())
    real = nn.LSTM(3, 5, num_layers=2)
    assert {name: each.shape for name, each in sketch.state_dict().items()} == {
        name: each.shape for name, each in real.state_dict().items()
    }
    assert all(each.is_meta for each in sketch.state_dict().values())


def test_what_does_not_fit_into_memory_is_refused(monkeypatch):
    check_memory(outline(lambda: nn.Linear(1000, 1000)))
    with pytest.raises(
        InputError, match=r"needs 4,000,000 GB for its weights alone, and this mach"
    ):
        check_memory(outline(lambda: nn.Linear(10**9, 10**6)))
    monkeypatch.setattr(module, "memory_limit", lambda: 1000)
    with pytest.raises(InputError, match="give smaller sizes, such as hidden_size"):
        check_memory(outline(lambda: nn.Linear(100, 100)))


def test_sizes_beyond_counting_are_refused():
    with pytest.raises(InputError, match="this network is too large to be built"):
        outline(lambda: nn.Linear(2**40, 2**40))


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="negative dimension"):
        outline(lambda: nn.Linear(-3, 3))


def test_the_limit_is_the_machines_or_less():
    assert 1e8 < memory_limit() < 1e15
