"""`predict` on a table whose name does not say so: as by its own ending, in every task that reads
tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ostinato.cli import main

GOLDEN = Path(__file__).parents[1] / "golden"
TABLES = {
    "classification": [{"idx": 1, "sentence": "a fine film"}, {"idx": 2, "sentence": ""}],
    "translation": [{"src": "Ein Hund.", "tgt": "A dog."}, {"src": "Nein."}],
    "dialogue": [{"turns": ["hello", "hi", "who?"]}, {"turns": ["bye"]}],
    "genome": [{"seq": "ACGTTGCA"}, {"seq": "CCCC"}],
}


@pytest.mark.parametrize("task", TABLES)
def test_predict_sees_a_table(task, tmp_path, capsys):
    answers = []
    for name in ("a.jsonl", "a.txt"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in TABLES[task]))
        assert main(["predict", str(GOLDEN / task / "run"), str(path)]) == 0
        out, err = capsys.readouterr()
        answers.append(out.replace(name, "a"))
    assert "a.txt: read as a table, its column" in err
    assert answers[0] == answers[1]
