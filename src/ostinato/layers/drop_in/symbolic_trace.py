"""torch.fx.symbolic_trace: a layer of ours is one node of the graph, as torch.nn's layers are."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.fx import Proxy
from torch.fx.proxy import TraceError


def is_traced(*arguments: Any) -> bool:
    """Whether torch.fx calls the layer to record it: then an argument is a Proxy, or holds one."""
    return any(
        isinstance(argument, Proxy) or (type(argument) is tuple and is_traced(*argument))
        for argument in arguments
    )


def record_call(module: nn.Module, *arguments: Any, **options: Any) -> Proxy:
    """A `call_module` node in place of the module's own operations.

    torch.fx does the same for modules of torch.nn, which it knows by the name of their file."""
    flat = [part for each in arguments for part in (each if type(each) is tuple else (each,))]
    tracer = next(part.tracer for part in flat if isinstance(part, Proxy))
    if getattr(tracer, "root", None) is module:
        raise TraceError(
            f"trace a module that holds the {type(module).__name__}, not the layer alone"
        )
    path = tracer.path_of_module(module)  # type: ignore[attr-defined]  # a Tracer has it
    return tracer.create_proxy("call_module", path, arguments, options)
