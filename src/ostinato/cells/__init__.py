"""One time step at a time: every cell is a small file whose `step` is its formula."""

from ostinato.cells.cell import Cell, CellType, scan
from ostinato.cells.gru import GRU, GRUResetBefore
from ostinato.cells.jordan import Jordan
from ostinato.cells.lstm import LSTM
from ostinato.cells.rnn import RNN

CELLS: dict[str, CellType] = {
    "rnn": RNN,
    "jordan": Jordan,
    "lstm": LSTM,
    "gru": GRU,
    "gru-reset-before": GRUResetBefore,
}

__all__ = ["CELLS", "GRU", "LSTM", "RNN", "Cell", "CellType", "GRUResetBefore", "Jordan", "scan"]
