"""DNA from files to labels: whole sequences and bases, both strands, windows, baselines,
colours.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest

import ostinato
from ostinato.data.dna.nucleotides import reverse_complement
from ostinato.data.dna.sequences import DnaSequence
from ostinato.errors import InputError
from ostinato.tasks.genome import TASK
from ostinato.tasks.genome.preprocessing import vary_strand
from ostinato.tasks.genome.windows import split_windows

TINY = {
    "hidden_size": 8,
    "motifs": 8,
    "motif_width": 5,
    "batch_size": 8,
    "learning_rate": 0.01,
    "dropout": 0.0,
    "tensorboard": False,
}
BASES = {**TINY, "window": 50, "margin": 20, "epochs": 12.0}


def islands(names, length, seed):
    """(FASTA, BED): stretches of C and G between stretches of A and T, 20 to 60 bases each."""
    chance = random.Random(seed)
    fasta, bed = [], []
    for name in names:
        bases, inside = "", False
        while len(bases) < length:
            run = chance.randint(20, 60)
            if inside:
                bed.append(f"{name}\t{len(bases)}\t{min(length, len(bases) + run)}\tisland")
            bases += "".join(chance.choices("CG" if inside else "AT", k=run))
            inside = not inside
        bases = bases[:length]
        fasta += [f">{name}", *(bases[start : start + 60] for start in range(0, length, 60))]
    return "\n".join(fasta) + "\n", "\n".join(bed) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("genome")
    for stem, names, length, seed in (
        ("train", ("c1", "c2"), 3000, 1),
        ("test", ("d1", "d2"), 700, 2),
    ):
        fasta, bed = islands(names, length, seed)
        (folder / f"{stem}.fa").write_text(fasta)
        (folder / f"{stem}.bed").write_text(bed)
    chance = random.Random(3)
    for stem, count in (("with", 60), ("without", 60), ("with_test", 20), ("without_test", 20)):
        lines = []
        for number in range(count):
            bases = "".join(chance.choices("ACGT", k=chance.randint(30, 40)))
            place = chance.randint(0, 20)
            bases = (
                bases[:place]
                + ("TATAATA" if stem.startswith("with_") or stem == "with" else "CGCGACC")
                + bases[place:]
            )
            lines += [f">s{number}", bases]
        (folder / f"{stem}.fa").write_text("\n".join(lines) + "\n")
    return folder


def files(folder, *parts):
    return {part: [str(folder / f"{part}.fa"), str(folder / f"{part}.bed")] for part in parts}


@pytest.fixture(scope="module")
def both_ways(folder):
    return ostinato.train("genome", **files(folder, "train", "test"), out=folder / "run", **BASES)


@pytest.fixture(scope="module")
def forwards(folder):
    settings = {**BASES, "epochs": 20.0, "bidirectional": False}
    return ostinato.train(
        "genome", **files(folder, "train", "test"), out=folder / "forwards", **settings
    )


@pytest.fixture(scope="module")
def whole(folder):
    return ostinato.train(
        "genome",
        train=[str(folder / "with.fa"), str(folder / "without.fa")],
        out=folder / "whole",
        test=[str(folder / "with_test.fa"), str(folder / "without_test.fa")],
        epochs=6.0,
        alone=True,
        reverse_complement=True,
        **TINY,
    )


def test_segments_are_found(both_ways):
    metrics = both_ways.report["metrics"]
    assert list(metrics) == ["accuracy", "f1", "auroc", "auprc"]
    assert metrics["f1"] > 0.95 and metrics["auroc"] > 0.99 and metrics["auprc"] > 0.98
    low, high = both_ways.report["intervals"]["f1"]
    assert low <= metrics["f1"] <= high
    assert (
        both_ways.report["baseline"]["name"] == "hidden Markov model"
        and both_ways.report["baseline"]["metrics"]["f1"] > 0.8
    )
    task = both_ways.task
    assert task.preprocessing.background == "background" and task.options.dev_metric == "f1"


def test_bed_out(both_ways, folder, ostinato):
    found = ostinato("predict", folder / "run", folder / "test.fa")
    rows = [line.split("\t") for line in found.out.splitlines()]
    assert found.status == 0 and rows
    for name, start, end, label, score, strand in rows:
        assert (
            name in ("d1", "d2")
            and 0 <= int(start) < int(end) <= 700
            and 0 <= int(score) <= 1000
            and (label, strand) == ("island", ".")
        )
    truth = [line.split("\t") for line in (folder / "test.bed").read_text().splitlines()]
    assert abs(len(rows) - len(truth)) <= 4
    every = ostinato(
        "predict", folder / "run", folder / "test.fa", "--with-background"
    ).out.splitlines()
    covered = sum(int(line.split("\t")[2]) - int(line.split("\t")[1]) for line in every)
    assert covered == 1400
    longer = ostinato(
        "predict", folder / "run", folder / "test.fa", "--minimum-length", "40"
    ).out.splitlines()
    assert 0 < len(longer) < len(rows) and all(
        int(line.split("\t")[2]) - int(line.split("\t")[1]) >= 40 for line in longer
    )


def test_json_and_colours_and_pages(both_ways, folder, ostinato):
    answers = [
        json.loads(line)
        for line in ostinato(
            "predict", folder / "run", folder / "test.fa", "--json"
        ).out.splitlines()
    ]
    assert [each["name"] for each in answers] == ["d1", "d2"]
    assert set(answers[0]["segments"][0]) == {"start", "end", "label", "score"}
    bases = {
        line[1:]: ""
        for line in (folder / "test.fa").read_text().splitlines()
        if line.startswith(">")
    }
    shown = ostinato("predict", folder / "run", folder / "test.fa", "--highlight").out
    assert "\x1b[" in shown and shown.splitlines()[1] == ">d1"
    plain = shown.replace("\x1b[0m", "")
    for code in (31, 34, 32):
        plain = plain.replace(f"\x1b[{code}m", "")
    name = ""
    for line in plain.splitlines()[1:]:
        name = line[1:] if line.startswith(">") else name
        bases[name] += "" if line.startswith(">") else line.split()[1]
    expected = "".join(
        line for line in (folder / "test.fa").read_text().splitlines() if not line.startswith(">")
    )
    assert bases["d1"] + bases["d2"] == expected
    page = folder / "page.html"
    assert ostinato("predict", folder / "run", folder / "test.fa", "--output", page).status == 0
    text = page.read_text()
    assert (
        text.startswith("<!DOCTYPE html>")
        and text.rstrip().endswith("</html>")
        and 'title="island"' in text
    )


def stream_windows(text, pieces, size, margin):
    parts = [text[start : start + pieces] for start in range(0, len(text), pieces)]
    return list(split_windows("x", parts, size, margin))


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 25, 40])
@pytest.mark.parametrize("margin", [0, 3, 15])
def test_windows_do_not_depend_on_the_pieces(length, margin):
    text = "".join(random.Random(length).choices("ACGT", k=length))
    expected = stream_windows(text, length or 1, 10, margin)
    assert [each.start for each in expected] == list(range(0, max(1, length), 10))
    assert "".join(each.labelled_bases for each in expected) == text
    assert [each.last for each in expected] == [False] * (len(expected) - 1) + [True]
    for each in expected:
        assert each.bases == text[max(0, each.start - margin) : each.start + each.size + margin]
    for pieces in (1, 4, 7, 100):
        assert stream_windows(text, pieces, 10, margin) == expected


def test_chunked_is_whole(forwards, folder):
    """With a carried state, windows get the answers of the whole sequence; streaming those of
    predict.
    """
    reader, predictor = forwards.task.reader, forwards.task.predictor
    bases = "".join(random.Random(5).choices("ACGT", k=777))
    found = {}
    for size in (50, 120, 1000):
        parts = list(
            predictor.base_labeller(forwards.network).window_labeller.label(
                split_windows("x", [bases], size)
            )
        )
        found[size] = np.concatenate([probabilities for _, probabilities, _ in parts])
    assert (
        np.abs(found[50] - found[1000]).max() < 1e-5
        and np.abs(found[120] - found[1000]).max() < 1e-5
    )
    inputs = reader.read_inputs([str(folder / "test.fa")])
    streamed = list(predictor.stream(forwards.network, inputs, ahead=100))
    at_once = predictor.predict(
        forwards.network, reader.read([str(folder / "test.fa"), str(folder / "test.bed")])
    )
    assert [each.text for each in streamed] == [each.text for each in at_once]
    assert [len(each.region.counts["f1"]) for each in at_once] == [
        14,
        14,
    ]  # an interval needs more than two sequences: each window counts
    assert forwards.report["metrics"]["accuracy"] > 0.8


def test_long_sequences_come_in_regions(both_ways, folder, monkeypatch):
    from ostinato.tasks.genome import base_labels

    predictor = both_ways.task.predictor

    def stream():
        inputs = both_ways.task.reader.read_inputs([str(folder / "test.fa")])
        return predictor.stream(both_ways.network, inputs, ahead=100)

    expected = "\n".join(each.text for each in stream())
    monkeypatch.setattr(base_labels, "WINDOWS_PER_REGION", 3)
    parts = list(stream())
    assert len(parts) == 10 and "\n".join(predictor.format_lines(iter(parts))) == expected
    assert [
        (each.details["name"], each.details["start"], each.details["end"]) for each in parts[:2]
    ] == [("d1", 0, 150), ("d1", 150, 300)]


def test_whole_sequences(whole, folder, ostinato):
    task = whole.task
    assert task.preprocessing.labels.tokens == ["with", "without"]
    assert task.options.dev_metric == "accuracy"
    assert whole.report["metrics"]["accuracy"] > 0.9 and whole.report["metrics"]["auroc"] > 0.95
    found = ostinato("predict", folder / "whole", folder / "with_test.fa")
    rows = [line.split("\t") for line in found.out.splitlines()]
    assert len(rows) == 20 and all(row[1] == "0" and row[3] in ("with", "without") for row in rows)
    records = task.reader.read([str(folder / "with_test.fa")])
    assert [(row[0], int(row[2])) for row in rows] == [
        (record.name, len(record.bases)) for record in records
    ]
    assert [row[3] for row in rows] == [
        each.label for each in task.predictor.predict(whole.network, records)
    ]
    assert whole.evaluate([str(folder / "with_test.fa")])["metrics"]["accuracy"] > 0.8
    assert (folder / "whole/confusion.png").read_bytes().startswith(b"\x89PNG")


def test_both_strands_say_the_same(whole):
    bases = ["ACGTTATAATACCATTTGACGACAGATTA", "GGGACGCGACCTTAACGATATTTACGAC"]
    scores = [each.details["probabilities"]["with"] for each in whole.predictions(bases)]
    others = [
        each.details["probabilities"]["with"]
        for each in whole.predictions([reverse_complement(each) for each in bases])
    ]
    assert scores == pytest.approx(others, abs=1e-6)
    one = ostinato.load(whole.folder, both_strands=False).predictions(bases)
    assert [each.details["probabilities"]["with"] for each in one] != pytest.approx(
        scores, abs=1e-6
    )


def test_both_strands_of_bases(both_ways, forwards):
    averaged = ostinato.load(both_ways.folder, both_strands=True, with_background=True)
    bases = "ATTATATTAATATATCGCGGCGCCGCGCGCGCGGCATATTATATATTAATATTATA"
    found = averaged.predictions([bases, reverse_complement(bases)])
    one, other = (
        [(each["start"], each["end"], each["label"]) for each in answer.details["segments"]]
        for answer in found
    )
    assert one == [
        (len(bases) - end, len(bases) - start, label) for start, end, label in reversed(other)
    ]
    with pytest.raises(InputError, match="both_strands needs a model trained with bidirectional"):
        ostinato.load(forwards.folder, both_strands=True).predict([bases])


def test_the_other_strand_is_learned_with_its_labels():
    record = DnaSequence("AACCGGTTNA", segments=segments("......EEEE"))
    task = TASK.create({"reverse_complement": True, "window": 50}).fit([record])
    example = task.preprocessing.encode(record, draw=1)
    other = DnaSequence(reverse_complement("AACCGGTTNA"), segments=())
    assert example.inputs.tolist() == task.preprocessing.encode(other).inputs.tolist()
    assert example.targets.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert vary_strand(example, 2) is example and task.preprocessing.varies


def segments(labels):
    from ostinato.data.dna.sequences import parse_labels

    return parse_labels(labels, len(labels), "here")


def test_margins_are_seen_and_not_learned():
    record = DnaSequence("ACGTACGTAC" * 3, segments=segments(("." * 5 + "E" * 5) * 3))
    fitted = TASK.create({"window": 10, "margin": 3}).fit([record]).preprocessing
    pieces = fitted.trainable_records([record])
    targets = [fitted.encode(piece).targets.tolist() for piece in pieces]
    assert [len(each) for each in targets] == [13, 16, 13]
    assert [[number for number in each if number != -100] for each in targets] == [
        [0] * 5 + [1] * 5
    ] * 3
    assert targets[1][:3] == [-100] * 3 and targets[1][-3:] == [-100] * 3


@pytest.mark.parametrize("model", ["hmm", "most-frequent", "convolution"])
def test_models_of_bases(model, folder, tmp_path):
    trained = ostinato.train(
        "genome",
        **files(folder, "train", "test"),
        out=tmp_path / "run",
        model=model,
        filters=8,
        **BASES,
    )
    assert trained.report["metrics"]["accuracy"] > (0.4 if model == "most-frequent" else 0.9)
    bases = ["ATTATATACGCGCGCGCGGCGCATATATTATA", ""]
    assert ostinato.load(tmp_path / "run").predict(bases) == trained.predict(bases)


@pytest.mark.parametrize(
    "model", ["k-mers", "weight-matrix", "most-frequent", "feedforward", "convolution", "gru"]
)
def test_models_of_whole_sequences(model, tmp_path):
    chance = random.Random(1)
    around = ["".join(chance.choices("ACGT", k=10)) for _ in range(160)]
    rows = [
        (around[number] + ("GTAAGT" if number % 2 else "CCATCC") + around[80 + number], number % 2)
        for number in range(80)
    ]
    for name, part in (("train", rows[:60]), ("test", rows[60:])):
        (tmp_path / f"{name}.tsv").write_text(
            "seq\tclass\n" + "".join(f"{bases}\t{label}\n" for bases, label in part)
        )
    if model in ("k-mers", "weight-matrix"):
        pytest.importorskip("sklearn")
    settings = {**TINY, "epochs": 8.0, "filters": 8, "pooling": "middle"}
    parts = {part: [str(tmp_path / f"{part}.tsv")] for part in ("train", "test")}
    trained = ostinato.train("genome", **parts, out=tmp_path / "run", model=model, **settings)
    assert trained.report["metrics"]["accuracy"] >= (0.5 if model == "most-frequent" else 0.8)
    answers = trained.predict([bases for bases, _ in rows[60:]])
    assert ostinato.load(tmp_path / "run").predict([bases for bases, _ in rows[60:]]) == answers


def test_models_of_the_other_kind_are_left_out(folder, tmp_path):
    with pytest.raises(InputError, match="model k-mers needs one label a sequence"):
        ostinato.train(
            "genome",
            **files(folder, "train", "test"),
            out=tmp_path / "run",
            model="bag-of-words",
            **BASES,
        )
    with pytest.raises(InputError, match="model hmm needs labels of bases"):
        ostinato.train("genome", out=tmp_path / "run", model="hmm", **TINY)


def test_probabilities_of_labels(both_ways, whole):
    right, wrong = (
        ("ATATTATATAATATATATTA", "." * 20),
        ("ATATTATATAATATATATTA", "island " * 19 + "island"),
    )
    scores = both_ways.score([(right[0], ["background"] * 20), wrong, (right[0], ["odd"] * 20)])
    assert 0 >= scores[0] > scores[1] > scores[2] == -np.inf
    one, other = whole.score([("ACGTTATAATACC", "with"), ("ACGTTATAATACC", "without")])
    assert np.exp(one) + np.exp(other) == pytest.approx(1)
    with pytest.raises(InputError, match="no label to compute the probability of"):
        whole.score(["ACGT"])
    with pytest.raises(InputError, match="no labels to compute the probability of"):
        both_ways.score(["ACGT"])


def test_labels_never_seen_are_counted_as_wrong(both_ways, whole, folder, tmp_path):
    (tmp_path / "odd.bed").write_text("d1\t0\t300\todd\n")
    result = both_ways.evaluate([str(folder / "test.fa"), str(tmp_path / "odd.bed")])
    assert any(
        "1 label unseen in training, counted as wrong: 'odd' 1" in note for note in result["notes"]
    )
    (tmp_path / "odd.tsv").write_text("sequence\tlabel\nACGTACGT\todd\nACGTTATAATACC\twith\n")
    result = whole.evaluate([str(tmp_path / "odd.tsv")])
    assert result["metrics"]["accuracy"] <= 0.5


def test_two_runs_answer_together(folder, tmp_path):
    for seed in (1, 2):
        ostinato.train(
            "genome",
            **files(folder, "train", "test"),
            out=tmp_path / str(seed),
            seed=seed,
            **{**BASES, "epochs": 4.0},
        )
    pair = ostinato.load(f"{tmp_path / '1'},{tmp_path / '2'}")
    assert pair.evaluate(files(folder, "test")["test"])["metrics"]["accuracy"] > 0.8


@pytest.mark.parametrize("bidirectional", [True, False])
def test_resumed_is_never_stopped(folder, tmp_path, bidirectional):
    settings = {
        **files(folder, "train", "test"),
        **BASES,
        "schedule": "constant",
        "bidirectional": bidirectional,
        "reverse_complement": True,
    }
    one = ostinato.train("genome", out=tmp_path / "whole", **{**settings, "epochs": 2.0})
    ostinato.train("genome", out=tmp_path / "parts", **{**settings, "epochs": 1.3})
    other = ostinato.train(
        "genome", out=tmp_path / "parts", resume=True, **{**settings, "epochs": 2.0}
    )
    for (name, weights), others in zip(
        one.network.state_dict().items(), other.network.state_dict().values(), strict=True
    ):
        assert weights.equal(others), name


def test_odd_letters_have_answers(whole, both_ways):
    for model in (whole, both_ways):
        assert len(model.predict(["N", "acgtnryk", "", "A C G T"])) == 4


def test_memory_does_not_grow_with_the_sequence(folder, tmp_path):
    """A sequence of a million bases that comes in lines takes no more than one of a tenth of
    that.
    """
    import tracemalloc

    from ostinato.data.dna.fasta import StreamedSequence

    model = ostinato.train(
        "genome",
        **files(folder, "train", "test"),
        out=tmp_path / "run",
        model="most-frequent",
        **BASES,
    )
    options = replace(model.task.options, window=1000)
    predictor = model.task.with_options(options).predictor

    def peak(lines: int) -> int:
        entry = StreamedSequence("x", "", "here", ("ACGTNACGTA" * 10 for _ in range(lines)))
        tracemalloc.start()
        answers = predictor.stream(model.network, iter([entry]), ahead=100)
        ends = [each.details["end"] for each in answers]
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert ends[-1] == 100 * lines
        return found

    peak(1000)
    assert peak(10_000) < 1.5 * peak(1000) + 1_000_000
