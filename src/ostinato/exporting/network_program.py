"""From a trained network of texts, labels or numbers to its `Program`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ostinato.data.text.tokenizers import Tokenizer
from ostinato.data.text.vocabulary import UNK
from ostinato.errors import InputError
from ostinato.exporting.program import Program
from ostinato.layers.conversion.conventions import from_cell, to_onnx
from ostinato.layers.recurrent import Recurrent
from ostinato.models.classifier import Classifier, FrameClassifier, RecurrentBody
from ostinato.models.ensemble import ClassifierEnsemble
from ostinato.models.heads import SigmoidHead, SoftmaxHead
from ostinato.models.language_model import LanguageModel
from ostinato.models.tagger import Tagger


def refuse_network(network: Any) -> InputError:
    return InputError(
        f"only recurrent networks are exported; this model is a {type(network).__name__}"
    )


def add_recurrent(
    program: Program, recurrent: Recurrent, x: str, *, stateful: bool, first: int = 0
) -> str:
    """All layers; with `stateful` their states are named inputs and outputs of the program, by the
    number of the layer from `first` on."""
    if recurrent.norms:
        raise InputError("--pre-norm is not exported; train without it")
    if any(recurrent.regularisation["zoneout"]):
        raise InputError("--zoneout is not exported; train without it")
    if recurrent.directions == 2 and recurrent.merge != "concat":
        raise InputError(f"--merge {recurrent.merge} is not exported; train with concat")
    if len(recurrent.first):
        raise InputError("a learned first state is not exported")
    each = recurrent.directions
    for layer in range(recurrent.layers):
        cells = recurrent.typed_cells[layer * each : (layer + 1) * each]
        try:
            arrays, attributes = to_onnx(tuple(map(from_cell, cells)))
        except ValueError as error:
            raise InputError(
                f"the cell {type(cells[0]).__name__} is none of ONNX's RNN, GRU and LSTM "
                f"({error}); train with --cell rnn, gru or lstm"
            ) from None
        if "P" in arrays or cells[0].output_size != cells[0].hidden_size:
            raise InputError(
                "peepholes and projections are not exported; train with --cell lstm, gru or rnn"
            )
        kind = {"RNN": "rnn", "LSTM": "lstm"}.get(type(cells[0]).__name__, "gru")
        settings: dict[str, Any] = {
            "kind": kind,
            "directions": each,
            "hidden": cells[0].hidden_size,
        }
        if kind == "rnn":
            settings["activation"] = str(attributes["activations"][0]).lower()  # type: ignore[index]
        if kind == "gru":
            settings["reset_after"] = bool(attributes["linear_before_reset"])
        if stateful and each == 1:
            names = [f"{part}_{first + layer}" for part in cells[0].part_names]
            program.states |= dict.fromkeys(names, cells[0].hidden_size)
            settings["states"] = names
        size = arrays["W"].shape[1]
        bias = arrays.get("B", torch.zeros(each, 2 * size).numpy())
        before = x
        weights: dict[str, Any] = {"W": arrays["W"], "R": arrays["R"], "B": bias}
        x = program.add("recurrent", x, weights=weights, **settings)
        if recurrent.residual and layer:
            x = program.add("add", x, before)
    return x


def add_linear(program: Program, layer: nn.Linear, x: str, activation: str = "") -> str:
    weights: dict[str, Any] = {"weight": layer.weight, "bias": layer.bias}
    return program.add("linear", x, weights=weights, activation=activation)


def add_words(program: Program, embedding: nn.Embedding | None, encoder: Any) -> str:
    """Words and their characters, as vectors. `encoder` is a character encoder, or None."""
    parts = []
    if embedding is not None:
        program.inputs["tokens"] = "ids"
        parts.append(program.add("embed", "tokens", weights={"table": embedding.weight}))
    if encoder is not None:
        if encoder.filters is None:
            raise InputError(
                "--characters recurrent is not exported; train with --characters convolution "
                "or none"
            )
        program.inputs["characters"] = "characters"
        weights: dict[str, Any] = {
            "table": encoder.embedding.weight,
            "filters": encoder.filters.weight,  # [out, E * width]
            "bias": encoder.filters.bias,
        }
        parts.append(program.add("spell", "characters", weights=weights, width=encoder.width))
        if encoder.affixes is not None:
            program.inputs["affixes"] = "affixes"
            table = encoder.affixes.table.weight
            parts.append(program.add("affixes", "affixes", weights={"table": table}))
    return parts[0] if len(parts) == 1 else program.add("concat", *parts)


def describe_affixes(encoder: Any) -> dict[str, Any]:
    """What a runner needs to find the affixes of a word."""
    affixes = encoder.affixes
    return {
        "longest": affixes.longest,
        "buckets": affixes.buckets,
        "folded": affixes.folded.tolist(),
    }


def describe_tokenizer(tokenizer: Tokenizer) -> dict[str, Any]:
    """What a runner needs to cut a text into tokens; subwords are cut by sentencepiece alone."""
    found: dict[str, Any] = {
        "unit": tokenizer.name,
        "tokens": tokenizer.id_to_token,
        "unknown": UNK,
    }
    spelling = tokenizer.normaliser
    found |= {"lowercase": spelling.lowercase, "nfc": spelling.nfc, "specials": 4}
    found["tokenized"] = bool(getattr(tokenizer, "tokenized", False))
    return found


def language_program(model: Any) -> Program:
    network, fitted = model.network, model.task.preprocessing
    if type(network) is not LanguageModel:
        raise refuse_network(network)
    program = Program(inputs={"tokens": "ids"})
    x = program.add("embed", "tokens", weights={"table": network.embedding.weight})
    x = add_recurrent(program, network.recurrent, x, stateful=True)
    if network.readout is not None:
        x = add_linear(program, network.readout, x)
    program.output = add_linear(program, network.output, x)
    program.about = {
        "tokenizer": describe_tokenizer(fitted.tokenizer),
        "line_end": fitted.line_end,
        "never": list(fitted.never_generated),
    }
    return program


def add_classifier(program: Program, member: Any, x: str) -> str:
    """Body and head of a classifier."""
    body = member.body
    if not isinstance(body, RecurrentBody):
        raise InputError(
            f"only recurrent networks are exported; this model has a {type(body).__name__} "
            "(DNA: train with --motifs 0)"
        )
    frames = isinstance(member, FrameClassifier)
    x = add_recurrent(program, body.recurrent, x, stateful=frames)
    per_step = frames or body.pooling == "ensemble"
    if not per_step:
        weights: dict[str, Any] = {}
        if body.attend is not None:
            key = body.attend.key
            weights = {"key": key.weight, "bias": key.bias, "question": body.attend.question.weight}
        x = program.add("pool", x, weights=weights, kind=body.pooling)
    head = member.head
    if isinstance(head, SoftmaxHead):
        x = program.add("softmax", add_linear(program, head.output, x))
    elif isinstance(head, SigmoidHead):
        x = program.add("sigmoid", add_linear(program, head.output, x))
    else:
        steps = nn.functional.softplus(head.steps)
        thresholds = torch.cat([head.first, head.first + steps.cumsum(0)])
        x = program.add(
            "ordinal", add_linear(program, head.output, x), weights={"thresholds": thresholds}
        )
    return program.add("pool", x, kind="mean") if per_step and not frames else x


def add_members(program: Program, network: Any, vectors: Callable[[Any], str]) -> None:
    """All members of an ensemble, averaged."""
    members = network.members if isinstance(network, ClassifierEnsemble) else [network]
    for member in members:
        if not isinstance(member, Classifier):
            raise refuse_network(member)
        refuse_contextual(member)
    found = [add_classifier(program, member, vectors(member)) for member in members]
    program.output = found[0] if len(found) == 1 else program.add("average", *found)
    program.per_step = isinstance(members[0], FrameClassifier)
    if len(members) > 1:
        program.states.clear()  # members would share the names
        for step in program.steps:
            step.settings.pop("states", None)


def add_series(program: Program, scaler: Any, clip: float | None = None) -> str:
    """Numbers, standardised as the training data was."""
    program.inputs["series"] = "numbers"
    weights = {"mean": scaler.mean, "scale": scaler.scale}
    return program.add("scale", "series", weights=weights, clip=clip)


def classification_program(model: Any) -> Program:
    network, fitted = model.network, model.task.preprocessing
    if model.task.options.closed_form:
        raise refuse_network(network)
    if fitted.kind == "images":
        raise InputError("a model of images is not exported; one of texts or series is")
    program, encoder = Program(), fitted.encoder
    about: dict[str, Any] = {"labels": fitted.labels.tokens}
    if model.task.options.several_labels:
        about["threshold"] = model.task.options.threshold
    if fitted.reads_text:
        about["tokenizer"] = describe_tokenizer(encoder.units)
        about["maximum"], about["cut"] = encoder.options.maximum_tokens, encoder.options.cut
        if encoder.letters is not None:
            about["letters"] = encoder.letters.alphabet.tokens
            first = network.members[0] if isinstance(network, ClassifierEnsemble) else network
            part = character_encoder_of(first)
            if part is not None and part.affixes is not None:
                about["affixes"] = describe_affixes(part)
        add_members(
            program, network, lambda m: add_words(program, m.embedding, character_encoder_of(m))
        )
    else:
        add_members(program, network, lambda m: add_series(program, encoder.scaler))
        about["dimensions"] = encoder.scaler.dimensions
    program.about = about
    return program


def character_encoder_of(network: Any) -> Any:
    """The character encoder of a classifier or tagger, or None."""
    return network.speller


def refuse_contextual(network: Any) -> None:
    """InputError for a network that reads language models besides its own vectors."""
    if network.contextual is not None:
        raise InputError("a model with --embeddings RUN is not exported; train without it")


def tagging_program(model: Any) -> Program:
    network, fitted = model.network, model.task.preprocessing
    if type(network) is not Tagger:
        raise refuse_network(network)
    refuse_contextual(network)
    if not isinstance(network.recurrent, Recurrent):
        raise InputError("a tagger that is not recurrent is not exported")
    if len(network.features):
        raise InputError("a model with --feature-columns is not exported")
    program = Program()
    encoder = character_encoder_of(network)
    x = add_words(program, network.words, encoder)
    x = add_recurrent(program, network.recurrent, x, stateful=True)
    program.output = add_linear(program, network.output, x)
    potentials = network.crf.potentials(-1e4)
    for name, tensor in potentials._asdict().items():
        program.weight(f"crf.{name}", tensor)
    options = model.task.options
    program.about = {
        "words": fitted.words.tokens,
        "unknown": UNK,
        "lowercase": options.lowercase,
        "zero_digits": options.zero_digits,
        "labels": file_names(fitted),
        "normalised": network.normalised,
    }
    if encoder is not None:
        program.about["letters"] = fitted.letters.alphabet.tokens
        if encoder.affixes is not None:
            program.about["affixes"] = describe_affixes(encoder)
    return program


def file_names(fitted: Any) -> list[str]:
    """The tags as the files have them, where that is a matter of renaming (BIO); else the
    network's.

    ["B-PER", "E-PER", "S-PER", "O"] -> ["B-PER", "I-PER", "B-PER", "O"]"""
    tags = list(fitted.tags.tokens)
    if fitted.span_scheme not in ("iobes", "bilou") or fitted.file_scheme != "bio":
        return tags
    renamed = {"S": "B", "U": "B", "E": "I", "L": "I"}
    return [renamed.get(tag[0], tag[0]) + tag[1:] if tag[1:2] == "-" else tag for tag in tags]


def video_program(model: Any) -> Program:
    from ostinato.tasks.video.preprocessing import MOST_DEVIATIONS

    fitted = model.task.preprocessing
    if fitted.has_pixels:
        raise InputError("a model of pixels is not exported; a model of features of frames is")
    program = Program()
    add_members(
        program, model.network, lambda m: add_series(program, fitted.scaler, MOST_DEVIATIONS)
    )
    program.about = {"labels": fitted.labels.tokens, "dimensions": fitted.scaler.dimensions}
    return program


def genome_program(model: Any) -> Program:
    network, fitted = model.network, model.task.preprocessing
    if model.task.options.reverse_complement or fitted.per_base:
        raise InputError(
            "DNA: only a model of one label a sequence, without --reverse-complement, is exported"
        )
    program = Program(inputs={"tokens": "ids"})

    def one_hot(member: Any) -> str:
        table: Tensor = member.embedding.table
        return program.add("embed", "tokens", weights={"table": table})

    add_members(program, network, one_hot)
    from ostinato.data.dna import nucleotides

    letters = "ACGTURYSWKMBDHVNacgturyswkmbdhvn"
    ids = nucleotides.encode(letters).tolist()
    program.about = {
        "labels": fitted.labels.tokens,
        "bases": dict(zip(letters, ids, strict=True)),
        "maximum": model.task.options.maximum_length,
    }
    return program
