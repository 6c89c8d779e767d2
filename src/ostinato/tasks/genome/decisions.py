"""What the training sequences decide: options, which models suit them, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ostinato.data.files.wording import format_counts, pluralise
from ostinato.errors import option_name
from ostinato.notices import notify
from ostinato.tasks.genome.data_summary import DataSummary
from ostinato.tasks.genome.options import GenomeOptions
from ostinato.tasks.unsuitable import Unsuitable

ONLY_SEQUENCES = ("k-mers", "weight-matrix", "feedforward")  # for labels of sequences only
ONLY_BASES = ("hmm",)  # for labels of bases only


def decide_options(options: GenomeOptions, summary: DataSummary) -> GenomeOptions:
    """Fills in dev metric, pooling, and the input length of a feed-forward network."""
    lengths, fixed_length = summary.lengths, options.fixed_length
    if options.model == "feedforward" and fixed_length is None:
        fixed_length = max(1, int(np.quantile(lengths, 0.95)))
    return replace(
        options,
        dev_metric=options.dev_metric or ("f1" if summary.per_base else "accuracy"),
        pooling=options.pooling or ("middle" if lengths.min() == lengths.max() else "max"),
        fixed_length=fixed_length,
    )


def check_model(options: GenomeOptions, summary: DataSummary) -> None:
    """Raises Unsuitable for a model that cannot learn these labels or lengths."""
    if options.model in (ONLY_SEQUENCES if summary.per_base else ONLY_BASES):
        needed = "one label a sequence" if summary.per_base else "labels of bases"
        raise Unsuitable(f"{option_name('model')} {options.model} needs {needed}")
    shortest, longest = summary.lengths.min(), summary.lengths.max()
    if options.model == "weight-matrix" and shortest < longest:
        raise Unsuitable(
            f"{option_name('model')} weight-matrix needs sequences of one length; "
            f"these have {shortest:,} to {longest:,} bases"
        )


def notify_data(options: GenomeOptions, summary: DataSummary) -> None:
    """Notifies of the number of examples of each label, and of sequences that are cut."""
    lengths, names = summary.lengths, summary.names
    if not summary.per_base:
        notify(f"{len(names)} labels: {format_counts(summary.counts)}")
        longer = int((lengths > options.maximum_length).sum())
        if longer:
            notify(
                f"{longer:,} sequences longer than {option_name('maximum_length')} "
                f"{options.maximum_length:,}: "
                "their middle is read"
            )
        return
    notify(
        f"{lengths.sum(dtype=np.int64):,} bases in {len(lengths):,} "
        f"{pluralise('sequence', len(lengths))}, {summary.segments:,} "
        f"{pluralise('segment', summary.segments)}: {', '.join(names)}"
    )
