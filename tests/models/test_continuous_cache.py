"""A language model that remembers what it has just read."""

import pytest
import torch
from torch.nn import functional

from ostinato import CELLS
from ostinato.data.batching.batch import IGNORE
from ostinato.layers.embedding import Embedding
from ostinato.models import continuous_cache
from ostinato.models.continuous_cache import ContinuousCache, add_cache
from ostinato.models.ensemble import LanguageEnsemble
from ostinato.models.language_model import LanguageModel

V, SIZE, WEIGHT, SHARPNESS = 7, 5, 0.3, 4.0


def model(**settings) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(Embedding(V, 4), CELLS["gru"], 6, **settings).eval()


def cached(**settings) -> ContinuousCache:
    return ContinuousCache(model(**settings), size=SIZE, weight=WEIGHT, sharpness=SHARPNESS)


def text(rows: int = 2, steps: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    numbers = torch.randint(0, V, (rows, steps + 1), generator=torch.Generator().manual_seed(1))
    return numbers[:, :-1], numbers[:, 1:].clone()


def by_hand(tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The paper's equations, place by place."""
    network = model()
    hidden = network.hidden(tokens, network.initial_state(len(tokens)))[0].detach()
    own = network.output(hidden).softmax(-1)
    losses = torch.zeros(tokens.shape)
    for row in range(len(tokens)):
        for t in range(tokens.shape[1]):
            p = own[row, t]
            before = range(max(0, t - SIZE), t)
            if before:
                share = torch.stack(
                    [
                        SHARPNESS
                        * functional.cosine_similarity(hidden[row, t], hidden[row, i], dim=0)
                        for i in before
                    ]
                )
                copied = torch.zeros(V)
                for i, part in zip(before, share.softmax(0), strict=True):
                    copied[tokens[row, i + 1]] += part
                p = (1 - WEIGHT) * p + WEIGHT * copied
            losses[row, t] = -p[targets[row, t]].log()
    return losses


@pytest.mark.parametrize("block", [3, 256])
def test_it_is_the_papers(monkeypatch, block):
    monkeypatch.setattr(continuous_cache, "BLOCK", block)
    network, (tokens, targets) = cached(), text()
    losses, _ = network.losses(tokens, targets, network.initial_state(2))
    torch.testing.assert_close(losses, by_hand(tokens, targets))


@pytest.mark.parametrize("settings", [{}, {"tied": True}], ids=str)
def test_in_pieces_is_in_one_go_is_step_by_step(settings):
    network, (tokens, targets) = cached(**settings), text()
    whole, state = network.losses(tokens, targets, network.initial_state(2))
    pieces, inner = [], network.initial_state(2)
    for begin, end in [(0, 1), (1, 4), (4, 12)]:
        losses, inner = network.losses(tokens[:, begin:end], targets[:, begin:end], inner)
        pieces.append(losses)
    torch.testing.assert_close(torch.cat(pieces, 1), whole)
    torch.testing.assert_close(inner, state)
    inner = network.initial_state(2)
    for place in range(tokens.shape[1]):
        logits, inner = network.step(tokens[:, place], inner)
        torch.testing.assert_close(
            logits.logsumexp(-1), torch.zeros(2), atol=1e-5, rtol=0
        )  # they are log-probabilities
        torch.testing.assert_close(
            -logits.gather(1, targets[:, place, None])[:, 0], whole[:, place]
        )
    torch.testing.assert_close(network.read(tokens, network.initial_state(2))[0], logits)


def test_what_is_no_target_costs_nothing():
    network, (tokens, targets) = cached(), text()
    targets[1, 8:] = IGNORE
    losses, _ = network.losses(tokens, targets, network.initial_state(2))
    assert not losses[1, 8:].any() and losses[1, :8].all()


def test_a_repeated_text_becomes_likely():
    network = ContinuousCache(model(), size=100, weight=0.3, sharpness=30.0)
    once = torch.randint(0, V, (1, 30), generator=torch.Generator().manual_seed(2))
    twice = torch.cat([once, once, once[:, :1]], 1)
    losses, _ = network.losses(twice[:, :-1], twice[:, 1:], network.initial_state(1))
    assert losses[0, 31:].mean() < losses[0, :30].mean() - 0.2


def test_of_an_ensemble_each_has_its_own():
    ensemble = add_cache(
        LanguageEnsemble([model(), torch.nn.Identity()]), size=3, weight=0.1, sharpness=1.0
    )
    assert isinstance(ensemble.models[0], ContinuousCache) and isinstance(
        ensemble.models[1], torch.nn.Identity
    )


def test_what_is_hardly_possible_is_not_impossible():
    network = ContinuousCache(model(), size=5, weight=0.1, sharpness=4.0)
    with torch.no_grad():
        network.model.output.bias[3] = -150
    tokens = torch.zeros(1, 6, dtype=torch.int64)
    losses, _ = network.losses(tokens, torch.full((1, 6), 3), network.initial_state(1))
    assert losses.isfinite().all() and losses.min() > 140
    assert network.read(tokens, network.initial_state(1))[0].isfinite().all()


@pytest.mark.parametrize(
    "settings", [{"size": 0}, {"weight": 1.0}, {"sharpness": float("inf")}], ids=str
)
def test_settings_that_cannot_be(settings):
    with pytest.raises(
        ValueError,
        match="size must be at least 1, weight from 0 to below 1, sharpness at least 0; got",
    ):
        ContinuousCache(model(), **{"size": 5, "weight": 0.1, "sharpness": 1.0, **settings})
