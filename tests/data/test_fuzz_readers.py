"""Whatever is in a file, a reader reads it or says what is wrong: nothing but InputError.

Each reader gets mutations of a valid file, the same ones every time. `pytest -m slow` runs more."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import struct
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from ostinato.commands.run.recipe import read_recipe
from ostinato.data.dna.sequences import read_labelled as read_labelled_dna
from ostinato.data.dna.sequences import read_unlabelled as read_unlabelled_dna
from ostinato.data.files.lines import read_lines
from ostinato.data.files.table import read_table
from ostinato.data.files.weights_file import load_weights, save_weights
from ostinato.data.images.captioned import read_captioned, read_images
from ostinato.data.images.images import read_image
from ostinato.data.images.picture_arrays import read_features
from ostinato.data.images.video_clips import read_clips
from ostinato.data.images.video_clips import read_unlabelled as read_unlabelled_clips
from ostinato.data.labelled import read_labelled, read_unlabelled
from ostinato.data.music.music_files import Reading
from ostinato.data.series.series import read_series
from ostinato.data.series.series_tables import (
    read_label_table,
    read_long_table,
    read_series_table,
)
from ostinato.data.text.columns_or_sentences import Trained
from ostinato.data.text.conll import read_blocks, read_conll
from ostinato.data.text.conversations import read_conversations
from ostinato.data.text.corpus import Corpus
from ostinato.data.text.nbest_format import read_nbest
from ostinato.data.text.pretrained import read_embeddings
from ostinato.data.text.sentence_pairs import read_pairs
from ostinato.data.vectors import read_vectors
from ostinato.errors import InputError

LONG = "id,time,speed,label\n" + "a,1,0.5,walk\nb,1,7,run\na,2,1.5,walk\n" * 5
FEW, MANY = 200, 5000  # mutations of each file
DIGITS = b"9" * 5000  # more than Python turns into a number
NUMBERS = [
    b"",
    b"0",
    b"-1",
    b"1.5",
    b"1e999",
    b"NaN",
    b"99999999999999999999",
    "²".encode(),
    "٣".encode(),
    DIGITS,
]
INSERTED = [  # what has broken readers
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",  # half a surrogate pair
    b"\r",
    b"\n\n",
    b"\t",
    b'"',
    b"@",
    b"#",
    b":",
    b"-",
    b"|||",
    b"\x1b[31m",
    "²".encode(),
    "٣".encode(),
    b"\\ud800",
    b"NaN",
    b"-1e999",
    b"1_0",
    b"0x10",
    b"null",
    DIGITS,
    b"[" * 3000,
    b'{"a":' * 3000,
    b"- " * 3000,
    b"&a [*a, *a]",
    b"!!python/object:os.system",
    b"x" * 10_000,
]


class Fuzzed(NamedTuple):
    """A reader, and a valid file for it."""

    name: str
    file: str
    content: Callable[[], bytes]
    read: Callable[[Path], object]


def npz(**arrays) -> Callable[[], bytes]:
    def build() -> bytes:
        stream = io.BytesIO()
        np.savez(stream, **{name: np.asarray(value) for name, value in arrays.items()})
        return stream.getvalue()

    return build


def packed(build: Callable[[], bytes]) -> Callable[[], bytes]:
    return lambda: gzip.compress(build(), mtime=0)


def text(content: str) -> Callable[[], bytes]:
    return content.encode


def parquet() -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet as files

    stream = io.BytesIO()
    table = pyarrow.table({"text": ["a fine film", "é", ""], "label": ["x", "y", "x"]})
    files.write_table(table, stream)
    return stream.getvalue()


def image(kind: str) -> Callable[[], bytes]:
    def build() -> bytes:
        pillow = pytest.importorskip("PIL.Image")
        stream = io.BytesIO()
        pixels = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
        pillow.fromarray(pixels).save(stream, kind)
        return stream.getvalue()

    return build


def midi() -> bytes:
    pytest.importorskip("symusic")
    from ostinato.data.music.midi import midi_bytes
    from ostinato.data.music.tunes import Note, Tune

    return midi_bytes(Tune((Note(0, 2, 60), Note(2, 2, 64)), 4), 4)


def word2vec() -> bytes:
    return b"2 3\n" + b"".join(
        word + b" " + struct.pack("<3f", *range(3)) + b"\n" for word in (b"the", b"cat")
    )


def safetensors() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        save_weights(Path(folder) / "x.safetensors", {"a": torch.ones(2, 3), "b": torch.zeros(4)})
        return (Path(folder) / "x.safetensors").read_bytes()


def every(found: Iterable) -> list:
    return list(found)


SERIES = np.arange(24.0).reshape(4, 3, 2)
PAIRS = "source\ttarget\na dog\tein Hund\na cat\teine Katze\n"
LABELLED = "text\tlabel\na fine film\tgood\nno\tbad\n"
CONLL = (
    "-DOCSTART- -X- O O\n\nWest NNP I-NP I-MISC\nIndian NNP I-NP I-MISC\n\nLONDON NNP I-NP I-LOC\n"
)
CONLLU = "# text = I do\n" + "".join(
    f"{number}\t{word}\t{word}\tPRON\tPRP\t_\t4\tnsubj\t_\t_\n"
    for number, word in [("1", "I"), ("2-3", "don't"), ("2", "do"), ("2.1", "x")]
)
COMMENTED = (
    "# id 7\tdomain=en\njan _ _ B-PER\nvik _ _ I-PER\n\n# id 8 x\n# _ _ O\nporto _ _ B-LOC\n"
)
WORDS = (
    'Sentence #,Word,POS,Tag\nSentence: 1,Carl,NNP,B-per\n,"a ""b""",VBZ,O\nSentence: '
    "2,Bert,NNP,O\n"
)
TOKENS = (
    '{"tokens": ["Oslo", "\\u00e9", 7], "ner_tags": [1, 0, "O"], "id": null}\n'
    '{"tokens": [], "ner_tags": []}\n'
)
TS = (
    "@problemName x\n@timestamps false\n@univariate false\n@dimensions 2\n@equalLength false\n"
    "@classLabel true a b\n@data\n1,2,3:4,5,6:a\n1,2:3,4:b\n"
)
YAML = "categories:\n- greetings\nconversations:\n- - Hello\n  - Hi\n- - 'a'\n  - \"b\\u00e9\"\n"
TURNS = '{"turns": ["Hello", "Hi"]}\n{"turns": ["a", "b"]}\n'
NBEST = "0 ||| das ist gut ||| LM0= -12.4 ||| -5.2\n1 ||| x ||| LM0= -1 ||| -5.6 ||| 0-0\n"
GLOVE = "the 0.1 0.2 0.3\n. . . 1 2 3\ncat 1 2 3\n"
ABC = "X:1\nT:a\nM:6/8\nL:1/8\nQ:1/4=120\nR:jig\nK:Gmix\n|:G>A[Bd] (3efg|1 z2 G/2:|2 ^c'2-c'|]\n"
PITCHES = json.dumps({"train": [[60, 62, None], [[60, 64], []]], "test": [{"pitches": [1, 2]}]})
FASTA = ">chr1 label=x\nACGT\nacgtn\n>chr2 label=y\nGG\n"
BED = "track name=x\nchr1\t0\t4\texon\nchr2\t0\t1\tintron\n"
RECIPE = 'task = "translation"\nhidden_size = 8\nrate = 1e-3\nfiles = ["a", "b"]\n[x]\ny = 1\n'


def beside(name: str, content: str) -> Callable[[Path], str]:
    """Another file in the same folder."""

    def write(path: Path) -> str:
        other = path.with_name(name)
        other.write_text(content)
        return str(other)

    return write


READERS = [
    Fuzzed("lines", "a.txt", text("one\ntwo é\r\nthree"), read_lines),
    Fuzzed("lines.gz", "a.txt.gz", packed(text("one\ntwo\n" * 50)), read_lines),
    Fuzzed("tsv", "a.tsv", text(PAIRS), lambda p: every(read_table(p, ("source",)))),
    Fuzzed(
        "csv",
        "a.csv",
        text('source,target\n"a ""b""",c\nd,"e\nf"\n'),
        lambda p: every(read_table(p, ("source", "target"))),
    ),
    Fuzzed(
        "jsonl",
        "a.jsonl",
        text('{"source": "a\\u00e9", "n": [1, 2.5e3, {"x": null}]}\n{"source": "b", "n": -3}\n'),
        lambda p: every(row.text("source") for row in read_table(p, ("source",))),
    ),
    Fuzzed(
        "json array",
        "a.json",
        text('[{"text": "a", "label": 1},\n {"text": "b", "label": 2}]\n'),
        lambda p: read_labelled([p]),
    ),
    Fuzzed(
        "fasttext",
        "a.txt",
        text("__label__a a film\n__label__b no\n"),
        lambda p: read_labelled([p]),
    ),
    Fuzzed(
        "row a series",
        "a.csv",
        text("label,a,b,c\n1,2,3,4\n2,3,5,?\n"),
        lambda p: read_labelled([p]),
    ),
    Fuzzed(
        "arff", "a.arff", text("@data\n'1,2,?',a\n'1,2,3',b\n"), lambda p: every(read_series(p))
    ),
    Fuzzed("parquet", "a.parquet", parquet, lambda p: every(read_table(p, ("text", "label")))),
    Fuzzed("parquet.gz", "a.parquet.gz", packed(parquet), lambda p: read_labelled([p])),
    Fuzzed("pairs", "a.tsv", text(PAIRS), lambda p: read_pairs([p], notices=[])),
    Fuzzed(
        "aligned",
        "a.en",
        text("a dog 7.\na cat\n" * 12),
        lambda p: read_pairs([p, beside("b.de", "ein Hund 7.\neine\n" * 12)(p)], notices=[]),
    ),
    Fuzzed("labelled", "a.tsv", text(LABELLED), lambda p: read_labelled([p])),
    Fuzzed("headless", "a.txt", text("good\ta film\nbad\tno\n" * 5), lambda p: read_labelled([p])),
    Fuzzed("unlabelled", "a.csv", text(LABELLED), lambda p: every(read_unlabelled([p]))),
    Fuzzed("long", "a.csv", text(LONG), lambda p: every(read_long_table(p))),
    Fuzzed("one series", "a.csv", text("t,x,y\n1,2,3\n2,4,5\n"), read_series_table),
    Fuzzed("labels", "labels.csv", text("file,label\na.csv,b\nb.csv,c\n"), read_label_table),
    Fuzzed("ts", "a.ts", text(TS), lambda p: every(read_series(p))),
    Fuzzed(
        "npz",
        "a.npz",
        npz(X=SERIES, y=[0, 1, 0, 1], labels=["a", "b"], lengths=[1, 2, 3, 3]),
        lambda p: every(read_series(p)),
    ),
    Fuzzed("rows", "a.csv", text("a,b,c\n1,2.5,x\n-3,1e3,y\n"), lambda p: every(read_vectors(p))),
    Fuzzed("images", "a.npz", npz(images=SERIES), lambda p: every(read_vectors(p))),
    Fuzzed("npz.gz", "a.npz.gz", packed(npz(X=SERIES, y=["a"] * 4)), lambda p: read_labelled([p])),
    Fuzzed("conll", "a.conll", text(CONLL), lambda p: every(read_conll(p))),
    Fuzzed("conllu", "a.conllu", text(CONLLU), lambda p: every(read_conll(p))),
    Fuzzed("comments", "a.txt", text(COMMENTED), lambda p: every(read_conll(p))),
    Fuzzed("words", "a.csv", text(WORDS), lambda p: every(read_conll(p))),
    Fuzzed("token lists", "a.jsonl", text(TOKENS), lambda p: every(read_conll(p))),
    Fuzzed("tokens", "a.txt", text(TOKENS), lambda p: every(read_blocks(p))),
    Fuzzed(
        "blocks", "a.txt", text(CONLL), lambda p: every(read_blocks(p, trained=Trained(columns=4)))
    ),
    Fuzzed("yaml", "a.yml", text(YAML), lambda p: read_conversations([p], notices=[])),
    Fuzzed("turns", "a.jsonl", text(TURNS), lambda p: read_conversations([p], notices=[])),
    Fuzzed(
        "replies",
        "a.tsv",
        text(PAIRS.replace("source", "utterance").replace("target", "reply")),
        lambda p: read_conversations([p], notices=[]),
    ),
    Fuzzed(
        "corpus", "a.txt", text("one two é\n" * 9), lambda p: every(Corpus.read([p], longest=9))
    ),
    Fuzzed("nbest", "a.nbest", text(NBEST), read_nbest),
    Fuzzed("glove", "a.txt", text(GLOVE), lambda p: read_embeddings(p, ["▁the", "cat"])),
    Fuzzed("fasttext", "a.vec", text("2 3\n" + GLOVE), lambda p: read_embeddings(p, ["the"])),
    Fuzzed("word2vec", "a.bin", word2vec, lambda p: read_embeddings(p, ["the", "cat"])),
    Fuzzed("word2vec.gz", "a.bin.gz", packed(word2vec), lambda p: read_embeddings(p, ["cat"])),
    Fuzzed("png", "a.png", image("PNG"), lambda p: read_image(str(p), 8)),
    Fuzzed("png.gz", "a.png.gz", packed(image("PNG")), lambda p: read_image(str(p), 8)),
    Fuzzed("jpeg", "a.jpg", image("JPEG"), lambda p: read_image(str(p), 8)),
    Fuzzed("gif", "a.gif", image("GIF"), lambda p: read_image(str(p), 8)),
    Fuzzed("tiff", "a.tif", image("TIFF"), lambda p: read_image(str(p), 8)),
    Fuzzed(
        "captions",
        "a.tsv",
        text("image\tcaption\na.tsv\ta cat\na.tsv#xywh=1,2,3,4\ta dog\n"),
        lambda p: read_captioned([p]),
    ),
    Fuzzed("images", "a.txt", text("a.png\nb#xywh=1,2,3,4\n"), lambda p: every(read_images([p]))),
    Fuzzed(
        "captioned npz",
        "a.npz",
        npz(frames=SERIES, captions=[["a", "b"]] * 4, lengths=[1, 2, 3, 3]),
        lambda p: read_captioned([p]),
    ),
    Fuzzed("features", "a.npz", npz(features=SERIES, names=list("abcd")), read_features),
    Fuzzed(
        "clips",
        "a.npz",
        npz(X=SERIES, y=np.zeros((4, 3), int), labels=["a", "b"]),
        lambda p: every(read_clips(p)),
    ),
    Fuzzed(
        "clips a line",
        "a.txt",
        text("[[0.1, 2.0], [0.3, 1.5]]\n\n[1, 2]\n"),
        lambda p: every(read_unlabelled_clips([p])),
    ),
    Fuzzed("fasta", "a.fa", text(FASTA), lambda p: read_labelled_dna([p])),
    Fuzzed(
        "bed", "a.bed", text(BED), lambda p: read_labelled_dna([beside("a.fa", FASTA)(p), str(p)])
    ),
    Fuzzed(
        "sequences",
        "a.tsv",
        text("sequence\tlabels\nACGT\tEEII\nAC\tE I\n"),
        lambda p: read_labelled_dna([p]),
    ),
    Fuzzed(
        "entries",
        "a.txt",
        text("ACGT\nacgt\n"),
        lambda p: ["".join(entry.pieces) for entry in read_unlabelled_dna([p])],
    ),
    Fuzzed("midi", "a.mid", midi, lambda p: every(Reading().read([p]))),
    Fuzzed("abc", "a.abc", text(ABC), lambda p: every(Reading(repeats=True).read([p]))),
    Fuzzed("pitches", "a.json", text(PITCHES), lambda p: every(Reading().read([p], part="train"))),
    Fuzzed("recipe", "a.toml", text(RECIPE), lambda p: read_recipe(str(p), "translation")),
    Fuzzed(
        "recipe.gz", "a.toml.gz", packed(text(RECIPE)), lambda p: read_recipe(str(p), "translation")
    ),
    Fuzzed("weights", "a.safetensors", safetensors, load_weights),
]


def mutate(content: bytes, chance: random.Random) -> bytes:
    """A few changes: bytes replaced, removed, repeated or inserted, values lost, the end lost."""
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        place = chance.randrange(len(content) + 1)
        end = min(len(content), place + chance.choice([1, 2, 4, 16, 64]))
        kind = chance.randrange(9)
        if kind == 0:
            content = content[:place] + chance.choice(INSERTED) + content[place:]
        elif kind == 1:
            content = content[:place] + chance.choice(INSERTED) + content[end:]
        elif kind == 2:
            content = content[:place] + content[end:]
        elif kind == 3:
            content = content[:end] + content[place:]
        elif kind == 4:
            content = content[:place]
        elif kind == 5:  # what follows a word on a line
            line_end = content.find(b"\n", place)
            content = content[:place] + (content[line_end:] if line_end >= 0 else b"")
        elif kind == 6:
            content = content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]
        else:  # a number or a word
            pattern, values = (rb"\d+", NUMBERS) if kind == 7 else (rb"\w+", INSERTED)
            found = list(re.finditer(pattern, content))
            start, end = chance.choice(found).span() if found else (0, 0)
            content = content[:start] + chance.choice(values) + content[end:]
    return content


def fuzz(reader: Fuzzed, folder: Path, count: int) -> None:
    path = folder / reader.file
    valid = reader.content()
    path.write_bytes(valid)
    reader.read(path)
    for number in range(count):
        content = mutate(valid, random.Random(f"{reader.name} {number}"))
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reader.read(path)
        except InputError as error:
            message = str(error)
            assert "\n" not in message and len(message) < 4000, message[:500]
        except Exception as error:
            raise AssertionError(f"mutation {number}: {content[:300]!r}") from error


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_mutations_are_read_or_refused(reader, tmp_path):
    fuzz(reader, tmp_path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_many_mutations_are_read_or_refused(reader, tmp_path):
    fuzz(reader, tmp_path, MANY)
