"""Language models: what comes next in a text, word by word, character by character or piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from ostinato.baselines.hidden_markov_model import HiddenMarkovModel
from ostinato.baselines.ngram import NGram
from ostinato.cells import CELLS
from ostinato.data.batching.batch import Example, by_length, collate
from ostinato.data.batching.bptt_stream import BpttStream
from ostinato.data.files.lines import iterate_lines
from ostinato.data.files.wording import display_path
from ostinato.data.text.corpus import Corpus, Line
from ostinato.data.text.tokenizers import Tokenizer, train_tokenizer, units_from_dict
from ostinato.data.text.vocabulary import BOS, EOS, PAD, UNK
from ostinato.decoding.greedy import greedy
from ostinato.errors import InputError
from ostinato.layers.embedding import Embedding
from ostinato.layers.initialisation import initialise_uniform
from ostinato.metrics import METRICS
from ostinato.metrics.corpus import corpus_score
from ostinato.models.continuous_cache import add_cache
from ostinato.models.ensemble import LanguageEnsemble
from ostinato.models.language_model import DropoutRates, LanguageModel
from ostinato.notices import NoticeList
from ostinato.tasks.language.counted import (
    CountedLanguageModel,
    HiddenMarkovLanguageModel,
    NGramBaseline,
    as_tensors,
    empty_tensors,
    shapes_of,
)
from ostinato.tasks.language.generation import TOGETHER, generate, next_words
from ostinato.tasks.language.numbers import TEXTS, Encoded, encode_text, is_tokenized
from ostinato.tasks.language.options import COUNTED, LanguageOptions
from ostinato.tasks.language.scores import losses_of, sums_by_group
from ostinato.tasks.legacy import Baseline, Counts, Piece, Prediction, Request
from ostinato.tasks.many_models import ManyModels

ORDERS = {"word": 5, "character": 8, "subword": 5}
CACHES = {
    "word": (0.1, 10.0),
    "character": (0.2, 15.0),
    "subword": (0.1, 10.0),
}  # weight and sharpness
SIZES = {"word": 50_000, "character": None, "subword": 4000}
LENGTHS = {
    "word": 100,
    "character": 500,
    "subword": 150,
}  # of what is generated, where nothing is said
GROUPS = 4000  # neighbouring lines are counted together where a text has more
COUNTED_TOKENS = 20_000_000  # the baseline sees no more of the training text
HIDDEN_TOKENS = 1_000_000  # nor does the hidden Markov model


@dataclass
class Language(LanguageOptions, ManyModels):
    name = "language"
    reads = "plain text, any number of files, also larger than memory"
    example = "ostinato train language --train book.txt --unit character --out runs/book"
    metrics = ("perplexity", "bits_per_character")
    sample = "language"
    models = ("kneser-ney", "rnn", "gru", "lstm")
    solved_models = COUNTED
    of_one_network = ("counted",)
    measured_by_answers = False
    training: ClassVar[dict[str, Any]] = {
        "batch_size": 32,
        "learning_rate": 0.003,
        "schedule": "cosine",
        "epochs": 10.0,
        "clip_norm": 1.0,
    }
    sample_training: ClassVar[dict[str, Any]] = {
        "cell": "gru",
        "hidden_size": 384,
        "dropout": 0.1,
        "epochs": 6.0,
    }

    units: Tokenizer = field(init=False, default=None)
    counted: dict[str, list[Any]] | None = field(
        init=False, default=None, repr=False
    )  # what a baseline as model has, and how large
    learned: dict[str, Tensor] | None = field(init=False, default=None, repr=False)
    encoded_texts: WeakKeyDictionary = field(
        init=False, default_factory=WeakKeyDictionary, repr=False
    )
    notices: list[str] = field(init=False, default_factory=NoticeList, repr=False)

    # files to lines to numbers

    def read(self, files: Sequence[str], *, training: bool = False) -> Corpus:
        corpus = Corpus.read(files)
        if not any(line.text.strip() for line in corpus):
            raise InputError(f"{' '.join(map(display_path, files))}: no text in it")
        return corpus

    def read_inputs(self, files: Sequence[str]) -> Iterator[Line]:
        for path in files:
            yield from map(Line, iterate_lines(path))

    def as_record(self, value: Any) -> Line:
        if isinstance(value, Line):
            return value
        if not isinstance(value, str):
            raise InputError(f"expected a line of text; got {value!r:.80}")
        return Line(value)

    def key(self, record: Line) -> str:
        return record.text

    def overlap(self, records: Sequence[Line], training: Sequence[Line]) -> float:
        """Of the longer lines alone: short ones recur in any text."""
        wanted = {line.text for line in records[: 1 << 16] if len(line.text) >= 40}
        found = {line.text for line in training if line.text in wanted} if wanted else ()
        return len(found) / max(1, len(wanted))

    def hold_out(self, records: Corpus, *, number: int, seed: int) -> tuple[Corpus, Corpus]:
        """The last part of the text is held back, whatever the seed."""
        if len(records) < 2:
            raise InputError("the text has one line only: none can be held back; give --dev")
        return records[:-number], records[-number:]

    def fit(self, records: Sequence[Line]) -> None:
        if self.tokenized is None:
            self.tokenized = self.unit == "word" and is_tokenized(records)
            if self.tokenized:
                self.notices.append(
                    "the text is tokenised already: words are what stands between spaces (else: --no-tokenized)"
                )
        size = self.vocabulary_size or SIZES[self.unit]
        texts = TEXTS[self.unit](records)
        self.units = train_tokenizer(
            self.unit,
            texts,
            size=size,
            minimum_count=self.minimum_count,
            lowercase=self.lowercase,
            tokenized=self.tokenized,
        )
        if self.solved:
            self.learned = self.solve(self.encoded(records).numbers)
            self.counted = shapes_of(self.learned)

    def solve(self, numbers: np.ndarray) -> dict[str, Tensor]:
        """What a baseline as model learns."""
        if self.model == "hmm":
            text = torch.from_numpy(
                np.append(self.line_end, numbers[:HIDDEN_TOKENS]).astype(np.int64)
            )
            return HiddenMarkovModel.fit(
                text, states=self.states, size=len(self.units), iterations=self.iterations
            )._asdict()
        return as_tensors(self.count(numbers, 1 if self.model == "unigram" else self.order))

    @property
    def order(self) -> int:
        return self.baseline_order or ORDERS[self.unit]

    @property
    def line_end(self) -> int:
        """The token at the end of a line, which also stands before a text's first token."""
        return self.units.vocabulary.readable.get("\n", EOS) if self.unit == "character" else EOS

    @property
    def never(self) -> tuple[int, ...]:
        """The tokens that are never generated."""
        return (PAD, UNK, BOS, *([EOS] if self.line_end != EOS else []))

    def count(self, numbers: np.ndarray, order: int) -> NGram:
        boundary = None if self.unit == "character" else EOS
        return NGram.fit(
            numbers[:COUNTED_TOKENS],
            order=order,
            size=len(self.units),
            first=self.line_end,
            boundary=boundary,
            impossible=(PAD, BOS),
        )

    def state(self) -> dict[str, Any]:
        return {"units": self.units.to_dict(), "counted": self.counted}

    def restore(self, state: dict[str, Any]) -> None:
        self.units, self.counted = units_from_dict(state["units"]), state["counted"]

    def encoded(self, records: Sequence[Line]) -> Encoded:
        """The whole text as numbers: made once, kept as long as the records are."""
        if not isinstance(records, Corpus):
            records = Corpus.of(records)
        if records not in self.encoded_texts:
            self.encoded_texts[records] = encode_text(records, self.numbers, self.units)
        return self.encoded_texts[records]

    def numbers(self, line: Line) -> list[int]:
        return [*self.units.encode(line.text), *([self.line_end] if line.ended else [])]

    def encode(self, record: Line, *, draw: int | None = None) -> Example:
        numbers = torch.tensor([self.line_end, *self.numbers(record)], dtype=torch.int64)
        return Example(numbers[:-1], numbers[1:])

    def batches(
        self,
        records: Sequence[Line],
        *,
        batch_size: int | None,
        batch_tokens: int | None,
        seed: int,
    ) -> BpttStream:
        rows = min(
            size
            for size in (batch_size, batch_tokens and max(1, batch_tokens // self.chunk))
            if size
        )
        streams = BpttStream(
            self.encoded(records).numbers,
            first=self.line_end,
            rows=rows,
            chunk=self.chunk,
            seed=seed,
            rotate=self.rotate,
            vary=self.vary_chunk,
        )
        if streams.rows < rows:
            self.notices.append(
                f"a short text: {streams.rows} streams of --chunk {self.chunk} instead of --batch-size {rows}"
            )
        return streams

    # the network

    def network(self) -> LanguageModel | CountedLanguageModel | HiddenMarkovLanguageModel:
        if self.solved:
            tensors = empty_tensors(self.counted) if self.learned is None else self.learned
            if self.model == "hmm":
                return HiddenMarkovLanguageModel(tensors)
            return CountedLanguageModel(tensors, size=len(self.units), impossible=(PAD, BOS))
        rates = [
            self.dropout if rate is None else rate
            for rate in (self.input_dropout, self.layer_dropout, self.output_dropout)
        ]
        sizes = [self.hidden_size] * (self.layers - 1) + [self.last_size or self.hidden_size]
        return LanguageModel(
            Embedding(len(self.units), self.embedding_size, word_dropout=self.word_dropout),
            CELLS[self.cell],
            sizes,
            layers=self.layers,
            residual=self.residual,
            pre_norm=self.pre_norm,
            tied=self.tied,
            rates=DropoutRates(*rates, self.locked),
            activation=self.activation_pull,
            temporal=self.temporal_pull,
            recurrent_dropout=self.recurrent_dropout,
            weight_drop=self.weight_drop,
            zoneout=self.zoneout,
            state_reset=self.state_reset,
            output_precision=self.output_precision,
        )

    def initialise(self, network: nn.Module) -> None:
        if self.initial_range is not None and not self.solved:
            initialise_uniform(network, self.initial_range)

    def combine(self, networks: list[nn.Module]) -> nn.Module:
        return LanguageEnsemble(networks)

    # its answers

    @property
    def caching(self) -> dict[str, Any]:
        """The settings of the cache."""
        chosen = zip((self.cache_weight, self.cache_sharpness), CACHES[self.unit], strict=True)
        weight, sharpness = (usual if own is None else own for own, usual in chosen)
        return {"size": self.cache, "weight": weight, "sharpness": sharpness}

    def remembering(self, network: nn.Module) -> nn.Module:
        """The network with its cache, if it is to have one."""
        return add_cache(network, **self.caching) if self.cache else network

    def counts_of(
        self, network: nn.Module, records: Sequence[Line], *, quick: bool = False
    ) -> dict[str, list[Counts]]:
        """What the metrics count of each line, or of each group of neighbouring ones, of one text read from its beginning.

        `quick` reads it in up to 64 parts at once, each after a hundred tokens before it, and without a cache."""
        numbers, tokens, characters = self.encoded(records)
        if quick:
            rows, context = min(64, len(numbers) // 2000), 100
        else:
            network = self.remembering(network)
            rows, context = 1 if self.cache else min(64, len(numbers) // 200_000), 1000
        groups = -(-len(tokens) // GROUPS)
        ends = np.append(np.cumsum(tokens)[groups - 1 : -1 : groups], len(numbers))
        sums = sums_by_group(
            losses_of(network, numbers, first=self.line_end, rows=max(1, rows), context=context),
            ends,
        )
        sizes = np.diff(ends, prepend=0)
        letters = np.add.reduceat(characters, np.arange(0, len(characters), groups))
        return {
            "perplexity": [
                METRICS["perplexity"].count(-loss, size)
                for loss, size in zip(sums.tolist(), sizes.tolist(), strict=True)
            ],
            "bits_per_character": [
                METRICS["bits_per_character"].count(-loss, size)
                for loss, size in zip(sums.tolist(), letters.tolist(), strict=True)
            ],
        }

    def measure(
        self, network: nn.Module, records: Sequence[Line], predictions: Sequence[Prediction]
    ) -> dict[str, list[Counts]]:
        numbers = self.encoded(records).numbers
        unknown = int((numbers == UNK).sum())
        if unknown:
            self.notices.append(
                f"{unknown:,} of {len(numbers):,} tokens are <unk>: what spelling them would cost is in no score"
            )
        if self.cache and self.remembering(network) is network:
            self.notices.append(
                f"--cache: --model {self.model} has no states to compare; scored without"
            )
        elif self.cache:
            self.notices.append(
                "with a cache: "
                + ", ".join(f"{name} {value:,}" for name, value in self.caching.items())
            )
        return self.counts_of(network, records)

    def quick_score(self, network: nn.Module, records: Sequence[Line], metric: str) -> float:
        return corpus_score(METRICS[metric], self.counts_of(network, records, quick=True)[metric])

    @torch.inference_mode()
    def log_probabilities(self, network: nn.Module, records: Sequence[Line]) -> list[float]:
        """log P of each line by itself, its end counted in."""
        examples = [
            self.encode(Line(text))
            for text in (
                records if isinstance(records, Corpus) else Corpus.of(records)
            ).whole_lines()
        ]
        scores = [0.0] * len(examples)
        network = self.remembering(network)
        device = next(network.parameters(), torch.zeros(())).device
        for rows in by_length(examples):
            batch = collate([examples[row] for row in rows]).to(device)
            losses, _ = network.losses(
                batch.inputs, batch.targets, network.initial_state(len(rows))
            )
            for row, value in zip(rows, (-losses.double().sum(1)).tolist(), strict=True):
                scores[row] = value
        return scores

    @torch.inference_mode()
    def predict(self, network: nn.Module, records: Sequence[Line]) -> list[Prediction]:
        if self.suggest:
            return [self.suggestions(self.remembering(network), record.text) for record in records]
        prompts = [self.prompt(record.text if record.text.strip() else "") for record in records]
        network = self.remembering(network)
        answers: dict[int, Prediction] = {}
        device = next(network.parameters(), torch.zeros(())).device
        for rows in of_one_length(prompts, most=TOGETHER if self.cache else len(prompts)):
            tokens = torch.tensor([prompts[row] for row in rows], device=device)
            state = network.initial_state(len(rows))
            if tokens.shape[1] > 1:
                _, state = network.read(tokens[:, :-1], state)
            found = greedy(
                network.step,
                state,
                rows=len(rows),
                bos=tokens[:, -1],
                eos=self.line_end,
                maximum_length=self.maximum_length,
                forbidden=self.never,
            )
            for row, hypothesis in zip(rows, found, strict=True):
                text = self.continued(records[row].text, hypothesis.tokens)
                answers[row] = Prediction(text, {"log_probability": hypothesis.log_probability})
        return [answers[row] for row in range(len(records))]

    def prompt(self, text: str) -> list[int]:
        """The tokens of a text that goes on, behind what stands before any text."""
        lines = text.split("\n") if self.unit != "character" else [text]
        numbers = [number for line in lines for number in [*self.units.encode(line), self.line_end]]
        return [self.line_end, *numbers[:-1]]

    def continued(self, text: str, numbers: Iterable[int]) -> str:
        from ostinato.data.text.detokenizer import StreamingDetokenizer

        return "".join(map(StreamingDetokenizer(self.units, after=text), numbers))

    def suggestions(self, network: nn.Module, text: str) -> Prediction:
        found = next_words(self, network, text, self.suggest)
        listed = [{"word": word, "probability": probability} for word, probability in found]
        return Prediction("\t".join(word for word, _ in found), {"suggestions": listed})

    def generate(self, network: nn.Module, request: Request) -> Iterator[Piece]:
        return generate(
            self,
            network,
            request,
            length=LENGTHS[self.unit] if request.length is None else request.length,
        )

    def with_target(self, record: Line, text: str) -> Line:
        return Line(text)

    def text_of(self, record: Line) -> str:
        return record.text

    def next_commands(self, run: str, file: str | None) -> list[str]:
        cache = "" if self.solved else " --cache 1000"
        return [
            f"ostinato generate {run} --length {2 * LENGTHS[self.unit]} --temperature 0.8",
            f'echo "It was the" | ostinato predict {run} --suggest 5',
            f"ostinato evaluate {run} {file or 'FILE'}{cache}",
        ]

    def show(self, record: Line, prediction: Prediction) -> dict[str, str]:
        return {"prompt": record.text, "goes on": prediction.text}

    def examples(
        self, network: nn.Module, records: Sequence[Line], predictions: Sequence[Prediction]
    ) -> list[dict[str, str]]:
        """A sample of what it makes up."""
        pieces = self.generate(network, Request(temperature=0.8, seed=1))
        return [{"generated": "".join(piece.text for piece in pieces).strip("\n")}]

    def baseline(self, records: Sequence[Line]) -> Baseline:
        numbers = self.encoded(records).numbers
        return NGramBaseline(
            self.count(numbers, self.order), self.count(numbers, 1), self.counts_of
        )

    def restore_baseline(self, state: dict[str, Any]) -> Baseline:
        return NGramBaseline.restore(state, self.counts_of)


def of_one_length(prompts: Sequence[Sequence[int]], *, most: int) -> Iterator[list[int]]:
    """of_one_length([[1], [2, 3], [4]], most=2) -> [0, 2], [1]: the places of equally long prompts, at most so many at a time."""
    for length in sorted({len(prompt) for prompt in prompts}):
        places = [place for place, prompt in enumerate(prompts) if len(prompt) == length]
        yield from (places[start : start + most] for start in range(0, len(places), most))
