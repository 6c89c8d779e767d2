"""The log-probabilities of given sequences, by stepping through them: not fast, but for any
step function.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ostinato.cells.state import State
from ostinato.decoding.inputs import first_tokens, log_probabilities
from ostinato.decoding.step import StepFunction


@torch.no_grad()
def score_sequences(
    step: StepFunction,
    state: State,
    sequences: Sequence[Sequence[int]],
    *,
    bos: int | Tensor,
    eos: int | None,
) -> list[float]:
    """score_sequences(step, state, [[5, 6], [7]], bos=2, eos=3) -> [log p(5 6 <eos>), log p(7
    <eos>)]; eos=None: without <eos>
    """
    wanted = [[*sequence, *([] if eos is None else [eos])] for sequence in sequences]
    lengths = torch.tensor([len(row) for row in wanted], dtype=torch.int64)
    tokens, lengths = first_tokens(state, rows=len(wanted), bos=bos, maximum_length=lengths)
    total = torch.zeros(len(wanted), dtype=torch.float64, device=tokens.device)
    for place in range(max(map(len, wanted), default=0)):
        logits, state = step(tokens, state)
        # a row that has ended goes on with any token, uncounted
        tokens = torch.tensor(
            [row[place] if place < len(row) else 0 for row in wanted], device=tokens.device
        )
        gained = log_probabilities(logits).gather(1, tokens.unsqueeze(1)).squeeze(1).double()
        total = torch.where(place < lengths, total + gained, total)
    return total.tolist()
