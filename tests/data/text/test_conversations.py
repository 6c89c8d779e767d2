"""Conversations from tables, aligned texts and ChatterBot's YAML; other files are refused."""

import gzip

import pytest

from ostinato.data.text.conversations import read_conversations
from ostinato.errors import InputError

YAML = """categories:
- greetings
conversations:
- - Hello
  - Hi
  - How are you
    doing?
- - 'no'
  - 1984
"""


def test_yaml_is_text_and_nothing_else(tmp_path):
    pytest.importorskip("yaml")
    (tmp_path / "a.yml").write_text(YAML)
    (tmp_path / "b.yaml.gz").write_bytes(gzip.compress(YAML.encode()))
    expected = [["Hello", "Hi", "How are you doing?"], ["no", "1984"]]
    assert read_conversations([tmp_path / "a.yml"]) == expected
    assert read_conversations([tmp_path / "a.yml", tmp_path / "b.yaml.gz"]) == expected * 2


def test_a_forgotten_dash_is_left_out_and_said(tmp_path):
    pytest.importorskip("yaml")
    (tmp_path / "a.yml").write_text("conversations:\n- - a\n  - b\n- c?\n  - d\n")
    notices = []
    assert read_conversations([tmp_path / "a.yml"], notices=notices) == [["a", "b"]]
    assert notices == [
        f"{tmp_path / 'a.yml'}:4: no conversation (a list of turns of text); left out"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("conversations: [[a, b\nc: d: e", r"a.yml:\d+: not YAML: "),
        ("- a\n- b\n", "a.yml: expected 'conversations:', a list of lists of turns"),
        ("conversations: x\n", "a.yml: expected 'conversations:'"),
        ("conversations: []\n", "a.yml: no conversations"),
        ("conversations: !!python/object/apply:os.system ['true']\n", "a.yml: no conversations"),
    ],
)
def test_yaml_of_another_shape(tmp_path, content, message):
    pytest.importorskip("yaml")
    (tmp_path / "a.yml").write_text(content)
    with pytest.raises(InputError, match=message):
        read_conversations([tmp_path / "a.yml"], notices=[])


def test_yaml_whose_aliases_multiply(tmp_path):
    """Nine lists of nine, nine deep: a conversation is a list of texts, so none is unfolded."""
    pytest.importorskip("yaml")
    lines = [f"a0: &a0 [{', '.join(['x'] * 9)}]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    (tmp_path / "a.yml").write_text("\n".join([*lines, "conversations: *a8\n"]))
    with pytest.raises(InputError, match="a.yml: no conversations"):
        read_conversations([tmp_path / "a.yml"], notices=[])


def test_without_pyyaml(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    (tmp_path / "a.yml").write_text(YAML)
    with pytest.raises(
        InputError,
        match=r"reading YAML needs the package pyyaml: pip install 'ostinato\[dialogue\]'",
    ):
        read_conversations([tmp_path / "a.yml"])


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.tsv", "Hi\tHello\nBye\tBye bye\n", [["Hi", "Hello"], ["Bye", "Bye bye"]]),
        ("a.tsv", "source\ttarget\nHi\tHello\n", [["Hi", "Hello"]]),
        ("a.csv", "id,question,answer\n1,Who?,Me\n", [["Who?", "Me"]]),
        (
            "a.jsonl",
            '{"context": ["a", "b"], "utterance": "c", "reply": "d"}\n'
            '{"utterance": "e", "reply": "f", "context": []}\n',
            [["a", "b", "c", "d"], ["e", "f"]],
        ),
        (
            "a.jsonl",
            '{"turns": ["a", "b", "c"]}\n{"turns": ["d", "e\\nf"]}\n',
            [["a", "b", "c"], ["d", "e f"]],
        ),
    ],
)
def test_tables(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content)
    assert read_conversations([tmp_path / name]) == expected


def test_aligned_texts(tmp_path):
    (tmp_path / "u.txt").write_text("Hi\nBye\n")
    (tmp_path / "r.txt").write_text("Hello\nBye bye\n")
    assert read_conversations([tmp_path / "u.txt", tmp_path / "r.txt"]) == [
        ["Hi", "Hello"],
        ["Bye", "Bye bye"],
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"turns": ["a"]}\n{"turns": []}\n',
            "a.jsonl:2: 'turns' must be a list of texts; it is empty",
        ),
        ('{"turns": ["a", 5]}\n', "a.jsonl:1: 'turns' must be a list of texts; one is '5'"),
        (
            '{"utterance": "a", "context": [["b"]], "reply": "c"}\n',
            "a.jsonl:1: 'context' must be a list of texts",
        ),
        (
            '{"said": "a", "reply": "c"}\n',
            "a.jsonl:1: no column 'utterance' or .*; name it with source_column",
        ),
    ],
)
def test_tables_of_another_shape(tmp_path, content, message):
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(InputError, match=message):
        read_conversations([tmp_path / "a.jsonl"])


def test_a_folder(tmp_path):
    (tmp_path / "b.tsv").write_text("b\tc\n")
    (tmp_path / "a.jsonl").write_text('{"turns": ["a", "b"]}\n')
    (tmp_path / "readme.md").write_text("none")
    assert read_conversations([tmp_path]) == [["a", "b"], ["b", "c"]]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: a folder without conversations"):
        read_conversations([tmp_path / "empty"])
