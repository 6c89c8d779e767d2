"""What tagging says to files that it cannot learn from or be asked about: exit status 2, one
line, nothing left behind.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GOOD = "the DET\ndog NOUN\nbarks VERB\n\na DET\ncat NOUN\n\n"
TINY = [
    "--hidden-size",
    "4",
    "--embedding-size",
    "4",
    "--character-size",
    "4",
    "--epochs",
    "1",
    "--no-tensorboard",
]
CONLLU = "1\tHi\thi\tINTJ\tUH\t_\t0\troot\t_\t_\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with train.txt and a run of it."""
    from ostinato.cli import main

    folder = tmp_path_factory.mktemp("tags")
    (folder / "train.txt").write_text(GOOD * 6)
    assert (
        main(
            [
                "train",
                "tagging",
                "--train",
                str(folder / "train.txt"),
                "--out",
                str(folder / "run"),
                *TINY,
            ]
        )
        == 0
    )
    return folder


TRAIN = "train tagging --out new --train"
ROWS = [
    (
        "an empty file",
        "",
        f"{TRAIN} bad.txt",
        r"bad.txt: no examples \(no line with a word and its tag\)",
    ),
    ("blank lines only", "\n \n\t\n", f"{TRAIN} bad.txt", "bad.txt: no examples"),
    ("comments only", "# a\n# b\n", f"{TRAIN} bad.conllu", "bad.conllu: no examples"),
    (
        "a token without its tag",
        "the DET\ndog\n",
        f"{TRAIN} bad.txt",
        r"bad.txt:2: 1 column, expected 2 as in line 1; is a token without its tag\?",
    ),
    (
        "inconsistent columns",
        "the DET\nbig dog NOUN\n",
        f"{TRAIN} bad.txt",
        "bad.txt:2: 3 columns, expected 2 as in line 1",
    ),
    (
        "words alone",
        "the\ndog\n",
        f"{TRAIN} bad.txt",
        "bad.txt:1: the word and its tag would both be column 1",
    ),
    (
        "one tag only",
        "the O\ndog O\n\ncat O\n",
        f"{TRAIN} bad.txt --dev train.txt",
        r"all 3 words have the tag 'O'; a tagger needs two tags or more: is it the right "
        r"--tag-column\?",
    ),
    (
        "no such column",
        GOOD,
        f"{TRAIN} bad.txt --tag-column 7",
        "bad.txt:1: --tag-column 7: the columns are 1 to 2, or -1 for the last",
    ),
    (
        "no such name",
        CONLLU,
        f"{TRAIN} bad.txt --tag-column xpo",
        "bad.txt:1: --tag-column xpo: no such column; did you mean 'xpos'",
    ),
    (
        "a CoNLL-U token without its tag",
        CONLLU.replace("INTJ", "_"),
        f"{TRAIN} bad.txt",
        "bad.txt:1: the token 'Hi' has no tag in column 4",
    ),
    (
        "f1 without spans",
        "cat NOUN\n\nthe DET\ncat NOUN\n\n",
        f"{TRAIN} bad.txt --dev train.txt --dev-metric f1",
        "--dev-metric f1 needs tags that encode spans",
    ),
    (
        "nothing to freeze",
        GOOD,
        f"{TRAIN} bad.txt --freeze-embeddings",
        "--freeze-embeddings needs --embeddings FILE",
    ),
    (
        "an odd size",
        GOOD,
        f"{TRAIN} bad.txt --hidden-size 5",
        "--hidden-size must be even, half of it for each direction; got 5",
    ),
    (
        "an odd size of characters",
        GOOD,
        f"{TRAIN} bad.txt --characters recurrent --character-size 5",
        "--character-size must be even",
    ),
    (
        "a lone byte",
        b"the DET\nd\xf6g NOUN\n",
        f"{TRAIN} bad.txt",
        "bad.txt:2:2: byte 0xf6 is not UTF-8",
    ),
    (
        "evaluating words alone",
        "the\ndog\n",
        "evaluate run bad.txt",
        "bad.txt:1: the word and its tag would both be column 1",
    ),
    (
        "predicting broken columns",
        "the\tDET\ndog\n",
        "predict run bad.txt",
        "bad.txt:2: 1 column, expected 2",
    ),
    (
        "scoring tags of another length",
        GOOD,
        "predict run missing.txt",
        "missing.txt: no such file",
    ),
]


@pytest.mark.parametrize(
    ("content", "command", "message"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_one_line_says_what_is_wrong(made, refused, content, command, message):
    data = content if isinstance(content, bytes) else content.encode()
    name = re.search(r"bad\.\w+|$", command)[0] or "bad.txt"
    refused(made, command, re.compile(message), lambda: Path(name).write_bytes(data))


def test_comments_alone_are_given_back(made, tmp_path, ostinato):
    (tmp_path / "only.conllu").write_text("# a\n# b\n\n")
    assert ostinato("predict", made / "run", tmp_path / "only.conllu").out == "# a\n# b\n\n"


def test_tags_for_fewer_words_are_refused(made):
    import ostinato
    from ostinato import InputError

    model = ostinato.load(made / "run")
    with pytest.raises(
        InputError,
        match=r"expected a tokenised sentence, a list of words, or \(words, tags\) of equal length",
    ):
        model.score([(["a", "b"], ["X"])])
    with pytest.raises(InputError, match="a tag for each word is needed; got 0 for 2 words"):
        model.score([["a", "b"]])
    with pytest.raises(
        InputError, match="the tag 'ODD' was not among those that the model has learned"
    ):
        model.task.preprocessing.encode(model.task.reader.as_record((["a"], ["ODD"])))
