"""After an optimizer step predictions use the new weights, whatever the kernels cache."""

from __future__ import annotations

import pytest
import torch

from ostinato import kernels
from ostinato.cells import CELLS
from ostinato.layers.recurrent import Recurrent


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    "optimizer", [torch.optim.Adam, torch.optim.AdamW, torch.optim.Adagrad, torch.optim.SGD]
)
def test_answers_follow_every_optimizer(optimizer, fused):
    torch.manual_seed(0)
    model = Recurrent(CELLS["lstm"], 32, 64)
    steps = optimizer(model.parameters(), lr=0.1, fused=fused)
    x = torch.randn(8, 9, 32)
    for _ in range(3):
        with torch.inference_mode():
            ours = model(x)[0]
            with kernels.disabled():
                torch.testing.assert_close(ours, model(x)[0], rtol=1e-4, atol=1e-5)
        model(x)[0].pow(2).sum().backward()
        steps.step()
        steps.zero_grad()
