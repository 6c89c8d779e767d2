"""A forecaster as an ONNX graph: windows in, quantiles out.

    windows     [batch, L + H, D] float32: the look-back and the steps ahead, as
                `ForecastingPreprocessing.encode_windows` makes them (scaled, 0 where not known)
    output      [batch, H, Q]: the quantiles of each step ahead, in the scale of the window

A window's length is the model's own, so that there are neither lengths nor states: each window is
read from its beginning. The metadata has the levels, what is added to the quantiles after
calibration, and all that the preprocessing has fitted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.errors import InputError
from ostinato.exporting.forecast_program import refuse_forecaster
from ostinato.exporting.network_program import add_linear, add_recurrent
from ostinato.exporting.onnx_graph import ProgramGraph, recurrent_attributes
from ostinato.exporting.program import Program, Step
from ostinato.models.direct_forecaster import DirectForecaster
from ostinato.models.forecaster import LEVELS, MEDIAN
from ostinato.models.segment_forecaster import SegmentForecaster


def write_forecaster(model: Any, *, small: bool = False) -> bytes:
    """The ONNX file of a forecaster.

    Raises:
        InputError: It cannot be exported; the message says why.
    """
    network = model.network
    if len(model.networks) > 1:
        raise InputError("several runs are exported one by one; name a single run")
    about = {
        "task": model.task.name,
        "levels": list(LEVELS),
        "look_back": network.look_back,
        "horizon": network.horizon,
        "correction": network.correction.tolist(),
        "options": {
            name: getattr(model.task.options, name)
            for name in ("season", "scaling", "scale_over", "anchor", "reference")
        },
        "preprocessing": model.task.preprocessing.to_dict(),
    }
    graphs: dict[type, type[ForecastGraph]] = {
        SegmentForecaster: SegmentGraph,
        DirectForecaster: DirectGraph,
    }
    found = graphs.get(type(network))
    if found is None:
        raise refuse_forecaster(network)
    return found(network, about, small=small).build()


class ForecastGraph(ProgramGraph):
    """What all forecasters share.

    Args:
        network: The forecaster.
        about: The metadata.
        small: Whether matrices are stored as int8.
    """

    def __init__(self, network: Any, about: dict[str, Any], *, small: bool):
        self.network, self.features = network, network.features
        super().__init__(Program(about=about), small=small)
        self.lengths = ""  # all windows have the same

    def take(self, x: str, axis: int, start: int, end: int) -> str:
        graph = self.graph
        bounds = [graph.constant([each]) for each in (start, end, axis)]
        return graph.node("Slice", x, *bounds)

    def reshape(self, x: str, *shape: int) -> str:
        return self.graph.node("Reshape", x, self.graph.constant(shape))

    def linear(self, layer: Any, x: str, activation: str = "") -> str:
        add_linear(self.program, layer, "")
        step = self.program.steps[-1]
        step.settings["activation"] = activation
        return self.write_linear(step, x)

    def embed_series(self) -> str:
        """The embedding of each window's series, [batch, E]"""
        number = self.take(self.take("windows", 1, 0, 1), 2, self.features.size - 1, 1 << 31)
        ids = self.graph.node(
            "Cast", self.reshape(number, -1), to=self.graph.onnx.TensorProto.INT64
        )
        table = self.graph.weight("series", self.network.series.weight.detach().numpy())
        return self.graph.node("Gather", table, ids)

    def read_past(self) -> str:
        """[batch, L, of_step]"""
        past, features = self.take("windows", 1, 0, self.network.look_back), self.features
        first = self.take(past, 2, 0, 1 + features.masked)
        more = features.past + features.known
        if not more:
            return first
        return self.graph.node("Concat", first, self.take(past, 2, 2, 2 + more), axis=-1)

    def read_known(self, count: int) -> str:
        """The first `count` features known in the future, [batch, H, count]"""
        future = self.take("windows", 1, self.network.look_back, 1 << 31)
        start = 2 + self.features.past
        return self.take(future, 2, start, start + count)

    def read_static(self) -> str:
        """[batch, 1, static]"""
        start = 2 + self.features.past + self.features.known
        first = self.take("windows", 1, 0, 1)
        return self.take(first, 2, start, start + self.features.static)

    def write_layers(self, x: str) -> tuple[str, list[Step]]:
        """The recurrent layers over [batch, T, D], and their steps for another pass."""
        before = len(self.program.steps)
        add_recurrent(self.program, self.network.recurrent, "", stateful=False)
        steps = self.program.steps[before:]
        for step in steps:
            x = self.write_recurrent(step, x)
        return x, steps

    def order(self, raw: str) -> str:
        """Free numbers [..., Q] -> ascending quantiles, as `order_quantiles` does."""
        graph = self.graph
        middle = self.take(raw, -1, MEDIAN, MEDIAN + 1)
        three, last = graph.constant(3, np.float32), graph.constant(-1)

        def steps(start: int, end: int, reverse: int) -> str:
            part = graph.node("Sub", self.take(raw, -1, start, end), three)
            return graph.node("CumSum", graph.node("Softplus", part), last, reverse=reverse)

        below = graph.node("Sub", middle, steps(0, MEDIAN, 1))
        above = graph.node("Add", middle, steps(MEDIAN + 1, len(LEVELS), 0))
        return graph.node("Concat", below, middle, above, axis=-1)

    def build(self) -> bytes:
        graph, network = self.graph, self.network
        steps = network.look_back + network.horizon
        graph.add_input("windows", "FLOAT", ["batch", steps, self.features.size])
        found = self.order(self.write_raw())
        if network.skip is not None:
            past = self.take(self.take("windows", 1, 0, network.look_back), 2, 0, 1)
            added = self.linear(network.skip, self.reshape(past, -1, network.look_back))
            found = graph.node("Add", found, graph.node("Unsqueeze", added, graph.constant([2])))
        if network.share is not None:
            middle = self.take(found, -1, MEDIAN, MEDIAN + 1)
            part = graph.constant(float(network.share) - 1, np.float32)
            moved = graph.node("Add", found, graph.node("Mul", middle, part))
            found = graph.node("Add", moved, self.read_known(1))
        graph.add_output(found, "output", ["batch", network.horizon, len(LEVELS)])
        return graph.finish("forecasting", self.program.about)

    def write_raw(self) -> str:
        """The numbers of which quantiles are made, [batch, H, Q]"""
        raise NotImplementedError


class DirectGraph(ForecastGraph):
    """The last state mapped to all steps ahead (`DirectForecaster`)."""

    def write_raw(self) -> str:
        graph, network = self.graph, self.network
        outputs, _ = self.write_layers(self.read_past())
        size = network.recurrent.output_size
        last = self.reshape(self.take(outputs, 1, network.look_back - 1, 1 << 31), -1, size)
        parts = [last, self.embed_series()]
        if self.features.static:
            parts.insert(1, self.reshape(self.read_static(), -1, self.features.static))
        contexts = self.linear(network.contexts, graph.node("Concat", *parts, axis=-1), "relu")
        x = self.reshape(contexts, -1, network.horizon, network.context)
        if self.features.known:
            x = graph.node("Concat", x, self.read_known(self.features.known), axis=-1)
        first, _, second = network.local
        return self.linear(second, self.linear(first, x, "relu"))


class SegmentGraph(ForecastGraph):
    """Segments read one after the other, coming ones all at once (`SegmentForecaster`)."""

    def write_raw(self) -> str:
        graph, network, features = self.graph, self.network, self.features
        coming, width = network.coming, network.segment
        segments = self.reshape(
            self.read_past(), -1, network.look_back // width, width * features.of_step
        )
        _, steps = self.write_layers(self.linear(network.embed, segments, "relu"))
        rows = graph.node("Gather", graph.node("Shape", "windows"), graph.constant([0]))

        def expand(x: str, size: int) -> str:
            """[batch or 1, coming or 1, size] -> [batch, coming, size]"""
            shape = graph.node("Concat", rows, graph.constant([coming, size]), axis=0)
            return graph.node("Expand", x, shape)

        position = graph.weight("position", network.position.detach().numpy())
        half = network.position.shape[1]
        series = graph.node("Unsqueeze", self.embed_series(), graph.constant([1]))
        parts = expand(position, half), expand(series, network.series.embedding_dim)
        wanted = graph.node("Concat", *parts, axis=-1)
        if network.known is not None:
            wanted = graph.node(
                "Add", wanted, self.linear(network.known, self.known_segments(expand))
            )
        x = self.reshape(wanted, 1, -1, network.embed.out_features)  # [1, batch coming, hidden]
        for step, ends in zip(steps, self.ends, strict=True):
            size = step.settings["hidden"]
            states = [
                self.reshape(
                    expand(graph.node("Unsqueeze", end, graph.constant([1])), size), 1, -1, size
                )
                for end in ends
            ]
            weights = [self.weight(step, role) for role in "WRB"]
            found = graph.node(
                step.settings["kind"].upper(),
                *[x, *weights, "", *states],
                outputs=len(states) + 1,
                **recurrent_attributes(step.settings),
            )
            x = self.reshape(found[0], 1, -1, size)
        raw = self.linear(network.output, x)  # [1, batch coming, W Q]
        raw = self.reshape(raw, -1, coming * width, len(LEVELS))
        return self.take(raw, 1, 0, network.horizon)

    def known_segments(self, expand: Any) -> str:
        """What is known of each coming segment, [batch, coming, W K + static]"""
        graph, network, features = self.graph, self.network, self.features
        parts = []
        if features.known:
            missing = network.coming * network.segment - network.horizon
            pads = graph.constant([0, 0, 0, 0, missing, 0])
            known = graph.node("Pad", self.read_known(features.known), pads)
            parts.append(self.reshape(known, -1, network.coming, network.segment * features.known))
        if features.static:
            parts.append(expand(self.read_static(), features.static))
        return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=-1)
