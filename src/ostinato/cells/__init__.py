"""Cells: one time step each, a small file whose `step` is its formula.

A cell is added by one file here and one name in `CELLS`; `tests/test_every_cell.py` then tests it.
"""

from ostinato.cells.cell import Cell, CellType, scan
from ostinato.cells.gru import GRU, GRUResetBefore
from ostinato.cells.indrnn import IndRNN
from ostinato.cells.jordan import Jordan
from ostinato.cells.layer_norm import LayerNormGRU, LayerNormLSTM
from ostinato.cells.lstm import LSTM, PeepholeLSTM
from ostinato.cells.minimal import LinearCell, MinGRU, MinLSTM
from ostinato.cells.rnn import RNN

CELLS: dict[str, CellType] = {
    "rnn": RNN,
    "jordan": Jordan,
    "indrnn": IndRNN,
    "lstm": LSTM,
    "lstm-peephole": PeepholeLSTM,
    "lstm-layer-norm": LayerNormLSTM,
    "gru": GRU,
    "gru-reset-before": GRUResetBefore,
    "gru-layer-norm": LayerNormGRU,
    "mingru": MinGRU,
    "minlstm": MinLSTM,
}

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "RNN",
    "Cell",
    "CellType",
    "GRUResetBefore",
    "IndRNN",
    "Jordan",
    "LayerNormGRU",
    "LayerNormLSTM",
    "LinearCell",
    "MinGRU",
    "MinLSTM",
    "PeepholeLSTM",
    "scan",
]
