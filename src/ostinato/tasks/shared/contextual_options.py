"""Options of word vectors: learned, read from a file, or the states of language models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ostinato.data.text.pretrained import check_frozen
from ostinato.errors import InputError, option_name
from ostinato.options import option
from ostinato.tasks.shared.embedding_options import EmbeddingOptions


class EmbeddingSources(NamedTuple):
    """What --embeddings names.

    Attributes:
        file: Of word vectors; None: none.
        runs: Folders of language models.
    """

    file: str | None = None
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class ContextualOptions(EmbeddingOptions):
    embeddings: str | None = option(
        None,
        "pretrained vectors (word2vec text or binary, GloVe, fastText), which set "
        "--embedding-size; or runs of the language task, RUN or RUN,RUN, whose states at each word "
        "are read beside its own vector; or both, separated by commas",
    )
    tune_embeddings: bool = option(
        False, "train the language models of --embeddings RUN, too, instead of freezing them"
    )
    embedding_cache: str | None = option(
        None,
        "folder in which the states of frozen --embeddings RUN are kept, for other runs, too "
        "(default: in the run folder, while it trains)",
        path="written",
    )
    embedding_cache_size: int = option(
        4096, "MB that the states of --embeddings RUN may take on disk; 0: no cache", minimum=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tune_embeddings and self.embeddings is None:
            raise InputError(
                f"{option_name('tune_embeddings')} needs {option_name('embeddings')} RUN: there is "
                "no language model to train"
            )

    def find_embeddings(self) -> EmbeddingSources:
        """The file and the run folders that --embeddings names.

        Raises:
            InputError: Several files, or an option for what is not named.
        """
        given, cache = self.embeddings, self.embedding_cache
        if given is None:
            return EmbeddingSources()
        if cache is not None and Path(cache).exists() and not Path(cache).is_dir():
            raise InputError(f"{option_name('embedding_cache')} {cache}: a file; name a folder")
        parts = [given] if Path(given).exists() else given.split(",")
        runs = tuple(part for part in parts if Path(part).is_dir())
        files = [part for part in parts if part not in runs]
        if len(files) > 1:
            raise InputError(
                f"{option_name('embeddings')} {given}: {' and '.join(files)} are no run folders; "
                "one file of vectors can be given, and any number of runs"
            )
        if self.tune_embeddings and not runs:
            raise InputError(
                f"{option_name('tune_embeddings')}: {option_name('embeddings')} names no run of a "
                "language model; vectors of a file are trained anyway"
            )
        check_frozen(self.freeze_embeddings, files[0] if files else None)
        return EmbeddingSources(files[0] if files else None, runs)
