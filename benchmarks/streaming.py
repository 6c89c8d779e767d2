"""One time step a call: microseconds of stacked layers at batch 1 to 16, beside torch.nn, ONNX
Runtime and OpenVINO.

    python benchmarks/streaming.py  # batch 1 and 16, 2 layers, H = 256, one thread
    python benchmarks/streaming.py --batches 1 --hidden-size 512 --markdown
    python benchmarks/streaming.py --whole  # what smaller weights do to whole sequences

Every contender carries its state from call to call and takes its turn in one process; medians
of the calls without an involuntary context switch. float32 outputs are compared with torch's
over 20 steps before anything is timed; of the smaller weights the largest difference is
printed. "step" is `ostinato.StreamingStep`, "Recurrent" a call of the ordinary layer for one
step, as decoding does it. A contender that is not installed is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a step is over before another thread has woken up

import numpy as np

from kernels import GATES, machine

FORMATS = ("float32", "bfloat16", "int8")
Step = Callable[[np.ndarray], np.ndarray]  # x [B, D] -> output [B, H]; the state is carried along


def example(cell: str, batch: int, hidden_size: int, layers: int):
    """Our layer, torch's with the same weights, and 20 inputs."""
    import torch

    from ostinato import CELLS, Recurrent

    torch.manual_seed(0)
    ours = Recurrent(CELLS[cell], hidden_size, hidden_size, layers=layers).eval()
    theirs = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](
        hidden_size, hidden_size, layers
    ).eval()
    with torch.no_grad():
        for number, one in enumerate(ours.cells):
            given = (
                one.from_input.weight,
                one.from_hidden.weight,
                one.from_input.bias,
                one.from_hidden.bias,
            )
            for parameter, value in zip(theirs.all_weights[number], given, strict=True):
                parameter.zero_() if value is None else parameter.copy_(value)
    return ours, theirs, torch.randn(20, batch, hidden_size)


def contenders(cell: str, ours, theirs, batch: int) -> Iterator[tuple[str, Step]]:
    from ostinato import StreamingStep

    for weights in FORMATS:
        step = StreamingStep(ours, batch=batch, weights=weights)
        yield f"step {weights}", step
    yield (
        "Recurrent",
        carried(lambda x, state: ours(x.unsqueeze(1), None, state), ours.initial_state(batch)),
    )
    yield "torch.nn", carried(lambda x, state: theirs(x.unsqueeze(0), state), None)
    for make in (onnx_runtime, openvino):
        try:
            yield make.__name__, make(cell, theirs, batch)
        except ImportError:
            continue


def carried(run: Callable, state) -> Step:
    import torch

    def step(x):
        nonlocal state
        with torch.no_grad():
            output, state = run(x, state)
        return output

    return step


def onnx_model(cell: str, layer, batch: int) -> bytes:
    """Stacked operators of one step each, states in and out."""
    from onnx import TensorProto, helper, numpy_helper

    order = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 3, 1, 2]}[cell]
    put = lambda tensor: np.concatenate(  # noqa: E731
        [np.split(tensor.detach().numpy(), GATES[cell])[i] for i in order]
    )
    size, parts = layer.hidden_size, ["h", "c"][: 1 + (cell == "lstm")]
    extra = {"linear_before_reset": 1} if cell == "gru" else {}
    nodes, constants, given, wanted, x = (
        [],
        [numpy_helper.from_array(np.array([1]), "axis")],
        ["x"],
        ["y"],
        "x",
    )
    for number, (w, u, b, c) in enumerate(layer.all_weights):
        arrays = {"W": put(w)[None], "R": put(u)[None], "B": np.concatenate([put(b), put(c)])[None]}
        constants += [
            numpy_helper.from_array(array, f"{name}{number}") for name, array in arrays.items()
        ]
        before, after = (
            [f"{part}{number}" for part in parts],
            [f"{part}{number}_new" for part in parts],
        )
        inputs = [x, *(f"{name}{number}" for name in arrays), "", *before]
        nodes.append(
            helper.make_node(
                cell.upper(), inputs, [f"all{number}", *after], hidden_size=size, **extra
            )
        )
        x = "y" if number + 1 == layer.num_layers else f"x{number + 1}"
        nodes.append(helper.make_node("Squeeze", [f"all{number}", "axis"], [x]))
        given, wanted = given + before, wanted + after
    info = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, batch, size])  # noqa: E731
    graph = helper.make_graph(
        nodes, "step", [info(name) for name in given], [info(name) for name in wanted], constants
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()


def onnx_runtime(cell: str, layer, batch: int) -> Step:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx_model(cell, layer, batch), options, providers=["CPUExecutionProvider"]
    )
    names = [given.name for given in session.get_inputs()]
    state = [np.zeros((1, batch, layer.hidden_size), np.float32) for _ in names[1:]]

    def step(x):
        nonlocal state
        output, *state = session.run(None, dict(zip(names, [x.numpy()[None], *state], strict=True)))
        return output

    return step


def openvino(cell: str, layer, batch: int) -> Step:
    import openvino

    core = openvino.Core()
    settings = {
        "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = core.compile_model(core.read_model(onnx_model(cell, layer, batch)), "CPU", settings)
    request = compiled.create_infer_request()
    count = len(compiled.inputs)
    state = [np.zeros((1, batch, layer.hidden_size), np.float32) for _ in range(count - 1)]

    def step(x):
        nonlocal state
        results = request.infer([x.numpy()[None], *state], share_inputs=True)
        state = [results[number] for number in range(1, count)]
        return results[0]

    return step


def differences(steps: dict[str, Step], inputs) -> dict[str, float]:
    """The largest distance of each contender from torch.nn over the first steps."""
    import torch

    found = {
        name: [torch.as_tensor(step(x)).clone().reshape(x.shape) for x in inputs]
        for name, step in steps.items()
    }
    worst = {
        name: max(
            (a - b).abs().max().item() for a, b in zip(outputs, found["torch.nn"], strict=True)
        )
        for name, outputs in found.items()
    }
    for name, distance in worst.items():
        if not distance < (1e-5 if name[-5:] not in ("oat16", " int8") else 0.2):
            raise SystemExit(f"{name} differs from torch.nn by {distance}")
    return worst


def microseconds(steps: dict[str, Step], x, seconds: float) -> dict[str, float]:
    times = {name: [] for name in steps}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for name, step in steps.items():
            for _ in range(20):
                before = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
                start = time.perf_counter()
                step(x)
                taken = time.perf_counter() - start
                if resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw == before:
                    times[name].append(taken)
    return {name: statistics.median(taken) * 1e6 for name, taken in times.items()}


def whole_sequences(cell: str, T: int, B: int, size: int, seconds: float) -> dict:
    """Milliseconds of processor time of one layer over whole sequences, by format."""
    import torch

    from ostinato import CELLS, Recurrent, kernels

    recurrent, x = Recurrent(CELLS[cell], size, size).eval(), torch.randn(B, T, size)
    times = {weights: [] for weights in FORMATS}
    until = time.perf_counter() + seconds
    with torch.no_grad():
        while time.perf_counter() < until or len(times["float32"]) < 5:
            for weights, taken in times.items():
                with kernels.weights_as(weights):
                    start = time.process_time()
                    recurrent(x)
                    taken.append(time.process_time() - start)
    return {
        weights: round(statistics.median(taken[1:]) * 1e3, 2) for weights, taken in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", default="rnn,gru,lstm")
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0, help="for each line of the table")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument(
        "--whole", action="store_true", help="whole sequences in the three formats instead"
    )
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    if options.whole:
        for cell in options.cells.split(","):
            for shape in [(200, 1, 256), (35, 20, 200), (50, 64, 256), (100, 32, 512)]:
                row = {
                    "cell": cell,
                    "T, B, H": str(shape),
                    **whole_sequences(cell, *shape, options.seconds),
                }
                print(
                    " | ".join(map(str, row.values() if options.markdown else [json.dumps(row)])),
                    flush=True,
                )
        return
    print(
        f"{machine()}; {options.layers} layers, H = {options.hidden_size}, one thread; "
        "microseconds a step"
    )
    for cell in options.cells.split(","):
        for batch in map(int, options.batches.split(",")):
            ours, theirs, inputs = example(cell, batch, options.hidden_size, options.layers)
            steps = dict(contenders(cell, ours, theirs, batch))
            worst = differences(steps, inputs)
            row = {"cell": cell, "batch": batch}
            row |= {
                name: round(taken, 1)
                for name, taken in microseconds(steps, inputs[0], options.seconds).items()
            }
            row |= {f"difference {name}": float(f"{worst[f'step {name}']:.1g}") for name in FORMATS}
            print(
                " | ".join(map(str, row.values() if options.markdown else [json.dumps(row)])),
                flush=True,
            )


if __name__ == "__main__":
    main()
