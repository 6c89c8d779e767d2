"""Command lines of people in a hurry and of people with a grudge: an answer, or one line.

No traceback, no hang, no memory beyond what the command needs. `{run}`, `{input}` and `{small}`
are the golden run of a task, its input, and the beginning of its sample."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from corner_cases import input_of, make_folder, small_name
from forked_commands import TIMED_OUT, CommandServer, Surroundings

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
LONG = "x" * 100_000
HUGE = "9" * 5000
QUICK = "--epochs 0.1 --hidden-size 4"
LINES = """
translation | predict {run} {input} --beam {big}
translation | predict {run} {input} --beam -1
translation | predict {run} {input} --beam 1e3
translation | predict {run} {input} --beam 1000 --n-best 1000
translation | predict {run} {input} --beam ٣
translation | predict {run} {input} --beam ²
translation | predict {run} {input} --beam HUGE
translation | predict {run} {input} --length-penalty nan
translation | predict {run} {input} --length-penalty inf
translation | predict {run} {input} --length-penalty 1e308
translation | predict {run} {input} --length-penalty -20 --maximum-length 3
translation | predict {run} {input} --maximum-length {big}
translation | predict {run} {input} --maximum-length 0
translation | predict {run} {input} --temperature 1e308 --sampling
translation | predict {run} {input} --temperature 1e-308 --sampling
translation | predict {run} {input} --temperature 0 --sampling
translation | predict {run} {input} --top-k {big} --sampling
translation | predict {run} {input} --top-p 0 --sampling
translation | predict {run} {input} --top-p 1.5 --sampling
translation | predict {run} {input} --sampling --n-best 2
translation | predict {run} {input} --seed 18446744073709551616
translation | predict {run} {input} --seed -1
translation | predict {run} {input} --beam 2 --beam 3
translation | predict {run} {input} --json --no-json
translation | predict {run} {input} {input} {input}
translation | predict {run},{run},{run} {input}
translation | predict ,,, {input}
translation | predict {run}, {input}
translation | predict "" {input}
translation | predict 7 {input}
translation | predict {run} 7
translation | predict {run} ""
translation | predict {run} LONG
translation | predict LONG {input}
translation | predict {run} {input} --LONG
translation | predict {run} {input} --device LONG
translation | predict {run} {input} --device cuda:99999999999
translation | predict {run} {input} --device meta
translation | predict {run} {input} --output ""
translation | predict {run} {input} --output .
translation | predict {run} {input} --output {input}/x
translation | predict {run} {input} --hidden-size 9
translation | predict {run} {input} --epochs 1
translation | predict {run} {input} --horizon 3
translation | predict {run} -- --beam
translation | train translation --train {small} --hidden-size {big}
translation | train translation --train {small} --hidden-size -1 --out new
translation | train translation --train {small} --layers {big} --out new
translation | train translation --train {small} --layers 100 --hidden-size 100000 --out new
translation | train translation --train {small} --embedding-size 1000000000 --out new
translation | train translation --train {small} --vocabulary-size {big} --epochs 0.01 --out new
translation | train translation --train {small} --learning-rate nan --out new
translation | train translation --train {small} --learning-rate inf --out new
translation | train translation --train {small} --learning-rate -1 --out new
translation | train translation --train {small} --learning-rate 1e308 {quick} --out new
translation | train translation --train {small} --epochs 0 --out new
translation | train translation --train {small} --epochs -1 --out new
translation | train translation --train {small} --epochs nan --out new
translation | train translation --train {small} --batch-size 0 --out new
translation | train translation --train {small} --batch-size {big} {quick} --out new
translation | train translation --train {small} --batch-tokens {big} {quick} --out new
translation | train translation --train {small} --dropout 1 --out new
translation | train translation --train {small} --dropout nan --out new
translation | train translation --train {small} --label-smoothing 1e308 --out new
translation | train translation --train {small} --time-limit 0 --out new
translation | train translation --train {small} --time-limit -5s --out new
translation | train translation --train {small} --time-limit 1e308h --out new
translation | train translation --train {small} --time-limit ٣s {quick} --out new
translation | train translation --train {small} --time-limit nan --out new
translation | train translation --train {small} --processes 1000000 --out new
translation | train translation --train {small} --processes 0 --out new
translation | train translation --train {small} --processes -1 --out new
translation | train translation --train {small} --threads {big} {quick} --out new
translation | train translation --train {small} --threads 0 --out new
translation | train translation --train {small} --threads ² --out new
translation | train translation --train {small} --restarts {big} {quick} --out new
translation | train translation --train {small} --process-timeout nan --processes 2 --out new
translation | train translation --train {small} --seed HUGE --out new
translation | train translation --train {small} --model recurrent --cell nosuch --out new
translation | train translation --train {small} --resume --overwrite --out new
translation | train translation --train {small} --init-from {run} --resume --out new
translation | train translation --train {small} --init-from {run} --hidden-size 7 --out new
translation | train translation --train {small} --recipe {small} --out new
translation | train translation --train {small} --recipe sutskever2014 --hidden-size nan --out new
translation | train translation --train {small} --embeddings {run} --out new
translation | train translation --train {small} --embeddings {input} --out new
translation | train translation --train {small} --freeze "[" --epochs 0.1 --out new
translation | train translation --train {small} --initial-range 1e308 {quick} --out new
translation | train translation --train {small} --train {small} {quick} --out new
translation | train translation --train {small} {quick} --out ""
translation | train translation --train {small} --out LONG
translation | train translation --train {small} --out {small}
translation | compare translation --train {small} --models LONG --out new
translation | compare translation --train {small} --models ,,, --out new
translation | compare translation --train {small} --models gru --cell lstm --model rnn --out new
translation | search translation --train {small} --trials {big} --time-limit 1s --out new
translation | search translation --train {small} --trials 0 --out new
translation | search translation --train {small} --trials -1 --out new
translation | search translation --train {small} --processes 1000000 --trials 1 --out new
translation | search translation --train {small} --space {small} --out new
language | generate {run} --length {big} --samples {big}
language | generate {run} --length -1
language | generate {run} --length 5 --samples 0
language | generate {run} --length 5 --temperature nan
language | generate {run} --length 5 --temperature 1e308
language | generate {run} --length 5 --top-k -1
language | generate {run} --length 5 --beam {big}
language | generate {run} --length 5 --prompt ""
language | generate {run} --length 5 --prompt LONG
language | generate {run} --length 5 --stop ""
language | generate {run} --length 5 --stop LONG
language | generate {run} --length 5 --condition x
language | generate {run} --length 5 --beam 3 --samples 4
language | predict {run} --suggest {big}
language | predict {run} --suggest -3
language | predict {run} {input} --cache nan
language | evaluate {run} {input} --cache {big}
language | evaluate {run} {input} --cache -1
language | train language --train {small} --order {big} --model kneser-ney --out new
language | train language --train {small} --bptt-steps {big} --epochs 0.01 --hidden-size 4 --out new
melody | generate {run} --length {big}
melody | generate {run} --length 5 --prompt "999 -1 nan"
melody | generate {run} --length 5 --prompt HUGE
melody | generate {run} --length 5 --temperature -1
melody | predict {run} {input} --bars {big}
melody | predict {run} {input} --bars nan
classification | predict {run} {input} --length 5
classification | train classification --train {small} --text-column {big} --out new
classification | train classification --train {small} --text-column -1 --label-column -1 --out new
classification | train classification --train {small} --text-column ² --out new
classification | train classification --train {small} --text-column "" --out new
classification | train classification --train {small} --maximum-tokens 0 --out new
classification | train classification --train {small} --model bag-of-words --hidden-size {big}
tagging | predict {run} {input} --k-best {big}
tagging | predict {run} {input} --k-best 1000
tagging | train tagging --train {small} --tag-column {big} --out new
tagging | train tagging --train {small} --word-column -{big} --out new
tagging | train tagging --train {small} --feature-columns 1,,nan,² --out new
tagging | train tagging --train {small} --affix-buckets {big} --out new
tagging | train tagging --train {small} --fixed-length {big} --model feedforward --out new
forecasting | train forecasting --train {small} --horizon {big} --out new
forecasting | train forecasting --train {small} --horizon 0 --out new
forecasting | train forecasting --train {small} --look-back {big} --horizon 2 --out new
forecasting | train forecasting --train {small} --horizon 2 --season {big} --out new
forecasting | train forecasting --train {small} --horizon 2 --frequency nonsense --out new
forecasting | train forecasting --train {small} --horizon 2 --members {big} --out new
forecasting | predict {run} {input} --level 80,nan
forecasting | predict {run} {input} --level 0,100,1e308
forecasting | predict {run} {input} --level ,
forecasting | evaluate {run} {input} --windows {big}
forecasting | evaluate {run} {input} --windows -1
forecasting | predict {run} {input} --samples {big}
anomaly | predict {run} {input} --threshold nan
anomaly | train anomaly --train {small} --labels {small} --out new
anomaly | train anomaly --train {small} --labels /dev/null --out new
autoencoder | train autoencoder --train {small} --code-size {big} --out new
autoencoder | train autoencoder --train {small} --model components --code-size 1000000 --out new
genome | train genome --train {small} --window {big} --out new
genome | train genome --train {small} --window 0 --out new
genome | predict {run} {input} --moses
video | train video --train {small} --image-size {big} --out new
captioning | train captioning --train {small} --image-size 1000000000 --out new
captioning | predict {run} "sheet.png#xywh=0,0,{big},1"
captioning | predict {run} "sheet.png#xywh=nan,²,,"
transcription | predict {run} {input} --format nosuch
transcription | predict {run} {input} --lm {run}
transcription | predict {run} {input} --beam {big}
transcription | predict {run} {input} --phrases {input}
transcription | train transcription --train {small} --mels {big} --out new
translation | inspect gates {run} LONG --output v.json
translation | inspect gates {run} "one" --layer {big} --output v.json
translation | inspect gates {run} "one" --layer -1 --unit -7 --step -9 --output v.json
translation | inspect beam {run} "one" --beam {big} --output v.json
translation | inspect beam {run} "one" --length-penalty nan --output v.json
translation | inspect beam {run} "one" --force LONG --output v.json
translation | inspect words {run} one --count {big} --output v.json
translation | inspect words {run} one --count -1 --output v.json
translation | inspect gates {run} "one" --clamp nan --output v.json
translation | inspect gates {run} "one" --clamp "{big}=1e308" --output v.json
translation | inspect gates {run} "one" --example {big} --output v.json
translation | inspect gates {run} "one" --time-limit nan --output v.json
translation | inspect gates {run} "one" --output .json
translation | inspect gates {run} "one" --output ""
translation | rescore {run} {input} --weight nan
translation | rescore {run} list.nbest --source lines.txt --weight 1e308
translation | rescore {run} list.nbest --source lines.txt --weight -inf
translation | rescore {run} list.nbest --source {input} --tune {input}
translation | export {run} --format onnx --output ""
translation | export {run} --format folder --output . --int8 --tolerance nan
translation | export {run} --format html --output new.html --tolerance -1 --int8
translation | verify {run} --examples {big}
translation | verify {run} --examples -1
translation | verify {run} {input}
translation | serve {run} --port {big}
translation | serve {run} --port -1
translation | serve {run} --host nosuch.invalid --port 0
translation | serve {run} --max-sessions -1
translation | serve {run} --idle-seconds nan
translation | serve {run} --token ""
translation | serve {run} {run} {run}
translation | benchmark --steps {big}
translation | benchmark --steps 0
translation | benchmark --hidden-size {big} --seconds 0.1
translation | benchmark --threads {big} --seconds 0.1 --steps 2 --batch 2 --hidden-size 4
translation | benchmark --seconds nan
translation | benchmark --seconds -1 --steps 2 --batch 2 --hidden-size 4
translation | tasks --json --json
translation | tasks x y z
translation | evaluate {run}
translation | evaluate {run} {small} --against ""
translation | evaluate {run} {small} --against nosuch
translation | evaluate {run} {small} --seed nan
translation | score {run} {small} --beam 0
"""
EVERY = 24  # of the first 80 lines, in the quick tests


def read_lines() -> list[tuple[str, str]]:
    pairs = (line.split(" | ", 1) for line in LINES.strip().splitlines())
    return [(task, line) for task, line in pairs]


@pytest.fixture(scope="module")
def server():
    server = CommandServer()
    yield server
    server.close()


def fill_in(line: str, task: str) -> list[str]:
    """The arguments of a line; an argument in quotes is one."""
    import shlex

    replaced = line.format(
        run="run", input=input_of(task), small=small_name(task), big=10**12, quick=QUICK
    )
    values = {"LONG": LONG, "HUGE": HUGE, "--LONG": f"--{LONG}"}
    return [values.get(part, part) for part in shlex.split(replaced)]


def find_fault(server: CommandServer, folder: Path, task: str, line: str) -> str:
    make_folder(task, folder)
    outcome = server.run(fill_in(line, task), folder, Surroundings(seconds=200))
    said = [text for text in outcome.err.splitlines() if not text.startswith(("note:", "warning:"))]
    if outcome.status == TIMED_OUT:
        return f"hangs: {outcome.err[-300:]}"
    if outcome.status not in (0, 2) or "Traceback" in outcome.err:
        return f"exit status {outcome.status}: {outcome.err[-900:]}"
    if outcome.status == 2 and (len(said) != 1 or len(said[0]) > 2100):
        return f"{len(said)} lines: {outcome.err[-600:]}"
    return ""


@pytest.mark.parametrize(("task", "line"), read_lines()[:80:EVERY])
def test_some_hostile_lines(task, line, server, tmp_path):
    assert not find_fault(server, tmp_path / "place", task, line)


@pytest.mark.slow
@pytest.mark.parametrize(("task", "line"), read_lines())
def test_hostile_lines(task, line, server, tmp_path):
    assert not find_fault(server, tmp_path / "place", task, line)
