"""What tagging can be asked for: its options, and so its flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ostinato.cells import CELLS
from ostinato.data.text.pretrained import check_frozen
from ostinato.errors import InputError
from ostinato.options import option
from ostinato.tasks.tagging.baseline import KINDS


@dataclass
class TaggingOptions:
    # the data
    word_column: str | None = option(
        None,
        "the column of the word, by number or name (default: the first; form in CoNLL-U)",
        when_predicting=True,
    )
    tag_column: str | None = option(
        None,
        "the column of the tag, by number (-1: last) or name (default: the last; upos in CoNLL-U)",
    )
    feature_columns: str | None = option(
        None, "further columns to read beside the word, by number or name, joined by commas: 2,3"
    )
    scheme: Literal["iobes", "bio", "iob1", "bilou"] = option(
        "iobes", "the scheme in which spans are learned; whatever the files have"
    )
    binary: bool = option(
        False, "is it a name? Tags become NAME (inside a span, or a proper noun) and O"
    )
    lowercase: bool = option(False, "words are looked up in lower case (their characters keep it)")
    zero_digits: bool = option(False, "every digit of a word is looked up as 0")
    minimum_count: int = option(1, "words seen less often become <unk>", minimum=1)
    maximum_tokens: int = option(500, "longer sentences are taken apart", minimum=1)
    # the model
    model: Literal[("recurrent", *CELLS, *KINDS)] = option(
        "recurrent", "a recurrent network (of --cell), or a baseline"
    )
    cell: Literal[tuple(CELLS)] = option("lstm", "the recurrent cell")
    hidden_size: int = option(256, "units of each layer, both directions together", minimum=2)
    layers: int = option(1, "recurrent layers", minimum=1)
    embedding_size: int = option(100, "dimensions of a word's vector", minimum=1)
    characters: Literal["convolution", "recurrent", "none"] = option(
        "convolution", "how a word's characters are read"
    )
    character_size: int = option(60, "dimensions of what its characters say of a word", minimum=2)
    affix_size: int = option(
        60,
        "dimensions of what its first and last letters say of a word; 0: they are not looked at",
        minimum=0,
    )
    feature_size: int = option(
        20, "dimensions of what each of --feature-columns says of a word", minimum=1
    )
    crf: bool = option(
        True, "tags are chosen together (conditional random field), not one by one (softmax)"
    )
    dropout: float = option(
        0.5, "on words, between layers, and before the output", minimum=0, maximum=0.99
    )
    locked_dropout: bool = option(True, "dropout of the same units at each word of a sentence")
    word_dropout: float = option(
        0.15,
        "probability that a word's vector is dropped everywhere in a sentence",
        minimum=0,
        maximum=0.99,
    )
    character_dropout: float = option(0.1, "on the characters' vectors", minimum=0, maximum=0.99)
    recurrent_dropout: float = option(0.0, "inside the recurrence", minimum=0, maximum=0.99)
    unknown: float = option(
        0.25,
        "x: a word seen n times is <unk> in x / (x + n) of its places while training",
        minimum=0,
    )
    embeddings: str | None = option(
        None, "pretrained vectors (word2vec text or binary, GloVe); sets --embedding-size"
    )
    freeze_embeddings: bool = option(False, "do not train the pretrained vectors further")
    dev_metric: Literal["accuracy", "f1"] | None = option(
        None, "the dev score that chooses the best weights (default: f1 of spans)"
    )
    # predicting
    k_best: int = option(
        1, "taggings given for each sentence, the best first", minimum=1, when_predicting=True
    )
    layout: Literal["auto", "columns", "sentences"] = option(
        "auto", "whether the input has a token or a sentence a line", when_predicting=True
    )

    def __post_init__(self):
        super().__post_init__()  # ManyModels's
        check_frozen(self.freeze_embeddings, self.embeddings)
        if self.hidden_size % 2:
            raise InputError(
                f"--hidden-size must be even, half of it for each direction; got {self.hidden_size}"
            )
        if self.characters == "recurrent" and self.character_size % 2:
            raise InputError(
                f"--character-size must be even, half of it for each direction; got {self.character_size}"
            )
