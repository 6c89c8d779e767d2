"""Word vectors of every usual kind, and what damage to them says."""

import gzip
import struct

import numpy as np
import pytest
import torch

from ostinato.data.text.pretrained import read_embeddings
from ostinato.errors import InputError

WORDS = {
    "the": [0.5, -1.0, 2.0],
    "cat": [1.0, 0.25, 1e-3],
    "été": [-3.0, 0.0, 4.0],
    "zebra": [9.0, 9.0, 9.0],
}
TOKENS = ["<pad>", "<unk>", "<bos>", "<eos>", "▁The", "▁cat", "été", "▁xyzzy", "the", "▁"]


def glove():
    return "".join(
        f"{word} {' '.join(map(str, values))}\n" for word, values in WORDS.items()
    ).encode()


def word2vec():
    return b"4 3\n" + glove().replace(b"\n", b" \n")


def binary(line_end=b"\n"):
    rows = [
        word.encode() + b" " + struct.pack("<3f", *values) + line_end
        for word, values in WORDS.items()
    ]
    return b"4 3\n" + b"".join(rows)


def saved(folder, content):
    path = folder / "vectors"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    "content",
    [
        glove(),
        word2vec(),
        binary(),
        binary(b""),
        glove().replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + glove(),
    ],
)
def test_kinds(tmp_path, content, pack):
    found = read_embeddings(saved(tmp_path, pack(content)), TOKENS)
    assert found.rows.tolist() == [4, 5, 6, 8]
    expected = torch.tensor([WORDS["the"], WORDS["cat"], WORDS["été"], WORDS["the"]])
    assert torch.equal(found.vectors, expected)
    assert found.coverage == 4 / 6


def test_a_large_binary_file(tmp_path):
    vectors = np.random.default_rng(0).standard_normal((30_000, 20)).astype("<f4")
    content = b"30000 20\n" + b"".join(
        b"w%d " % i + row.tobytes() + b"\n" for i, row in enumerate(vectors)
    )
    found = read_embeddings(saved(tmp_path, content), ["w0", "w29999", "w15000"])
    assert torch.equal(found.vectors, torch.from_numpy(vectors[[0, 29999, 15000]]))


def test_words_with_spaces_as_in_the_largest_glove(tmp_path):
    content = b". . . 1 2 3\nthe 4 5 6\nat name@domain.com 7 8 9\n"
    path = saved(tmp_path, b"cat 0 0 1\n" + content)
    assert read_embeddings(path, ["the", "cat"]).vectors.tolist() == [[4, 5, 6], [0, 0, 1]]


@pytest.mark.parametrize(
    "content, message",
    [
        (
            b"the 1 2 3\ncat 1 2\n",
            "vectors:2: 2 values, expected 3; the line is damaged or cut short",
        ),
        (b"the 1 2 3\ncat 1 2 3 4\n", "vectors:2: 4 values, expected 3"),
        (b"the 1 2 3\ncat 1 x 3\n", "vectors:2: 'x' is not a number"),
        (b"the 1 2 3\ncat 1 nan 3\n", "vectors:2: 3 finite values expected"),
        (b"2 3\nthe 1 2 3\ncat 1 2\n", "vectors:3: 2 values, expected 3"),
        (b"2 0\n", "vectors:1: 0 values a word cannot be"),
        (b"", "vectors:1: no word vectors; expected a word and its values"),
        (b"hello\n", "vectors:1: no word vectors"),
        (b"zebra 1 2 3\n", "vectors: has none of the 2 words; is it the right language?"),
        (binary()[:-3], "vectors: the vectors end or are damaged at number 4 of 4"),
        (binary()[:30], "vectors: the vectors end or are damaged at number 2 of 4"),
        (
            b"1 3\nthe " + struct.pack("<3f", 1, float("inf"), 1),
            "vectors: vector 1 (the) is not finite",
        ),
        (b"9 3\ndog " + b"\xff" * 9000, "vectors: the vectors end or are damaged at number 2 of 9"),
        (b"PK\x03\x04", "vectors: looks like a zip archive; unpack it first"),
        (
            gzip.compress(glove() * 100, mtime=0)[:-20],
            "vectors: the gzip data is cut short or damaged",
        ),
        (gzip.compress(binary(), mtime=0)[:-20], "gzip data is cut short or damaged"),
    ],
)
def test_damage(tmp_path, content, message):
    with pytest.raises(InputError) as error:
        read_embeddings(saved(tmp_path, content), ["the", "cat"])
    assert message in str(error.value) and "\n" not in str(error.value)


def test_every_truncation_of_a_packed_binary_file(tmp_path):
    content = gzip.compress(binary() * 1, mtime=0)
    for length in range(len(content) - 1):
        with pytest.raises(InputError):
            read_embeddings(saved(tmp_path, content[:length]), ["the"])
