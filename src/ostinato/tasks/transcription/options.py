"""Options of transcription: its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self

from ostinato.errors import InputError, option_name, option_off
from ostinato.options import OneOf, option, redefine
from ostinato.tasks.shared.cache_options import CacheOptions
from ostinato.tasks.shared.recurrent_options import BidirectionalOptions
from ostinato.tasks.transcription.augmentation_options import AugmentationOptions

FORMATS = ("text", "srt", "vtt", "tsv", "ctm")


@dataclass(frozen=True)
class TranscriptionOptions(AugmentationOptions, BidirectionalOptions, CacheOptions):
    closed_form_models: ClassVar[tuple[str, ...]] = ()

    # the data
    unit: Literal["character", "subword", "word"] = option(
        "character", "what a label is; word: words or phones separated by spaces"
    )
    vocabulary_size: int = option(
        200, "--unit subword: maximum number of subwords", minimum=10, maximum=100_000
    )
    lowercase: bool = option(False, "lower-case the transcripts")
    audio_column: str | None = option(
        None,
        "column of the sound files (default: audio, or one of its other names)",
        group="data",
        or_number=True,
    )
    text_column: str | None = option(
        None, "column of the transcripts (default: text, or one of its other names)", or_number=True
    )
    audio_folder: str | None = option(
        None,
        "folder that audio paths in a table are relative to, and must stay in (default: the "
        "table's)",
        when_predicting=True,
        group="data",
        path="given",
    )
    # the features
    front_end: Literal["log-mel", "mfcc"] | None = option(
        None,
        "acoustic features: log-mel, or mfcc, 13 cepstra as computed by CMU Sphinx (default: as "
        "named in an .npz, log-mel for sound files)",
        group="data",
    )
    sample_rate: int | None = option(
        None,
        "sample rate in Hz to which recordings are resampled (default: the most frequent one, at "
        "most 16000)",
        minimum=1000,
        maximum=192_000,
        group="data",
    )
    mel_bins: int = option(40, "mel filters of log-mel", minimum=4, maximum=256, group="data")
    deltas: int = option(
        0,
        "time derivatives appended to the features, up to this order",
        minimum=0,
        maximum=2,
        group="data",
    )
    normalise_features: Literal["recording", "training", "running"] | None = option(
        None,
        "normalise features by the mean and standard deviation of the recording or of the training "
        "data, or by the running mean (default: recording; running for one direction)",
        group="data",
    )
    # the model
    hidden_size: int = redefine(BidirectionalOptions, "hidden_size", 320)
    layers: int = redefine(BidirectionalOptions, "layers", 3)
    subsampling: int = option(
        4, "frames of features per output of the model", minimum=1, maximum=16
    )
    subsampling_by: Literal["stack", "pyramid", "convolution"] = option(
        "stack",
        "stack: concatenate frames; pyramid: concatenate pairs of frames between layers; "
        "convolution: strided convolution",
    )
    lookahead: int = option(
        0,
        "--no-bidirectional: future frames that an output sees, after subsampling",
        minimum=0,
        maximum=100,
    )
    decoder: Literal["ctc", "attention", "joint", "transducer"] = option(
        "ctc",
        "connectionist temporal classification; an attention decoder over the encoder's outputs; "
        "joint: both; or a transducer (RNN-T)",
    )
    ctc_weight: float = option(
        0.3,
        "--decoder joint and transducer: weight of CTC in the loss, and with joint in decoding; 1 "
        "when predicting: CTC alone",
        minimum=0,
        maximum=1,
        when_predicting=True,
    )
    attention: Literal["location", "additive", "general", "dot"] = option(
        "additive",
        "how an attention decoder scores the encoder's outputs; location: additive, and it knows "
        "where it attended before",
    )
    label_smoothing: float = option(
        0.1, "of an attention decoder's targets", minimum=0, maximum=0.99
    )
    dropout: float = option(0.3, "between layers, and before the output", minimum=0, maximum=0.99)
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    # decoding
    beam: int | None = option(
        None,
        "width of the beam; 1 is greedy (default: 1 for CTC and transducers, 8 for an attention "
        "decoder; with a language model or phrases 32 for CTC, 8 for transducers)",
        minimum=1,
        maximum=10_000,
        when_predicting=True,
    )
    n_best: int = option(
        1, "transcripts given for each recording", minimum=1, maximum=1000, when_predicting=True
    )
    lm: str = option(
        "none",
        "language model: none; transcripts: a word n-gram model of the training transcripts; a "
        "text "
        "file to train one on; or a run of the language task",
        when_predicting=True,
        path="kept",
        words=("transcripts",),
    )
    lm_order: int = option(
        3,
        "order of the language model's longest n-grams",
        minimum=1,
        maximum=9,
        when_predicting=True,
    )
    lm_weight: float = option(
        0.5,
        "weight of the language model's log-probability",
        minimum=0,
        maximum=100,
        when_predicting=True,
    )
    word_bonus: float = option(
        0.0,
        "with a language model, added to the score for every word",
        minimum=-100,
        maximum=100,
        when_predicting=True,
    )
    open_vocabulary: bool = option(
        False,
        "with a language model, allow words that it does not know",
        when_predicting=True,
    )
    phrases: str | None = option(
        None,
        "a text file of all possible transcripts, one per line; [a] is optional, (a | b) is a "
        "choice",
        when_predicting=True,
        path="kept",
    )
    words: str | None = option(
        None,
        "a text file of all possible words, which may occur in any order",
        when_predicting=True,
        path="kept",
    )
    format: Annotated[str, OneOf(*FORMATS)] = option(
        "text", "what predict prints: text, or words with their times", when_predicting=True
    )
    rate: int | None = option(
        None,
        "sample rate in Hz of raw 16-bit samples on standard input (default: the model's)",
        minimum=1000,
        maximum=768_000,
        when_predicting=True,
    )
    segment_seconds: float = option(
        30.0,
        "with both directions, longer recordings are split where they are quiet",
        above=0.5,
        when_predicting=True,
    )
    pause_seconds: float = option(
        1.0, "on a pipe, a line ends after a pause of this length", above=0, when_predicting=True
    )
    dev_metric: Literal["wer", "cer"] = option("wer", "the dev score that chooses the best weights")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bidirectional and self.lookahead:
            raise InputError(
                f"{option_name('lookahead')} is for {option_off('bidirectional')}: both "
                "directions see everything"
            )
        if self.subsampling_by == "pyramid":
            pairs = self.subsampling.bit_length() - 1
            if 2**pairs != self.subsampling or pairs >= self.layers:
                raise InputError(
                    f"{option_name('subsampling_by')} pyramid halves between layers: "
                    f"{option_name('subsampling')} must be 2, 4, "
                    f"... and {option_name('layers')} more than its halvings; got "
                    f"{self.subsampling} and "
                    f"{self.layers}"
                )
        restrictions = {
            option_name("phrases"): self.phrases,
            option_name("words"): self.words,
        }
        given = [flag for flag, value in restrictions.items() if value is not None]
        given += [option_name("lm")] if self.lm != "none" else []
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)}: give one of them")

    def greedy(self) -> Self:
        """The options with greedy decoding for dev scores; joint models decode by CTC."""
        quick = replace(self, beam=1, n_best=1, lm="none", phrases=None, words=None)
        return replace(quick, ctc_weight=1.0) if self.decoder == "joint" else quick

    @property
    def normalisation(self) -> str:
        """How features are normalised: as given, or the default."""
        return self.normalise_features or ("recording" if self.bidirectional else "running")

    @property
    def streams(self) -> bool:
        """Whether the model can transcribe live."""
        by_frame = not self.searches_by_label
        return not self.bidirectional and self.normalisation != "recording" and by_frame

    @property
    def searches_by_label(self) -> bool:
        """Whether an attention decoder takes part in decoding, label by label."""
        return self.decoder == "attention" or (self.decoder == "joint" and self.ctc_weight < 1)

    @property
    def transduces(self) -> bool:
        """Whether a transducer decodes, frame by frame."""
        return self.decoder == "transducer" and self.ctc_weight < 1

    @property
    def by_ctc(self) -> bool:
        """Whether CTC alone decodes."""
        return not (self.searches_by_label or self.transduces)

    @property
    def fused(self) -> bool:
        """Whether decoding uses a language model, a word list or phrases."""
        return self.lm != "none" or self.phrases is not None or self.words is not None

    @property
    def width(self) -> int:
        """The beam width: as given, or the default."""
        fused = 32 if self.by_ctc else 8
        usual = 8 if self.searches_by_label else fused if self.fused else 1
        return max(self.n_best, self.beam or usual)
