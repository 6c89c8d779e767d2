"""How fast the kernels are, beside torch.nn, ONNX Runtime, OpenVINO and JAX (each if it is
installed).

    python benchmarks/kernels.py                        # the whole table, about half an hour
    python benchmarks/kernels.py --cells gru --threads 1 --seconds 1 --markdown
    # minutes, on a busy machine
    python benchmarks/kernels.py --threads 1 --together --clock processor --seconds 0.3
    # bfloat16 beside torch.nn in float32 and under torch.autocast
    python benchmarks/kernels.py --peers torch,bfloat16,autocast --output bfloat16.json

Each of them runs in a process of its own; the processes take turns, so that whatever else the
machine does hits all. With `--clock processor` a run's time is what its process spent on the
processor, which others can lengthen only by what they leave in the caches; use it for one
thread on a machine that is not idle. Only runs without an involuntary context switch count
(unless there are none); medians of those. Every peer's output is compared with torch's before
anything is timed. "GEMM" is a 1024 x 1024 x 1024 float32 product, by torch or by the kernels'
own routine, whichever is faster, measured in the same run; ratios above 1 mean that ours is
faster. "bfloat16" and "autocast" among the --peers are ours and torch.nn under
torch.autocast("cpu", dtype=torch.bfloat16): they get columns of their own. A single step a call:
streaming.py; the large softmax: large_softmax.py.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import multiprocessing
import os
import platform
import resource
import statistics
import time
from pathlib import Path

import numpy as np

SHAPES = [  # T, B, D, H
    (35, 20, 200, 200),
    (35, 20, 650, 650),
    (50, 64, 256, 256),
    (100, 32, 512, 512),
    (200, 1, 256, 256),
    (1000, 8, 128, 128),
    (64, 128, 64, 64),
    (30, 64, 1000, 1000),
]
VARIABLE = (50, 64, 256, 256)  # with lengths uniform in 5..50
NOTHING = contextlib.nullcontext()
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def data(cell: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The same numbers in every process, in torch's layout."""
    T, B, D, H = shape
    random, rows = np.random.default_rng(0), GATES[cell] * H
    uniform = lambda *size: random.uniform(-1, 1, size).astype(np.float32) / H**0.5  # noqa: E731
    weights = {"w": uniform(rows, D), "u": uniform(rows, H), "b": uniform(rows), "c": uniform(rows)}
    if cell != "gru":
        weights["c"] *= 0  # one bias: ours has no second one
    lengths = random.integers(5, 51, B)
    return {"x": random.standard_normal((B, T, D), dtype=np.float32), "lengths": lengths, **weights}


def ours(cell: str, given: dict, mode: str, variable: bool, around=NOTHING):
    import torch

    from ostinato import cells

    made = {"rnn": cells.RNN, "gru": cells.GRU, "lstm": cells.LSTM}[cell](
        given["w"].shape[1], given["u"].shape[1]
    )
    with torch.no_grad():
        for parameter, name in [(made.from_input.weight, "w"), (made.from_hidden.weight, "u")]:
            parameter.copy_(torch.from_numpy(given[name]))
        made.from_input.bias.copy_(torch.from_numpy(given["b"]))
        if cell == "gru":
            made.from_hidden.bias.copy_(torch.from_numpy(given["c"]))
    x = torch.from_numpy(given["x"])
    lengths = torch.from_numpy(given["lengths"]) if variable else None
    state = made.initial_state(len(x), x)
    parameters = list(made.parameters())
    return in_torch(lambda x: made.run(x, state, lengths)[0], x, parameters, mode, around)


def under_autocast(make):
    """The same in bfloat16: the forward passes under autocast, the backward pass outside of it."""

    def made(cell: str, given: dict, mode: str, variable: bool):
        import torch

        return make(cell, given, mode, variable, torch.autocast("cpu", dtype=torch.bfloat16))

    return made


def torch_nn(cell: str, given: dict, mode: str, variable: bool, around=NOTHING):
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    kind = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell]
    made = kind(given["w"].shape[1], given["u"].shape[1], batch_first=True)
    with torch.no_grad():
        for parameter, name in zip(made.parameters(), "wubc", strict=True):
            parameter.copy_(torch.from_numpy(given[name]))
    x, lengths = torch.from_numpy(given["x"]), torch.from_numpy(given["lengths"])

    def run(x):
        if not variable:
            return made(x)[0]
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(made(packed)[0], batch_first=True, total_length=x.shape[1])[0]

    return in_torch(run, x, list(made.parameters()), mode, around)


def in_torch(run, x, parameters, mode: str, around):
    """A function without arguments that runs once, `around` the forward pass, and returns the
    outputs.
    """
    import torch

    if mode == "inference":

        def infer():
            with torch.no_grad(), around:
                return run(x).float()

        return infer
    x.requires_grad_()
    with around:
        weight = torch.ones_like(run(x))

    def train():
        x.grad = None
        for parameter in parameters:
            parameter.grad = None
        with around:
            outputs = run(x)
        outputs.backward(weight)
        return outputs.detach().float()

    return train


def onnx_model(cell: str, given: dict) -> bytes:
    """ONNX's own operator, with torch's gates in ONNX's order."""
    from onnx import TensorProto, helper, numpy_helper

    order = {"rnn": [0], "gru": [1, 0, 2], "lstm": [0, 3, 1, 2]}[cell]
    put = lambda a: np.concatenate([np.split(a, GATES[cell])[i] for i in order])  # noqa: E731
    bias = np.concatenate([put(given["b"]), put(given["c"])])
    weights = [("W", put(given["w"])[None]), ("R", put(given["u"])[None]), ("B", bias[None])]
    T, B, D, H = given["x"].shape[1], len(given["x"]), given["w"].shape[1], given["u"].shape[1]
    extra = {"linear_before_reset": 1} if cell == "gru" else {}
    node = helper.make_node(cell.upper(), ["x", "W", "R", "B"], ["y"], hidden_size=H, **extra)
    graph = helper.make_graph(
        [node],
        "recurrent",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [T, B, D])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [T, 1, B, H])],
        [numpy_helper.from_array(array, name) for name, array in weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


def onnx_runtime(cell: str, given: dict, mode: str, variable: bool):
    import onnxruntime

    if mode != "inference" or variable:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    session = onnxruntime.InferenceSession(
        onnx_model(cell, given), options, providers=["CPUExecutionProvider"]
    )
    x = np.ascontiguousarray(given["x"].transpose(1, 0, 2))
    return lambda: session.run(None, {"x": x})[0][:, 0].transpose(1, 0, 2)


def openvino(cell: str, given: dict, mode: str, variable: bool):
    import openvino

    if mode != "inference" or variable:
        return None
    core = openvino.Core()
    threads = {
        "INFERENCE_NUM_THREADS": int(os.environ["OMP_NUM_THREADS"]),
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = core.compile_model(core.read_model(onnx_model(cell, given)), "CPU", threads)
    request = compiled.create_infer_request()
    x = np.ascontiguousarray(given["x"].transpose(1, 0, 2))
    return lambda: request.infer({0: x})[0][:, 0].transpose(1, 0, 2)


def jax_scan(cell: str, given: dict, mode: str, variable: bool):
    import jax
    import jax.numpy as jnp

    if variable:
        return None
    sigmoid, tanh = jax.nn.sigmoid, jnp.tanh
    H = given["u"].shape[1]

    def step(weights, state, p):
        h = state[0]
        q = h @ weights["u"].T + weights["c"]
        if cell == "rnn":
            return (tanh(p + q),)
        if cell == "gru":
            r, z = jnp.split(sigmoid(p[:, : 2 * H] + q[:, : 2 * H]), 2, axis=1)
            n = tanh(p[:, 2 * H :] + r * q[:, 2 * H :])
            return (n + z * (h - n),)
        i, f, g, o = jnp.split(p + q, 4, axis=1)
        c = sigmoid(f) * state[1] + sigmoid(i) * tanh(g)
        return sigmoid(o) * tanh(c), c

    def run(weights, x):
        projected = jnp.swapaxes(x, 0, 1) @ weights["w"].T + weights["b"]
        zero = jnp.zeros((x.shape[0], H))

        def one(state, p):
            state = step(weights, state, p)
            return state, state[0]

        return jnp.swapaxes(
            jax.lax.scan(one, (zero,) * (2 if cell == "lstm" else 1), projected)[1], 0, 1
        )

    weights = {name: jnp.asarray(given[name]) for name in "wubc"}
    x = jnp.asarray(given["x"])
    if mode == "inference":
        compiled = jax.jit(run)
        return lambda: compiled(weights, x).block_until_ready()
    graded = jax.jit(
        jax.value_and_grad(lambda w, x: (lambda y: (y.sum(), y))(run(w, x)), (0, 1), has_aux=True)
    )
    return lambda: jax.block_until_ready(graded(weights, x))[0][1]


RUNNERS = {
    "ours": ours,
    "torch": torch_nn,
    "onnxruntime": onnx_runtime,
    "openvino": openvino,
    "jax": jax_scan,
    "bfloat16": under_autocast(ours),
    "autocast": under_autocast(torch_nn),
}
NARROW = ("bfloat16", "autocast")
TOLERANCES = dict.fromkeys(
    NARROW, 0.1
)  # for the largest difference from torch's float32; else 1e-4


CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


def worker(
    pipe,
    name: str,
    cell: str,
    shape: tuple[int, ...],
    mode: str,
    variable: bool,
    threads: int,
    clock: str,
) -> None:
    """One process of one peer: sends its outputs, then the times of as many runs as are asked
    for.
    """
    now = CLOCKS[clock]
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    try:
        run = RUNNERS[name](cell, data(cell, shape), mode, variable)
    except ImportError:
        run = None
    pipe.send(None if run is None else np.asarray(run()))
    while run is not None and (seconds := pipe.recv()) > 0:
        times, until = [], time.perf_counter() + seconds
        while not times or time.perf_counter() < until:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
            start = now()
            run()
            taken = now() - start
            times.append((taken, resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - before))
        pipe.send(times)


def measure(
    cell: str,
    shape: tuple[int, ...],
    mode: str,
    variable: bool,
    threads: int,
    seconds: float,
    clock: str,
    peers: list[str],
) -> dict:
    """Median seconds of each of the peers that is there."""
    context = multiprocessing.get_context("spawn")
    pipes, outputs, processes = {}, {}, []
    for name in peers:
        here, there = context.Pipe()
        process = context.Process(
            target=worker, args=(there, name, cell, shape, mode, variable, threads, clock)
        )
        process.start()
        there.close()
        output = here.recv()
        processes.append(process)
        if output is not None:
            pipes[name], outputs[name] = here, output
    for name, output in outputs.items():
        worst = np.abs(output - outputs["torch"]).max()
        if not worst < TOLERANCES.get(name, 1e-4):
            raise SystemExit(f"{name} differs from torch by {worst} at {cell} {shape}")
    times = {name: [] for name in pipes}
    rounds = 8
    for _ in range(rounds):
        for name, pipe in pipes.items():
            pipe.send(seconds / rounds)
            times[name] += pipe.recv()
    for pipe in pipes.values():
        pipe.send(0)
    for process in processes:
        process.join()
    return {name: typical(found) for name, found in times.items()}


def measure_together(
    cell: str,
    shape: tuple[int, ...],
    mode: str,
    variable: bool,
    threads: int,
    seconds: float,
    clock: str,
    peers: list[str],
) -> dict:
    """As measure(), all in this process: without their own start a line takes seconds."""
    now, runs, times = CLOCKS[clock], {}, {}
    for name in peers:
        try:
            run = RUNNERS[name](cell, data(cell, shape), mode, variable)
        except ImportError:
            continue
        if run is not None:
            runs[name] = run
    expected = np.asarray(runs["torch"]())
    for name, run in runs.items():
        worst = np.abs(np.asarray(run()) - expected).max()
        if not worst < TOLERANCES.get(name, 1e-4):
            raise SystemExit(f"{name} differs from torch by {worst} at {cell} {shape}")
        times[name] = []
    for round in range(200):
        if round >= 5 and sum(sum(taken) for taken in times.values()) > seconds * len(runs):
            break
        for name, run in runs.items():
            start = now()
            run()
            times[name].append(now() - start)
    return {name: statistics.median(taken[1:]) for name, taken in times.items()}


def typical(times: list[tuple[float, int]]) -> float:
    undisturbed = [taken for taken, switches in times if switches == 0]
    return statistics.median(undisturbed) if undisturbed else min(taken for taken, _ in times)


def gemm(threads: int, clock: str) -> float:
    """Floating-point operations a second of a large product: torch's or the kernels' own,
    whichever is faster.
    """
    import torch

    from ostinato.kernels import bindings

    torch.set_num_threads(threads)
    a = torch.randn(1024, 1024)
    out = torch.empty_like(a)
    ways = [lambda: torch.mm(a, a, out=out)]
    if bindings.missing is None:
        ways.append(lambda: bindings.product(a, a, out, form="a b"))
    times = []
    for _ in range(30):
        for way in ways:
            start = CLOCKS[clock]()
            way()
            times.append(CLOCKS[clock]() - start)
    return 2 * 1024**3 / min(times)


def work(cell: str, shape: tuple[int, ...], mode: str) -> int:
    T, B, D, H = shape
    return 2 * GATES[cell] * H * (D + H) * T * B * (1 if mode == "inference" else 3)


def line(
    cell: str,
    shape: tuple[int, ...],
    mode: str,
    threads: int,
    times: dict,
    peak: float,
    variable: bool,
) -> dict:
    others = {name: taken for name, taken in times.items() if name not in ("ours", *NARROW)}
    best = min(others, key=others.get)
    narrow = {}
    if "bfloat16" in times:
        own = times["bfloat16"]
        narrow = {
            "bfloat16 ms": round(own * 1e3, 3),
            "to float32": round(times["ours"] / own, 2),
            "to torch float32": round(times["torch"] / own, 2),
        }
        if "autocast" in times:
            narrow["to torch autocast"] = round(times["autocast"] / own, 2)
    return {
        "cell": cell,
        "shape": str(shape) + (" lengths 5..50" if variable else ""),
        "mode": mode,
        "threads": threads,
        "ms": round(times["ours"] * 1e3, 3),
        "to torch": round(times["torch"] / times["ours"], 2),
        "to best peer": round(others[best] / times["ours"], 2),
        "best peer": best,
        "% of GEMM": None
        if variable
        else round(100 * work(cell, shape, mode) / times["ours"] / peak),
        **narrow,
    }


def show(row: dict, markdown: bool) -> None:
    print(
        " | ".join(str(value) for value in row.values()) if markdown else json.dumps(row),
        flush=True,
    )


def means(rows: list[dict]) -> None:
    """Geometric means over the shapes."""
    for key in sorted({(row["cell"], row["mode"], row["threads"]) for row in rows}):
        own = [
            row
            for row in rows
            if (row["cell"], row["mode"], row["threads"]) == key and "lengths" not in row["shape"]
        ]
        if own:
            to = {
                column: math.exp(statistics.fmean(math.log(row[column]) for row in own))
                for column in own[0]
                if column.startswith("to ")
            }
            told = ", ".join(f"{name} {mean:.2f}" for name, mean in to.items())
            print(f"{key[0]} {key[1]}, {key[2]} thread(s): {told}")


def processor() -> dict[str, str | int]:
    """The processor by name and number, and the instruction sets of the kernels."""
    from ostinato import kernels

    path, found = Path("/proc/cpuinfo"), {}
    for line in path.read_text().splitlines() if path.is_file() else ():
        name, _, value = line.partition(":")
        found.setdefault(name.strip(), value.strip())
    status = kernels.status()
    return {
        "processor": found.get("model name") or platform.processor() or "unknown",
        "family and model": f"{found.get('cpu family', '?')}.{found.get('model', '?')}",
        "cores": os.cpu_count() or 1,
        **{f"kernels in {name}": how or "none" for name, how in status["precisions"].items()},
    }


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", default="rnn,gru,lstm")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--modes", default="inference,training")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="for each peer and line of the table"
    )
    parser.add_argument(
        "--shapes", default="0,1,2,3,4,5,6,7,variable", help="which lines of SHAPES"
    )
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="processor: one thread, while others use the machine",
    )
    parser.add_argument(
        "--together",
        action="store_true",
        help="all in one process, with one number of --threads: sooner done",
    )
    parser.add_argument(
        "--peers",
        default="torch,onnxruntime,openvino,jax",
        help=f"separated by commas, of {', '.join(RUNNERS)}",
    )
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--output", help="also write everything to this JSON file")
    options = parser.parse_args()
    options.peers = list(dict.fromkeys(["ours", "torch", *options.peers.split(",")]))
    if unknown := set(options.peers) - set(RUNNERS):
        named = ", ".join(sorted(unknown))
        parser.error(f"--peers: no peer {named}; there are {', '.join(RUNNERS)}")
    return options


def main() -> None:
    options = read_options()
    print(", ".join(f"{name} {value}" for name, value in processor().items()))
    peaks = {}
    rows = []
    if options.together:
        os.environ["OMP_NUM_THREADS"] = options.threads
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(options.threads)])
    shapes = [
        (VARIABLE, True) if name == "variable" else (SHAPES[int(name)], False)
        for name in options.shapes.split(",")
    ]
    for threads in map(int, options.threads.split(",")):
        peak = peaks[threads] = gemm(threads, options.clock)
        print(f"GEMM with {threads} thread(s): {peak / 1e9:.0f} GFLOP/s")
        for cell in options.cells.split(","):
            for mode in options.modes.split(","):
                for shape, variable in shapes:
                    how = measure_together if options.together else measure
                    times = how(
                        cell,
                        shape,
                        mode,
                        variable,
                        threads,
                        options.seconds,
                        options.clock,
                        options.peers,
                    )
                    rows.append(line(cell, shape, mode, threads, times, peak, variable))
                    show(rows[-1], options.markdown)
    means(rows)
    if options.output:
        everything = {
            "machine": processor(),
            "settings": vars(options),
            "gemm_gflops": {threads: peak / 1e9 for threads, peak in peaks.items()},
            "rows": rows,
        }
        Path(options.output).write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
