"""The programs of networks that read features: of sound, or of the past of a series."""

from __future__ import annotations

from typing import Any

import torch

from ostinato.errors import InputError
from ostinato.exporting.network_program import add_linear, add_recurrent, refuse_network
from ostinato.exporting.program import Program
from ostinato.models.point_forecaster import LEAST_SCALE, PointForecaster
from ostinato.models.transcriber import Transcriber


def transcription_program(model: Any) -> Program:
    network, fitted = model.network, model.task.preprocessing
    if type(network) is not Transcriber:
        raise InputError(
            "a transcriber is exported with --decoder ctc: what an attention decoder or a "
            "transducer writes depends on its own labels, one after the other; this model is a "
            f"{type(network).__name__}"
        )
    encoder = network.encoder
    if encoder.front is not None:
        raise InputError(
            "--subsampling-by convolution is not exported; train with --subsampling-by stack"
        )
    if encoder.lookahead is not None:
        raise InputError("--lookahead is not exported; train without it")
    program = Program(inputs={"frames": "numbers"})
    x, size = "frames", fitted.size
    for number, (layer, norm) in enumerate(zip(encoder.layers, encoder.norms, strict=True)):
        factor = encoder.stacking[number]
        if factor > 1:
            x = program.add("stack", x, factor=factor, size=size)
        x = add_recurrent(program, layer, x, stateful=True, first=number)  # type: ignore[arg-type]
        weights: dict[str, Any] = {"weight": norm.weight, "bias": norm.bias}
        x = program.add("norm", x, weights=weights, epsilon=norm.eps)
        size = layer.output_size  # type: ignore[union-attr, assignment]
    program.output = program.add("log_softmax", add_linear(program, network.output, x))
    program.about = {
        "labels": fitted.labels.tokens,
        "blank": 0,
        "dimensions": fitted.size,
        "frames_an_output": encoder.factor,
        "preprocessing": fitted.to_dict(),
    }
    return program


def anomaly_program(model: Any) -> Program:
    network, options = model.network, model.task.options
    if type(network) is not PointForecaster:
        raise refuse_network(network)
    program = Program(inputs={"features": "numbers"})
    x = add_recurrent(program, network.recurrent, "features", stateful=True)
    weights: dict[str, Any] = {"least": torch.tensor([LEAST_SCALE])}
    x = add_linear(program, network.output, x)
    program.output = program.add("student_t", x, weights=weights)
    program.about = {
        "degrees_of_freedom": 2 + float(network.log_freedom.detach().clamp(-3, 5).exp()),
        "threshold": float(network.threshold),
        "season": options.season,
        "memory": options.memory,
        "smooth": options.smooth,
        "hold_off": options.hold_off,
    }
    return program
