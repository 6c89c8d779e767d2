"""Taggers without recurrence: what they can and what they cannot see."""

import pytest
import torch

from ostinato.models.word_windows import FixedLengthNetwork, WindowNetwork

KINDS = {
    "feedforward": lambda: FixedLengthNetwork(3, 4, 5),
    "convolution": lambda: WindowNetwork(3, 4, layers=2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_padding_changes_nothing(kind):
    torch.manual_seed(0)
    network = KINDS[kind]()
    x = torch.randn(2, 4, 3)
    outputs, state = network(x, torch.tensor([4, 2]))
    assert state is None and outputs.shape == (2, 4, network.output_size)
    torch.testing.assert_close(outputs[1, :2], network(x[1:, :2], torch.tensor([2]))[0][0])
    assert (outputs[1, 2:] == 0).all()


def influence(network, steps, of, on):
    """Whether word `of` changes the output at `on`."""
    x = torch.randn(1, steps, 3, requires_grad=True)
    network(x, torch.tensor([steps]))[0][0, on].sum().backward()
    return bool(x.grad[0, of].abs().sum() > 0)


def test_a_convolution_sees_as_many_words_as_it_has_layers():
    torch.manual_seed(1)
    network = WindowNetwork(3, 16, layers=2)
    assert [influence(network, 9, of, 4) for of in range(9)] == [2 <= of <= 6 for of in range(9)]


def test_a_fixed_length_network_knows_nothing_of_what_comes_after_it():
    torch.manual_seed(1)
    network = FixedLengthNetwork(3, 16, 5)
    assert influence(network, 8, 0, 4) and not influence(network, 8, 6, 4)
    outputs = network(torch.randn(1, 8, 3), torch.tensor([8]))[0]
    assert (outputs[0, 5:] == 0).all() and (outputs[0, :5] != 0).any()


def test_a_fixed_length_network_shares_nothing_between_positions():
    """The formula by hand, y_t = relu(V_t h + U_t x_t + c_t); the same word moved is another."""
    torch.manual_seed(2)
    network = FixedLengthNetwork(3, 4, 5)
    x = torch.randn(1, 2, 3)
    padded = torch.cat([x, torch.zeros(1, 3, 3)], 1)
    h = network.hidden(padded.flatten()).relu()
    by_hand = [
        (h @ network.from_hidden[t] + padded[0, t] @ network.from_word[t] + network.bias[t]).relu()
        for t in range(2)
    ]
    outputs = network(x, torch.tensor([2]))[0]
    torch.testing.assert_close(outputs[0], torch.stack(by_hand))
    assert not torch.allclose(network(x.flip(1), torch.tensor([2]))[0].flip(1), outputs)
