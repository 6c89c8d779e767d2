"""Training data indexed on disk: the records of files, and the examples encoded from them.

CACHE/NAME-1a2b3c4d5e6f/            the records of the files, and index.json
CACHE/NAME-1a2b3c4d5e6f-4d5e.../    the examples that one vocabulary makes of them"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ostinato.data.batching.batch import Example
from ostinato.data.files.atomic import megabytes
from ostinato.data.files.wording import display_path
from ostinato.data.stored.cached_folder import (
    CachedFolder,
    cache_locked,
    digest,
    folder_size,
)
from ostinato.data.stored.stored_examples import StoredExamples, write_examples
from ostinato.data.stored.stored_records import RecordsOnDisk, StoredRecords, write_records
from ostinato.errors import InputError, option_name
from ostinato.notices import collect_notices, notify

Record = TypeVar("Record")
Stored = TypeVar("Stored")


class IndexedFiles(NamedTuple):
    """The files of a training set that is to be indexed.

    Attributes:
        cache: the folder in which it is.
        name: the first part of the name of what is made there: the task's.
        files: to be read.
        settings: what decides which records are read of the files, as JSON can hold it.
        folders: to be read, too; when a file in one of them has changed, all is indexed anew.
    """

    cache: str
    name: str
    files: Sequence[str]
    settings: dict[str, Any]
    folders: Sequence[str] = ()


def index_records(
    given: IndexedFiles,
    read: Callable[[], Iterable[tuple]],
    make: Callable[[list], Record],
) -> StoredRecords[Record]:
    """The records of files, read into the cache folder unless they are there already.

    Args:
        given: the files, and where they are indexed.
        read: reads the records, tuples of what JSON can hold.
        make: the list of a record's fields -> the record.

    Raises:
        InputError: what is wrong with the files, or the cache folder cannot be written.
    """
    return index_files(
        given,
        lambda folder: write_records(folder, read()),
        lambda folder: StoredRecords(folder, make),
    )


def index_files(
    given: IndexedFiles,
    write: Callable[[Path], int],
    read: Callable[[Path], Stored],
    find_change: Callable[[Path], str | None] = lambda folder: None,
) -> Stored:
    """What is made of files in the cache folder, unless it is there already.

    Args:
        given: the files, and where they are indexed.
        write: reads the files, writes into a new folder, and gives the number of examples.
        read: opens what was written.
        find_change: says which file that the given ones name, such as a recording, has changed
            since; None if none has.

    Raises:
        InputError: what is wrong with the files, or the cache folder cannot be written.
    """
    cache = Path(given.cache)
    for file in given.files:
        if file == "-":
            raise InputError(
                f"{option_name('cache')}: standard input cannot be read again; give a file"
            )
    names = (*given.files, *given.folders)
    paths = [str(Path(each).absolute()) for each in names]
    name = f"{given.name}-{digest([paths, given.settings])}"
    inside = [describe_folder(each) for each in given.folders]
    made_by = [given.settings, inside] if inside else given.settings
    folder = CachedFolder(cache / name, given.files, made_by)
    with cache_locked(cache, name):
        index = folder.read()
        reason = folder.why_stale(index) or find_change(folder.path)
        if index is None or reason is not None:
            if folder.path.exists():
                notify(f"{cache}: indexed anew: {reason}")
            index = folder.make(lambda place: write_with_notices(place, write))
        else:
            for notice in index["facts"]["notices"]:
                notify(notice)
    facts = index["facts"]
    size, seconds = megabytes(folder_size(folder.path)), facts["seconds"]
    notify(
        f"{' '.join(map(display_path, names))}: {facts['records']:,} examples, read from "
        f"{cache} while training ({size}, indexed in {seconds:,.0f} s)"
    )
    return read(folder.path)


def describe_folder(folder: str) -> str:
    """A digest of the names, sizes and times of the files in a folder."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    found = [(path, path.stat()) for path in files]
    return digest([(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in found])


def write_with_notices(folder: Path, write: Callable[[Path], int]) -> dict[str, Any]:
    """Writes a folder, and gives the number of its examples and what was noted meanwhile."""
    with collect_notices() as notices:
        number = write(folder)
    return {"records": number, "notices": list(notices)}


def index_examples(
    records: RecordsOnDisk,
    encode: Callable[[Any], Example],
    made_by: Any,
    show: Callable[[Sequence, str], Iterable] = lambda records, what: records,
) -> StoredExamples:
    """The records as examples, encoded into the cache folder unless they are there already.

    Args:
        records: which must have one at least.
        encode: a record -> its example.
        made_by: what decides the examples besides the records, as JSON can hold it.
        show: (records, what is being done) -> the records, with a bar of progress.
    """
    cache = records.folder.parent
    source = str(records.folder / "index.json")
    name = f"{records.folder.name}-{digest([made_by, records.chosen])}"
    folder = CachedFolder(cache / name, [source], [made_by, records.chosen])
    with cache_locked(cache, records.folder.name):
        index = folder.read()
        if folder.why_stale(index) is not None:

            def write(place: Path) -> dict[str, Any]:
                examples: Iterator[Example] = map(encode, show(records, "encoding"))
                return {"examples": write_examples(place, examples)}

            folder.make(write)
    return StoredExamples(folder.path)
