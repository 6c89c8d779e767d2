"""Word and character error rates of transcription; speed is measured by transcription_speed.py.

    python benchmarks/transcription.py --sets sample  # the packaged sample (AN4)
    python benchmarks/transcription.py --sets an4 fsdd digits prompts --data FOLDER

sample    the packaged features of AN4, official test set: greedy, and with a word 3-gram of the
          training transcripts whose weight and bonus are chosen on the dev set (7 held-out
          training speakers)
an4       the same from FOLDER/speech_an4_mfcc at full precision
fsdd      FOLDER/speech_fsdd: single digits, takes 0-4 tested, 5-24 learned from (23 and 24 of
          them the dev set)
digits    the same recordings joined to strings of one to six digits of one speaker, drawn with
          a seed from each part
prompts   FOLDER/speech_prompts_en: sentences of one voice, its own split

The test set is used once, for the row that is printed."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

import ostinato
from ostinato.commands.evaluate import measure
from ostinato.commands.tables import number
from ostinato.data.audio.audio_files import read_audio
from ostinato.data.files.samples import sample_files
from ostinato.tasks.transcription.tuning import tune_fusion
from setting import flags, tell

SETS = ("sample", "an4", "fsdd", "digits", "prompts")
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
COLUMNS = [
    "set",
    "decoding",
    "wer",
    "95 % interval",
    "cer",
    "sentences wrong",
    "baseline wer",
    "seconds",
]
# few, short recordings: a small network, whole words, and more augmentation (chosen on the dev set)
DIGIT_SETTINGS: dict[str, Any] = {
    "unit": "word",
    "normalise_features": "training",
    "subsampling": 2,
    "layers": 2,
    "hidden_size": 160,
    "dropout": 0.4,
    "speed": 0.15,
    "noise": 0.2,
    "time_mask_share": 0.15,
    "frequency_masks": 2,
    "frequency_mask_width": 8,
}


def main() -> None:
    arguments = read_arguments()
    rows: list[dict[str, Any]] = []
    for name in arguments.sets:
        rows += measure_set(arguments, name)
    cells = [[row[column] for column in COLUMNS] for row in rows]
    tell(arguments, COLUMNS, cells, {"runs": rows})


def read_arguments() -> argparse.Namespace:
    parser = flags(
        __doc__,
        runs="runs/transcription",
        data="the folder of the sets; the sample needs none",
        needs_data=False,
    )
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["sample"])
    parser.add_argument("--time-limit", default="15m", help="of each training")
    parser.add_argument("--epochs", type=float, default=400.0, help="at most; the time ends it")
    parser.add_argument("--hidden-size", type=int, default=320)
    parser.add_argument("--one-direction", action="store_true", help="models that can stream")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trained", action="store_true", help="measure the runs that are there")
    arguments = parser.parse_args()
    if set(arguments.sets) - {"sample"} and not arguments.data:
        parser.error("this set needs --data")
    return arguments


def measure_set(arguments: argparse.Namespace, name: str) -> list[dict[str, Any]]:
    """One training; its greedy scores and, for sentences of known words, those with a language
    model.
    """
    files, settings = prepare(arguments, name)
    out = f"{arguments.runs}/{name}"
    if not arguments.trained:
        ostinato.train(
            "transcription",
            **files,
            out=out,
            overwrite=True,
            seed=arguments.seed,
            time_limit=arguments.time_limit,
            epochs=arguments.epochs,
            **{"hidden_size": arguments.hidden_size, **settings},
            bidirectional=not arguments.one_direction,
        )
    model = ostinato.load(out)
    rows = [score(name, "greedy", model, files["test"])]
    if name in ("sample", "an4", "prompts"):
        fused = ostinato.load(out, lm="transcripts", open_vocabulary=name == "prompts")
        tuned = tune_fusion(fused, files["dev"])
        fused = ostinato.load(
            out,
            lm="transcripts",
            open_vocabulary=name == "prompts",
            lm_weight=tuned.weight,
            word_bonus=tuned.bonus,
        )
        label = f"word 3-gram, weight {tuned.weight:g}, bonus {tuned.bonus:g}"
        rows.append(score(name, label, fused, files["test"]))
    return rows


def score(name: str, decoding: str, model: Any, files: list[str]) -> dict[str, Any]:
    records = model.task.reader.read(files)
    result, _, _ = measure(model.task, model.network, records)
    low, high = result["intervals"]["wer"]
    return {
        "set": name,
        "decoding": decoding,
        "wer": result["metrics"]["wer"],
        "95 % interval": f"{number(low)} .. {number(high)}",
        "cer": result["metrics"]["cer"],
        "sentences wrong": f"{result['details']['sentences']['per_cent']:.1f} %",
        "baseline wer": model.report["baseline"]["metrics"]["wer"],
        "seconds": model.report["seconds"],
        "details": result["details"],
    }


def prepare(
    arguments: argparse.Namespace, name: str
) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """The files of a set, written below --runs where they are made, and its settings."""
    folder = Path(arguments.runs) / "files" / name
    folder.mkdir(parents=True, exist_ok=True)
    if name == "sample":
        return {part: [str(path)] for part, path in sample_files("transcription").items()}, {}
    data = Path(arguments.data)
    if name == "an4":
        return write_an4(data / "speech_an4_mfcc", folder), {}
    if name == "prompts":
        own = data / "speech_prompts_en"
        return write_prompts(own, folder), {"lowercase": True, "audio_folder": str(own)}
    settings = DIGIT_SETTINGS | ({} if name == "fsdd" else {"unit": "character"})
    return write_digits(
        data / "speech_fsdd" / "recordings", folder, joined=name == "digits"
    ), settings


def write_an4(data: Path, folder: Path) -> dict[str, list[str]]:
    """AN4 at full precision; the dev set is that of the packaged sample, by speaker."""
    with np.load(sample_files("transcription")["dev"]) as arrays:
        held = set(arrays["speaker"].tolist())
    files = {}
    for part, source in (("train", "train"), ("dev", "train"), ("test", "test")):
        with np.load(data / f"an4_{source}.npz") as arrays:
            names = ("texts", "speakers", "ids", "lengths")
            columns = {key: arrays[key] for key in names}
            pieces = np.split(arrays["features"], np.cumsum(columns["lengths"])[:-1])
        in_dev = np.array([speaker in held for speaker in columns["speakers"]])
        chosen = np.flatnonzero(
            np.ones_like(in_dev) if part == "test" else in_dev == (part == "dev")
        )
        path = folder / f"{part}.npz"
        own = {key: value[chosen] for key, value in columns.items()}
        frames = np.concatenate([pieces[row] for row in chosen])
        np.savez(path, X=frames, front_end=np.array("mfcc"), rate=np.array(16000), **own)
        files[part] = [str(path)]
    return files


def write_prompts(data: Path, folder: Path) -> dict[str, list[str]]:
    """The set's own split, as tables with paths relative to the data."""
    with (data / "manifest.tsv").open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened, delimiter="\t"))
    files = {}
    for part in ("train", "dev", "test"):
        path = folder / f"{part}.tsv"
        lines = [f"{row['audio']}\t{row['text']}" for row in rows if row["split"] == part]
        path.write_text("audio\ttext\n" + "\n".join(lines) + "\n", encoding="utf-8")
        files[part] = [str(path)]
    return files


def write_digits(data: Path, folder: Path, *, joined: bool) -> dict[str, list[str]]:
    """Single digits by take, or strings of one to six digits of one speaker, as 16-bit WAV."""
    import soundfile

    parts: dict[str, list[tuple[str, str, np.ndarray]]] = {"train": [], "dev": [], "test": []}
    for path in sorted(data.glob("*.wav")):
        digit, speaker, take = path.stem.split("_")
        part = "test" if int(take) < 5 else "dev" if int(take) >= 23 else "train"
        parts[part].append((DIGITS[int(digit)], speaker, read_audio(path)))
    files = {}
    for part, recordings in parts.items():
        lines = []
        for count, (text, speaker, samples) in enumerate(
            join_digits(recordings, part) if joined else recordings
        ):
            name = f"{part}-{count}.wav"
            soundfile.write(folder / name, samples, 8000, subtype="PCM_16")
            lines.append(f"{name}\t{text}\t{speaker}")
        table = folder / f"{part}.tsv"
        table.write_text("audio\ttext\tspeaker\n" + "\n".join(lines) + "\n", encoding="utf-8")
        files[part] = [str(table)]
    return files


def join_digits(
    recordings: list[tuple[str, str, np.ndarray]], part: str
) -> list[tuple[str, str, np.ndarray]]:
    """Strings of one speaker's digits (three to six for the test set), with short pauses."""
    draw = np.random.default_rng(["train", "dev", "test"].index(part))
    number_ = {"train": 1200, "dev": 150, "test": 250}[part]
    least = 3 if part == "test" else 1
    speakers = sorted({speaker for _, speaker, _ in recordings})
    found = []
    for count in range(number_):
        speaker = speakers[count % len(speakers)]
        own = [each for each in recordings if each[1] == speaker]
        chosen = [own[k] for k in draw.integers(0, len(own), int(draw.integers(least, 7)))]
        pause = [np.zeros(int(draw.integers(200, 1200)), np.float32) for _ in chosen]
        sound = [
            each for pair in zip((s for _, _, s in chosen), pause, strict=True) for each in pair
        ]
        found.append((" ".join(text for text, _, _ in chosen), speaker, np.concatenate(sound)))
    return found


if __name__ == "__main__":
    main()
