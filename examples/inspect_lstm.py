"""What happens inside torch.nn's RNN, GRU and LSTM: do their gradients vanish? From Python, on
layers of your own.

Expect, in a few seconds, the largest singular value of dh_T/dh_0 of each over 40 steps: largest
for the LSTM whose forget gates are biased to be open (0.6), 10^-8 for the GRU and the other
LSTM, 10^-12 for the RNN; and a page, gates.html.

    python examples/inspect_lstm.py [FOLDER]
"""

import sys
from pathlib import Path

import torch
from torch import nn

import ostinato


def main(folder: str = ".") -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 40, 8)
    layers = {
        "RNN": nn.RNN(8, 32, batch_first=True),
        "GRU": nn.GRU(8, 32, batch_first=True),
        "LSTM": nn.LSTM(8, 32, batch_first=True),
        "LSTM, forget gates open": nn.LSTM(8, 32, batch_first=True),
    }
    with torch.no_grad():  # torch.nn's order of gates is input, forget, candidate, output
        layers["LSTM, forget gates open"].bias_ih_l0[32:64] = 3.0
    for name, layer in layers.items():
        found = ostinato.inspect(layer, x, "gradients").data["layers"][0]
        print(f"{name:24} |dh_40/dh_0| = {found['singular_values'][0][0]:.2e}")
    view = ostinato.inspect(layers["LSTM, forget gates open"], x, "gates")
    view.draw(Path(folder) / "gates.html")
    shut = view.data["layers"][0]["summary"]["forget"]
    print(
        f"forget gates open: {shut['open']:.0%}, shut: {shut['shut']:.0%}; see {folder}/gates.html"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
