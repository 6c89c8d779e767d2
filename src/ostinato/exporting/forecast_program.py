"""The program of a forecaster: the scaled past of one series in, quantiles of the steps ahead out.

Inputs, which the runners make of the values and their dates (L look-back, H horizon, K calendar
features):

    past      [L, of_step]: the value, whether it is there, the calendar
    window    [1, L]: the values alone
    series    [1]: the number of the series, 0 for an unknown one
    coming    [H, K]: the calendar of the steps ahead, where it is read
"""

from __future__ import annotations

from typing import Any

from torch import nn

from ostinato.errors import InputError
from ostinato.exporting.network_program import add_linear, add_recurrent, refuse_network
from ostinato.exporting.program import Program, Step
from ostinato.models.direct_forecaster import DirectForecaster
from ostinato.models.forecaster import LEVELS, MEDIAN
from ostinato.models.segment_forecaster import SegmentForecaster


def refuse_forecaster(network: Any) -> InputError:
    """Why a forecaster is not exported."""
    if type(network).__name__ == "ForecasterEnsemble":
        return InputError("--members above 1 is not exported; train with --members 1")
    if hasattr(network, "recurrent"):
        return InputError(
            "--decoder autoregressive draws sample paths, which no export does; train with "
            "--decoder segments or direct"
        )
    return refuse_network(network)


def forecasting_program(model: Any) -> Program:
    """The program of a forecaster that reads values and the calendar.

    Raises:
        InputError: It reads more than that, or is no network that is exported.
    """
    network, fitted, options = model.network, model.task.preprocessing, model.task.options
    if not isinstance(network, SegmentForecaster | DirectForecaster):
        raise refuse_forecaster(network)
    for reads, option in (
        (fitted.covariates, "covariates"),
        (fitted.categories, "static covariates"),
        (fitted.refers, "--reference"),
    ):
        if reads:
            raise InputError(
                f"a runner has the values and the calendar of a series only; this model reads "
                f"{option}: use --format onnx, or train without"
            )
    program = Program(inputs={"past": "numbers", "window": "numbers", "series": "ids"})
    if fitted.calendar:
        program.inputs["coming"] = "numbers"
    if isinstance(network, SegmentForecaster):
        raw = write_segments(program, network)
    else:
        raw = write_direct(program, network)
    x = program.add("quantiles", raw, middle=MEDIAN)
    if network.skip is not None:
        added = add_linear(program, network.skip, "window")
        x = program.add("add", x, program.add("unstack", added, factor=network.horizon))
    program.output = x
    program.about = {
        "levels": list(LEVELS),
        "look_back": network.look_back,
        "horizon": network.horizon,
        "season": int(options.season or 1),
        "scaling": options.scaling,
        "anchor": options.anchor,
        "correction": network.correction.tolist(),
        **{
            name: fitted.to_dict()[name]
            for name in ("frequency", "names", "scales", "masked", "calendar", "smallest")
        },
        "embedded": bool(fitted.features.series),
    }
    return program


def write_direct(program: Program, network: DirectForecaster) -> str:
    """The last state mapped to all steps ahead, [H, Q] before it is put in order."""
    x = add_recurrent(program, network.recurrent, "past", stateful=True)
    last = program.add("pool", x, kind="last")
    series = program.add("embed", "series", weights={"table": network.series.weight})
    x = add_linear(program, network.contexts, program.add("concat", last, series), "relu")
    x = program.add("unstack", x, factor=network.horizon)
    if network.features.known:
        x = program.add("concat", x, "coming")
    first, second = (each for each in network.local if isinstance(each, nn.Linear))
    return add_linear(program, second, add_linear(program, first, x, "relu"))


def write_segments(program: Program, network: SegmentForecaster) -> str:
    """Segments read one after the other, the coming ones all at once, [H, Q] before they are put in
    order."""
    segments = program.add("stack", "past", factor=network.segment)
    before = len(program.steps) + 1
    x = add_linear(program, network.embed, segments, "relu")
    add_recurrent(program, network.recurrent, x, stateful=True)
    layers = program.steps[before:]
    position = program.add("constant", weights={"table": network.position})
    series = program.add("embed", "series", weights={"table": network.series.weight})
    repeated = program.add("repeat", series, rows=network.coming)
    x = program.add("concat", position, repeated)
    if network.known is not None:
        padded = program.add("rows", "coming", count=network.coming * network.segment)
        known = program.add("stack", padded, factor=network.segment)
        x = program.add("add", x, add_linear(program, network.known, known))
    for step in layers:
        if step.op != "recurrent":
            raise InputError("--residual is not exported with --decoder segments")
        output = f"each{len(program.steps)}"
        program.steps.append(Step("each", (x,), output, step.weights, step.settings))
        x = output
    x = program.add("unstack", add_linear(program, network.output, x), factor=network.segment)
    return program.add("rows", x, count=network.horizon)
