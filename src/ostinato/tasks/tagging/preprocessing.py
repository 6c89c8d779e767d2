"""Preprocessing of tagged sentences: vocabularies, the tag scheme, and sentences as ids."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import torch

from ostinato.data.batching.batch import Example
from ostinato.data.text.characters import CharacterVocabulary
from ostinato.data.text.pretrained import Pretrained
from ostinato.data.text.sentence import Sentence
from ostinato.data.text.tag_forms import FORMS, LETTERS, OUTSIDE, STANDARD, TagForm, split_tag
from ostinato.data.text.tag_schemes import SCHEMES, convert_tags
from ostinato.data.text.vocabulary import SPECIALS, UNK, Vocabulary, count_tokens
from ostinato.errors import InputError, option_name
from ostinato.tasks.preprocessing import Preprocessing
from ostinato.tasks.shared.affix_buckets import choose_affix_buckets
from ostinato.tasks.shared.contextual_text import ContextualText, Words
from ostinato.tasks.shared.embedding_options import read_vectors
from ostinato.tasks.tagging.closed_form_tagger import CLOSED_FORM_TAGGERS
from ostinato.tasks.tagging.file_tags import convert_for_network, detect_tags
from ostinato.tasks.tagging.options import DevMetric, TaggingOptions

CACHED_WORDS = 200_000  # bounds the cache for long files


@dataclass(frozen=True)
class TaggingPreprocessing(Preprocessing):
    """Vocabularies and tags of the training sentences, and the encoding of sentences.

    Args:
        options: The task's options.
        words: The vocabulary of words, normalised by `normalise`.
        letters: The vocabulary of characters.
        tags: The tags in the scheme that the network learns.
        features: A vocabulary for each of --feature-columns.
        file_scheme: The scheme of the files' tags; "binary" with --binary, None without spans.
        file_form: The notation of a tag's letter and type in the files, such as B-PER.
        file_columns: Number of columns of the training file.
        contextual: The language models of --embeddings RUN.
        counted: What a closed-form model counted, as its `from_dict` reads it.
        word_counts: How often each word was seen; for initialisation only.
        vectors: Pretrained embeddings; for initialisation only.
    """

    encoding_options: ClassVar = (
        *("lowercase", "zero_digits", "characters", "scheme", "feature_columns"),
    )

    options: TaggingOptions
    words: Vocabulary
    letters: CharacterVocabulary
    tags: Vocabulary
    features: list[Vocabulary]
    file_scheme: str | None
    file_form: TagForm = STANDARD
    file_columns: int = 2
    contextual: ContextualText = ContextualText()
    counted: dict[str, Any] | None = field(default=None, repr=False)
    word_counts: Counter[str] = field(default_factory=Counter, repr=False)
    vectors: Pretrained | None = field(default=None, repr=False)
    # word -> its id and its characters' ids
    word_cache: dict[str, tuple[int, tuple[int, ...]]] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def fit(
        cls, options: TaggingOptions, records: Sequence[Sentence]
    ) -> tuple[TaggingOptions, Self]:
        counts = count_tokens(
            [normalise(options, word) for word in record.words] for record in records
        )
        words = build_vocabulary(counts, options.minimum_count)
        buckets = options.affix_buckets or choose_affix_buckets(len(words))
        options = replace(options, affix_buckets=buckets)
        scheme, form = detect_tags(options, records)
        options, tags = fit_tags(options, scheme, form, records)
        features = [
            Vocabulary.count([values[column] for values in record.features] for record in records)
            for column in range(len(options.feature_column_names))
        ]
        counted = vectors = None
        contextual = ContextualText()
        if options.closed_form:
            pairs = (
                (record.words, convert_for_network(options, scheme, form, record.tags))
                for record in records
            )
            counted = CLOSED_FORM_TAGGERS[options.model].fit(pairs).to_dict()
        else:
            sources = options.find_embeddings()
            if sources.file is not None:
                vectors = read_vectors(sources.file, words.tokens)
                options = replace(options, embedding_size=vectors.vectors.shape[1])
            texts = (Words(record.words) for record in records)
            contextual = ContextualText.from_runs(sources.runs, texts)
        return options, cls(
            options,
            words,
            CharacterVocabulary.fit(word for record in records for word in record.words),
            tags,
            features,
            scheme,
            form,
            file_columns=records[0].file_columns,
            contextual=contextual,
            counted=counted,
            word_counts=counts,
            vectors=vectors,
        )

    def vocabulary(self, side: str) -> Sequence[str]:
        return (self.words if side == "inputs" else self.tags).tokens

    def input_labels(self, record: Sentence) -> Sequence[str]:
        return record.words

    def to_dict(self) -> dict[str, Any]:
        return {
            "words": self.words.to_dict(),
            "alphabet": self.letters.to_dict(),
            "tags": self.tags.to_dict(),
            "written": self.file_scheme,
            **({} if self.file_form == STANDARD else {"form": self.file_form.name}),
            "columns": self.file_columns,
            "counted": self.counted,
            "features": [each.to_dict() for each in self.features],
            **({"contextual": self.contextual.to_dict()} if self.contextual.tasks else {}),
        }

    @classmethod
    def from_dict(cls, options: TaggingOptions, state: dict[str, Any]) -> Self:
        if options.dev_metric is None:
            default: Any = "f1" if state["written"] in SCHEMES else "accuracy"
            options = replace(options, dev_metric=default)
        return cls(
            options,
            words=Vocabulary.from_dict(state["words"]),
            letters=CharacterVocabulary.from_dict(state["alphabet"]),
            tags=Vocabulary.from_dict(state["tags"]),
            features=[Vocabulary.from_dict(each) for each in state["features"]],
            file_scheme=state["written"],
            file_form=FORMS[state.get("form", STANDARD.name)],
            file_columns=int(state["columns"]),
            contextual=ContextualText.from_dict(state.get("contextual", ())),
            counted=state["counted"],
        )

    # tags

    @property
    def span_scheme(self) -> str | None:
        """The scheme in which tags are learned; None if they do not encode spans."""
        return self.options.scheme if self.file_scheme in SCHEMES else None

    def to_network_tags(self, tags: Sequence[str]) -> Sequence[str]:
        """Converts the tags of a file to the network's scheme."""
        return convert_for_network(self.options, self.file_scheme, self.file_form, tags)

    def to_file_tags(self, tags: Sequence[str]) -> Sequence[str]:
        """Converts the network's tags to the scheme of the files."""
        if self.file_scheme is None or self.span_scheme is None:
            return tags
        if self.span_scheme != self.file_scheme:
            tags = convert_tags(tags, self.file_scheme)
        return tags if self.file_form == STANDARD else self.file_form.from_standard(tags)

    def knows_tags(self, record: Sentence) -> bool:
        """Whether the network has learned all tags of a record."""
        return all(tag in self.tags for tag in self.to_network_tags(record.tags))

    def known_tags(self) -> frozenset[str]:
        """Every tag of the training data, in whichever scheme it is written."""
        if self.span_scheme is None:
            return frozenset(self.tags.tokens)
        kinds = {split_tag(tag)[1] for tag in self.tags.tokens if tag != OUTSIDE}
        spelled = {self.file_form.spell(letter, kind) for letter in LETTERS for kind in kinds}
        return frozenset((*self.tags.tokens, *spelled, self.file_form.outside))

    # sentences as ids

    def encode(self, record: Sentence, *, draw: int | None = None) -> Example:
        example = self.encode_inputs(record)
        tags = self.to_network_tags(record.tags)
        unseen = next((tag for tag in tags if tag not in self.tags), None)
        if unseen is not None:
            raise InputError(
                f"the tag '{unseen}' was not among those that the model has learned: "
                f"{', '.join(self.tags.tokens[:20])}"
            )
        return example._replace(targets=torch.tensor(self.tags.encode(tags), dtype=torch.int64))

    def encode_inputs(self, record: Sentence, *, begins: bool = True) -> Example:
        """A sentence without its tags: inputs [T], with --feature-columns [T, 1 + F].

        Args:
            record: The sentence.
            begins: Whether it begins with these words; else they follow others.
        """
        if len(self.word_cache) > CACHED_WORDS:
            self.word_cache.clear()
        found = [self.word_cache.get(word) or self.look_up(word) for word in record.words]
        ids = torch.tensor([id for id, _ in found], dtype=torch.int64)  # [T]
        if self.features:
            ids = self.append_features(ids, record)
        spellings = [spelling for _, spelling in found]
        readings = None
        if self.contextual.tasks:
            readings = self.contextual.read(Words(record.words, begins=begins))
        letters = None if self.options.characters == "none" else spellings
        return Example(ids, None, letters, readings)

    def append_features(self, ids: torch.Tensor, record: Sentence) -> torch.Tensor:
        """Appends the ids of the feature columns to word ids [T]: [T, 1 + F]."""
        if len(record.features) != len(record.words):
            raise InputError(
                f"the model reads the columns {','.join(self.options.feature_column_names)} "
                "with each word; pass a Sentence with features"
            )
        if not record.words:
            return ids.new_zeros(0, 1 + len(self.features))
        columns = zip(self.features, zip(*record.features, strict=True), strict=True)
        features = [
            torch.tensor(vocabulary.encode(values), dtype=torch.int64)
            for vocabulary, values in columns
        ]
        return torch.stack([ids, *features], 1)

    def look_up(self, word: str) -> tuple[int, tuple[int, ...]]:
        """The id of a word and the ids of its characters, cached."""
        known = self.known_spelling(word)
        id = self.words.token_ids.get(normalise(self.options, known), UNK)
        self.word_cache[word] = found = (id, self.letters.encode(known))
        return found

    def knows_word(self, word: str) -> bool:
        """Whether a word is in the vocabulary."""
        return normalise(self.options, self.known_spelling(word)) in self.words

    def known_spelling(self, word: str) -> str:
        """The word, or its NFC or NFD form if only that one is in the vocabulary."""
        if word.isascii() or normalise(self.options, word) in self.words:
            return word
        forms = (unicodedata.normalize(form, word) for form in ("NFC", "NFD"))
        return next((form for form in forms if normalise(self.options, form) in self.words), word)

    def share_unknown(self, words: Sequence[str]) -> float:
        """The share of the words that are not in the vocabulary."""
        unknown = sum(not self.knows_word(word) for word in words)
        return unknown / len(words) if words else 0.0


def normalise(options: TaggingOptions, word: str) -> str:
    """Normalises a word for the vocabulary, with --lowercase and --zero-digits."""
    word = word.lower() if options.lowercase else word
    if not options.zero_digits:
        return word
    return "".join("0" if letter.isdigit() else letter for letter in word)


def build_vocabulary(counts: Counter[str], minimum_count: int) -> Vocabulary:
    """Builds a vocabulary of the words seen often enough, by frequency, then alphabetically."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Vocabulary(
        [word for word, count in ranked if count >= minimum_count and word not in SPECIALS]
    )


def fit_tags(
    options: TaggingOptions, scheme: str | None, form: TagForm, records: Sequence[Sentence]
) -> tuple[TaggingOptions, Vocabulary]:
    """Decides the dev metric, and builds the vocabulary of tags in the network's scheme."""
    tags = Vocabulary.count(
        (convert_for_network(options, scheme, form, record.tags) for record in records), specials=()
    )
    if len(tags) < 2:
        raise InputError(
            f"all {sum(len(record.tags) for record in records):,} words have the tag "
            f"'{records[0].tags[0]}'; "
            f"a tagger needs two tags or more: is it the right {option_name('tag_column')}?"
        )
    if options.dev_metric == "f1" and scheme is None:
        raise InputError(
            f"{option_name('dev_metric')} f1 needs tags that encode spans (B-PER, I-PER, O), "
            f"or {option_name('binary')}; "
            "use accuracy"
        )
    default: DevMetric = "accuracy" if scheme is None else "f1"
    return replace(options, dev_metric=options.dev_metric or default), tags
