"""The anomaly likelihood by hand, the recurrent autoencoder, truncated BPTT, and streams of
anomalies.
"""

import math

import numpy as np
import pytest
import torch

import ostinato as package
from ostinato.cells import CELLS
from ostinato.data.batching.batch import Batch
from ostinato.models.point_forecaster import PointForecaster
from ostinato.models.window_autoencoder import WindowAutoencoder
from ostinato.tasks.anomaly.scoring import compare_recent, find_alarms, score_errors

TINY = {
    "hidden_size": 8,
    "epochs": 4.0,
    "least_steps": 0,
    "learning_rate": 0.01,
    "season": 24,
    "tensorboard": False,
    "memory": 100,
}


@pytest.fixture(scope="module")
def wave():
    random = np.random.default_rng(0)
    return (10 * np.sin(2 * np.pi * np.arange(400) / 24) + random.normal(size=400)).tolist()


@pytest.fixture(scope="module", params=["forecaster", "autoencoder"])
def model(request, wave, tmp_path_factory):
    out = str(tmp_path_factory.mktemp("run") / "run")
    return package.train("anomaly", train=[wave], out=out, detector=request.param, window=8, **TINY)


def test_the_likelihood_by_hand():
    errors = np.array([1.0, 3.0] * 40 + [8.0, 8.0])
    found = compare_recent(errors, 2, 1000, 1e-3)
    assert found.deviations[-1] == pytest.approx(6.0)  # the mean before is 2, the deviation 1
    assert found.known[-1] == 80
    tail = 0.5 * math.erfc(6 / math.sqrt(2))
    assert score_errors(errors, 2)[-1] == pytest.approx(-math.log(tail + 1e-10) / 23.02585093)
    assert score_errors(errors, 2)[:50].max() == 0  # too little is known
    gap = score_errors(np.append(errors, np.nan), 2)
    assert gap[-1] == 0 and np.array_equal(gap[:-1], score_errors(errors, 2))


def test_hold_off_goes_on_in_later_scores():
    scores = np.array([0.9, 0.1, 0.9, 0.9, 0.9])
    whole = find_alarms(scores, 0.5, 2)
    assert whole.tolist() == [True, False, False, True, False]
    assert find_alarms(scores[2:], 0.5, 2, since=2).tolist() == whole[2:].tolist()


def test_chunks_give_the_loss_of_the_whole():
    torch.manual_seed(0)
    network = PointForecaster(CELLS["gru"], 3, 6).eval()
    inputs, targets = torch.randn(2, 12, 3), torch.randn(2, 12)
    lengths = torch.tensor([12, 12])
    with torch.no_grad():
        whole = network.loss(Batch(inputs, lengths, targets))
        one = network.loss(Batch(inputs[:, :5], lengths, targets[:, :5]))
        rest = Batch(inputs[:, 5:], lengths, targets[:, 5:], continues=True)
        two = network.loss(rest, one.state)
        forgotten = network.loss(rest, None)
    assert float(one.total + two.total) == pytest.approx(float(whole.total), rel=1e-5)
    assert float(forgotten.total) != pytest.approx(float(two.total), rel=1e-5)


def test_the_autoencoder_reproduces_what_it_knows():
    torch.manual_seed(0)
    network = WindowAutoencoder(CELLS["gru"], 16, code_size=3, window=8)
    values = torch.sin(torch.arange(200.0) * 0.5).unsqueeze(0)
    batch = Batch(torch.zeros(1, 200, 1), torch.tensor([200]), values)
    optimizer = torch.optim.Adam(network.parameters(), 0.02)
    for _ in range(150):
        loss = network.loss(batch)
        optimizer.zero_grad()
        (loss.total / loss.count).backward()
        optimizer.step()
    broken = values.clone()
    broken[0, 150] = -3 * values[0, 150] + 1
    with torch.no_grad():
        surprise, location, _ = network.eval().observe(batch.inputs, values)
        odd, _, _ = network.observe(batch.inputs, broken)
    assert (location - values)[0, 10:].abs().mean() < 0.3
    assert odd[0, 150] > surprise[0, 10:].max()
    assert torch.equal(odd[0, :150], surprise[0, :150])  # the past alone


def test_a_stream_is_the_whole_series(model, wave):
    whole = model.predictions([wave])[0]
    stream, scores, alarms = model.stream(), [], []
    for start in range(0, 400, 37):
        if start == 74:
            saved = stream.to_bytes()
            stream.feed([50.0] * 9)
            stream.from_bytes(saved)
        answer = stream.feed(wave[start : start + 37])
        scores += answer.scores.tolist()
        alarms += answer.alarms.tolist()
        assert answer.stamps[0] == str(start + 1)
    assert scores == pytest.approx(whole.scores.tolist(), abs=2e-3)
    assert alarms == whole.alarms.tolist()
    assert package.load(model.folder).predict([wave]) == model.predict([wave])


def test_the_past_alone(model, wave):
    score = model.task.predictor.score
    as_record = model.task.reader.as_record
    one = score(model.network, as_record(wave))[:250]
    two = score(model.network, as_record([*wave[:250], *[99.0] * 150]))[:250]
    assert one == pytest.approx(two, abs=1e-6)
