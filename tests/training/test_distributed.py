from __future__ import annotations

import multiprocessing

import pytest
import torch
from toy import batches, examples, stream, sum_losses, toy

from ostinato.data.batching.batch import collate
from ostinato.training.distributed import (
    DistributedModel,
    process_group,
    shard_batch,
    sum_gradients,
)
from ostinato.training.loop import train

SETTINGS = {"epochs": 2, "clip_norm": 0.5}
DATA = {
    "batches": lambda: batches(3, rows=5),
    "accumulated": lambda: batches(4, rows=3),
    "stream": lambda: stream(4),
    "a row too few": lambda: [collate(examples(1))],
}


def run(kind, sparse, **more):
    model = toy(sparse=sparse, dropout=0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trained = DistributedModel(model) if more else model
    accumulate = 2 if kind == "accumulated" else 1
    steps = train(trained, DATA[kind](), optimizer, accumulate=accumulate, **SETTINGS, **more)
    seen = [(p.loss, p.tokens, p.sequences, p.gradient_norm) for p in steps]
    return seen, sum_losses(trained, DATA[kind]()), [p.detach() for p in model.parameters()]


def process(rank, size, store, results):
    torch.set_num_threads(1)
    with process_group(rank, size, store):
        found = [
            run(kind, sparse, reduce=sum_gradients) for kind in DATA for sparse in (False, True)
        ]
    results.put(
        (
            rank,
            [
                (seen, evaluated, [p.tolist() for p in weights])
                for seen, evaluated, weights in found
            ],
        )
    )


def test_two_processes_are_one_with_the_whole_batch(tmp_path):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [
        context.Process(target=process, args=(rank, 2, tmp_path / "store", results))
        for rank in range(2)
    ]
    for worker in workers:
        worker.start()
    found = dict(results.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join(10)
        assert worker.exitcode == 0
    alone = [run(kind, sparse) for kind in DATA for sparse in (False, True)]
    for rank in range(2):
        for (seen, evaluated, weights), (wanted, total, parameters) in zip(
            found[rank], alone, strict=True
        ):
            assert torch.tensor(seen).allclose(torch.tensor(wanted), rtol=1e-5)
            assert evaluated == pytest.approx(total, rel=1e-6)
            assert all(
                torch.tensor(a).allclose(b, rtol=1e-4, atol=1e-6)
                for a, b in zip(weights, parameters, strict=True)
            )
    assert [run[2] for run in found[0]] == [run[2] for run in found[1]]


def test_rows_are_shared_out_and_trimmed():
    batch = collate(examples(5))
    shares = [shard_batch(batch, rank, 2)[0] for rank in range(2)]
    assert [len(share) for share in shares] == [3, 2]
    for rank, share in enumerate(shares):
        assert (
            torch.equal(share.lengths, batch.lengths[rank::2])
            and share.inputs.shape[1] == share.lengths.max()
        )
        assert torch.equal(share.targets, batch.targets[rank::2, : share.inputs.shape[1]])
    assert shard_batch(batch, 5, 6)[1] is False and len(shard_batch(batch, 5, 6)[0]) == 1


def test_a_rank_that_cannot_be(tmp_path):
    with (
        pytest.raises(ValueError, match="rank: must be from 0 to 1, with size 2; got 2"),
        process_group(2, 2, tmp_path / "x"),
    ):
        pass
