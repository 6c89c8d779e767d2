"""Sequences to labels: the laws of every body, pooling and head."""

import pytest
import torch

from ostinato.baselines.convolution import Convolution
from ostinato.baselines.feedforward import Feedforward
from ostinato.cells import CELLS, GRU, LSTM
from ostinato.data.batching.batch import Example, collate
from ostinato.layers.character_encoder import CharacterEncoder
from ostinato.layers.embedding import Embedding
from ostinato.models.classifier import POOLINGS, Classifier, RecurrentBody
from ostinato.models.ensemble import ClassifierEnsemble
from ostinato.models.heads import OrdinalHead, SigmoidHead, SoftmaxHead

LENGTHS = [5, 1, 3, 7]


def recurrent(pooling, bidirectional):
    return lambda: RecurrentBody(GRU, 4, 6, bidirectional=bidirectional, pooling=pooling)


BODIES = {
    **{
        f"{pooling}-{'both' if both else 'one'}": recurrent(pooling, both)
        for pooling in POOLINGS
        for both in (True, False)
    },
    "two layers": lambda: RecurrentBody(LSTM, 4, 6, layers=2),
    "convolution": lambda: Convolution(4, filters=3, widths=(2, 3)),
    "feedforward": lambda: Feedforward(4, 6, length=5),
}
HEADS = {"classes": SoftmaxHead, "many": SigmoidHead, "grades": OrdinalHead}


def examples(head="classes"):
    torch.manual_seed(1)
    targets = [
        torch.tensor([1.0, 0, 1]),
        torch.tensor([0.0, 0, 0]),
        torch.tensor([0.0, 1, 0]),
        torch.tensor([1.0, 1, 1]),
    ]
    return [
        Example(
            torch.randint(4, 12, (length,)),
            targets[number] if head == "many" else torch.tensor(number % 3),
        )
        for number, length in enumerate(LENGTHS)
    ]


def classifier(body="max-both", head="classes"):
    torch.manual_seed(2)
    built = BODIES[body]()
    return Classifier(Embedding(12, 4), built, HEADS[head](built.output_size, 3)).eval()


@pytest.mark.parametrize("body", BODIES)
def test_alone_as_in_a_batch(body):
    model, given = classifier(body), examples()
    together = model.probabilities(collate(given))
    alone = torch.cat([model.probabilities(collate([example])) for example in given])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)
    losses = sum(model.loss(collate([example])).total for example in given)
    torch.testing.assert_close(model.loss(collate(given)).total, losses, atol=1e-5, rtol=1e-5)
    assert model.loss(collate(given)).count == 4


@pytest.mark.parametrize("body", BODIES)
def test_padding_has_no_gradient(body):
    """Whatever stands beyond a row's length neither changes its answer nor learns from it."""
    model = Classifier(None, BODIES[body](), SoftmaxHead(BODIES[body]().output_size, 3)).eval()
    batch = collate([Example(torch.randn(length, 4)) for length in LENGTHS])
    batch.inputs.requires_grad_()
    model.probabilities(batch)[:, 0].sum().backward()
    for row, length in enumerate(LENGTHS):
        assert not batch.inputs.grad[row, length:].any()
    if "feedforward" not in body and "last" not in body and "both-ends" not in body:
        assert batch.inputs.grad[3].any()


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("body", ["max-both", "ensemble-one", "convolution"])
def test_probabilities_and_losses_agree(head, body):
    model, given = classifier(body, head), examples(head)
    batch = collate(given)
    found = model.probabilities(batch)
    assert ((found >= 0) & (found <= 1)).all()
    if head != "many":
        torch.testing.assert_close(found.sum(1), torch.ones(4))
    if "ensemble" not in body:
        taken = (
            torch.where(batch.targets > 0, found, 1 - found).log().sum()
            if head == "many"
            else found.gather(1, batch.targets.unsqueeze(1)).log().sum()
        )
        torch.testing.assert_close(model.loss(batch).total, -taken)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("body", BODIES)
def test_every_parameter_learns(head, body):
    model = classifier(body, head).train()
    batch = collate(examples(head))
    model.loss(batch).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    before = model.eval().loss(batch).total.item()
    for _ in range(30):
        optimizer.zero_grad()
        model.loss(batch).total.backward()
        optimizer.step()
    assert model.loss(batch).total.item() < 0.7 * before


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_classifies(name):
    body = RecurrentBody(CELLS[name], 4, 6)
    model = Classifier(None, body, SoftmaxHead(body.output_size, 2)).eval()
    assert model.probabilities(collate([Example(torch.randn(3, 4))])).shape == (1, 2)


def test_class_weights_scale_losses_in_training_only():
    head = SoftmaxHead(2, 2, weights=torch.tensor([1.0, 3.0]))
    plain = SoftmaxHead(2, 2)
    plain.load_state_dict({**head.state_dict(), "weights": torch.ones(2)})
    states, targets = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
    expected = plain.losses(states, targets) * torch.tensor([1.0, 3, 3, 1])
    torch.testing.assert_close(head.losses(states, targets), expected)
    torch.testing.assert_close(head.eval().losses(states, targets), plain.losses(states, targets))


def test_grades_are_in_order():
    """Higher scores give higher grades; thresholds never cross, whatever the parameters."""
    head = OrdinalHead(1, 5)
    with torch.no_grad():
        head.output.weight.fill_(1.0)
        head.steps.copy_(torch.tensor([-5.0, 0.0, 5.0]))
    given = head.probabilities(torch.linspace(-8, 12, 50).unsqueeze(1))
    assert (given >= 0).all()
    means = given @ torch.arange(5.0)
    assert (means.diff() > 0).all()


def test_several_models_answer_together():
    one, other = classifier("max-both"), classifier("convolution")
    batch = collate(examples())
    mean = (one.probabilities(batch) + other.probabilities(batch)) / 2
    torch.testing.assert_close(ClassifierEnsemble([one, other]).probabilities(batch), mean)


def test_attention_weights_add_up_over_real_steps():
    body = RecurrentBody(GRU, 4, 6, pooling="attention")
    mask = torch.tensor([[True, True, False]])
    weights = body.attend.weights(torch.randn(1, 3, 6), mask)
    assert weights[0, 2] == 0 and weights.sum().item() == pytest.approx(1)


def test_wrong_arguments():
    with pytest.raises(
        ValueError, match="pooling must be one of last, both-ends, .*; got 'median'"
    ):
        RecurrentBody(GRU, 4, 6, pooling="median")
    with pytest.raises(
        ValueError, match="hidden_size must be even, half of it for each direction; got 5"
    ):
        RecurrentBody(GRU, 4, 5)
    with pytest.raises(ValueError, match="widths must be at least one number above 0"):
        Convolution(4, widths=())
    with pytest.raises(ValueError, match="length must be at least 1; got 0"):
        Feedforward(4, 6, length=0)


def test_members_learn_each_for_itself():
    """The gradient of each is the one it would have alone, divided by their number."""
    torch.manual_seed(3)
    members = [
        Classifier(Embedding(12, 4), RecurrentBody(GRU, 4, 6), SoftmaxHead(6, 3)) for _ in range(2)
    ]
    batch = collate(examples())
    total, count, _ = ClassifierEnsemble(members).loss(batch)
    alone = [member.loss(batch).total for member in members]
    torch.testing.assert_close(total, sum(alone) / 2)
    assert count == 4
    weight = members[0].head.output.weight
    torch.testing.assert_close(
        torch.autograd.grad(total, weight)[0], torch.autograd.grad(alone[0], weight)[0] / 2
    )


def test_spellings_are_read_beside_the_tokens():
    torch.manual_seed(4)
    speller = CharacterEncoder("convolution", 9, 5, embedding_size=3)
    model = Classifier(
        Embedding(12, 4), RecurrentBody(GRU, 9, 6), SoftmaxHead(6, 3), character_encoder=speller
    ).eval()
    one, other = (
        collate([Example(torch.tensor([1, 5]), torch.tensor(0), [word, (2, 4, 3)])])
        for word in ((2, 5, 3), (2, 6, 7, 3))
    )
    assert not torch.allclose(model.probabilities(one), model.probabilities(other))
