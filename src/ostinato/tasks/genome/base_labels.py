"""Labels the bases of sequences window by window, and joins the labels into segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ostinato.data.dna.bed import format_bed_line
from ostinato.data.dna.fasta import StreamedSequence
from ostinato.data.dna.sequences import DnaSequence
from ostinato.tasks.genome.highlight import LabelledText
from ostinato.tasks.genome.options import GenomeOptions
from ostinato.tasks.genome.preprocessing import GenomePreprocessing
from ostinato.tasks.genome.segmentation import BlockCounter, Region, SegmentCollector
from ostinato.tasks.genome.windows import BASES_PER_BATCH, Window, WindowLabeller, split_windows
from ostinato.tasks.prediction import Prediction

WINDOWS_PER_REGION = 1000  # a longer sequence gets several predictions, one per region
MOST_BLOCKS = 500  # per sequence; confidence intervals resample blocks


@dataclass(frozen=True)
class LabelledBases(Prediction):
    """The labels of the bases of a sequence, or of a region of a long one."""

    name: str
    region: Region = field(repr=False)

    @property
    def text(self) -> str:
        return "\n".join(
            format_bed_line(self.name, segment, score) for segment, score in self.region.segments
        )

    @property
    def details(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "start": self.region.start,
            "end": self.region.end,
            "segments": [
                {**segment._asdict(), "score": round(score, 6)}
                for segment, score in self.region.segments
            ],
        }

    @property
    def labelled_text(self) -> LabelledText:
        return LabelledText(self.name, self.region.start, self.region.runs)


@dataclass(frozen=True)
class BaseLabeller:
    """Labels the bases of sequences, window by window.

    Args:
        network: A segmenter.
        options: The task's options.
        preprocessing: The task's preprocessing.
        both_strands: Whether the probabilities of both strands are averaged.
    """

    network: Any
    options: GenomeOptions
    preprocessing: GenomePreprocessing
    both_strands: bool = False

    @property
    def margin(self) -> int:
        """Bases of context on either side of a window; 0 if the hidden state is carried."""
        return 0 if self.preprocessing.carries_state else self.options.margin

    def split(self, sequence: DnaSequence) -> Iterator[Window]:
        """Splits a sequence into windows, with its true labels if these are known."""
        size, truth = self.options.window, None
        if sequence.segments is not None:
            truth = self.preprocessing.base_label_ids(sequence)
        return split_windows(
            sequence.name,
            [sequence.bases],
            size,
            self.margin,
            truth=truth,
            windows_per_block=max(1, len(sequence.bases) // (size * MOST_BLOCKS)),
        )

    def split_stream(self, sequence: StreamedSequence) -> Iterator[Window]:
        """Splits a sequence into windows while its pieces are read."""
        return split_windows(sequence.name, sequence.pieces, self.options.window, self.margin)

    @property
    def window_labeller(self) -> WindowLabeller:
        return WindowLabeller(
            self.network,
            len(self.preprocessing.labels),
            carries_state=self.preprocessing.carries_state,
            both_strands=self.both_strands,
        )

    def new_collector(self) -> SegmentCollector:
        """A collector that joins the labelled windows of one sequence."""
        fitted, options = self.preprocessing, self.options
        return SegmentCollector(
            fitted.labels.tokens,
            range(len(fitted.labels)) if options.with_background else fitted.foreground,
            minimum_length=options.minimum_length,
            counter=BlockCounter(len(fitted.labels), fitted.foreground, fitted.ranked),
        )

    def label(
        self,
        windows: Iterable[Window],
        *,
        bases_per_batch: int = BASES_PER_BATCH,
        in_regions: bool = False,
    ) -> Iterator[LabelledBases]:
        """Labels sequences, given as windows.

        Args:
            windows: The windows of the sequences, one sequence after the other.
            bases_per_batch: Size of a batch of windows.
            in_regions: Whether a long sequence gets several predictions, so that memory stays
                constant.
        """
        collector, number = self.new_collector(), 0
        for answer in self.window_labeller.label(windows, bases_per_batch=bases_per_batch):
            window = answer.window
            collector.add(answer)
            number += 1
            if window.last or (in_regions and number % WINDOWS_PER_REGION == 0):
                yield LabelledBases(window.name, collector.take(window.end))
            if window.last:
                collector, number = self.new_collector(), 0
