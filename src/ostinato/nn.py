"""torch.nn's recurrent layers under torch.nn's names: `from ostinato import nn; nn.LSTM(8, 16,
batch_first=True)`.
"""

from ostinato.layers.drop_in.torch_cells import GRUCell, LSTMCell, RNNCell
from ostinato.layers.drop_in.torch_style import GRU, LSTM, RNN

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]
