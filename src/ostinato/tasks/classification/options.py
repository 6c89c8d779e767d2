"""What classification can be asked for: its options, and so its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ostinato.cells import CELLS
from ostinato.data.text.pretrained import check_frozen
from ostinato.errors import InputError
from ostinato.models.classifier import POOLINGS
from ostinato.options import option

SOLVED = ("bag-of-words", "most-frequent")
NEURAL = ("convolution", "feedforward")
# Words are many and soon known by heart: what keeps a network from that keeps it from learning characters at all.
SUITED_TO: dict[str, dict[str, Any]] = {
    "character": {
        "embedding_size": 64,
        "dropout": 0.3,
        "input_dropout": 0.1,
        "learning_rate": 0.005,
        "weight_decay": 0.01,
        "batch_size": 64,
    },
}


@dataclass
class ClassificationOptions:
    # the data
    text_column: str | None = option(None, "the column of the text (default: text, sentence)")
    label_column: str | None = option(None, "the column of the label (default: label, tag)")
    label_separator: str | None = option(
        None, "an example may have several labels, separated by this, or none"
    )
    ordinal: bool = option(False, "labels are grades in order, such as 1 to 5 stars")
    unit: Literal["word", "character", "subword"] = option("word", "what a token of a text is")
    vocabulary_size: int | None = option(
        None, "most tokens of the vocabulary (default: 20,000; 8,000 subwords)", minimum=10
    )
    minimum_count: int | None = option(
        None,
        "words and characters seen less often become <unk> (default: 2 with 500 texts, else 1)",
        minimum=1,
    )
    lowercase: bool = option(True, "lower-case everything")
    tokenized: bool = option(
        False, "the text is tokenised already: words are what stands between spaces"
    )
    maximum_tokens: int = option(1000, "longer texts are cut", minimum=1)
    crop: float | None = option(
        None,
        "while training, a random part of each text or series, at least this share of it, or above 1 so many "
        "steps (default: 0.5 of fewer than 500 series whose steps are pooled by mean, max, attention or "
        "ensemble; else 1, the whole)",
        above=0,
    )
    cut: Literal["end", "start", "middle"] = option(
        "end", "which part of a longer text is left out"
    )
    class_weights: Literal["none", "balanced", "root"] = option(
        "none", "balanced: rare classes count as much as frequent ones; root: half-way there"
    )
    # the model
    model: Literal[("recurrent", *CELLS, *NEURAL, *SOLVED)] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline"
    )
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(200, "units of each layer, both directions together", minimum=1)
    embedding_size: int = option(
        300, "dimensions of a token's vector (default for characters: 64)", minimum=1
    )
    layers: int = option(1, "recurrent layers", minimum=1)
    bidirectional: bool = option(True, "read both ways")
    characters: Literal["convolution", "recurrent", "none"] = option(
        "convolution", "how the characters of words are read, too"
    )
    character_size: int = option(60, "dimensions of what its characters say of a word", minimum=2)
    affix_size: int = option(
        60,
        "dimensions of what its first and last letters say of a word; 0: they are not looked at",
        minimum=0,
    )
    members: int | None = option(
        None,
        "networks trained side by side, whose probabilities are averaged "
        "(default: 4 for a recurrent network that learns from few: up to 400,000 words, or 20,000 steps "
        "of series; else 1)",
        minimum=1,
    )
    pooling: Literal[POOLINGS] = option("max", "how the states of all steps become one")
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
        "probability with which a token's vector is dropped everywhere in a text "
        "(default: 0.5 of words, 0.2 of subwords, 0 of characters)",
        minimum=0,
        maximum=0.99,
    )
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    label_smoothing: float = option(
        0.0, "share of probability spread over all classes while training", minimum=0, maximum=0.99
    )
    embeddings: str | None = option(
        None, "pretrained vectors (word2vec text or binary, GloVe, fastText); sets --embedding-size"
    )
    freeze_embeddings: bool = option(False, "do not train the pretrained vectors further")
    filters: int = option(100, "convolution: filters of each of the widths 3, 4 and 5", minimum=1)
    fixed_length: int | None = option(
        None,
        "feedforward: steps it sees (default: what 95 % of the training examples have)",
        minimum=1,
    )
    ngrams: int | None = option(
        None, "bag-of-words: longest run of tokens (default: 2 words, 4 characters)", minimum=1
    )
    weighting: Literal["tf-idf", "counts"] = option("tf-idf", "bag-of-words: what an n-gram counts")
    strength: float = option(
        10.0, "bag-of-words: scikit-learn's C; less pulls coefficients harder to 0", above=0
    )
    dev_metric: Literal["accuracy", "f1", "perplexity", "mae"] = option(
        "accuracy", "the dev score that chooses the best weights"
    )
    # predicting
    threshold: float = option(
        0.5,
        "with --label-separator, labels of at least this probability are given",
        minimum=0,
        maximum=1,
        when_predicting=True,
    )

    def __post_init__(self):
        super().__post_init__()  # ManyModels's
        if self.bidirectional and self.hidden_size % 2 and self.model == "recurrent":
            raise InputError(
                f"--hidden-size must be even with --bidirectional; got {self.hidden_size}"
            )
        if self.characters == "recurrent" and self.character_size % 2:
            raise InputError(
                f"--character-size must be even, half of it for each direction; got {self.character_size}"
            )
        check_frozen(self.freeze_embeddings, self.embeddings)
        if self.crop is not None and self.crop > 1 and self.crop % 1:
            raise InputError(
                f"--crop must be a share up to 1, or a whole number of steps; got {self.crop:g}"
            )
        if self.ordinal and self.label_separator:
            raise InputError(
                "--ordinal and --label-separator exclude each other: an example has one grade"
            )
        if self.label_separator is not None and not self.label_separator.strip("\r\n"):
            raise InputError("--label-separator must be a character or more that separates labels")
        if self.dev_metric == "mae" and not self.ordinal:
            raise InputError("--dev-metric mae needs --ordinal")
