"""The whole road from the command line: what each command prints, in which form, and what it
leaves behind.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import shutil
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from ostinato.cli import COMMANDS
from ostinato.commands.run.recipe import names
from ostinato.tasks import TASKS
from toy_language import TINY, write_toy


def recipe_task(name: str) -> str:
    return tomllib.loads((files("ostinato") / "recipes" / f"{name}.toml").read_text())["task"]


TRAIN = ["train", "translation", "--train", "train.src", "train.tgt"]


def run(ostinato, *arguments) -> str:
    outcome = ostinato(*arguments)
    assert outcome.status == 0, outcome.err
    return outcome.out


class TestShapes:
    def test_train_leaves_a_folder_that_predicts_by_itself(self, place, tmp_path, ostinato):
        names = {path.name for path in (place / "run").iterdir()}
        assert {"model.json", "model.safetensors", "report.json", "curves.png", "training"} <= names
        description = json.loads((place / "run/model.json").read_text())
        assert description["task"] == "translation"
        assert description["options"]["hidden_size"] == 8
        shutil.rmtree(place / "run/training")
        (place / "run").rename(place / "elsewhere")
        assert run(ostinato, "predict", "elsewhere", "train.src").count("\n") == 20

    def test_train_json_is_one_object_with_the_table(self, place, ostinato):
        report = json.loads(run(ostinato, *TRAIN, *TINY, "--out", "new", "--json"))
        assert report == json.loads((place / "new/report.json").read_text())
        assert [row["metric"] for row in report["table"]] == ["bleu", "chrf", "perplexity"]
        for row in report["table"]:
            assert {
                "task",
                "metric",
                "score",
                "low",
                "high",
                "baseline",
                "seconds",
                "tokens_per_second",
            } == set(row)
        assert report["next"]

    def test_train_prints_the_report(self, place, ostinato):
        outcome = ostinato(*TRAIN, *TINY, "--out", "new")
        for word in (
            "translation",
            "bleu",
            "chrf",
            "perplexity",
            "95 % interval",
            "baseline",
            "tokens/s",
            "Next:",
            "ostinato predict new",
        ):
            assert word in outcome.out
        assert "no --dev: 4 training examples held out (seed 1, whatever --seed is)" in outcome.err
        assert "\x1b" not in outcome.out + outcome.err

    def test_evaluate_json(self, place, ostinato):
        out = run(ostinato, "evaluate", "run", "train.src", "train.tgt", "--json")
        result = json.loads(out)
        assert out.count("\n") == 1
        assert {"task", "examples", "metrics", "intervals"} <= set(result)
        assert result["task"] == "translation"
        assert result["examples"] == 20
        assert (
            list(result["metrics"]) == list(result["intervals"]) == ["bleu", "chrf", "perplexity"]
        )
        for name, (low, high) in result["intervals"].items():
            assert low <= result["metrics"][name] <= high
        assert "version:" in result["details"]["bleu"]["signature"]

    def test_predict_json_is_an_object_a_line(self, place, ostinato):
        lines = run(
            ostinato, "predict", "run", "train.src", "--json", "--align", "--n-best", "3"
        ).splitlines()
        assert len(lines) == 20
        plain = run(ostinato, "predict", "run", "train.src", "--n-best", "3").splitlines()
        for line, text, source in zip(
            map(json.loads, lines), plain, Path("train.src").read_text().splitlines(), strict=True
        ):
            assert line["prediction"] == text
            assert line["log_probability"] < 0
            assert len(line["n_best"]) == 3
            assert len(line["alignment"]) == len(line["tokens"])
            assert len(line["source_tokens"]) == len(source.split())
            assert all(0 <= place < len(line["source_tokens"]) for place in line["alignment"])

    def test_an_empty_line_has_the_same_keys(self, place, ostinato):
        Path("blank").write_text("one two\n\n")
        line, blank = map(
            json.loads,
            run(
                ostinato, "predict", "run", "blank", "--json", "--align", "--n-best", "2"
            ).splitlines(),
        )
        assert list(blank) == [name for name in line if name != "unknown"]
        assert (blank["prediction"], blank["tokens"], blank["n_best"][0]["prediction"]) == (
            "",
            [],
            "",
        )

    def test_evaluate_without_files_takes_those_of_the_run(self, place, ostinato):
        run(ostinato, *TRAIN, "--dev", "train.src", "train.tgt", *TINY, "--out", "new")
        result = json.loads(run(ostinato, "evaluate", "new", "--json"))
        assert result["examples"] == 20
        assert [Path(file).name for file in result["files"]] == ["train.src", "train.tgt"]
        outcome = ostinato("evaluate", "run")
        assert outcome.status == 2
        assert outcome.err.startswith(
            "name the files of a test set after the run: it was tested on a part of its "
            "training data"
        )

    def test_sampling_follows_the_seed(self, place, ostinato):
        one, again, other = (
            run(ostinato, "predict", "run", "train.src", "--sampling", "--seed", seed)
            for seed in (1, 1, 2)
        )
        assert one == again != other
        assert ostinato("predict", "run", "train.src", "--seed", "-1").status == 2

    def test_a_failed_check_is_a_failure(self, place, ostinato, monkeypatch):
        from ostinato.commands import verify

        monkeypatch.setattr(verify, "count_differences", lambda *_: 1.0)
        outcome = ostinato("verify", "run", "train.src", "train.tgt")
        assert outcome.status == 1
        assert "3 of" in outcome.out.splitlines()[-1]

    def test_score(self, place, ostinato):
        values = list(map(float, run(ostinato, "score", "run", "train.src", "train.tgt").split()))
        result = json.loads(run(ostinato, "score", "run", "train.src", "train.tgt", "--json"))
        assert result["examples"] == len(values) == 20
        assert result["log_probabilities"] == pytest.approx(values, abs=1e-5)
        evaluated = json.loads(run(ostinato, "evaluate", "run", "train.src", "train.tgt", "--json"))
        tokens = sum(len(line.split()) + 1 for line in Path("train.tgt").read_text().splitlines())
        assert evaluated["metrics"]["perplexity"] == pytest.approx(
            math.exp(-result["sum"] / tokens), rel=1e-4
        )

    def test_output_goes_to_a_file(self, place, ostinato):
        printed = run(ostinato, "predict", "run", "train.src")
        assert run(ostinato, "predict", "run", "train.src", "--output", "answers") == ""
        assert Path("answers").read_text() == printed

    def test_tasks_and_verify(self, place, ostinato):
        assert "translation" in run(ostinato, "tasks")
        assert json.loads(run(ostinato, "tasks", "--json"))["tasks"][0]["task"] == "translation"
        checks = json.loads(run(ostinato, "verify", "run", "train.src", "train.tgt", "--json"))
        assert checks["passed"], [check for check in checks["checks"] if not check["passed"]]

    def test_against(self, place, ostinato):
        run(ostinato, *TRAIN, *TINY, "--out", "other", "--seed", "2")
        result = json.loads(
            run(
                ostinato,
                "evaluate",
                "run",
                "train.src",
                "train.tgt",
                "--against",
                "other",
                "--json",
            )
        )
        assert set(result["against"]["p_values"]) == {"bleu", "chrf", "perplexity"}
        assert all(0 <= p <= 1 for p in result["against"]["p_values"].values())
        assert "other" in run(
            ostinato, "evaluate", "run", "train.src", "train.tgt", "--against", "other"
        )


class TestHelp:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_explains_itself_by_example(self, command, ostinato):
        outcome = ostinato(command, "--help")
        assert outcome.status == 0
        assert f"Examples:\n  ostinato {command}" in outcome.out
        assert outcome.out.startswith(f"usage: ostinato {command}")

    @pytest.mark.parametrize("task", TASKS)
    def test_a_task_explains_itself_by_example(self, task, ostinato):
        out = run(ostinato, "train", task, "--help")
        assert out.index(TASKS[task].example) < out.index("--train FILE")
        recipes = [name for name in names() if recipe_task(name) == task]
        assert all(f"--recipe {name}" in out for name in recipes)

    def test_a_task_lists_its_options(self, ostinato):
        out = run(ostinato, "train", "translation", "--help-all")
        for flag in (
            "--hidden-size",
            "--attention",
            "--reverse-source",
            "--teacher-forcing",
            "--learning-rate",
            "--no-tied",
        ):
            assert flag in out
        assert "none|dot|general|additive" in out

    def test_a_run_lists_what_can_be_changed(self, place, ostinato):
        out = run(ostinato, "predict", "run", "--help")
        assert "--beam" in out
        assert "--hidden-size" not in out

    def test_the_overview(self, ostinato):
        for arguments in ([], ["--help"], ["help"]):
            out = run(ostinato, *arguments)
            assert all(command in out for command in COMMANDS)
        assert run(ostinato, "--version").startswith("ostinato 0")


class TestRuns:
    def test_same_seed_same_run(self, place, ostinato):
        for name in ("one", "two"):
            run(ostinato, *TRAIN, *TINY, "--out", name, "--dropout", "0.3", "--seed", "7")
        run(ostinato, *TRAIN, *TINY, "--out", "three", "--dropout", "0.3", "--seed", "8")
        one, two, three = (
            (place / name / "model.safetensors").read_bytes() for name in ("one", "two", "three")
        )
        assert one == two
        assert one != three

    def test_flags_stand_anywhere(self, place, ostinato):
        run(
            ostinato,
            "train",
            *TINY,
            "--out",
            "new",
            "translation",
            "--train",
            "train.src",
            "train.tgt",
        )
        last = run(ostinato, "predict", "new", "train.src", "--beam", "3")
        assert run(ostinato, "predict", "--beam", "3", "new", "train.src") == last

    def test_overwrite_replaces_a_run(self, place, ostinato):
        run(ostinato, *TRAIN, *TINY, "--out", "run", "--overwrite", "--cell", "gru")
        assert json.loads((place / "run/model.json").read_text())["options"]["cell"] == "gru"

    def test_out_defaults_to_runs_and_the_task(self, place, ostinato):
        run(ostinato, *TRAIN, *TINY)
        assert (place / "runs/translation/model.json").is_file()

    def test_time_limit(self, place, ostinato):
        report = json.loads(
            run(
                ostinato,
                *TRAIN,
                *TINY,
                "--out",
                "new",
                "--epochs",
                "100000",
                "--time-limit",
                "0.5s",
                "--json",
            )
        )
        assert report["seconds"] < 20

    def test_a_recipe_and_a_flag_that_overrides_it(self, place, ostinato):
        Path("mine.toml").write_text(
            'cell = "gru"\nhidden_size = 10\nembedding_size = 4\nunit = "word"\nepochs = 1\n'
        )
        run(ostinato, *TRAIN, "--out", "new", "--recipe", "mine.toml", "--hidden-size", "12")
        chosen = json.loads((place / "new/model.json").read_text())["options"]
        assert (chosen["cell"], chosen["hidden_size"], chosen["embedding_size"]) == ("gru", 12, 4)

    @pytest.mark.parametrize(
        "recipe", [name for name in names() if recipe_task(name) == "translation"]
    )
    def test_every_packaged_recipe_trains(self, recipe, place, ostinato):
        small = [
            "--hidden-size",
            "8",
            "--embedding-size",
            "8",
            "--layers",
            "1",
            "--epochs",
            "1",
            "--unit",
            "word",
            "--no-tensorboard",
        ]
        run(ostinato, *TRAIN, "--out", "new", "--recipe", recipe, *small)
        run(ostinato, "evaluate", "new", "train.src", "train.tgt")

    def test_an_ensemble(self, place, ostinato):
        run(ostinato, *TRAIN, *TINY, "--out", "other", "--cell", "gru", "--attention", "none")
        together = json.loads(
            run(ostinato, "evaluate", "run,other", "train.src", "train.tgt", "--json")
        )
        assert together["examples"] == 20
        same = [
            json.loads(run(ostinato, "score", name, "train.src", "train.tgt", "--json"))["sum"]
            for name in ("run", "run,run")
        ]
        assert same[0] == pytest.approx(same[1], rel=1e-5)
        texts = [run(ostinato, "predict", name, "train.src") for name in ("run", "run,run")]
        assert texts[0] == texts[1]
        run(ostinato, *TRAIN, *TINY, "--out", "characters", "--unit", "character")
        outcome = ostinato("predict", "run,characters", "train.src")
        assert outcome.status == 2
        assert "characters: cannot decode together with run" in outcome.err

    def test_averaging(self, place, ostinato):
        run(ostinato, *TRAIN, *TINY, "--out", "new", "--epochs", "4", "--average-checkpoints", "3")
        assert len(list((place / "new/training").glob("average-*"))) == 1  # for --resume
        flags = ["--epochs", "4", "--average-checkpoints", "3", "--keep"]
        run(ostinato, *TRAIN, *TINY, "--out", "kept", *flags)
        assert len(list((place / "kept/training").glob("average-*"))) == 3

    def test_the_packaged_sample(self, place, ostinato):
        report = json.loads(
            run(
                ostinato,
                "train",
                "translation",
                "--out",
                "new",
                *TINY[:4],
                "--unit",
                "word",
                "--epochs",
                "0.01",
                "--no-tensorboard",
                "--vocabulary-size",
                "500",
                "--beam",
                "1",
                "--json",
            )
        )
        assert report["data"]["train"] > 10_000
        assert len(report["examples"]) == 5


class TestInputs:
    """The same pairs in whatever form give the same model."""

    def formats(self):
        pairs = list(
            zip(
                *(Path(name).read_text().splitlines() for name in ("train.src", "train.tgt")),
                strict=True,
            )
        )
        with Path("pairs.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [
                    ("id", "target", "source"),
                    *((number, b, a) for number, (a, b) in enumerate(pairs)),
                ]
            )
        Path("pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs))
        Path("headed.tsv").write_text("src\ttrg\n" + "".join(f"{a}\t{b}\n" for a, b in pairs))
        Path("pairs.jsonl").write_text(
            "".join(json.dumps({"src": a, "tgt": b}) + "\n" for a, b in pairs)
        )
        Path("pairs.tsv.gz").write_bytes(gzip.compress(Path("pairs.tsv").read_bytes()))
        for name in ("train.src", "train.tgt"):
            content = Path(name).read_bytes()
            Path(name + ".gz").write_bytes(gzip.compress(content))
            Path(name + ".crlf").write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
        return [
            ["pairs.csv"],
            ["pairs.tsv"],
            ["headed.tsv"],
            ["pairs.jsonl"],
            ["pairs.tsv.gz"],
            ["train.src.gz", "train.tgt.gz"],
            ["train.src.crlf", "train.tgt.crlf"],
            ["english.csv", "--source-column", "english", "--target-column", "french"],
        ]

    def test_every_format_gives_the_same_model(self, place, ostinato):
        formats = self.formats()
        header, *rows = Path("pairs.csv").read_text().split("\n")
        Path("english.csv").write_text("\n".join(["id,french,english", *rows]))
        wanted = (place / "run/model.safetensors").read_bytes()
        for number, given in enumerate(formats):
            run(ostinato, "train", "translation", "--train", *given, "--out", f"new{number}", *TINY)
            assert (place / f"new{number}/model.safetensors").read_bytes() == wanted, given

    def test_predicting_from_a_table_and_from_standard_input(self, place, ostinato):
        self.formats()
        wanted = run(ostinato, "predict", "run", "train.src")
        for name in ("pairs.csv", "pairs.jsonl", "pairs.tsv.gz", "train.src.gz", "train.src.crlf"):
            assert run(ostinato, "predict", "run", name) == wanted, name
        command = [sys.executable, "-m", "ostinato.cli", "predict", "run"]
        assert (
            subprocess.run(
                command, input=Path("train.src").read_bytes(), stdout=subprocess.PIPE, check=True
            ).stdout.decode()
            == wanted
        )

    def test_dev_and_test_files_are_used(self, place, ostinato):
        write_toy(place, 6, seed=5, stem="dev")
        write_toy(place, 7, seed=6, stem="test")
        out = run(
            ostinato,
            *TRAIN,
            "--dev",
            "dev.src",
            "dev.tgt",
            "--test",
            "test.src",
            "test.tgt",
            *TINY,
            "--out",
            "new",
            "--json",
        )
        report = json.loads(out)
        assert report["data"] == {"train": 20, "dev": 6, "test": 7}
        assert report["examples"] and report["tested_on"] == "test.src test.tgt"

    def test_the_test_set_among_the_training_data_is_noticed(self, place, ostinato):
        outcome = ostinato(*TRAIN, "--dev", "train.src", "train.tgt", *TINY, "--out", "new")
        assert (
            "--dev: 100% of it is also in the training data; its scores are too optimistic"
            in outcome.err
        )

    def test_pretrained_embeddings(self, place, ostinato):
        Path("vectors.txt").write_text("3 4\none 1 2 3 4\ntwo 5 6 7 8\nelse 9 9 9 9\n")
        flags = ["--embeddings", "vectors.txt", "--freeze-embeddings", "--no-tied", "--tokenized"]
        outcome = ostinato(*TRAIN, *TINY, "--out", "new", *flags)
        assert outcome.status == 0, outcome.err
        assert "vectors.txt: vectors for" in outcome.err
        import ostinato as package

        model = package.load("new")
        units, weight = model.task.preprocessing.source, model.network.encoder.embedding.weight
        assert weight.shape[1] == 4
        assert weight[units.encode("one")[0]].tolist() == [1, 2, 3, 4]
        assert run(ostinato, "predict", "new", "train.src").count("\n") == 20


class TestRescore:
    def nbest(self, ostinato):
        out = run(
            ostinato,
            "predict",
            "run",
            "train.src",
            "--moses",
            "--n-best",
            "4",
            "--length-penalty",
            "0",
        )
        Path("list").write_text(out)
        return out.splitlines()

    def test_round_trip(self, place, ostinato):
        lines = self.nbest(ostinato)
        assert len(lines) == 80
        again = run(ostinato, "rescore", "run", "list", "--source", "train.src").splitlines()
        assert len(again) == 80
        firsts = {}
        for line in again:
            number, _, features, score = line.split(" ||| ")
            assert features.count("ostinato=") == 2
            firsts.setdefault(number, float(score))
            assert firsts[number] >= float(score)
        sources, compared = Path("train.src").read_text().splitlines(), 0
        # the list's own score is the same model's, unless the list cut a candidate off or could
        # not spell it
        for line in lines:
            number, text, _, score = line.split(" ||| ")
            if "<unk>" in text or len(text.split()) == 10 + 2 * len(sources[int(number)].split()):
                continue
            match = [
                each.split(" ||| ") for each in again if each.startswith(f"{number} ||| {text} |||")
            ]
            assert any(abs(float(each[3]) - float(score)) < 1e-3 for each in match)
            compared += 1
        assert compared > 20

    def test_weight_zero_keeps_the_lists_own_order(self, place, ostinato):
        chosen = ["0 ||| ONE ||| ||| -9", "0 ||| TWO ||| ||| -1", "1 ||| SIX ||| ||| 3"]
        Path("list").write_text("\n".join(chosen) + "\n")
        out = run(
            ostinato, "rescore", "run", "list", "--source", "train.src", "--weight", "0"
        ).splitlines()
        assert [line.split(" ||| ")[1] for line in out] == ["TWO", "ONE", "SIX"]
        result = json.loads(
            run(
                ostinato,
                "rescore",
                "run",
                "list",
                "--source",
                "train.src",
                "--weight",
                "0",
                "--json",
            )
        )
        assert [each["prediction"] for each in result["candidates"]] == ["TWO", "ONE", "SIX"]
        assert result["weight"] == 0

    def test_the_weight_is_tuned(self, place, ostinato):
        self.nbest(ostinato)
        outcome = ostinato(
            "rescore",
            "run",
            "list",
            "--source",
            "train.src",
            "--tune",
            "list",
            "train.src",
            "train.tgt",
        )
        assert outcome.status == 0, outcome.err
        assert outcome.err.startswith("weight ")
        assert outcome.out.count("\n") == 80

    def test_the_source_is_that_of_the_runs_test_set(self, place, ostinato):
        run(ostinato, *TRAIN, "--dev", "train.src", "train.tgt", *TINY, "--out", "new")
        Path("list").write_text("19 ||| ONE ||| ||| -9\n")
        run(ostinato, "rescore", "new", "list")
        outcome = ostinato("rescore", "run", "list")
        assert outcome.status == 2
        assert "--source is needed" in outcome.err


def test_runs_of_other_seeds_answer_together(place, ostinato):
    """Without --dev, too: the held-out part, and so the vocabulary, does not depend on the seed."""
    for seed in ("1", "2"):
        run = [*TRAIN, *TINY, "--out", f"seed{seed}", "--seed", seed]
        assert ostinato(*run).status == 0
    outcome = ostinato("predict", "seed1,seed2", "train.src")
    assert outcome.status == 0 and outcome.err == ""
    assert outcome.out.count("\n") == 20
