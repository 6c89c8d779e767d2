"""Tagged sentences from tables.

CSV, TSV   a word a row, its sentence in a column, named in its first row alone or in each (Kaggle):
           Sentence #,Word,POS,Tag; or blank rows between sentences; or a sentence a row, its words
           and its tags between spaces
JSONL,     a sentence a row, lists of words and of tags, by name or by number (Hugging Face):
Parquet    {"tokens": ["Oslo", "."], "ner_tags": [5, 0]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from ostinato.data.files.columns import ALIASES, Columns, Row
from ostinato.data.files.csv import csv_rows, guess_delimiter, tsv_rows
from ostinato.data.files.json_lines import json_rows
from ostinato.data.files.parquet import parquet_objects
from ostinato.data.files.printed_list import parse_printed_list
from ostinato.data.files.streams import FilePath, open_binary
from ostinato.data.files.table import kind_by_name
from ostinato.data.files.wording import display_path, quote
from ostinato.data.text.sentence import Sentence
from ostinato.data.text.span_objects import spread_spans
from ostinato.errors import InputError, option_name
from ostinato.notices import notify

LOOKED_AT = 100  # rows, to see whether they are words or sentences
LONGEST = 1000  # words of a sentence, of a table without anything that separates sentences
IGNORED = "-100"  # Hugging Face's tag for a subword that counts for nothing


class TableColumns(NamedTuple):
    """Which columns of a table are read, by their names; None: by the usual names.

    Attributes:
        word: the words.
        tag: the tags.
        sentence: which sentence a word belongs to.
        features: read beside the words.
        tag_names: names of tags that are given by number, from 0.
    """

    word: str | None = None
    tag: str | None = None
    sentence: str | None = None
    features: Sequence[str] = ()
    tag_names: Sequence[str] = ()


def find_table(file: FilePath, head: Sequence[str], columns: TableColumns) -> str | None:
    """The kind of table ("csv", "tsv", "json", "parquet") that a file is; None: it is none.

    The file's name says so, of a TSV only together with its header: it may have CoNLL's columns.
    Without such a name, an object in JSON or a header with usual names does."""
    kind = kind_by_name(file)
    if kind in ("csv", "json", "parquet"):
        return kind
    first = next((line for line in head if line.strip()), "")
    if kind is None and first.startswith("{") and is_object(first):
        return "json"
    delimiter = "\t" if kind == "tsv" else guess_delimiter(first)
    names = {name.strip().strip('"').lower() for name in first.split(delimiter)}
    words = names & usual_names("word", columns)
    found = words | names & (usual_names("tag", columns) | usual_names("sentence", columns))
    if not words or len(found) < 2:
        return None
    return "tsv" if delimiter == "\t" else "csv"


def is_object(line: str) -> bool:
    """Whether a line is an object in JSON."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def usual_names(column: str, columns: TableColumns) -> set[str]:
    """What a column may be called, in lower case: by option, or as usual."""
    given = getattr(columns, column)
    return {given.lower()} if given else {column, *ALIASES[column]}


def read_token_table(
    file: FilePath,
    kind: str,
    lines: Iterator[str],
    columns: TableColumns,
    *,
    tagged: bool,
) -> Iterator[Sentence]:
    """The sentences of a table, with their tags if they are to be `tagged`.

    Args:
        file: its name.
        kind: "csv", "tsv", "json" or "parquet".
        lines: of the file; of Parquet none.
        columns: which are read.
        tagged: whether each word needs a tag.

    Raises:
        InputError: with the line: no such column, no list of texts, not as many tags as words, a
            word without a tag, a tag's number beyond the names.
    """
    if kind in ("csv", "tsv", "json") and (number := numbered(columns)):
        raise InputError(
            f"{display_path(file)}: a table; its columns have names: "
            f"{option_name(number[0])} {number[1]} is a number"
        )
    if kind == "parquet" and tagged and not columns.tag_names:
        columns = columns._replace(tag_names=read_class_names(file, columns.tag))
    needed = ("word", *(("tag",) if tagged else ()), *columns.features)
    names = {"word": columns.word, "tag": columns.tag, "sentence": columns.sentence}
    # a tag that is there, though not needed, helps to tell words from sentences
    wanted = Columns(file, needed, ("sentence",) if tagged else ("sentence", "tag"), names)
    if kind == "parquet":
        rows = wanted.rows_of_objects(enumerate(parquet_objects(file), start=1), keep_blank=True)
    elif kind == "json":
        objects = spread_spans(json_rows(lines, file), display_path(file))
        rows = wanted.rows_of_objects(objects, keep_blank=True)
    else:
        fields = read_fields(file, kind, lines)
        rows = wanted.rows_of_fields(fields, keep_blank=True, header_optional=False)
        rows = (row._replace(values=read_printed_lists(row.values)) for row in rows)
    head = list(islice(rows, LOOKED_AT))
    check_distinct(file, head, needed)
    rows = chain(head, rows)
    blank = any(is_blank(row) for row in head)  # between sentences of a word a row
    if any(is_sentence(row, blank=blank) for row in head):
        yield from read_sentence_rows(rows, columns, tagged=tagged)
    else:
        yield from group_words(file, rows, columns, tagged=tagged)


def read_printed_lists(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a row, texts that Python has printed of lists as these lists."""
    return {
        name: parse_printed_list(value, numbers=name == "tag") if isinstance(value, str) else value
        for name, value in values.items()
    }


def read_class_names(file: FilePath, tag: str | None) -> list[str]:
    """The names of the tags of a Parquet table that Hugging Face's `datasets` has written, if any.

    Its schema has them: {"info": {"features": {"ner_tags": {"feature": {"names": [...]}}}}}."""
    try:
        from pyarrow import parquet
    except ImportError:  # the reader of the rows says what to install
        return []
    with open_binary(file) as stream:
        try:
            metadata = parquet.read_schema(stream).metadata or {}
            features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
            column = tag or next(name for name in ALIASES["tag"] if name in features)
            feature = features[column]
            names = (feature.get("feature") or feature)["names"]
        except Exception:  # no such names; a damaged file is refused by the one that reads its rows
            return []
    return [str(name) for name in names] if isinstance(names, list) else []


def read_fields(file: FilePath, kind: str, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of the rows of a CSV or TSV."""
    first = next(lines, "")
    lines = chain([first], lines)
    return tsv_rows(lines) if kind == "tsv" else csv_rows(lines, file, guess_delimiter(first))


def numbered(columns: TableColumns) -> tuple[str, str] | None:
    """The option that gives a column by number, and its value."""
    given = [("word_column", columns.word), ("tag_column", columns.tag)]
    given += [("feature_columns", each) for each in columns.features]
    return next(
        ((name, each) for name, each in given if each and each.lstrip("+-").isdecimal()), None
    )


def check_distinct(file: FilePath, rows: Sequence[Row], needed: Sequence[str]) -> None:
    """InputError where one column of the table is asked for twice."""
    for row in rows[:1]:
        if any(name not in row.values for name in needed):
            raise InputError(
                f"{display_path(file)}:{row.line}: one column is asked for twice; name another "
                f"{option_name('word_column')}, {option_name('tag_column')} or "
                f"{option_name('feature_columns')}"
            )


def is_blank(row: Row) -> bool:
    """Whether a row has no values."""
    return not any(map(has_value, row.values.values()))


def is_sentence(row: Row, *, blank: bool) -> bool:
    """Whether a row is a sentence: it has a list, or as many words as tags, more than one.

    Without tags, several words will do, unless `blank` rows separate sentences."""
    word, tag = row.values["word"], row.values.get("tag")
    if isinstance(word, list) or isinstance(tag, list):
        return True
    if "sentence" in row.values or not isinstance(word, str):
        return False
    words = len(word.split())
    return words > 1 and (not blank if tag is None else words == len(str(tag).split()))


def read_sentence_rows(
    rows: Iterator[Row], columns: TableColumns, *, tagged: bool
) -> Iterator[Sentence]:
    """A sentence from each row."""
    for row in rows:
        words = as_texts(row, "word", quote(columns.word) if columns.word else "the words")
        tags = (
            as_texts(row, "tag", quote(columns.tag) if columns.tag else "the tags")
            if tagged
            else []
        )
        tags = [name_tag(row, tag, columns) for tag in tags]
        features = [as_texts(row, name, quote(name)) for name in columns.features]
        beside = list(zip(features, columns.features, strict=True))
        beside += [(tags, columns.tag or "tags")] if tagged else []
        for values, name in beside:
            if len(values) != len(words):
                raise InputError(
                    f"{display_path(row.file)}:{row.line}: {len(words)} words, {len(values)} "
                    f"{name}; each word needs one"
                )
        if words or not tagged:
            yield Sentence(words, tags, features=list(zip(*features, strict=True)))


def as_texts(row: Row, column: str, name: str) -> list[str]:
    """The values of a list, or of a text the words between its spaces; numbers as they print.

    Args:
        row: of the table.
        column: its name in the row.
        name: its name for messages.
    """
    value = row.values.get(column)
    if value is None or isinstance(value, str):
        return (value or "").split()
    if isinstance(value, list) and all(is_text(each) for each in value):
        return [str(each) for each in value]
    null = isinstance(value, list) and None in value
    what = "; one is null" if null else "" if isinstance(value, list) else f", not {quote(value)}"
    raise InputError(f"{display_path(row.file)}:{row.line}: {name} must be a list of texts{what}")


def is_text(value: Any) -> bool:
    """Whether a value is a text or a number."""
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def name_tag(row: Row, tag: str, columns: TableColumns) -> str:
    """A tag's name, if it is a number and names are given."""
    tag = tag.strip()
    where = f"{display_path(row.file)}:{row.line}"
    if not tag:
        raise InputError(f"{where}: a word without a tag; fill it in")
    if tag == IGNORED:
        raise InputError(
            f"{where}: the tag {IGNORED} is that of subwords to be ignored; "
            "give the words with their tags, as they were before a tokenizer"
        )
    names = columns.tag_names
    if not names or tag in names:
        return tag
    if not tag.isdecimal() or int(tag[:9]) >= len(names):
        raise InputError(
            f"{where}: the tag {quote(tag)} is none of the {len(names)} of "
            f"{option_name('tag_names')}, which are numbered from 0"
        )
    return names[int(tag)]


def group_words(
    file: FilePath, rows: Iterator[Row], columns: TableColumns, *, tagged: bool
) -> Iterator[Sentence]:
    """Sentences from rows of a word each.

    Another sentence begins where the sentence's column has another value than before, and after a
    blank row; rows without a word are left out, and counted."""
    words: list[str] = []
    tags: list[str] = []
    features: list[tuple[str, ...]] = []
    current, separated, left_out = "", False, 0
    for row in rows:
        blank = is_blank(row)
        name = row.text("sentence").strip() if has_value(row.values.get("sentence")) else ""
        separated = separated or blank or bool(name)
        if (blank or (name and name != current)) and words:
            yield Sentence(words, tags, features=features)
            words, tags, features = [], [], []
        current = name or current
        word = "" if blank else row.text("word").strip()
        if not word:
            left_out += not blank
            continue
        if len(words) >= LONGEST and not separated:
            raise InputError(
                f"{display_path(file)}:{row.line}: {LONGEST:,} words, and nothing that separates "
                f"sentences; name a column that does: {option_name('sentence_column')}"
            )
        words.append(word)
        if tagged:
            tags.append(name_tag(row, row.text("tag"), columns))
        if columns.features:
            features.append(tuple(row.text(name).strip() for name in columns.features))
    if words:
        yield Sentence(words, tags, features=features)
    if left_out:
        notify(f"{display_path(file)}: {left_out:,} rows without a word left out")


def has_value(value: Any) -> bool:
    """Whether a cell of a table is not blank."""
    return value is not None and bool(str(value).strip())
