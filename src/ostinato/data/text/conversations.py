"""Conversations: who said what, turn after turn, from tables, aligned texts and ChatterBot's YAML."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ostinato.data.files.lines import FilePath, open_bytes
from ostinato.data.files.table import Row, is_table, kind_by_name, read_table
from ostinato.data.files.wording import display_path
from ostinato.data.text.parallel import one_line, read_pairs, report
from ostinato.errors import InputError

Turns = list[str]  # a conversation: ["Hello.", "Hi, how are you?", "Fine."]
YAML_ENDINGS = (".yml", ".yaml")


def read_conversations(
    files: Sequence[FilePath],
    *,
    names: dict[str, str | None] | None = None,
    keep_blank: bool = False,
    notices: list[str] | None = None,
) -> list[Turns]:
    """The conversations of files, or of those in a folder: tables (a row is an utterance and its reply, with earlier turns
    in a column `context`; or in JSONL a list `turns`), ChatterBot YAML, or two aligned texts (utterances, replies).

    read_conversations(["greetings.yml"]) -> [["Hello", "Hi"], ["What's up?", "Not much."], ...]

    Without `keep_blank`, a pair with a blank side is left out of aligned texts, and said in `notices`.
    InputError, with file and line: what is no conversation, a turn that is no text, a file without any."""
    files = [each for file in files for each in in_folder(file)]
    if files and all(is_yaml(file) or is_table(file) for file in files):
        read = {
            True: lambda file: yaml_conversations(file, notices),
            False: lambda file: table_conversations(file, names),
        }
        found = [turns for file in files for turns in read[is_yaml(file)](file)]
        if not found:
            raise InputError(f"{' '.join(map(display_path, files))}: no conversations")
        return found
    return [list(pair) for pair in read_pairs(files, keep_blank=keep_blank, notices=notices)]


def in_folder(file: FilePath) -> list[FilePath]:
    """A file, or the tables and YAML files of a folder, by name."""
    if not Path(file).is_dir():
        return [file]
    found = sorted(
        path
        for path in Path(file).iterdir()
        if path.is_file() and (is_yaml(path) or is_table(path))
    )
    if not found:
        raise InputError(f"{file}: a folder without conversations (.yml, .jsonl, .tsv, .csv)")
    return found


def is_yaml(file: FilePath) -> bool:
    name = str(file).lower().removesuffix(".gz")
    return name.endswith(YAML_ENDINGS)


def table_conversations(file: FilePath, names: dict[str, str | None] | None) -> Iterator[Turns]:
    """One conversation a row; at least an utterance in it."""
    whole = has_turns(file)
    columns, optional = (("turns",), ()) if whole else (("utterance",), ("reply",))
    for row in read_table(file, columns, optional=optional, names=names, keep_blank=True):
        if whole:
            yield listed(row, "turns")
        else:
            context = listed(row, "context") if row.values.get("context") else []
            reply = [one_line(row.text("reply"))] if row.values.get("reply") is not None else []
            yield [*context, one_line(row.text("utterance")), *reply]


def has_turns(file: FilePath) -> bool:
    """Whether the rows hold whole conversations."""
    if kind_by_name(file) != "json":
        return False
    first = next(read_table(file, ()), None)
    return first is not None and "turns" in first.values


def listed(row: Row, column: str) -> Turns:
    """A list of texts; one text is a list of one."""
    value = row.values[column]
    turns = value if isinstance(value, list) else [value]
    wrong = next((turn for turn in turns if not isinstance(turn, str)), None)
    if wrong is not None or not turns:
        raise InputError(
            f"{display_path(row.file)}:{row.line}: {column!r} must be a list of texts; "
            + ("it is empty" if not turns else f"one of them is {wrong!r:.40}")
        )
    return [one_line(turn) for turn in turns]


def yaml_conversations(file: FilePath, notices: list[str] | None = None) -> Iterator[Turns]:
    """ChatterBot's corpus format: `conversations:` is a list of lists of turns. Nothing is constructed but text.

    An entry that is no list of texts (the corpus itself has one, where a dash was forgotten) is left out, and said in `notices`."""
    yaml = import_yaml()
    with open_bytes(file) as stream:
        content = stream.read()
    try:
        root = yaml.compose(content, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise InputError(
            f"{display_path(file)}{line}: not YAML: {getattr(error, 'problem', None) or error}"
        ) from None
    entries = dict_of(root, yaml).get("conversations")
    if not isinstance(entries, yaml.SequenceNode):
        raise InputError(
            f"{display_path(file)}: expected 'conversations:', a list of lists of turns"
        )
    for entry in entries.value:
        turns = entry.value if isinstance(entry, yaml.SequenceNode) else None
        if not turns or not all(isinstance(turn, yaml.ScalarNode) for turn in turns):
            said = f"{display_path(file)}:{entry.start_mark.line + 1}: no conversation (a list of turns of text); left out"
            report([said], notices)
            continue
        yield [" ".join(turn.value.split()) for turn in turns]


def dict_of(node, yaml) -> dict:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def import_yaml():
    try:
        return importlib.import_module("yaml")
    except ImportError:
        raise InputError(
            "reading YAML needs the package pyyaml: pip install 'ostinato[dialogue]'"
        ) from None
