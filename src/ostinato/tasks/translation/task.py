"""Translation: sentences of one language to sentences of another. Many to many, unaligned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ostinato.cells import CELLS
from ostinato.data.batching.batch import Example, by_length, collate
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.table import is_table, read_table
from ostinato.data.files.wording import display_path, pluralise, truncate_text
from ostinato.data.text.parallel import MAXIMUM_LINE, Pair, one_line, read_pairs
from ostinato.data.text.pretrained import Pretrained, read_embeddings
from ostinato.data.text.tokenizers import Tokenizer, train_tokenizer, units_from_dict
from ostinato.data.text.vocabulary import BOS, EOS, UNK
from ostinato.decoding.step import Hypothesis
from ostinato.errors import InputError
from ostinato.layers.embedding import Embedding
from ostinato.layers.initial import start_uniform
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.encoder_decoder import Decoder, Encoder, EncoderDecoder
from ostinato.models.ensemble import Ensemble
from ostinato.options import option
from ostinato.tasks.searching import Searching
from ostinato.tasks.task import Baseline, Counts, Prediction, Task
from ostinato.tasks.translation.options import TranslationOptions
from ostinato.tasks.translation.word_for_word import WordForWord, count_texts


@dataclass
class Translation(Searching, TranslationOptions, Task):
    name = "translation"
    reads = "two line-aligned text files (source target), or one TSV, CSV or JSONL with columns source and target"
    example = (
        "ostinato train translation --train train.de train.en --dev dev.de dev.en --out runs/de-en"
    )
    metrics = ("bleu", "chrf", "perplexity")
    sample = "translation"
    answer = "translation for each sentence"
    training = {
        "epochs": 12.0,
        "least_steps": 800,
        "least_batches": 20,
        "batch_tokens": 1200,
        "optimizer": "adam",
        "learning_rate": 0.002,
        "beta2": 0.98,
        "schedule": "cosine",
        "warmup": 200,
        "clip_norm": 1.0,
    }
    sample_training = {
        "hidden_size": 256,
        "vocabulary_size": 2000,
        "dropout": 0.2,
        "batch_tokens": 500,
        "epochs": 10.0,
    }

    # decoding, beside the search's own options
    maximum_length: int | None = option(
        None,
        "most tokens of a translation (default: 10 + twice the source's)",
        minimum=1,
        when_predicting=True,
    )
    align: bool = option(
        False, "with --json, which source token each target token looked at", when_predicting=True
    )
    copy_unknown: bool = option(
        False, "instead of <unk>, the source word that was looked at", when_predicting=True
    )

    source: Tokenizer = field(init=False, default=None)
    target: Tokenizer = field(init=False, default=None)
    pretrained: dict[str, Pretrained] = field(init=False, default_factory=dict, repr=False)
    notices: list[str] = field(init=False, default_factory=list, repr=False)

    def __post_init__(self):
        super().__post_init__()
        for asked, name in ((self.align, "--align"), (self.copy_unknown, "--copy-unknown")):
            if asked and self.attention == "none":
                raise InputError(f"{name} needs attention; this model has none (--attention none)")

    # files to records to examples

    def read(self, files: Sequence[str], *, training: bool = False) -> list[Pair]:
        return read_pairs(
            files,
            source_column=self.source_column,
            target_column=self.target_column,
            keep_blank=not training,
            long_lines=self.long_lines,
            notices=self.notices,
        )

    def read_inputs(self, files: Sequence[str]) -> Iterator[Pair]:
        for path in files:
            if is_table(path):
                rows = read_table(
                    path,
                    ("source",),
                    optional=("target",),
                    keep_blank=True,
                    names={"source": self.source_column, "target": self.target_column},
                )
                yield from self.inputs((one_line(row.text("source")) for row in rows), path)
            else:
                yield from self.inputs(iterate_lines(path), path)

    def inputs(self, texts: Iterable[str], path: str) -> Iterator[Pair]:
        """The texts of a file; those that are too long are cut and counted, or refused."""
        long = 0
        for number, text in enumerate(texts, start=1):
            if len(text) > MAXIMUM_LINE:
                if self.long_lines == "refuse":
                    raise InputError(
                        f"{display_path(path)}:{number}: {len(text):,} characters, more than {MAXIMUM_LINE:,}; shorten it"
                    )
                long += 1
            yield Pair(truncate_text(text, MAXIMUM_LINE), "")
        if long:
            self.notices.append(
                f"{display_path(path)}: {long:,} {pluralise('line', long)} of more than {MAXIMUM_LINE:,} characters cut to that"
            )

    def learnable(self, records: Sequence[Pair]) -> Sequence[Pair]:
        kept = [
            pair
            for pair in records
            if self.fits(self.source, pair.source) and self.fits(self.target, pair.target)
        ]
        if not kept:
            raise InputError(
                f"no training pair has --maximum-tokens {self.maximum_tokens} or less on both sides"
            )
        if len(kept) < len(records):
            left_out = len(records) - len(kept)
            self.notices.append(
                f"{left_out:,} {pluralise('pair', left_out)} of more than {self.maximum_tokens} tokens left out of training"
            )
        return kept

    def fits(self, units: Tokenizer, text: str) -> bool:
        """Whether a text has no more than the maximum of tokens; one of so few characters is not taken apart to see."""
        return len(text) < self.maximum_tokens or len(units.encode(text)) <= self.maximum_tokens

    def as_record(self, value: Any) -> Pair:
        if isinstance(value, str):
            return Pair(value, "")
        if (
            isinstance(value, (tuple, list))
            and len(value) == 2
            and all(isinstance(side, str) for side in value)
        ):
            return Pair(*value)
        raise InputError(f"expected a text, or a pair of texts (source, target); got {value!r:.80}")

    def key(self, record: Pair) -> str:
        return record.source

    def fit(self, records: Sequence[Pair]) -> None:
        sources, targets = [pair.source for pair in records], [pair.target for pair in records]
        settings = {
            "minimum_count": self.minimum_count,
            "lowercase": self.lowercase,
            "tokenized": self.tokenized,
        }
        size = self.vocabulary_size
        if self.joint_vocabulary:
            self.source = self.target = train_tokenizer(
                self.unit, sources + targets, size=size, **settings
            )
        else:
            self.source = train_tokenizer(
                self.unit, sources, size=self.source_vocabulary_size or size, **settings
            )
            self.target = train_tokenizer(
                self.unit, targets, size=self.target_vocabulary_size or size, **settings
            )
        if self.embeddings is not None:
            self.take_pretrained("--embeddings", self.embeddings, self.source)
        if self.target_embeddings is not None:
            self.take_pretrained("--target-embeddings", self.target_embeddings, self.target)

    def take_pretrained(self, option_name: str, path: str, units: Tokenizer) -> None:
        """Reads the vectors of the vocabulary's tokens; they decide the embedding size."""
        found = read_embeddings(path, units.all_tokens)
        size = found.vectors.shape[1]
        if self.pretrained and size != self.embedding_size:
            raise InputError(
                f"{option_name} {path}: vectors of {size} numbers; those of the source have {self.embedding_size}"
            )
        self.embedding_size, self.pretrained[option_name] = size, found
        self.notices.append(
            f"{path}: vectors for {found.coverage:.0%} of the vocabulary, {size} numbers each"
        )

    def state(self) -> dict[str, Any]:
        state = {"source": self.source.to_dict()}
        return state if self.target is self.source else {**state, "target": self.target.to_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        self.source = units_from_dict(state["source"])
        self.target = units_from_dict(state["target"]) if "target" in state else self.source

    def encode(self, record: Pair, *, draw: int | None = None) -> Example:
        source = self.numbers(self.source, record.source, draw)
        target = self.numbers(self.target, record.target, draw)
        if self.reverse_source:
            source = source[::-1]
        return Example(
            torch.tensor(source, dtype=torch.int64), torch.tensor([*target, EOS], dtype=torch.int64)
        )

    @property
    def varies(self) -> bool:
        return self.subword_sampling > 0 and self.unit == "subword"

    def numbers(self, units: Tokenizer, text: str, draw: int | None) -> list[int]:
        if draw is None or self.unit != "subword":
            return units.encode(text)[: self.maximum_tokens]
        return units.encode(text, sample=draw, alpha=self.subword_sampling)[: self.maximum_tokens]

    # the network

    def network(self) -> EncoderDecoder:
        cell = CELLS[self.cell]
        source = self.embedding(self.source)
        target = source if self.joint_vocabulary and self.tied else self.embedding(self.target)
        encoder = Encoder(
            source,
            cell,
            self.hidden_size,
            layers=self.layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
        )
        decoder = Decoder(
            target,
            cell,
            self.hidden_size,
            memory_size=self.hidden_size,
            layers=self.layers,
            attention=self.attention,
            context=self.context,
            input_feeding=self.input_feeding,
            tied=self.tied,
            dropout=self.dropout,
        )
        return EncoderDecoder(
            encoder,
            decoder,
            bos=BOS,
            eos=EOS,
            label_smoothing=self.label_smoothing,
            teacher_forcing=self.teacher_forcing,
            output_precision=self.output_precision,
        )

    def embedding(self, units: Tokenizer) -> Embedding:
        return Embedding(
            len(units),
            self.embedding_size,
            word_dropout=self.word_dropout,
            sparse=self.sparse_embeddings,
        )

    def initialise(self, network: EncoderDecoder) -> None:
        if self.initial_range is not None:
            start_uniform(network, self.initial_range)
            for part in (network.encoder, network.decoder):
                part.embedding.clear_padding()
        for option_name, part in [
            ("--embeddings", network.encoder),
            ("--target-embeddings", network.decoder),
        ]:
            if option_name in self.pretrained:
                found = self.pretrained[option_name]
                part.embedding.load_pretrained(
                    found.rows, found.vectors, frozen=self.freeze_embeddings
                )

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        return Ensemble(networks)

    # its answers

    def predict(self, network: nn.Module, records: Sequence[Pair]) -> list[Prediction]:
        examples = [self.encode(record) for record in records]
        predictions = [self.nothing()] * len(records)
        for rows in by_length(examples):
            for row, hypotheses in zip(
                rows, self.searched(network, [examples[row] for row in rows]), strict=True
            ):
                predictions[row] = self.decode(hypotheses, records[row])
        return predictions

    def nothing(self) -> Prediction:
        """The answer to an empty source, with all that other answers have."""
        details: dict[str, Any] = {"log_probability": 0.0}
        if self.n_best > 1:
            details["n_best"] = [{"prediction": "", "log_probability": 0.0}]
        if self.align:
            details |= {"source_tokens": [], "tokens": [], "alignment": []}
        return Prediction("", details)

    def searched(self, network: nn.Module, examples: list[Example]) -> list[list[Hypothesis]]:
        device = next(network.parameters()).device
        batch = collate([example._replace(targets=None) for example in examples]).to(device)
        longest = 10 + 2 * batch.lengths if self.maximum_length is None else self.maximum_length
        return self.search(
            network, batch, maximum_length=longest, watch_attention=self.align or self.copy_unknown
        )

    def decode(self, hypotheses: list[Hypothesis], record: Pair) -> Prediction:
        best = hypotheses[0]
        details: dict[str, Any] = {"log_probability": best.log_probability}
        numbers = self.source.encode(record.source)
        if UNK in numbers:
            details["unknown"] = numbers.count(UNK) / len(numbers)
        if self.n_best > 1:
            details["n_best"] = [
                {"prediction": self.text(each, record), "log_probability": each.log_probability}
                for each in hypotheses
            ]
        if self.align and best.watched is not None:
            details["source_tokens"] = self.source_tokens(record)
            details["tokens"] = [self.target.decode([number]) for number in best.tokens]
            details["alignment"] = self.looked_at(best, len(details["source_tokens"]))
        return Prediction(self.text(best, record), details)

    def looked_at(self, hypothesis: Hypothesis, length: int) -> list[int]:
        """The position of the source token that each target token looked at most."""
        positions = hypothesis.watched[: len(hypothesis.tokens)].argmax(-1).tolist()
        return (
            [length - 1 - position for position in positions] if self.reverse_source else positions
        )

    def text(self, hypothesis: Hypothesis, record: Pair) -> str:
        if not self.copy_unknown or hypothesis.watched is None:
            return self.target.decode(hypothesis.tokens)
        words = self.source_tokens(record)
        return self.target.decode(
            hypothesis.tokens,
            copies=[words[position] for position in self.looked_at(hypothesis, len(words))],
        )

    def source_tokens(self, record: Pair) -> list[str]:
        return self.source.tokens(record.source)[: self.maximum_tokens]

    def log_probabilities(self, network: nn.Module, records: Sequence[Pair]) -> list[float]:
        return [value for value, _ in self.scored(network, records)]

    @torch.inference_mode()
    def scored(self, network: nn.Module, records: Sequence[Pair]) -> list[tuple[float, int]]:
        """(log P(target | source), tokens) of every pair; (0, 0) without a source."""
        examples = [self.encode(record) for record in records]
        scored: list[tuple[float, int]] = [(0.0, 0)] * len(records)
        device = next(network.parameters()).device
        for rows in by_length(
            examples, key=lambda example: (len(example.targets), len(example.inputs))
        ):
            batch = collate([examples[row] for row in rows]).to(device)
            for row, value in zip(rows, network.log_probabilities(batch).tolist(), strict=True):
                scored[row] = (value, len(examples[row].targets))
        return scored

    def measure(
        self, network: nn.Module, records: Sequence[Pair], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        counts = count_texts([prediction.text for prediction in predictions], records)
        return {
            **counts,
            "perplexity": [
                METRICS["perplexity"].count(*each) for each in self.scored(network, records)
            ],
        }

    def quick_score(self, network: nn.Module, records: Sequence[Pair], metric: str) -> float:
        if metric == "perplexity":
            counts = [METRICS[metric].count(*each) for each in self.scored(network, records)]
        else:
            texts = [prediction.text for prediction in self.greedy().predict(network, records)]
            counts = count_texts(texts, records, (metric,))[metric]
        return corpus_score(METRICS[metric], counts)

    def with_target(self, record: Pair, text: str) -> Pair:
        return record._replace(target=text)

    def text_of(self, record: Pair) -> str:
        return record.source

    def next_commands(self, run: str, file: str | None) -> list[str]:
        files = "" if file is None else " SOURCE TARGET"
        return [
            f'echo "..." | ostinato predict {run}',
            f"ostinato evaluate {run}{files} --beam 10",
            f"ostinato verify {run}",
        ]

    def show(self, record: Pair, prediction: Prediction) -> dict[str, str]:
        return {"source": record.source, "reference": record.target, "prediction": prediction.text}

    def baseline(self, records: Sequence[Pair]) -> Baseline:
        return WordForWord.fit(records)

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return WordForWord.restore(state)
