"""Answers that are made together have the bits of each alone."""

from __future__ import annotations

import asyncio
import random

import pytest
import torch

from ostinato.cells import CELLS
from ostinato.commands.serve import build_application
from ostinato.data.batching.batch import Example
from ostinato.models.classifier import RecurrentBody
from ostinato.serving.model_worker import MicroBatches, ModelThread
from ostinato.serving.refusal import Refusal
from ostinato.serving.settings import Settings
from ostinato.tasks.shared.inference import answer_in_batches, independent_rows

WORDS = [
    "a",
    "great",
    "and",
    "moving",
    "film",
    "dull",
    "long",
    "boring",
    "wonderful",
    ".",
    ",",
    "the",
    "plot",
    "is",
    "not",
    "bad",
]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("pooling", ["last", "max", "mean", "attention"])
def test_rows_are_independent(cell, pooling):
    torch.manual_seed(0)
    body = RecurrentBody(CELLS[cell], 7, 48, layers=2, pooling=pooling).eval()
    head = torch.nn.Linear(48, 3)
    examples = [Example(torch.randn(length, 7)) for length in (1, 9, 4, 4, 17, 30, 2, 11)]

    def answer(rows):
        return answer_in_batches(
            head,
            rows,
            lambda batch: list(head(body(batch.inputs, batch.lengths))),
            empty=torch.zeros(3),
        )

    with independent_rows():
        together = answer(examples)
        for example, row in zip(examples, together, strict=True):
            assert torch.equal(answer([example])[0], row)
        assert torch.equal(torch.stack(answer(examples[2:5])), torch.stack(together[2:5]))


def test_requests_answered_together_have_the_bits_of_each_alone(models):
    application = build_application(models, Settings(), snapshot=False)
    served = application.models["classification"].served
    chance = random.Random(0)
    texts = [" ".join(chance.choices(WORDS, k=chance.randint(0, 30))) for _ in range(40)]
    requests = [[served.record(text, 1)] for text in texts]
    alone = [served.try_predict(records) for records in requests]
    served.checked = 1000  # no comparison: what is merged is what is given
    for size in (2, 7, 40):
        for start in range(0, 40, size):
            part = slice(start, start + size)
            assert served.predict_all(requests[part]) == alone[part]
    assert served.merges


def test_a_difference_ends_merging(models, caplog):
    application = build_application(models, Settings(), snapshot=False)
    served = application.models["classification"].served
    requests = [[served.record(text, 1)] for text in ("a film", "dull")]
    alone = [served.try_predict(records) for records in requests]
    assert served.compare(requests, alone) == alone
    assert served.merges
    answers = [alone[0], [{"prediction": "other"}]]
    assert served.compare(requests, answers) == alone
    assert not served.merges
    assert "differ in the last bits" in caplog.text


def test_one_bad_request_does_not_harm_the_others():
    def answer_all(works):
        return [ValueError("bad") if work < 0 else work + 1 for work in works]

    async def run():
        thread = ModelThread()
        batches = MicroBatches(thread, answer_all, most_waiting=10)
        found = await asyncio.gather(
            *(batches.submit(work) for work in (1, -1, 3)), return_exceptions=True
        )
        thread.close()
        return found

    found = asyncio.run(run())
    assert (found[0], found[2]) == (2, 4)
    assert isinstance(found[1], Refusal)
    assert found[1].status == 503


def test_too_many_wait():
    async def run():
        thread, sizes = ModelThread(), []
        batches = MicroBatches(
            thread, lambda works: list(works), most_waiting=3, observe=sizes.append
        )
        found = await asyncio.gather(
            *(batches.submit(work) for work in range(5)), return_exceptions=True
        )
        thread.close()
        return found, sizes

    found, sizes = asyncio.run(run())
    assert found[:3] == [0, 1, 2]
    assert [each.status for each in found[3:]] == [503, 503]
    assert found[3].headers == {"Retry-After": "1"}
    assert sizes == [3]
