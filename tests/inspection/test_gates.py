"""How open gates are, in numbers and in a picture."""

import pytest
import torch

from ostinato.cells import LSTM
from ostinato.inspection.gates import draw, summarise
from ostinato.layers.recurrent import Recurrent


def test_summary_counts_only_real_steps():
    layer = Recurrent(LSTM, 3, 4, layers=2, bidirectional=True)
    x, lengths = torch.randn(2, 6, 3), torch.tensor([6, 2])
    trace = layer.trace(x, lengths)
    rows = summarise(trace, lengths)
    assert [(row.layer, row.direction) for row in rows[::6]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    forget = next(
        row for row in rows if row.name == "forget" and row.layer == 1 and row.direction == 0
    )
    values = trace.get("forget", layer=1)
    real = torch.cat([values[0], values[1, :2]])
    assert forget.mean == pytest.approx(real.mean().item(), rel=1e-5)
    assert 0 <= forget.shut + forget.open <= 1


def test_a_wide_open_gate_is_seen():
    layer = Recurrent(LSTM, 3, 4)
    with torch.no_grad():
        layer.cells[0].from_input.bias[4:8] = 100.0
    rows = {row.name: row for row in summarise(layer.trace(torch.randn(2, 6, 3)))}
    assert rows["forget"].open == 1
    assert rows["forget"].shut == 0


def test_no_real_steps_no_rows():
    trace = Recurrent(LSTM, 3, 4).trace(torch.randn(1, 2, 3), torch.tensor([0]))
    assert summarise(trace, torch.tensor([0])) == []


@pytest.mark.pictures
def test_a_picture(tmp_path):
    trace = Recurrent(LSTM, 3, 4).trace(torch.randn(2, 5, 3))
    draw(trace, tmp_path / "gates.png", labels=list("hello"))
    draw(trace, tmp_path / "plain.png", row=1)
    assert (tmp_path / "gates.png").stat().st_size > 1000
