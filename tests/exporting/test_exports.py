"""Exported models give the network's own numbers: in ONNX Runtime, and by NumPy alone."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from exporting_samples import QUICK, first_lines

import ostinato
from ostinato.cells import CELLS
from ostinato.cli import main
from ostinato.commands.export import export
from ostinato.data.batching.batch import Example, collate
from ostinato.errors import InputError
from ostinato.exporting.build_program import build_program
from ostinato.exporting.folder_format import RUNNER, build_folder
from ostinato.exporting.network_program import add_recurrent
from ostinato.exporting.onnx_graph import write_program
from ostinato.exporting.program import Program, dequantise, quantise
from ostinato.exporting.small_weights import with_small_weights
from ostinato.layers.recurrent import Recurrent

TEXTS = [
    "a great and moving film",
    "it is dull , but don't miss it!",
    "",
    "Ünlikely wörds: 3,5 ...",
]
SENTENCE = "The dog , runs 42 times unbelievably"
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def session(content: bytes):
    runtime = pytest.importorskip("onnxruntime", reason="needs pip install 'ostinato[onnx]'")
    return runtime.InferenceSession(content, providers=["CPUExecutionProvider"])


def load_runner(folder):
    spec = importlib.util.spec_from_file_location("exported_runner", folder / "runner.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Runner(folder)


def exported_folder(model, path, **settings):
    export(model, format="folder", output=str(path), **settings)
    return load_runner(path)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "gru-reset-before"])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("small", [False, True])
def test_layers_in_onnx_runtime(cell, both, small):
    """Random inputs of several lengths, and states in and out."""
    torch.manual_seed(0)
    layer = Recurrent(CELLS[cell], 5, 6, layers=2, bidirectional=both).eval()
    program = Program(inputs={"series": "numbers"}, about={"task": "test"})
    program.output = add_recurrent(program, layer, "series", stateful=True)
    if small:
        layer = with_small_weights(layer)
    x, lengths = torch.randn(4, 7, 5), torch.tensor([7, 1, 4, 6])
    feeds = {"series": x.numpy(), "lengths": lengths.numpy()}
    state = None
    if not both:
        parts = [[torch.randn(4, 6) for _ in each] for each in layer.initial_state(4)]
        state = tuple(map(tuple, parts))
        flat = [part for each in state for part in each]
        feeds |= {name: part.numpy() for name, part in zip(program.states, flat, strict=True)}
    with torch.inference_mode():
        wanted, last = layer(x, lengths, state)
    model = session(write_program(program, small=small))
    names = [output.name for output in model.get_outputs()]
    found = dict(zip(names, model.run(None, feeds), strict=True))
    np.testing.assert_allclose(found["output"], wanted.numpy(), **TOLERANCE)
    if not both:
        flat = [part for each in last for part in each]
        for name, part in zip(program.states, flat, strict=True):
            np.testing.assert_allclose(found[f"{name}_out"], part.numpy(), **TOLERANCE)


def feeds_of(model, examples):
    """What the graph of a model takes, of encoded examples."""
    batch = collate([example._replace(targets=None) for example in examples])
    name = "series" if batch.inputs.dim() == 3 else "tokens"
    feeds = {name: batch.inputs.numpy(), "lengths": batch.lengths.numpy()}
    return batch, feeds


def add_spellings(model, feeds, batch, runner, words):
    rows = [runner.spellings(each) for each in words]
    steps, longest = batch.inputs.shape[1], max(len(c) for row in rows for c in row["characters"])
    characters = np.zeros((len(rows), steps, longest), np.int64)
    lengths = np.zeros((len(rows), steps), np.int64)
    affixes = np.zeros((len(rows), steps, 10), np.int64)
    for number, row in enumerate(rows):
        for place, (spelled, ids) in enumerate(zip(row["characters"], row["affixes"], strict=True)):
            characters[number, place, : len(spelled)] = spelled
            lengths[number, place] = len(spelled)
            affixes[number, place] = ids
    feeds |= {"characters": characters, "character_lengths": lengths, "affixes": affixes}


@pytest.mark.parametrize("name", ["text", "text-last", "series", "frames", "bases"])
def test_classifiers_in_onnx_runtime(name, exportable, tmp_path):
    model = exportable(name)
    inputs = {
        "series": [np.random.default_rng(3).normal(size=(n, 2)) for n in (4, 9, 1)],
        "frames": [np.random.default_rng(3).normal(size=(n, 2)) * 9 for n in (4, 9, 1)],
        "bases": ["ACGTTGCA", "A", "GGGNAC"],
    }.get(name, TEXTS)
    examples = [model.task.preprocessing.encode(model.task.reader.as_record(x)) for x in inputs]
    batch, feeds = feeds_of(model, examples)
    program = build_program(model)
    if "series" in feeds:  # the graph scales them itself
        rows = [torch.tensor(each, dtype=torch.float32) for each in inputs]
        feeds["series"] = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).numpy()
    if name == "text":
        runner = exported_folder(model, tmp_path / "folder")
        words = [
            [token.removeprefix("▁") for token in runner.split(text)] or [""] for text in inputs
        ]
        add_spellings(model, feeds, batch, runner, words)
    for state, size in program.states.items():
        feeds[state] = np.zeros((len(inputs), size), np.float32)
    with torch.inference_mode():
        wanted = model.network.probabilities(batch).numpy()
    found = session(write_program(program)).run(["output"], feeds)[0]
    np.testing.assert_allclose(found, wanted, **TOLERANCE)


def test_a_language_model_in_onnx_runtime(exportable):
    """The whole text, or token by token with the states handed on."""
    model = exportable("characters")
    program = build_program(model)
    graph = session(write_program(program))
    ids = torch.tensor([model.task.preprocessing.prompt_ids("what is the matter")])
    with torch.inference_mode():
        hidden, _, _ = model.network.hidden(ids, model.network.initial_state(1))
        wanted = model.network.output(hidden).numpy()
    state = {name: np.zeros((1, size), np.float32) for name, size in program.states.items()}
    whole = graph.run(
        ["output"], {"tokens": ids.numpy(), "lengths": np.array([ids.shape[1]]), **state}
    )[0]
    np.testing.assert_allclose(whole, wanted, **TOLERANCE)
    names = [output.name for output in graph.get_outputs()]
    for step in range(ids.shape[1]):
        feeds = {"tokens": ids[:, step : step + 1].numpy(), "lengths": np.array([1]), **state}
        found = dict(zip(names, graph.run(None, feeds), strict=True))
        np.testing.assert_allclose(found["output"][:, 0], wanted[:, step], **TOLERANCE)
        state = {name: found[f"{name}_out"] for name in state}


@pytest.mark.parametrize("name", ["tags", "tags-softmax"])
def test_taggers_in_onnx_runtime(name, exportable, tmp_path):
    model = exportable(name)
    records = [model.task.reader.as_record(text) for text in (SENTENCE, "Stop !")]
    batch, feeds = feeds_of(model, [model.task.preprocessing.encode_inputs(r) for r in records])
    program = build_program(model)
    if name == "tags":
        runner = exported_folder(model, tmp_path / "folder")
        add_spellings(model, feeds, batch, runner, [record.words for record in records])
    for state, size in program.states.items():
        feeds[state] = np.zeros((2, size), np.float32)
    with torch.inference_mode():
        wanted = model.network.emissions(batch).numpy()
    graph = session(write_program(program))
    found = graph.run(["output"], feeds)[0]
    for row, length in enumerate(batch.lengths.tolist()):
        np.testing.assert_allclose(found[row, :length], wanted[row, :length], **TOLERANCE)
    about = json.loads(graph.get_modelmeta().custom_metadata_map["ostinato"])
    assert about["about"]["labels"] == model.task.preprocessing.tags.tokens
    assert len(about["crf.transitions"]) == len(about["about"]["labels"])


@pytest.mark.parametrize("name", ["text", "text-last"])
def test_texts_by_numpy_alone(name, exportable, tmp_path):
    model = exportable(name)
    runner = exported_folder(model, tmp_path / "folder")
    for text in TEXTS:
        [wanted] = model.predictions([text])
        found = runner.predict(text)
        assert found["prediction"] == wanted.text
        assert found["probabilities"] == pytest.approx(wanted.probabilities, abs=1e-5)


@pytest.mark.parametrize("name", ["series", "frames", "bases"])
def test_numbers_and_bases_by_numpy_alone(name, exportable, tmp_path):
    model = exportable(name)
    runner = exported_folder(model, tmp_path / "folder")
    values = "ACGTNacg" if name == "bases" else [[0.5, -1.0], [2.0, 0.1], [0.0, 7.0]]
    [wanted] = model.without_baseline("export").predictions([values])
    found = runner.predict(values)
    assert found["probabilities"] == pytest.approx(wanted.details["probabilities"], abs=1e-5)


@pytest.mark.parametrize("name", ["characters", "words"])
def test_a_language_model_by_numpy_alone(name, exportable, tmp_path):
    model = exportable(name)
    runner = exported_folder(model, tmp_path / "folder")
    stream, state = model.stream(), runner.start()
    pieces = list("what is the matter") if name == "characters" else ["what", "is", "the", "dog"]
    for piece in pieces:
        wanted = stream.feed(piece)
        found, state = runner.feed(piece, state)
        assert [each["text"] for each in found["next"]] == [text for text, _ in wanted.next]
        for each, (_, share) in zip(found["next"], wanted.next, strict=True):
            assert each["probability"] == pytest.approx(share, abs=1e-5)
    text = "".join(pieces) if name == "characters" else " ".join(pieces)
    assert [each["text"] for each in runner.predict(text)["next"]] == [t for t, _ in wanted.next]


@pytest.mark.parametrize("name", ["tags", "tags-softmax"])
def test_tags_by_numpy_alone(name, exportable, tmp_path):
    model = exportable(name)
    runner = exported_folder(model, tmp_path / "folder")
    for text in (SENTENCE, "Stop", "it is , he said , a very long and winding road"):
        [wanted] = model.predictions([text])
        assert runner.predict(text)["tags"] == list(wanted.tags)
    assert runner.predict("")["tags"] == []


def test_the_runner_is_short_and_needs_numpy_alone(exportable, tmp_path):
    lines = RUNNER.read_text().splitlines()
    assert len(lines) < 300
    export(exportable("text"), format="folder", output=str(tmp_path / "folder"))
    code = (
        "import sys\nfor name in ('torch', 'ostinato', 'safetensors', 'onnx'):\n"
        "    sys.modules[name] = None\n"
        f"sys.argv = ['runner.py', 'a film', 'dull']\n"
        f"import runpy; runpy.run_path({str(tmp_path / 'folder' / 'runner.py')!r}, "
        "run_name='__main__')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in found.stdout.splitlines()]
    assert [each["prediction"] for each in answers] == exportable("text").predict(
        ["a film", "dull"]
    )


def test_rounding_to_8_bits():
    weights = {"a": np.array([[1.0, -2.0, 0.5], [0, 0, 0]], np.float32), "x.B": np.ones((1, 4))}
    small, scales = quantise(weights)
    assert small["a"].dtype == np.int8
    assert small["a"].tolist() == [[64, -127, 32], [0, 0, 0]]
    assert "x.B" not in scales
    error = np.abs(dequantise(small, scales)["a"] - weights["a"]).max()
    assert error <= 2.0 / 127 / 2 + 1e-6


def test_8_bits_are_a_quarter_and_are_scored(exportable, tmp_path, capsys):
    model = exportable("characters")
    texts = first_lines("language", tmp_path)
    with pytest.raises(InputError, match="--int8 is scored: give --dev FILE"):
        export(model, format="onnx", output=str(tmp_path / "x"), int8=True)
    sizes = {}
    for name, flags in (("whole", []), ("small", ["--int8", "--tolerance", "1", "--dev", texts])):
        output = tmp_path / f"{name}.onnx"
        arguments = ["export", str(model.folder), "--format", "onnx", "--output", str(output)]
        assert main([*arguments, *flags]) == 0
        sizes[name] = sum(
            np.prod(each.dims) * (1 if each.data_type == 3 else 4)
            for each in __import__("onnx").load(output).graph.initializer
        )
    assert "perplexity" in capsys.readouterr().out
    assert sizes["small"] < 0.45 * sizes["whole"]  # the biases and scales of a tiny model weigh
    runner = exported_folder(model, tmp_path / "folder", int8=True, tolerance=1.0, dev=[texts])
    small = ostinato.load(model.folder)
    small.networks[0] = with_small_weights(small.networks[0])
    wanted = small.stream().feed("the ").next
    found = runner.predict("the ")["next"]
    assert [each["probability"] for each in found] == pytest.approx(
        [share for _, share in wanted], abs=1e-3
    )


@pytest.mark.parametrize(
    ("task", "settings", "why"),
    [
        ("language", {"cell": "mingru"}, "MinGRU is none of ONNX's RNN, GRU and LSTM"),
        ("language", {"cell": "lstm-peephole"}, "peepholes and projections are not exported"),
        ("language", {"pre_norm": True}, "--pre-norm is not exported"),
        ("language", {"model": "kneser-ney"}, "only recurrent networks are exported"),
        ("classification", {"model": "convolution"}, "has a Convolution"),
        ("classification", {"characters": "recurrent"}, "--characters recurrent is not exported"),
    ],
)
def test_refusals_have_a_reason(task, settings, why, tmp_path):
    sizes = {} if settings.get("model") == "kneser-ney" else {"hidden_size": 6}
    model = ostinato.train(
        task,
        train=[first_lines(task, tmp_path)],
        out=tmp_path / "run",
        **sizes,
        **settings,
        **QUICK,
    )
    with pytest.raises(InputError, match=why):
        export(model, format="onnx", output=str(tmp_path / "model.onnx"))
    assert not (tmp_path / "model.onnx").exists()


def test_wrong_calls(exportable, tmp_path, trained, capsys, monkeypatch):
    run = str(exportable("text").folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for arguments, message in (
        (["--format", "onxx", "--output", "x"], "did you mean 'onnx'"),
        (["--format", "onnx"], "--output is missing"),
        (["--format", "onnx", "--output", str(tmp_path / "no" / "x")], "there is no folder"),
        (["--format", "onnx", "--output", str(tmp_path)], "a folder; name a file"),
        (["--format", "folder", "--output", str(tmp_path / "full")], "is not an empty folder"),
        (["--format", "html", "--output", "x", "--tolerance", "2"], "--tolerance must be between"),
    ):
        assert main(["export", run, *arguments]) == 2
        assert message in capsys.readouterr().err
    assert main(["export", str(trained), "--format", "html", "--output", str(tmp_path / "x")]) == 2
    assert "a model of task translation is not exported so" in capsys.readouterr().err
    both = f"{run},{exportable('text').folder}"
    assert main(["export", both, "--format", "onnx", "--output", str(tmp_path / "x")]) == 2
    assert "several runs are exported one by one" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export", run, "--format", "onnx", "--output", str(tmp_path / "x")]) == 2
    assert "pip install 'ostinato[onnx]'" in capsys.readouterr().err


def test_subwords_need_sentencepiece(tmp_path):
    program = Program(about={"task": "language", "tokenizer": {"unit": "subword"}})
    with pytest.raises(InputError, match="--format folder: subwords are cut by sentencepiece"):
        build_folder(program, tmp_path / "x")


def test_a_loss_beyond_the_tolerance_is_refused(exportable, tmp_path, monkeypatch):
    from ostinato.commands import evaluate

    scores = iter([{"accuracy": 0.9}, {"accuracy": 0.8}])
    monkeypatch.setattr(
        evaluate, "evaluate", lambda *_: {"metrics": next(scores), "files": ["dev.tsv"]}
    )
    with pytest.raises(InputError, match=r"from 0\.9 to 0\.8, more than --tolerance 0\.02 of it"):
        export(exportable("text"), format="html", output=str(tmp_path / "x.html"), dev=["dev.tsv"])


SEQUENCES = [
    {},
    {"attention": "additive", "input_feeding": True, "cell": "gru", "tied": False},
    {"attention": "dot", "bidirectional": False, "layers": 2, "reverse_source": True},
    {"attention": "none", "context": "every", "hidden_size": 10},
]


@pytest.mark.parametrize("settings", SEQUENCES, ids=str)
def test_an_encoder_decoder_in_onnx_runtime(settings, tmp_path):
    """The logits of every step of a target, and greedy decoding by the example alone."""
    model = ostinato.train(
        "translation",
        train=[first_lines("translation", tmp_path)],
        out=tmp_path / "run",
        vocabulary_size=120,
        alone=True,
        **{"hidden_size": 12, "embedding_size": 8, **settings},
        **QUICK,
    )
    path = str(tmp_path / "x.onnx")
    found = export(model, format="onnx", output=path)
    assert found["files"] == [str(tmp_path / f"x.{part}.onnx") for part in ("encoder", "decoder")]
    example = load_example("onnx_translation")
    encoder, decoder = example.load(path, "encoder"), example.load(path, "decoder")
    network = model.network
    batch = collate([Example(torch.tensor([5, 6, 7, 8])), Example(torch.tensor([9, 10]))])
    lengths = {"lengths": batch.lengths.numpy()}
    feeds = example.run(encoder, {"tokens": batch.inputs.numpy(), **lengths})
    feeds |= {"source_lengths": batch.lengths.numpy(), "lengths": np.ones(2, np.int64)}
    with torch.inference_mode():
        state = network.initial_state(batch)
        for tokens in ([2, 2], [7, 9], [11, 5]):
            logits, state = network.step(torch.tensor(tokens), state)
            step = example.run(decoder, {**feeds, "tokens": np.array(tokens)[:, None]})
            np.testing.assert_allclose(step["output"][:, 0], logits.numpy(), **TOLERANCE)
            if state.weights is not None:
                given = state.weights.numpy()
                np.testing.assert_allclose(step["attention"][:, 0], given, **TOLERANCE)
            ends = {n.removesuffix("_out"): v for n, v in step.items() if n.endswith("_out")}
            feeds |= ends
    greedy = ostinato.load(model.folder, beam=1, maximum_length=12)
    for text in ("I am a man.", "Tom   is here!", "go"):
        assert example.main(path, text, 12) == greedy.predict([text])[0]


def load_example(name):
    path = Path(__file__).parents[2] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
