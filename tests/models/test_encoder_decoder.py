"""The laws of the encoder-decoder, for every cell, attention, context and input feeding."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn import functional

from ostinato.cells import CELLS
from ostinato.cells.state import select
from ostinato.data.batching.batch import IGNORE, Batch, Example, collate
from ostinato.data.text.vocabulary import BOS, EOS
from ostinato.layers.embedding import Embedding
from ostinato.models.decoder import Decoder
from ostinato.models.encoder import Encoder
from ostinato.models.encoder_decoder import EncoderDecoder, shift
from ostinato.models.ensemble import EncoderDecoderEnsemble
from ostinato.models.target_search import sample_targets, search_targets

SOURCE, TARGET, SIZE, HIDDEN = 13, 11, 6, 8
ATTENTIONS = ["none", "dot", "general", "additive"]
FORMS = [
    (attention, context, feeding)
    for attention, context, feeding in itertools.product(
        ATTENTIONS, ["initial", "every"], [False, True]
    )
    if not (feeding and attention == "none")
]


def build(
    cell="lstm",
    attention="general",
    context="initial",
    feeding=False,
    *,
    seed=0,
    layers=2,
    tied=True,
    dropout=0.0,
    **settings,
):
    torch.manual_seed(seed)
    encoder = Encoder(Embedding(SOURCE, SIZE), CELLS[cell], HIDDEN, layers=layers, dropout=dropout)
    decoder = Decoder(
        Embedding(TARGET, SIZE),
        CELLS[cell],
        HIDDEN,
        memory_size=HIDDEN,
        layers=layers,
        attention=attention,
        context=context,
        input_feeding=feeding,
        tied=tied,
        dropout=dropout,
    )
    model = EncoderDecoder(encoder, decoder, bos=BOS, eos=EOS, **settings)
    with torch.no_grad():
        for parameter in model.parameters():  # far from zero, so that a law that fails is seen to
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


def examples(count=7, seed=1):
    chance = torch.Generator().manual_seed(seed)

    def draw(high, length):
        return torch.randint(4, high, (length,), generator=chance)

    lengths = torch.randint(1, 7, (count, 2), generator=chance).tolist()
    return [
        Example(draw(SOURCE, one), torch.cat([draw(TARGET, other), torch.tensor([EOS])]))
        for one, other in lengths
    ]


def padded(batch: Batch, by: int) -> Batch:
    return Batch(
        functional.pad(batch.inputs, (0, by)),
        batch.lengths,
        functional.pad(batch.targets, (0, by), value=IGNORE),
        batch.target_lengths,
    )


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


every_form = pytest.mark.parametrize(("attention", "context", "feeding"), FORMS)
every_cell = pytest.mark.parametrize("cell", CELLS)


@every_form
def test_batch_is_one_by_one(attention, context, feeding):
    check_batch(build("gru", attention, context, feeding))


@every_cell
def test_batch_is_one_by_one_with_every_cell(cell):
    check_batch(build(cell, feeding=True))


def check_batch(model):
    found = examples()
    together = model.log_probabilities(collate(found))
    close(together, torch.cat([model.log_probabilities(collate([each])) for each in found]))
    searched = search_targets(model, collate(found), width=3, maximum_length=8)
    for each, hypotheses in zip(found, searched, strict=True):
        alone = search_targets(model, collate([each]), width=3, maximum_length=8)[0]
        assert alone[0].tokens == hypotheses[0].tokens
        assert alone[0].log_probability == pytest.approx(
            hypotheses[0].log_probability, rel=1e-4, abs=1e-4
        )


@every_form
def test_padded_is_unpadded(attention, context, feeding):
    check_padding(build("lstm", attention, context, feeding))


@every_cell
def test_padded_is_unpadded_with_every_cell(cell):
    check_padding(build(cell))


def check_padding(model):
    batch = collate(examples())
    longer = padded(batch, 5)
    close(model.log_probabilities(longer), model.log_probabilities(batch))
    close(model.loss(longer).total, model.loss(batch).total)
    assert model.loss(longer).count == model.loss(batch).count
    short, long = (
        search_targets(model, each, width=2, maximum_length=6) for each in (batch, longer)
    )
    assert [row[0].tokens for row in short] == [row[0].tokens for row in long]


@every_form
def test_loss_is_the_sum_of_log_probabilities(attention, context, feeding):
    model, batch = (
        build("lstm", attention, context, feeding, label_smoothing=0.1),
        collate(examples()),
    )
    loss = model.loss(batch)
    close(loss.total, -model.log_probabilities(batch).sum())
    assert loss.count == int(batch.target_lengths.sum())


@every_form
def test_teacher_forced_at_once_is_step_by_step(attention, context, feeding):
    check_steps(build("lstm", attention, context, feeding))


@every_cell
@pytest.mark.parametrize("feeding", [False, True])
def test_teacher_forced_at_once_is_step_by_step_with_every_cell(cell, feeding):
    check_steps(build(cell, "additive", "every", feeding))


def check_steps(model):
    batch = collate(examples())
    whole = model.decoder.output(model.hidden(batch)).log_softmax(-1)
    given, state = shift(batch.targets, BOS), model.initial_state(batch)
    for step in range(given.shape[1]):
        logits, state = model.step(given[:, step], state)
        real = batch.targets[:, step] != IGNORE
        close(logits.log_softmax(-1)[real], whole[:, step][real])


@every_form
def test_beam_of_one_is_greedy(attention, context, feeding):
    model, batch = build("gru", attention, context, feeding), collate(examples())
    for row, hypotheses in enumerate(search_targets(model, batch, width=1, maximum_length=7)):
        state, token, tokens = (
            model.initial_state(collate([examples()[row]])),
            torch.tensor([BOS]),
            [],
        )
        for _ in range(7):
            logits, state = model.step(token, state)
            logits[:, [0, BOS]] = -torch.inf
            token = logits.argmax(-1)
            tokens.append(int(token))
            if tokens[-1] == EOS:
                break
        assert [each for each in tokens if each != EOS] == [
            each for each in hypotheses[0].tokens if each != EOS
        ]


@every_form
def test_attention_looks_at_real_positions_and_sums_to_one(attention, context, feeding):
    model, batch = build("lstm", attention, context, feeding), padded(collate(examples()), 3)
    _, state = model.step(torch.full((len(batch),), BOS), model.initial_state(batch))
    weights = model.attention_weights(state)
    if attention == "none":
        assert weights is None
        return
    close(weights.sum(1), torch.ones(len(batch)))
    for row, length in zip(weights, batch.lengths, strict=True):
        assert (row[length:] == 0).all()


@every_form
def test_hypotheses_that_share_a_memory_are_as_if_each_had_its_own(attention, context, feeding):
    model, batch = build("gru", attention, context, feeding), collate(examples(3))
    tokens = torch.tensor([4, 5, 6, 7, 8, 9])
    shared = select(model.initial_state(batch), torch.tensor([0, 0, 1, 1, 2, 2]))
    copied = model.initial_state(
        Batch(batch.inputs.repeat_interleave(2, 0), batch.lengths.repeat_interleave(2))
    )
    for _ in range(2):
        (ours, shared), (theirs, copied) = model.step(tokens, shared), model.step(tokens, copied)
        close(ours, theirs)
    order = torch.tensor([1, 0, 2, 2, 5, 4])
    close(
        model.step(tokens, select(shared, order))[0], model.step(tokens, select(copied, order))[0]
    )
    fewer = torch.tensor([4, 1, 0])  # sources finish, at different times
    close(
        model.step(tokens[:3], select(shared, fewer))[0],
        model.step(tokens[:3], select(copied, fewer))[0],
    )


@every_form
def test_scheduled_sampling_that_always_forces_is_plain_teacher_forcing(
    attention, context, feeding
):
    model, batch = build("lstm", attention, context, feeding).train(), collate(examples())
    close(model.sampled_hidden(batch), model.hidden(batch))
    plain = model.loss(batch).total
    model.teacher_forcing = 1.0 - 1e-12
    close(model.loss(batch).total, plain)


def test_scheduled_sampling_shows_the_model_its_own_words():
    batch = collate(examples())
    model = build().train()
    given = shift(batch.targets, BOS)
    model.teacher_forcing = 0.0
    hidden = model.sampled_hidden(batch)
    own = model.decoder.output(hidden).argmax(-1)
    own_given = torch.cat([given[:, :1], own[:, :-1]], 1)
    close(model.decoder(own_given, model.initial_state(batch))[0], hidden)
    model.eval()
    close(model.loss(batch).total, -model.log_probabilities(batch).sum())


def test_output_precision_rounds_while_training_and_at_no_other_time():
    models = [build(output_precision=precision) for precision in ("float32", "bfloat16")]
    batch = collate(examples())
    assert torch.equal(*(model.loss(batch).total for model in models))
    exact, rounded = (model.train().loss(batch).total for model in models)
    assert exact != rounded
    torch.testing.assert_close(exact, rounded, rtol=0.01, atol=0)


def test_gradients_reach_every_parameter():
    for attention, context, feeding in FORMS:
        model = build("lstm", attention, context, feeding).train()
        model.loss(collate(examples())).total.backward()
        missing = [
            name
            for name, parameter in model.named_parameters()
            if parameter.grad is None or not parameter.grad.any()
        ]
        assert not missing, (attention, context, feeding, missing)


@every_form
def test_two_of_the_same_model_are_the_model(attention, context, feeding):
    model, batch = build("lstm", attention, context, feeding), collate(examples())
    both = EncoderDecoderEnsemble([model, model])
    close(both.log_probabilities(batch), model.log_probabilities(batch))
    ours, alone = (
        search_targets(each, batch, width=3, maximum_length=8, watch_attention=attention != "none")
        for each in (both, model)
    )
    assert [row[0].tokens for row in ours] == [row[0].tokens for row in alone]


def test_an_ensemble_is_the_mean_of_the_probabilities():
    models, batch = [build(seed=seed) for seed in (0, 1)], collate(examples())
    tokens = torch.full((len(batch),), BOS)
    mean = (
        sum(model.step(tokens, model.initial_state(batch))[0].softmax(-1) for model in models) / 2
    )
    both = EncoderDecoderEnsemble(models)
    close(both.step(tokens, both.initial_state(batch))[0].softmax(-1), mean)


def test_sampling_at_temperature_zero_is_greedy():
    model, batch = build(), collate(examples())
    drawn = sample_targets(model, batch, temperature=0.0, maximum_length=7)
    greedy = search_targets(model, batch, width=1, maximum_length=7)
    assert [row[0].tokens for row in drawn] == [row[0].tokens for row in greedy]


def test_a_source_of_nothing_but_padding_gives_finite_answers():
    model = build()
    batch = Batch(torch.zeros(2, 3, dtype=torch.int64), torch.tensor([0, 3]))
    logits, _ = model.step(torch.full((2,), BOS), model.initial_state(batch))
    assert logits.isfinite().all()


def test_more_decoder_layers_than_the_encoder_has():
    torch.manual_seed(0)
    encoder = Encoder(Embedding(SOURCE, SIZE), CELLS["lstm"], HIDDEN, layers=1)
    decoder = Decoder(Embedding(TARGET, SIZE), CELLS["lstm"], HIDDEN, memory_size=HIDDEN, layers=3)
    check_batch(EncoderDecoder(encoder, decoder, bos=BOS, eos=EOS).eval())


def test_shift():
    targets = torch.tensor([[5, 6, EOS], [7, EOS, IGNORE]])
    assert shift(targets, BOS).tolist() == [[BOS, 5, 6], [BOS, 7, EOS]]


def test_wrong_arguments():
    with pytest.raises(
        ValueError, match="hidden_size must be even, half of it for each direction; got 7"
    ):
        Encoder(Embedding(SOURCE, SIZE), CELLS["lstm"], 7)
    with pytest.raises(ValueError, match="input_feeding needs an attention"):
        Decoder(
            Embedding(TARGET, SIZE),
            CELLS["lstm"],
            HIDDEN,
            memory_size=HIDDEN,
            attention="none",
            input_feeding=True,
        )
