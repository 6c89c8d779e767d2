"""A program as an ONNX graph: batches of padded sequences with their lengths, states in and out.

    tokens, ...       [batch, time] int64; what else goes in is described in the metadata
    lengths           [batch] int64: the steps of each row, all at least 1
    hidden_0, ...     [batch, H]: the state before (zeros at the beginning), and `..._out` after
    output            [batch, time, C], or [batch, C]

The metadata has `ostinato`: JSON with the task, vocabulary, labels, scaler and the program. ONNX
Runtime ends the process on an empty batch or without steps: check for them before you call it.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from ostinato.errors import InputError
from ostinato.exporting.program import Program, Step, quantise

OPSET = 17
IR_VERSION = 8
NEGATIVE = np.float32(np.finfo(np.float32).min)


def import_onnx() -> Any:
    """The onnx package. Raises InputError where it is not installed."""
    try:
        import onnx
        from onnx import helper, numpy_helper  # noqa: F401
    except ImportError:
        raise InputError("ONNX files need onnx; pip install 'ostinato[onnx]'") from None
    return onnx


class Graph:
    """Collects nodes and weights.

    Args:
        small: Whether matrices are stored as int8 with a scale for each row.
    """

    def __init__(self, *, small: bool = False):
        self.onnx = import_onnx()
        self.small, self.count = small, 0
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.constants: dict[bytes, str] = {}

    def fresh(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Adds a node; the name of its result, or of all where there are several."""
        names = [self.fresh() for _ in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value: Any, dtype: Any = np.int64) -> str:
        array = np.asarray(value, dtype=dtype)
        key = array.tobytes() + str((array.dtype, array.shape)).encode()
        if key not in self.constants:
            self.constants[key] = self.store(array, self.fresh())
        return self.constants[key]

    def store(self, array: np.ndarray, name: str) -> str:
        self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def weight(self, name: str, value: np.ndarray) -> str:
        """A weight, from int8 and scales where it is stored so."""
        if not self.small:
            return self.store(value, name)
        small, scales = quantise({name: value})
        if name not in scales:
            return self.store(value, name)
        stored = self.store(small[name], f"{name}.int8")
        floats = self.node("Cast", stored, to=self.onnx.TensorProto.FLOAT)
        return self.node("Mul", floats, self.store(scales[name], f"{name}.scale"))

    def add_input(self, name: str, kind: str, shape: list[Any]) -> str:
        self.inputs.append(self.value_info(name, kind, shape))
        return name

    def add_output(self, value: str, name: str, shape: list[Any], kind: str = "FLOAT") -> None:
        self.nodes.append(self.onnx.helper.make_node("Identity", [value], [name]))
        self.outputs.append(self.value_info(name, kind, shape))

    def value_info(self, name: str, kind: str, shape: list[Any]) -> Any:
        type_ = getattr(self.onnx.TensorProto, kind)
        return self.onnx.helper.make_tensor_value_info(name, type_, shape)

    def finish(self, name: str, metadata: dict[str, Any]) -> bytes:
        """The checked model as the bytes of a file."""
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.initializers)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="ostinato")
        model.ir_version = IR_VERSION
        helper.set_model_props(model, {"ostinato": json.dumps(metadata, ensure_ascii=False)})
        self.onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()


class ProgramGraph:
    """Writes the operations of a program as nodes.

    Args:
        program: What to write.
        small: Whether matrices are stored as int8.
    """

    def __init__(self, program: Program, *, small: bool = False):
        self.program, self.graph = program, Graph(small=small)
        self.values: dict[str, str] = {}
        self.ends: list[list[str]] = []  # the last states of each layer, [batch, directions H]
        self.stored: dict[str, str] = {}  # weights that are written already

    def build(self) -> bytes:
        """The file of the whole program."""
        graph, program = self.graph, self.program
        self.write_steps()
        shape = ["batch", "time", None] if program.per_step else ["batch", None]
        graph.add_output(self.values[program.output], "output", shape)
        if self.shortened:
            graph.add_output(self.shortened, "output_lengths", ["batch"], "INT64")
        extra = {
            name: value.tolist() for name, value in program.weights.items() if name[:4] == "crf."
        }
        return graph.finish(program.about["task"], {**program.to_dict(), **extra})

    def write_steps(self) -> None:
        """Inputs and operations."""
        graph, program = self.graph, self.program
        shapes: dict[str, tuple[str, list[Any]]] = {
            "ids": ("INT64", ["batch", "time"]),
            "characters": ("INT64", ["batch", "time", "characters"]),
            "affixes": ("INT64", ["batch", "time", "affixes"]),
            "numbers": ("FLOAT", ["batch", "time", "dimensions"]),
        }
        for name, kind in program.inputs.items():
            self.values[name] = graph.add_input(name, *shapes[kind])
            if kind == "characters":
                graph.add_input("character_lengths", "INT64", ["batch", "time"])
        graph.add_input("lengths", "INT64", ["batch"])
        for name, size in program.states.items():
            graph.add_input(name, "FLOAT", ["batch", size])
        self.shortened = ""  # the lengths after frames were joined
        self.prepare_lengths(next(iter(program.inputs)), "lengths")
        for step in program.steps:
            inputs = [self.values[name] for name in step.inputs]
            self.values[step.output] = getattr(self, f"write_{step.op}")(step, *inputs)

    def prepare_lengths(self, first: str, lengths: str) -> None:
        """Lengths as the recurrent operators take them, and the mask [batch, time, 1].

        Args:
            first: A value [batch, time, ...].
            lengths: The steps of each row.
        """
        graph = self.graph
        int32 = graph.onnx.TensorProto.INT32
        self.lengths = graph.node("Cast", lengths, to=int32)
        time = graph.node("Gather", graph.node("Shape", first), graph.constant(1))
        steps = graph.node("Range", graph.constant(0), time, graph.constant(1))
        self.steps = graph.node("Unsqueeze", steps, graph.constant([0]))  # [1, time]
        self.column = graph.node("Unsqueeze", lengths, graph.constant([1]))  # [batch, 1]
        inside = graph.node("Less", self.steps, self.column)  # [batch, time]
        self.mask = graph.node("Unsqueeze", inside, graph.constant([2]))
        self.real = graph.node("Cast", self.column, to=graph.onnx.TensorProto.FLOAT)

    def weight(self, step: Step, role: str) -> str:
        name = step.weights[role]
        if name not in self.stored:
            self.stored[name] = self.graph.weight(name, self.program.weights[name])
        return self.stored[name]

    def transposed(self, step: Step, role: str) -> str:
        return self.graph.node("Transpose", self.weight(step, role), perm=[1, 0])

    # the operations

    def write_embed(self, step: Step, ids: str) -> str:
        return self.graph.node("Gather", self.weight(step, "table"), ids)

    def write_affixes(self, step: Step, ids: str) -> str:
        rows = self.graph.node("Gather", self.weight(step, "table"), ids)
        return self.graph.node("ReduceSum", rows, self.graph.constant([2]), keepdims=0)

    def write_spell(self, step: Step, characters: str) -> str:
        graph, width = self.graph, step.settings["width"]
        margin = width // 2
        rows = graph.node("Gather", self.weight(step, "table"), characters)  # [B, T, C, E]
        count = graph.node("Gather", graph.node("Shape", characters), graph.constant(2))
        row = graph.node("Range", graph.constant(0), count, graph.constant(1))
        ends = graph.node("Unsqueeze", "character_lengths", graph.constant([2]))
        inside = graph.node("Unsqueeze", graph.node("Less", row, ends), graph.constant([3]))
        rows = graph.node("Where", inside, rows, graph.constant(0, np.float32))
        pads = graph.constant([0, 0, margin, 0, 0, 0, width - 1 - margin, 0])
        padded = graph.node("Pad", rows, pads)
        shape = graph.constant([0, -1, width])  # [out, E * width] -> [out, E, width]
        filters = graph.node("Reshape", self.weight(step, "filters"), shape)
        total = self.weight(step, "bias")
        for place in range(width):
            end = graph.node(
                "Add", graph.node("Unsqueeze", count, graph.constant([0])), graph.constant([place])
            )
            part = graph.node("Slice", padded, graph.constant([place]), end, graph.constant([2]))
            table = graph.node("Gather", filters, graph.constant(place), axis=2)
            product = graph.node("MatMul", part, graph.node("Transpose", table, perm=[1, 0]))
            total = graph.node("Add", product, total)
        total = graph.node("Where", inside, total, graph.constant(NEGATIVE, np.float32))
        return graph.node("Tanh", graph.node("ReduceMax", total, axes=[2], keepdims=0))

    def write_scale(self, step: Step, x: str) -> str:
        graph = self.graph
        shifted = graph.node("Sub", x, self.weight(step, "mean"))
        x = graph.node("Div", shifted, self.weight(step, "scale"))
        clip = step.settings.get("clip")
        if clip is None:
            return x
        low, high = (graph.constant(value, np.float32) for value in (-clip, clip))
        return graph.node("Clip", x, low, high)

    def write_concat(self, step: Step, *parts: str) -> str:
        return self.graph.node("Concat", *parts, axis=-1)

    def write_add(self, step: Step, x: str, y: str) -> str:
        return self.graph.node("Add", x, y)

    def write_average(self, step: Step, *parts: str) -> str:
        return self.graph.node("Mean", *parts)

    def write_linear(self, step: Step, x: str) -> str:
        x = self.graph.node("MatMul", x, self.transposed(step, "weight"))
        if "bias" in step.weights:
            x = self.graph.node("Add", x, self.weight(step, "bias"))
        activation = step.settings["activation"]
        return self.graph.node(activation.capitalize(), x) if activation else x

    def write_stack(self, step: Step, x: str) -> str:
        """Neighbouring frames side by side, zeros after the last one of a row."""
        graph, factor = self.graph, step.settings["factor"]
        x = graph.node("Where", self.mask, x, graph.constant(0, np.float32))
        time = graph.node("Gather", graph.node("Shape", x), graph.constant([1]))
        missing = graph.node("Mod", graph.node("Neg", time), graph.constant([factor]))
        zeros = graph.constant([0, 0, 0, 0]), graph.constant([0])
        pads = graph.node("Concat", zeros[0], missing, zeros[1], axis=0)
        padded = graph.node("Pad", x, pads)
        # [batch, time, D] -> [batch, time / factor, factor D]
        rows = graph.node("Gather", graph.node("Shape", x), graph.constant([0]))
        size = graph.constant([-1, step.settings["size"] * factor])
        x = graph.node("Reshape", padded, graph.node("Concat", rows, size, axis=0))
        longer = graph.node("Add", self.shortened or "lengths", graph.constant(factor - 1))
        self.shortened = graph.node("Div", longer, graph.constant(factor))
        self.prepare_lengths(x, self.shortened)
        return x

    def write_norm(self, step: Step, x: str) -> str:
        scale, bias = self.weight(step, "weight"), self.weight(step, "bias")
        return self.graph.node(
            "LayerNormalization", x, scale, bias, axis=-1, epsilon=step.settings["epsilon"]
        )

    def write_log_softmax(self, step: Step, x: str) -> str:
        return self.graph.node("LogSoftmax", x, axis=-1)

    def write_student_t(self, step: Step, x: str) -> str:
        """[batch, time, 2] -> location and scale."""
        graph = self.graph
        location, raw = graph.node("Split", x, outputs=2, axis=-1)
        scale = graph.node("Add", graph.node("Softplus", raw), self.weight(step, "least"))
        return graph.node("Concat", location, scale, axis=-1)

    def write_softmax(self, step: Step, x: str) -> str:
        return self.graph.node("Softmax", x, axis=-1)

    def write_sigmoid(self, step: Step, x: str) -> str:
        return self.graph.node("Sigmoid", x)

    def write_ordinal(self, step: Step, x: str) -> str:
        graph = self.graph
        below = graph.node("Sigmoid", graph.node("Sub", self.weight(step, "thresholds"), x))
        zero = graph.node("Mul", x, graph.constant(0, np.float32))
        one = graph.node("Add", zero, graph.constant(1, np.float32))
        upper = graph.node("Concat", below, one, axis=-1)
        return graph.node("Sub", upper, graph.node("Concat", zero, below, axis=-1))

    def write_recurrent(self, step: Step, x: str) -> str:
        graph, settings = self.graph, step.settings
        attributes = recurrent_attributes(settings)
        names = settings.get("states", [])
        axis = graph.constant([0])
        states = [graph.node("Unsqueeze", name, axis) for name in names]
        inputs = [graph.node("Transpose", x, perm=[1, 0, 2])]
        inputs += [self.weight(step, role) for role in "WRB"]
        number = 3 if settings["kind"] == "lstm" else 2
        found = graph.node(
            settings["kind"].upper(), *inputs, self.lengths, *states, outputs=number, **attributes
        )
        for name, value in zip(names, found[1:], strict=False):
            shape = ["batch", settings["hidden"]]
            graph.add_output(graph.node("Squeeze", value, axis), f"{name}_out", shape)
        self.ends.append([self.merge(end, [1, 0, 2], [0, -1]) for end in found[1:]])
        return self.merge(found[0], [2, 0, 1, 3], [0, 0, -1])

    def merge(self, value: str, order: list[int], shape: list[int]) -> str:
        """The directions side by side."""
        moved = self.graph.node("Transpose", value, perm=order)
        return self.graph.node("Reshape", moved, self.graph.constant(shape))

    def write_pool(self, step: Step, x: str) -> str:
        graph, kind = self.graph, step.settings["kind"]
        if kind == "last":
            return self.ends[-1][0]
        if kind == "max":
            x = graph.node("Where", self.mask, x, graph.constant(NEGATIVE, np.float32))
            return graph.node("ReduceMax", x, axes=[1], keepdims=0)
        if kind == "mean":
            x = graph.node("Where", self.mask, x, graph.constant(0, np.float32))
            total = graph.node("ReduceSum", x, graph.constant([1]), keepdims=0)
            return graph.node("Div", total, self.real)
        if kind == "middle":
            return self.at_step(x, graph.node("Div", self.column, graph.constant(2)))
        if kind == "both-ends":
            first = graph.node("Gather", x, graph.constant(0), axis=1)
            last = self.at_step(x, graph.node("Sub", self.column, graph.constant(1)))
            return graph.node("Concat", first, last, axis=-1)
        key = graph.node("MatMul", x, self.transposed(step, "key"))
        key = graph.node("Tanh", graph.node("Add", key, self.weight(step, "bias")))
        scores = graph.node("MatMul", key, self.transposed(step, "question"))  # [B, T, 1]
        scores = graph.node("Where", self.mask, scores, graph.constant(NEGATIVE, np.float32))
        weighted = graph.node("Mul", graph.node("Softmax", scores, axis=1), x)
        return graph.node("ReduceSum", weighted, graph.constant([1]), keepdims=0)

    def at_step(self, x: str, place: str) -> str:
        """x [B, T, D] at one step of each row, place [B, 1] -> [B, D]"""
        graph = self.graph
        there = graph.node("Equal", self.steps, place)
        there = graph.node("Unsqueeze", there, graph.constant([2]))
        x = graph.node("Where", there, x, graph.constant(0, np.float32))
        return graph.node("ReduceSum", x, graph.constant([1]), keepdims=0)


def recurrent_attributes(settings: dict[str, Any]) -> dict[str, Any]:
    """The attributes of ONNX's RNN, GRU or LSTM."""
    both = settings["directions"] == 2
    found: dict[str, Any] = {
        "hidden_size": settings["hidden"],
        "direction": "bidirectional" if both else "forward",
    }
    if settings["kind"] == "rnn":
        found["activations"] = [settings["activation"].capitalize()] * settings["directions"]
    if settings["kind"] == "gru":
        found["linear_before_reset"] = int(settings["reset_after"])
    return found


def write_program(program: Program, *, small: bool = False) -> bytes:
    """The ONNX file of a program."""
    return ProgramGraph(program, small=small).build()
