"""ostinato generate"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ostinato.commands.run.config import check_seed
from ostinato.commands.run.device import choose_device
from ostinato.commands.run.progress import count_along, say
from ostinato.commands.tables import as_json
from ostinato.errors import InputError, option_name
from ostinato.signature import check_types
from ostinato.tasks.request import Piece, Request
from ostinato.tasks.run_folder import Trained, load
from ostinato.tasks.task import Task

EXAMPLES = (
    "ostinato generate runs/language --prompt ROMEO: --length 500",
    "ostinato generate runs/language --samples 3 --temperature 0.7 --output samples.txt",
    "ostinato generate runs/language --beam 5 --json",
)


# larger values would exhaust memory or time
MOST = {"samples": 1_000_000, "length": 1_000_000_000, "beam": 1000, "top_k": 2**31 - 1}


@dataclass
class Generation:
    """The stream of generated pieces, with the task, which writes them to files."""

    task: Task
    request: Request
    generated: Iterator[Piece]

    def __iter__(self) -> Iterator[Piece]:
        yield from self.generated


@check_types
def generate(
    run: str | Trained,
    *,
    prompt: str | None = None,
    length: int | None = None,
    samples: int = 1,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    beam: int = 0,
    seed: int = 1,
    stop: str | None = None,
    condition: str | None = None,
    device: str = "cpu",
    **changes,
) -> Generation:
    """Samples from a model, shown while they are generated.

    Args:
        run: the folder that `ostinato train` made; several, separated by commas, generate together
        prompt: text to continue, or the name of a file with it (default: none)
        length: maximum number of characters, words or steps of a sample
        samples: number of samples
        temperature: below 1 sharpens the distribution, above 1 flattens it, 0 is greedy
        top_k: sample from the k most probable tokens; 0: from all
        top_p: sample from the most probable tokens with this total probability (nucleus)
        beam: width of a beam search instead of sampling; 0: sample
        seed: seed of the random numbers; the same seed gives the same samples
        stop: text that ends a sample; not part of it
        condition: the class to generate, such as a genre, if the model was trained with classes
        device: cpu, cuda, or auto
    """
    check_seed(seed)
    request = Request(
        prompt, length, samples, temperature, top_k, top_p, beam, seed, stop, condition
    )
    check_request(request)
    trained = run if isinstance(run, Trained) else load(run, changes, choose_device(device))
    return Generation(
        trained.task, request, trained.task.predictor.generate(trained.answering_network, request)
    )


def check_request(request: Request) -> None:
    """Raises InputError for arguments that no model supports."""
    for name, most in MOST.items():
        if (getattr(request, name) or 0) > most:
            raise InputError(f"{option_name(name)} must be at most {most:,}")
    if request.length is not None and request.length < 0:
        raise InputError(f"--length must be 0 or more; got {request.length}")
    if request.samples < 1:
        raise InputError(f"--samples must be 1 or more; got {request.samples}")
    if not 0 <= request.temperature < float("inf"):
        raise InputError(
            f"--temperature must be 0 (greedy) or more, and finite; got {request.temperature}"
        )
    if request.top_k < 0:
        raise InputError(f"--top-k must be 0 (all) or more; got {request.top_k}")
    if not 0 <= request.top_p <= 1:
        raise InputError(f"--top-p must be between 0 and 1; got {request.top_p}")
    if request.beam < 0:
        raise InputError(f"--beam must be 0 (draw) or more; got {request.beam}")
    if request.beam and (request.temperature not in (0, 1) or request.top_k or request.top_p < 1):
        raise InputError(
            "--beam searches for the most probable text and does not sample: "
            "leave out --temperature, --top-k and --top-p, or --beam"
        )
    if request.stop == "":
        raise InputError("--stop must not be empty")


def pieces(result: Generation) -> Iterator[str]:
    """The text while it is generated; samples one after another, separated by empty lines."""
    current = 0
    waiting: dict[int, str] = {}  # text of samples that are not shown yet
    complete: set[int] = set()
    for piece in result:
        if piece.result is not None:
            complete.add(piece.sample)
        if piece.sample != current:
            waiting[piece.sample] = waiting.get(piece.sample, "") + piece.text
            continue
        yield piece.text
        while current in complete:
            current += 1
            yield "\n\n" if current < result.request.samples else "\n"
            yield waiting.pop(current, "")


def lines(result: Generation, *, json: bool = False) -> Iterator[str]:
    """The complete samples."""
    texts: dict[int, str] = {}
    for piece in result:
        texts[piece.sample] = texts.get(piece.sample, "") + piece.text
    samples = [texts[sample] for sample in sorted(texts)]
    if json:
        yield as_json(
            {
                "task": result.task.name,
                "prompt": result.request.prompt,
                "seed": result.request.seed,
                "samples": samples,
            }
        )
    else:
        yield from samples


def save(result: Generation, output: str) -> None:
    """Writes the complete samples, and prints the names of the files."""
    generated = count_along(result, "generating", printed=False)
    complete = sorted(
        ((piece.sample, piece.result) for piece in generated if piece.result is not None),
        key=lambda pair: pair[0],
    )
    for path in result.task.predictor.save_generated([each for _, each in complete], Path(output)):
        say(f"wrote {path}")
