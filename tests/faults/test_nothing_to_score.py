"""Files in which nothing can be scored: refused in a line, before a training as after one."""

from pathlib import Path

import pytest

from toy_language import TINY

SIDES = "no examples (3 lines, each with a blank side)\n"
STEPS = "no series has a value in the steps that are forecast, its last ones; remove the empty rows"
FORECASTING = "train forecasting --horizon 4 --hidden-size 4 --epochs 1 --no-tensorboard --out new"


@pytest.mark.parametrize("files", ["blank blank", "blank full", "full blank", "blank.tsv"])
@pytest.mark.parametrize("verb", ["evaluate run", "--dev", "--test"])
def test_pairs_with_a_blank_side(verb, files, place, ostinato):
    Path("blank").write_text("\n \n\n")
    Path("full").write_text("one\ntwo\none\n")
    Path("blank.tsv").write_text("source\ttarget\n\t\none\t\n \tONE\n")
    training = f"train translation --out new --train train.src train.tgt {' '.join(TINY)}"
    line = f"{verb} {files}" if verb == "evaluate run" else f"{training} {verb} {files}"
    outcome = ostinato(*line.split())
    assert outcome.status == 2 and outcome.err.endswith(f"{files}: {SIDES}"), outcome.err
    assert "epoch" not in outcome.err and not Path("new").exists()
    # one score for each line all the same
    assert ostinato("score", "run", *files.split()).out.count("\n") == 3


def test_series_without_a_value_to_forecast(tmp_path, ostinato, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"{step},{step % 5}\n" for step in range(1, 41)]
    Path("good.csv").write_text("ds,y\n" + "".join(rows))
    empty = [f"{step},\n" for step in range(41, 46)]
    Path("bad.csv").write_text("ds,y\n" + "".join(rows + empty))
    for part in ("--dev", "--test"):
        line = [*FORECASTING.split(), "--train", "good.csv", part, "bad.csv"]
        outcome = ostinato(*line)
        assert outcome.status == 2 and outcome.err.splitlines()[-1].startswith(f"bad.csv: {STEPS}")
        assert not Path("new").exists()
    assert ostinato(*FORECASTING.split(), "--train", "good.csv").status == 0
    outcome = ostinato("evaluate", "new", "bad.csv")
    assert outcome.status == 2 and f"bad.csv: {STEPS}" in outcome.err
    assert ostinato("evaluate", "new", "good.csv").status == 0
