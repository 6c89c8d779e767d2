"""What stands around a tagger's recurrence: the compiled functions against the reference, in
every instruction set.
"""

import pytest
import torch

from ostinato import kernels
from ostinato.kernels import bindings
from ostinato.layers.character_encoder import Affixes, CharacterEncoder
from ostinato.layers.crf import CRF, log_partition
from ostinato.layers.dropout import dropout

pytestmark = pytest.mark.skipif(bindings.missing is not None, reason="no compiled part")
LENGTHS = torch.tensor([5, 1, 3, 0, 5])
MASKS = {"start": [1, 1, 0], "transitions": [[1, 1, 0], [1, 1, 1], [1, 0, 1]], "end": [1, 0, 1]}


@pytest.fixture(
    params=range(len(bindings.instruction_sets)), ids=bindings.instruction_sets, autouse=True
)
def instruction_set(request, monkeypatch):
    monkeypatch.setattr(bindings, "chosen", request.param)


def both(compute, wanted):
    """(result, gradients) by the kernel and by the reference."""
    found = []
    for reference in (False, True):
        with kernels.disabled() if reference else torch.enable_grad():
            result = compute()
            weight = torch.arange(1.0, 1 + result.numel()).sin().view_as(result)
            found.append(
                [result, *torch.autograd.grad((result * weight).sum(), wanted, allow_unused=True)]
            )
    return found


def same(compute, wanted):
    for one, other in zip(*both(compute, wanted), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("masks", [{}, MASKS])
@pytest.mark.parametrize("size", [1.0, 100.0])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_random_field_is_the_reference(masks, size, threads):
    torch.manual_seed(0)
    crf = CRF(3, **masks)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    emissions = (size * torch.randn(5, 5, 3)).requires_grad_()
    labels = torch.randint(3, (5, 5)).masked_fill(torch.arange(5) >= LENGTHS[:, None], -100)
    wanted = [emissions, *crf.parameters()]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        same(lambda: crf(emissions, LENGTHS, labels), wanted)
        same(lambda: log_partition(emissions, LENGTHS, crf.potentials()), wanted)
    finally:
        torch.set_num_threads(before)


def test_many_rows_by_two_threads():
    torch.manual_seed(1)
    crf, lengths = CRF(17), torch.randint(1, 20, (40,))
    emissions, labels = torch.randn(40, 19, 17).requires_grad_(), torch.randint(17, (40, 19))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        same(lambda: crf(emissions, lengths, labels), [emissions, *crf.parameters()])
    finally:
        torch.set_num_threads(before)


def test_labels_that_are_none_are_refused():
    with pytest.raises(IndexError, match=r"labels must lie in 0\.\.2"):
        CRF(3)(torch.randn(1, 2, 3), torch.tensor([2]), torch.tensor([[1, 3]]))


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("filters", [4, 21])
def test_spelling_is_the_reference(width, filters):
    torch.manual_seed(width)
    speller = CharacterEncoder(
        "convolution",
        20,
        filters,
        width=width,
        affixes=Affixes(6, folded=[n // 2 for n in range(20)], buckets=30),
    )
    lengths = torch.tensor([7, 3, 4, 2, 1, 6])
    characters = torch.randint(1, 20, (6, 7)).masked_fill(torch.arange(7) >= lengths[:, None], 0)
    same(lambda: speller.read(characters, lengths), list(speller.parameters()))


def test_a_letter_many_times_in_a_word():
    speller = CharacterEncoder("convolution", 5, 8)
    same(
        lambda: speller.read(torch.full((2, 6), 3), torch.tensor([6, 4])),
        list(speller.parameters()),
    )


def test_affixes_are_the_reference():
    affixes = Affixes(6, folded=range(40), longest=5, buckets=1000)
    lengths = torch.tensor([2, 3, 9, 12, 1])
    characters = torch.randint(1, 40, (5, 12))
    with kernels.disabled():
        expected = affixes.compute_ids(characters, lengths)
    assert affixes.compute_ids(characters, lengths).tolist() == expected.tolist()


def test_characters_that_are_none_are_refused():
    with pytest.raises(IndexError, match=r"characters must lie in 0\.\.4"):
        CharacterEncoder("convolution", 5, 8).read(torch.tensor([[1, 5]]), torch.tensor([2]))
    with pytest.raises(IndexError, match=r"characters must lie in 0\.\.4"):
        Affixes(6, folded=range(5)).compute_ids(torch.tensor([[1, -1]]), torch.tensor([2]))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_takes_its_share_and_keeps_the_mean(rate):
    torch.manual_seed(3)
    x = torch.ones(300, 701, requires_grad=True)
    out = dropout(x, rate, training=True)
    out.sum().backward()
    dropped = out == 0
    assert float(dropped.float().mean()) == pytest.approx(rate, abs=5e-3) and float(
        out.detach().max()
    ) == pytest.approx(1 / (1 - rate))
    assert torch.equal(x.grad, out.detach())  # the backward pass draws the same units
    for dim in (0, 1):  # no row and no column is unlike the others: five standard deviations
        shares = dropped.float().mean(dim)
        assert float((shares - rate).abs().max()) < 5 * (rate * (1 - rate) / x.shape[dim]) ** 0.5
    both = dropped[:, 1:] & dropped[:, :-1]  # neighbours do not know of one another
    assert float(both.float().mean()) == pytest.approx(rate**2, abs=5e-3)


def test_dropout_follows_from_the_seed_alone():
    x = torch.randn(5, 40, 33)
    draws = []
    for threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        torch.manual_seed(4)
        draws += [dropout(x, 0.3, training=True), dropout(x, 0.3, training=True)]
        torch.set_num_threads(before)
    assert (
        torch.equal(draws[0], draws[2])
        and torch.equal(draws[1], draws[3])
        and not torch.equal(draws[0], draws[1])
    )


def test_dropout_has_second_derivatives():
    x = torch.randn(4, 5, requires_grad=True)
    torch.manual_seed(5)
    out = dropout(x, 0.5, training=True)
    (first,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
    first.sum().backward()
    torch.testing.assert_close(x.grad, 2 * (out.detach() / x.detach()).square())
