"""The cache of embeddings: states of frozen language models, on disk while a run trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from ostinato.commands.run.run_files import EMBEDDINGS, TRAINING
from ostinato.data.files.vector_cache import VectorCache
from ostinato.models.contextual_embedding import ContextualEmbedding

MEGABYTE = 1 << 20


@contextmanager
def keep_embeddings(network: nn.Module, options: Any, folder: Path) -> Iterator[None]:
    """Inside the `with` block each sentence goes through a frozen language model once.

    What was computed stays where the block ends by an exception, for --resume; else the run's own
    cache is removed, and only a folder of --embedding-cache stays.

    Args:
        network: Of any task.
        options: Of the task.
        folder: The run folder.
    """
    frozen = [
        module
        for module in network.modules()
        if isinstance(module, ContextualEmbedding) and not module.tuned
    ]
    if not frozen or not options.embedding_cache_size:
        yield
        return
    named = options.embedding_cache
    place = folder / TRAINING / EMBEDDINGS if named is None else Path(named)
    cache = VectorCache(place, bound=options.embedding_cache_size * MEGABYTE)
    for module in frozen:
        module.keep_in(cache)
    try:
        yield
    except BaseException:
        cache.flush()
        raise
    else:
        cache.remove() if named is None else cache.flush()
    finally:
        for module in frozen:
            module.keep_in(None)
