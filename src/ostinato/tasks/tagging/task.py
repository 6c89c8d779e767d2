"""Tagging: a label for each word of a sentence: parts of speech, names, chunks. Many to many, aligned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import nn

from ostinato.data.batching.batch import Example
from ostinato.data.files.wording import display_path
from ostinato.data.text.characters import CharacterVocabulary
from ostinato.data.text.conll import (
    Sentence,
    count_columns,
    fill,
    read_blocks,
    read_sentences,
    words_of,
)
from ostinato.data.text.pretrained import Pretrained, read_embeddings
from ostinato.data.text.tag_schemes import OUTSIDE, SCHEMES, convert, detect, is_span_tag
from ostinato.data.text.vocabulary import UNK, Vocabulary
from ostinato.decoding.viterbi import Path
from ostinato.errors import InputError
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.tagger import Tagger, TaggerEnsemble
from ostinato.notices import NoticeList
from ostinato.tasks.legacy import Baseline, Counts, Prediction
from ostinato.tasks.many_models import ManyModels
from ostinato.tasks.tagging import taggers
from ostinato.tasks.tagging.baseline import KINDS, NAME, TagBaseline, count_tags, reader_of
from ostinato.tasks.tagging.counted import CountedTagger
from ostinato.tasks.tagging.options import TaggingOptions

PROPER_NOUNS = frozenset(("PROPN", "NNP", "NNPS"))  # what is a name among parts of speech
REMEMBERED = 200_000  # words whose numbers are kept at hand


@dataclass
class Tagging(TaggingOptions, ManyModels):
    name = "tagging"
    reads = "CoNLL columns (word first, tag last) or CoNLL-U (--tag-column upos); predict also reads a tokenised sentence a line"
    example = "ostinato train tagging --train train.conllu --dev dev.conllu --tag-column upos --out runs/pos"
    metrics = ("accuracy", "f1", "precision", "recall")
    sample = "tagging"
    models = ("most-frequent", "hmm", "rnn", "gru", "lstm")
    solved_models = tuple(KINDS)
    training: ClassVar[dict[str, Any]] = {
        "batch_size": 32,
        "learning_rate": 0.002,
        "schedule": "linear",
        "epochs": 12.0,
        "least_steps": 1500,
        "average_checkpoints": 3,
    }
    sample_training: ClassVar[dict[str, Any]] = {"batch_size": 8}

    words: Vocabulary = field(init=False, default=None)
    letters: CharacterVocabulary = field(init=False, default=None)
    tags: Vocabulary = field(init=False, default=None)
    features: list[Vocabulary] = field(
        init=False, default_factory=list
    )  # of each of --feature-columns
    file_scheme: str | None = field(
        init=False, default=None
    )  # the scheme of the files; "binary" for --binary
    columns: int = field(init=False, default=2)
    counted: dict[str, Any] | None = field(
        init=False, default=None, repr=False
    )  # what a baseline as model has learned
    counts: Counter = field(init=False, default=None, repr=False)
    pretrained: Pretrained | None = field(init=False, default=None, repr=False)
    remembered: dict[str, tuple[int, tuple[int, ...]]] = field(
        init=False, default_factory=dict, repr=False
    )
    notices: list[str] = field(init=False, default_factory=NoticeList, repr=False)

    @property
    def further(self) -> list[str]:
        """The columns read beside the word."""
        return [
            column.strip() for column in (self.feature_columns or "").split(",") if column.strip()
        ]

    # files to records to examples

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Sentence]:
        found = [
            self.as_tagged(sentence)
            for path in files
            for sentence in read_sentences(
                path,
                word_column=self.word_column,
                tag_column=self.tag_column,
                feature_columns=self.further,
            )
        ]
        if not found:
            raise InputError(
                f"{' '.join(map(display_path, files))}: no examples (no line with a word and its tag)"
            )
        if training:
            self.columns = count_columns(files[0])
            found = [
                piece
                for sentence in found
                for piece in taggers.pieces(sentence, self.maximum_tokens)
            ]
        return found

    def as_tagged(self, sentence: Sentence) -> Sentence:
        if not self.binary:
            return sentence
        return sentence._replace(tags=[NAME if is_name(tag) else OUTSIDE for tag in sentence.tags])

    def read_inputs(self, files: Sequence[str]) -> Iterator[Sentence]:
        known = frozenset() if self.tags is None else self.known_tags()
        columns = {"auto": None, "columns": True, "sentences": False}[self.layout]
        for path in files:
            yield from read_blocks(
                path,
                word_column=self.word_column,
                tag_column=self.tag_column,
                columns=columns,
                trained_columns=self.columns,
                known_tags=known,
                feature_columns=self.further,
            )

    def as_record(self, value: Any) -> Sentence:
        """A tokenised sentence, a list of words, or a pair (words, tags)."""
        if isinstance(value, str):
            return Sentence(words_of(value))
        if isinstance(value, Sentence):
            return value
        pair = isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], str)
        words, tags = value if pair else (value, ())
        if (
            isinstance(words, str)
            or not all(isinstance(word, str) for word in (*words, *tags))
            or (tags and len(tags) != len(words))
        ):
            raise InputError(
                f"expected a tokenised sentence, a list of words, or (words, tags) of equal length; got {value!r:.80}"
            )
        return Sentence(list(words), list(tags))

    def key(self, record: Sentence) -> tuple[str, ...]:
        return tuple(record.words)

    def fit(self, records: Sequence[Sentence]) -> None:
        self.counts = Counter(self.looked_up(word) for record in records for word in record.words)
        kept = [
            word
            for word, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
            if count >= self.minimum_count
        ]
        self.words = Vocabulary(
            [word for word in kept if word not in ("<pad>", "<unk>", "<bos>", "<eos>")]
        )
        self.letters = CharacterVocabulary.fit(word for record in records for word in record.words)
        self.file_scheme = "binary" if self.binary else detect(record.tags for record in records)
        self.note_repairs(records)
        self.tags = Vocabulary.count((self.learned(record.tags) for record in records), specials=())
        if len(self.tags) < 2:
            raise InputError(
                f"all {sum(len(record.tags) for record in records):,} words have the tag '{records[0].tags[0]}'; "
                "a tagger needs two tags or more: is it the right --tag-column?"
            )
        if self.dev_metric == "f1" and self.file_scheme is None:
            raise InputError(
                "--dev-metric f1 needs tags that spell out spans (B-PER, I-PER, O), or --binary; use accuracy"
            )
        self.choose_dev_metric()
        self.features = [
            Vocabulary.count(
                [features[column] for features in record.features] for record in records
            )
            for column in range(len(self.further))
        ]
        if self.solved:
            self.counted = (
                KINDS[self.model]
                .fit((record.words, self.learned(record.tags)) for record in records)
                .to_dict()
            )
        elif self.embeddings is not None:
            self.pretrained = read_embeddings(self.embeddings, self.words.tokens)
            self.embedding_size = self.pretrained.vectors.shape[1]
            self.notices.append(
                f"{self.embeddings}: vectors for {self.pretrained.coverage:.0%} of the vocabulary, "
                f"{self.embedding_size} numbers each"
            )

    def choose_dev_metric(self) -> None:
        self.dev_metric = self.dev_metric or ("accuracy" if self.file_scheme is None else "f1")

    def looked_up(self, word: str) -> str:
        """How a word is written in the vocabulary."""
        word = word.lower() if self.lowercase else word
        return (
            "".join("0" if letter.isdigit() else letter for letter in word)
            if self.zero_digits
            else word
        )

    def note_repairs(self, records: Sequence[Sentence]) -> None:
        if self.file_scheme in SCHEMES:
            changed = sum(
                tag != right
                for record in records
                for tag, right in zip(
                    record.tags, convert(record.tags, self.file_scheme), strict=True
                )
            )
            repairs = (
                f"; {changed:,} tags broke its rules and were put right as conlleval reads them"
                if changed
                else ""
            )
            self.notices.append(
                f"tags: spans in scheme {self.file_scheme}, learned as {self.scheme}{repairs}"
            )

    @property
    def spelled_out(self) -> str | None:
        """The scheme in which tags are learned; None where they are no spans."""
        return self.scheme if self.file_scheme in SCHEMES else None

    def learned(self, tags: Sequence[str]) -> Sequence[str]:
        """The tags of a file as the network learns them."""
        return tags if self.spelled_out is None else convert(tags, self.scheme)

    def given(self, tags: Sequence[str]) -> Sequence[str]:
        """The tags of the network as the files write them."""
        return (
            tags
            if self.spelled_out in (None, self.file_scheme)
            else convert(tags, self.file_scheme)
        )

    def state(self) -> dict[str, Any]:
        return {
            "words": self.words.to_dict(),
            "alphabet": self.letters.to_dict(),
            "tags": self.tags.to_dict(),
            "written": self.file_scheme,
            "columns": self.columns,
            "counted": self.counted,
            "features": [each.to_dict() for each in self.features],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.words, self.tags = (
            Vocabulary.from_dict(state["words"]),
            Vocabulary.from_dict(state["tags"]),
        )
        self.letters = CharacterVocabulary.from_dict(state["alphabet"])
        self.features = [Vocabulary.from_dict(each) for each in state["features"]]
        self.file_scheme, self.columns, self.counted = (
            state["written"],
            int(state["columns"]),
            state["counted"],
        )
        self.choose_dev_metric()

    def encode(self, record: Sentence, *, draw: int | None = None) -> Example:
        example = self.encode_inputs(record)
        tags = self.learned(record.tags)
        unseen = next((tag for tag in tags if tag not in self.tags), None)
        if unseen is not None:
            raise InputError(
                f"the tag '{unseen}' was not among those that the model has learned: {', '.join(self.tags.tokens[:20])}"
            )
        return example._replace(targets=torch.tensor(self.tags.encode(tags), dtype=torch.int64))

    def encode_inputs(self, record: Sentence) -> Example:
        """A sentence without its tags: [T], with --feature-columns [T, 1 + F]."""
        known = self.remembered
        if len(known) > REMEMBERED:
            known.clear()
        found = [known.get(word) or self.remember(word) for word in record.words]
        numbers = torch.tensor([number for number, _ in found], dtype=torch.int64)
        if self.features:
            if len(record.features) != len(record.words):
                raise InputError(
                    f"the model reads the columns {','.join(self.further)} beside each word; hand in a Sentence with features"
                )
            columns = [
                torch.tensor(vocabulary.encode(values), dtype=torch.int64)
                for vocabulary, values in zip(
                    self.features, zip(*record.features, strict=True), strict=True
                )
            ]
            numbers = (
                torch.stack([numbers, *columns], 1)
                if found
                else numbers.new_zeros(0, 1 + len(self.features))
            )
        return Example(
            numbers, None, None if self.characters == "none" else [letters for _, letters in found]
        )

    def remember(self, word: str) -> tuple[int, tuple[int, ...]]:
        """A word's number, and those of its characters."""
        self.remembered[word] = found = (
            self.words.readable.get(self.looked_up(word), UNK),
            self.letters.spell(word),
        )
        return found

    # the network

    def network(self) -> Tagger | CountedTagger:
        if self.solved:
            return CountedTagger.restore(self.model, self.counted, self.tags)
        return taggers.build(self)

    def initialise(self, network: Tagger | CountedTagger) -> None:
        if self.solved:
            return
        counts = torch.tensor(
            [self.counts.get(word, 0) for word in self.words.tokens], dtype=torch.float32
        )
        network.unknown_rate.copy_(
            torch.where(counts > 0, self.unknown / (self.unknown + counts), 0)
        )
        if self.pretrained is not None:
            network.words.load_pretrained(
                self.pretrained.rows, self.pretrained.vectors, frozen=self.freeze_embeddings
            )

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        if self.solved:
            raise InputError(
                f"models of --model {self.model} do not decode together; name a single run"
            )
        return TaggerEnsemble(networks)

    # its answers

    def tags_of(self, path: Path) -> Sequence[str]:
        return self.given(self.tags.decode(path.labels))

    def predict(self, network: nn.Module, records: Sequence[Sentence]) -> list[Prediction]:
        found = taggers.search(self, network, records, k=self.k_best)
        return [self.answer(record, paths) for record, paths in zip(records, found, strict=True)]

    def answer(self, record: Sentence, paths: list[Path]) -> Prediction:
        taggings = [self.tags_of(path) for path in paths]
        details: dict[str, Any] = {
            "words": list(record.words),
            "tags": list(taggings[0]),
            "log_probability": paths[0].score,
        }
        unknown = sum(self.looked_up(word) not in self.words for word in record.words)
        if unknown:
            details["unknown"] = unknown / len(record.words)
        if self.k_best > 1:
            details["n_best"] = [
                {"prediction": " ".join(tags), "log_probability": path.score}
                for tags, path in zip(taggings, paths, strict=True)
            ]
        columns = [
            *taggings,
            *[["_"] * len(record.words)] * (self.k_best - len(taggings)),
        ]  # as many columns for each sentence
        return Prediction(fill(record, *columns), details)

    def measure(
        self, network: nn.Module, records: Sequence[Sentence], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        self.note_unseen(records)
        return count_tags(
            [prediction.details["tags"] for prediction in predictions],
            records,
            reader_of(self.file_scheme),
        )

    def note_unseen(self, records: Sequence[Sentence]) -> None:
        known = self.known_tags()
        unseen = Counter(tag for record in records for tag in record.tags if tag not in known)
        if unseen:
            shown_tags = ", ".join(f"{tag} ({count:,})" for tag, count in unseen.most_common(5))
            self.notices.append(
                f"tags never seen in training, counted as wrong: {shown_tags}{', ...' if len(unseen) > 5 else ''}"
            )

    def known_tags(self) -> frozenset[str]:
        """Every tag that training knew, in whichever scheme it is written."""
        kinds = {tag[2:] for tag in self.tags.tokens if tag != OUTSIDE} if self.spelled_out else ()
        return frozenset(self.tags.tokens) | {
            f"{letter}-{kind}" for kind in kinds for letter in "BIESLU"
        }

    def quick_score(self, network: nn.Module, records: Sequence[Sentence], metric: str) -> float:
        taggings = [
            self.tags_of(paths[0])
            for paths in taggers.search(self, network, records, probabilities=False)
        ]
        return corpus_score(
            METRICS[metric], count_tags(taggings, records, reader_of(self.file_scheme))[metric]
        )

    def log_probabilities(self, network: nn.Module, records: Sequence[Sentence]) -> list[float]:
        return taggers.log_probabilities(self, network, records)

    def with_target(self, record: Sentence, text: str) -> Sentence:
        return record._replace(tags=text.split())

    def text_of(self, record: Sentence) -> str:
        return " ".join(record.words)

    def next_commands(self, run: str, file: str | None) -> list[str]:
        return [
            f'echo "..." | ostinato predict {run}',
            f"ostinato predict {run} {file or 'FILE'} --output tagged.conll",
            f"ostinato verify {run}",
        ]

    def show(self, record: Sentence, prediction: Prediction) -> dict[str, str]:
        tags = prediction.details["tags"]
        wrong = [
            f"{word}: {tag}, not {right}"
            for word, tag, right in zip(record.words, tags, record.tags, strict=True)
            if tag != right
        ]
        tagged = " ".join(f"{word}/{tag}" for word, tag in zip(record.words, tags, strict=True))
        return {"tagged": tagged, "wrong": "; ".join(wrong) or "nothing"}

    def baseline(self, records: Sequence[Sentence]) -> Baseline:
        return TagBaseline.fit(records, self.file_scheme)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return TagBaseline.restore(state, self.file_scheme)


def is_name(tag: str) -> bool:
    """is_name("I-PER"), is_name("PROPN") -> True; is_name("O"), is_name("NOUN") -> False"""
    return tag in PROPER_NOUNS or (tag != OUTSIDE and is_span_tag(tag)) or tag == NAME
