"""Options of word embeddings, and pretrained embeddings (word2vec, GloVe)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ostinato.data.text.pretrained import Pretrained, check_frozen, read_embeddings
from ostinato.errors import InputError, option_name
from ostinato.notices import notify
from ostinato.options import option
from ostinato.tasks.task_options import TaskOptions


@dataclass(frozen=True)
class EmbeddingOptions(TaskOptions):
    embedding_size: int = option(256, "dimensions of a token's embedding", minimum=1)
    embeddings: str | None = option(
        None,
        "pretrained vectors (word2vec text or binary, GloVe); sets --embedding-size",
    )
    freeze_embeddings: bool = option(False, "do not train the pretrained vectors further")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_frozen(self.freeze_embeddings, self.embeddings)


def read_vectors(path: str, tokens: Sequence[str]) -> Pretrained:
    """The pretrained vectors of the vocabulary's tokens, with a notice of how many were found.

    Raises:
        InputError: A folder, or not such a file; see `read_embeddings`.
    """
    if Path(path).is_dir():
        raise InputError(
            f"{option_name('embeddings')} {path}: a folder; name a file of word vectors (the "
            "states of a language model's run are for tagging and classification)"
        )
    found = read_embeddings(path, tokens)
    notify(
        f"{path}: vectors for {found.coverage:.0%} of the vocabulary, "
        f"of size {found.vectors.shape[1]}"
    )
    return found
