"""Conversations: who said what, turn after turn, from tables, aligned texts, ChatterBot's YAML."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ostinato.data.files.columns import ALIASES, Row
from ostinato.data.files.streams import FilePath, read_bytes
from ostinato.data.files.table import begins_as_table, is_table, kind_by_name, read_table
from ostinato.data.files.wording import display_path, first_line, quote
from ostinato.data.text.sentence_pairs import (
    join_lines,
    read_pairs,
    report_notices,
    stream_pairs,
)
from ostinato.errors import InputError

Turns = list[str]  # a conversation: ["Hello.", "Hi, how are you?", "Fine."]
YAML_ENDINGS = (".yml", ".yaml")
NULLS = ("~", "null", "Null", "NULL")  # without quotes, what YAML means by nothing


def read_conversations(
    files: Sequence[FilePath],
    *,
    names: dict[str, str | None] | None = None,
    keep_blank: bool = False,
    notices: list[str] | None = None,
) -> list[Turns]:
    """The conversations of files, or of those in a folder.

    read_conversations(["greetings.yml"]) -> [["Hello", "Hi"], ["What's up?", "Not much."], ...]

    Args:
        files: tables (a row is an utterance and its reply, with earlier turns in a column
            `context`; or in JSONL a list `turns`, or `messages` with role and content), ChatterBot
            YAML, or two aligned texts (utterances, replies).
        names: of the tables' columns, where they are not the usual ones.
        keep_blank: whether a pair of aligned texts with a blank side is kept.
        notices: what was left out is appended to this list, a line each.

    Raises:
        InputError: with file and line: no conversation, a turn that is not text, a file without
            any.
    """
    files = [each for file in files for each in list_folder(file)]
    if files and all(is_yaml(file) or is_table(file) for file in files):
        return list(iterate_conversations(files, names, notices))
    return [list(pair) for pair in read_pairs(files, keep_blank=keep_blank, notices=notices)]


def stream_conversations(
    files: Sequence[FilePath],
    *,
    names: dict[str, str | None] | None = None,
    notices: list[str] | None = None,
) -> Iterator[Turns]:
    """As `read_conversations`, one after another, for files larger than memory."""
    if files and all(is_yaml(file) or is_table(file) for file in files):
        return iterate_conversations(files, names, notices)
    return map(list, stream_pairs(files, notices=notices))


def iterate_conversations(
    files: Sequence[FilePath], names: dict[str, str | None] | None, notices: list[str] | None
) -> Iterator[Turns]:
    """The conversations of tables and YAML files; arguments as of `read_conversations`."""
    number = 0
    left_out: list[str] = []
    for file in files:
        found = (
            yaml_conversations(file, left_out)
            if is_yaml(file)
            else table_conversations(file, names)
        )
        for turns in found:
            number += 1
            yield turns
    if not number:
        reason = f": {left_out[0]}" if left_out else ""
        raise InputError(f"{' '.join(map(display_path, files))}: no conversations{reason}")
    report_notices(left_out, notices)


def list_folder(file: FilePath) -> list[FilePath]:
    """A file, or the tables and YAML files of a folder, by name."""
    if not Path(file).is_dir():
        return [file]
    inside = sorted(path for path in Path(file).iterdir() if path.is_file())
    found: list[FilePath] = [path for path in inside if is_yaml(path) or is_table(path)]
    if not found:
        raise InputError(f"{file}: a folder without conversations (.yml, .jsonl, .tsv, .csv)")
    return found


def is_yaml(file: FilePath) -> bool:
    """Whether a file's name says that it is YAML: is_yaml("greetings.yml.gz") -> True"""
    name = str(file).lower().removesuffix(".gz")
    return name.endswith(YAML_ENDINGS)


def table_conversations(file: FilePath, names: dict[str, str | None] | None) -> Iterator[Turns]:
    """One conversation a row; at least an utterance in it."""
    whole = has_turns(file)
    columns, optional = (("turns",), ()) if whole else (("utterance",), ("reply",))
    for row in read_table(file, columns, optional=optional, names=names, keep_blank=True):
        if whole:
            yield read_turns(row, "turns")
        else:
            context = read_turns(row, "context") if row.values.get("context") else []
            reply = [join_lines(row.text("reply"))] if row.values.get("reply") is not None else []
            yield [*context, join_lines(row.text("utterance")), *reply]


def begins_as_conversations(file: FilePath, names: dict[str, str | None]) -> bool:
    """Whether a file without a table's ending begins as a table of turns or of utterances."""
    return begins_as_table(file, "turns") or begins_as_table(
        file, "utterance", names.get("utterance")
    )


def has_turns(file: FilePath) -> bool:
    """Whether the rows hold whole conversations."""
    if kind_by_name(file) not in ("json", None):
        return False
    first = next(read_table(file, (), optional=("turns",)), None)
    if first is None or "turns" not in first.values:
        return False
    # a column of such a name may also be the name of a conversation, beside its utterances
    return isinstance(first.values["turns"], list) or not {
        "utterance",
        *ALIASES["utterance"],
    } & set(first.values)


def read_turns(row: Row, column: str) -> Turns:
    """A list of texts, or of messages; one text is a list of one."""
    value = row.values[column]
    turns = value if isinstance(value, list) else [value]
    turns = [read_message(turn) for turn in turns if not is_instruction(turn)]
    wrong = [turn for turn in turns if not isinstance(turn, str)]
    if wrong or not turns:
        what = "it is empty"
        if turns:
            what = f"one is {'null' if wrong[0] is None else quote(wrong[0], 40)}"
        raise InputError(
            f"{display_path(row.file)}:{row.line}: {column!r} must be a list of texts; {what}"
        )
    return [join_lines(turn) for turn in turns]


def read_message(turn: Any) -> Any:
    """The text of a message, {"role": "user", "content": "Hello."} or {"from": "human", "value":
    "Hello."}; any other turn as it is."""
    if not isinstance(turn, dict):
        return turn
    return next((turn[name] for name in ("content", "value", "text") if name in turn), turn)


def is_instruction(turn: Any) -> bool:
    """Whether a turn is the system's message, which nobody says."""
    return isinstance(turn, dict) and "system" in (turn.get("role"), turn.get("from"))


def yaml_conversations(file: FilePath, notices: list[str] | None = None) -> Iterator[Turns]:
    """ChatterBot's corpus format: `conversations:` is a list of lists of turns.

    Nothing is constructed but text; a turn that is null is blank. An entry that is not a list of
    texts (the corpus itself has one, where a dash was forgotten) is left out, and reported in
    `notices`."""
    yaml = import_yaml()
    entries = compose_yaml(file, yaml).get("conversations")
    if not isinstance(entries, yaml.SequenceNode):
        raise InputError(
            f"{display_path(file)}: expected 'conversations:', a list of lists of turns"
        )
    for entry in entries.value:
        turns = entry.value if isinstance(entry, yaml.SequenceNode) else None
        if not turns or not all(isinstance(turn, yaml.ScalarNode) for turn in turns):
            report_notices([describe_no_turns(entry, turns or [], file, yaml)], notices)
            continue
        yield [
            "" if turn.style is None and turn.value in NULLS else " ".join(turn.value.split())
            for turn in turns
        ]


def describe_no_turns(entry: Any, turns: list[Any], file: FilePath, yaml: Any) -> str:
    """The notice for an entry that is not a list of texts."""
    mapping = next((turn for turn in turns if isinstance(turn, yaml.MappingNode)), None)
    line = (entry if mapping is None else mapping).start_mark.line + 1
    where = f"{display_path(file)}:{line}"
    if mapping is None:
        return f"{where}: no conversation (a list of turns of text); left out"
    return (
        f"{where}: a turn with a colon and a space in it is not text in YAML; "
        "left out; put it in quotes"
    )


def compose_yaml(file: FilePath, yaml: Any) -> dict[str, Any]:
    """The nodes of the mapping that a YAML file is, by their keys; {} for another kind of value."""
    content = read_bytes(file)
    try:
        root = yaml.compose(content, Loader=yaml.BaseLoader)
    except RecursionError:
        raise InputError(f"{display_path(file)}: not YAML: nested too deep") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number in an escape or directive
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or first_line(error)
        raise InputError(f"{display_path(file)}{line}: not YAML: {what[:200]}") from None
    if not isinstance(root, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in root.value if isinstance(key, yaml.ScalarNode)}


def import_yaml() -> Any:
    """PyYAML, imported where it is needed."""
    try:
        return importlib.import_module("yaml")
    except ImportError:
        raise InputError(
            "reading YAML needs the package pyyaml: pip install 'ostinato[dialogue]'"
        ) from None
