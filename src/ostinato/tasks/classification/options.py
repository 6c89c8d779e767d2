"""Options of classification: its flags and recipe keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from ostinato.cells import CELLS
from ostinato.errors import InputError, option_name
from ostinato.models.classifier import POOLINGS
from ostinato.options import OneOf, option, redefine
from ostinato.tasks.shared.cache_options import CacheOptions
from ostinato.tasks.shared.contextual_options import ContextualOptions
from ostinato.tasks.shared.joint_labels import JointOptions
from ostinato.tasks.shared.model_choice import ModelChoice
from ostinato.tasks.shared.recurrent_options import BidirectionalOptions

WORDS_AND_CHARACTERS = "word-and-character-ngrams"
BAGS = ("bag-of-words", "character-ngrams", WORDS_AND_CHARACTERS)  # of texts
OF_SERIES = ("nearest-neighbour", "random-convolutions")
CLOSED_FORM = (*BAGS, *OF_SERIES, "most-frequent")
NEURAL = ("convolution", "feedforward")
# Words need strong regularisation against memorising; with it, characters are not learned at all.
DEFAULTS_BY_UNIT: dict[str, dict[str, Any]] = {
    "character": {
        "embedding_size": 64,
        "dropout": 0.3,
        "input_dropout": 0.1,
        "learning_rate": 0.005,
        "weight_decay": 0.01,
        "batch_size": 64,
    },
}


@dataclass(frozen=True)
class ClassificationOptions(
    ModelChoice, JointOptions, ContextualOptions, CacheOptions, BidirectionalOptions
):
    closed_form_models: ClassVar[tuple[str, ...]] = CLOSED_FORM

    # the data
    text_column: str | None = option(
        None, "the column of the text, by name or number (default: text, sentence)", or_number=True
    )
    label_column: str | None = option(
        None, "the column of the label, by name or number (default: label, tag)", or_number=True
    )
    time_axis: Literal[1, 2] = option(
        1, "which axis of X in an .npz is time: 1 for [N, T, D], 2 for [N, D, T]", group="data"
    )
    image_size: int | None = option(
        None,
        "side in pixels to which images are resized (default: their own size if all have the same, "
        "of at most 64; else 32)",
        minimum=4,
        maximum=128,
        group="data",
    )
    label_separator: str | None = option(
        None, "separator of labels: an example may then have several, or none"
    )
    ordinal: bool = option(False, "labels are grades in order, such as 1 to 5 stars")
    unit: Literal["word", "character", "subword"] = option("word", "what a token of a text is")
    vocabulary_size: int | None = option(
        None,
        "maximum size of the vocabulary, in tokens (default: 20,000; 8,000 subwords)",
        minimum=10,
    )
    minimum_count: int | None = option(
        None,
        "words and characters seen less often become <unk> (default: 2 with 500 texts, else 1)",
        minimum=1,
    )
    lowercase: bool = option(True, "lower-case everything")
    tokenized: bool = option(False, "the text is tokenised already: words are separated by spaces")
    maximum_tokens: int = option(1000, "longer texts are cut", minimum=1)
    crop: float | None = option(
        None,
        "while training, take a random part of each text or series: at least this share of it; "
        "above 1, this many steps (default: 0.5 for fewer than 500 series with --pooling mean, "
        "max, attention or ensemble; else 1, the whole)",
        above=0,
    )
    cut: Literal["end", "start", "middle"] = option(
        "end", "which part of a longer text is left out"
    )
    class_weights: Literal["none", "balanced", "root"] = option(
        "none",
        "weights of the classes in the loss: balanced is the inverse frequency, root its "
        "square root",
    )
    # the model
    model: Annotated[str, OneOf("recurrent", *CELLS, *NEURAL, *CLOSED_FORM)] = option(
        "recurrent",
        "a recurrent network (of --cell), or a baseline: bag-of-words, character-ngrams and "
        "word-and-character-ngrams of texts, nearest-neighbour and random-convolutions of series, "
        "most-frequent label",
    )
    hidden_size: int = redefine(BidirectionalOptions, "hidden_size", 200)
    embedding_size: int = option(
        300, "dimensions of a token's embedding (default for characters: 64)", minimum=1
    )
    characters: Literal["convolution", "recurrent", "none"] = option(
        "convolution", "the network that reads the characters of each word"
    )
    character_size: int = option(60, "size of a word's vector made from its characters", minimum=2)
    affix_size: int = option(
        60,
        "size of the prefix and suffix embedding of a word; 0 disables it",
        minimum=0,
    )
    affix_buckets: int | None = option(
        None,
        "vectors that all prefixes and suffixes share, found by hashing (default: 10 for each word "
        "of the vocabulary, at most 20,000)",
        minimum=1,
        maximum=10_000_000,
    )
    members: int | None = option(
        None,
        "networks trained together, whose probabilities are averaged (default: 4 for a recurrent "
        "network and small data, up to 400,000 words or 20,000 steps of series; else 1)",
        minimum=1,
        maximum=100,
    )
    pooling: Annotated[str, OneOf(*POOLINGS)] = option(
        "max", "how the hidden states of all steps are combined into one vector"
    )
    dropout: float = option(
        0.5,
        "on embeddings, between layers, and before the output (default for characters: 0.3)",
        minimum=0,
        maximum=0.99,
    )
    input_dropout: float | None = option(
        None,
        "on embeddings or series alone (default: --dropout for words and subwords, 0.1 for "
        "characters, 0.2 for series)",
        minimum=0,
        maximum=0.99,
    )
    word_dropout: float | None = option(
        None,
        "probability of dropping a token's vector everywhere in a text "
        "(default: 0.5 of words, 0.2 of subwords, 0 of characters)",
        minimum=0,
        maximum=0.99,
    )
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    label_smoothing: float = option(
        0.0,
        "probability mass spread over all classes in the training targets",
        minimum=0,
        maximum=0.99,
    )
    filters: int = option(100, "convolution: filters of each of the widths 3, 4 and 5", minimum=1)
    fixed_length: int | None = option(
        None,
        "feedforward: input length in steps (default: the 95th percentile of the training data)",
        minimum=1,
    )
    ngrams: int | None = option(
        None,
        "bag-of-words, character-ngrams: longest n-gram (default: 2 words, 4 characters; "
        "5 of character-ngrams)",
        minimum=1,
        maximum=20,
    )
    weighting: Literal["tf-idf", "counts"] = option(
        "tf-idf", "bag-of-words: the value of an n-gram"
    )
    strength: float = option(
        10.0, "bag-of-words: scikit-learn's C, the inverse of the regularisation strength", above=0
    )
    dev_metric: Literal["accuracy", "f1", "perplexity", "mae"] = option(
        "accuracy", "the dev score that chooses the best weights"
    )
    # predicting
    threshold: float = option(
        0.5,
        "with --label-separator, labels of at least this probability are predicted",
        minimum=0,
        maximum=1,
        when_predicting=True,
    )

    @classmethod
    def data_defaults(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return DEFAULTS_BY_UNIT.get(str(values.get("unit")), {})

    @property
    def several_labels(self) -> bool:
        """Whether an example may have several labels."""
        return self.label_separator is not None

    @property
    def reads_characters(self) -> bool:
        """Whether the network also reads the characters of words; the baselines do not."""
        return self.model == "recurrent" and self.unit == "word" and self.characters != "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.characters == "recurrent" and self.character_size % 2:
            raise InputError(
                f"{option_name('character_size')} must be even, half of it for each direction; got "
                f"{self.character_size}"
            )
        if self.crop is not None and self.crop > 1 and self.crop % 1:
            raise InputError(
                f"{option_name('crop')} must be a share up to 1, or a whole number of steps; "
                f"got {self.crop:g}"
            )
        if self.ordinal and self.label_separator:
            raise InputError(
                f"{option_name('ordinal')} and {option_name('label_separator')} exclude each "
                "other: an example has one grade"
            )
        if self.label_separator is not None and not self.label_separator.strip("\r\n"):
            raise InputError(f"{option_name('label_separator')} must be at least one character")
        if self.dev_metric == "mae" and not self.ordinal:
            raise InputError(f"{option_name('dev_metric')} mae needs {option_name('ordinal')}")
