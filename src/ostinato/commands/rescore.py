"""ostinato rescore"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ostinato.commands.run.default_files import tested_files
from ostinato.commands.run.device import choose_device
from ostinato.commands.run.progress import say
from ostinato.commands.score import score_all
from ostinato.commands.tables import as_json
from ostinato.data.text.nbest_format import Candidate, format_nbest, read_nbest
from ostinato.decoding.rescoring import combine, reorder, tune_weight
from ostinato.errors import InputError
from ostinato.metrics import bleu
from ostinato.tasks.reader import Record
from ostinato.tasks.run_folder import Trained, load

SOURCE_NEEDED = "--source is needed: the file of the sentences that the n-best list translates"

LABELLING = ("genome",)  # tasks whose targets are labels, which an n-best list cannot hold

EXAMPLES = (
    "ostinato rescore runs/de-en list.nbest --source test.de",
    "ostinato rescore runs/de-en list.nbest --source test.de --weight 0.7",
    "ostinato rescore runs/de-en list.nbest --source test.de --tune dev.nbest dev.de dev.en"
    "          # tunes the weight on a dev list",
)


@dataclass
class Rescored:
    """The candidates of each sentence, best first, and the model's weight in their scores."""

    candidates: list[Candidate]
    weight: float


def rescore(
    run: str | Trained,
    nbest: str,
    *,
    source: str | None = None,
    weight: float = 1.0,
    tune: list[str] = [],  # noqa: B006
    device: str = "cpu",
) -> Rescored:
    """Reorders an n-best list in Moses' format by the model's log-probability of each candidate.

    Args:
        run: the folder that `ostinato train` made; several, separated by commas, score together
        nbest: lines of: id ||| hypothesis ||| features ||| score, ids counting the source's lines
            from 0
        source: the sentences that the list translates (default: the source of the run's test set)
        weight: the weight w of the model in the new score, w times the model's score plus (1 - w)
            times the list's
        tune: choose the weight with the best BLEU on three files: a dev list, its source and its
            references
        device: cpu, cuda, or auto
    """
    trained = run if isinstance(run, Trained) else load(run, {}, choose_device(device))
    if not 0 <= weight <= 1:
        raise InputError(
            f"--weight must be between 0 (the list's own scores) and 1 (the model's); got {weight}"
        )
    if trained.task.name in LABELLING:
        raise InputError(
            f"a model of task {trained.task.name} cannot rescore: its answers are labels, not texts"
        )
    candidates = read_nbest(nbest)
    records = (
        list(trained.task.reader.read_inputs([source]))
        if source
        else trained.task.reader.read(tested_files(trained, SOURCE_NEEDED))
    )
    model = log_probabilities(trained, candidates, records, nbest)
    if tune:
        weight = choose_weight(trained, tune)
        say(f"weight {weight:.4f} tuned on {tune[0]}")
    scores = combine([candidate.score for candidate in candidates], model, weight=weight)
    rescored = [
        candidate._replace(
            features=f"{candidate.features} ostinato= {log_probability:.6g}".strip(),
            score=float(score),
        )
        for candidate, log_probability, score in zip(candidates, model, scores, strict=True)
    ]
    order = reorder([candidate.number for candidate in candidates], list(scores))
    return Rescored([rescored[index] for index in order], weight)


def log_probabilities(
    trained: Trained, candidates: Sequence[Candidate], records: Sequence[Record], nbest: str
) -> list[float]:
    """The model's log-probability of each candidate given its source sentence."""
    highest = max(candidate.number for candidate in candidates)
    if highest >= len(records):
        raise InputError(
            f"{nbest}: has a candidate for sentence {highest}, but there are only {len(records)} "
            "sentences (from 0); name the right file with --source"
        )
    pairs = [
        trained.task.reader.with_target(records[candidate.number], candidate.text)
        for candidate in candidates
    ]
    return score_all(trained, pairs)


def choose_weight(trained: Trained, tune: Sequence[str]) -> float:
    """The weight with the best BLEU on a dev list."""
    if len(tune) != 3:
        raise InputError(
            "--tune takes three files, a dev n-best list, its source and its references; "
            f"got {len(tune)}"
        )
    nbest, source, references = tune
    candidates = read_nbest(nbest)
    sources, targets = (
        list(trained.task.reader.read_inputs([file])) for file in (source, references)
    )
    if len(sources) != len(targets):
        raise InputError(
            f"{source} has {len(sources):,} lines, {references} {len(targets):,}; "
            "they must belong together"
        )
    model = log_probabilities(trained, candidates, sources, nbest)
    texts = [trained.task.reader.text_of(each) for each in targets]
    tokenizer = bleu.choose_tokenizer(texts)
    counts = [
        bleu.count(candidate.text, texts[candidate.number], tokenizer) for candidate in candidates
    ]
    return tune_weight(
        [candidate.number for candidate in candidates],
        [candidate.score for candidate in candidates],
        model,
        counts,
        score=bleu.score,
    ).weight


def lines(result: Rescored, *, json: bool = False) -> Iterator[str]:
    """The n-best list in Moses' format."""
    if json:
        yield as_json(
            {
                "weight": result.weight,
                "candidates": [
                    {
                        "id": each.number,
                        "prediction": each.text,
                        "features": each.features,
                        "score": each.score,
                    }
                    for each in result.candidates
                ],
            }
        )
        return
    yield from format_nbest(result.candidates)
