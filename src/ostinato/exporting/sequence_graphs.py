"""A sequence-to-sequence model as two ONNX graphs: the encoder, and a step of the decoder.

    encoder    tokens [batch, time], lengths [batch]
               -> values and keys [batch, time, M] (with attention), hidden_0, cell_0, ...
               [batch, H]
                  and, where the decoder reads them at every step, context and feed
    decoder    tokens [batch, 1], lengths (ones) [batch], values, keys, source_lengths [batch],
               hidden_0, ... and, where the encoder gives them, context and feed
               -> output [batch, 1, V], attention [batch, 1, S], hidden_0_out, ..., feed_out

Greedy decoding is a loop of a few lines over the second: `examples/onnx_translation.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.errors import InputError
from ostinato.exporting.network_program import add_linear, add_recurrent, refuse_network
from ostinato.exporting.onnx_graph import NEGATIVE, Graph, ProgramGraph
from ostinato.exporting.program import Program
from ostinato.models.decoder import Decoder
from ostinato.models.encoder import Encoder
from ostinato.models.encoder_decoder import EncoderDecoder
from ostinato.models.lexical_encoder_decoder import LexicalEncoderDecoder


def write_encoder_decoder(model: Any, *, small: bool = False) -> dict[str, bytes]:
    """The two files by what they are: {"encoder": ..., "decoder": ...}."""
    network = model.network
    if len(model.networks) > 1:
        raise InputError("several runs are exported one by one; name a single run")
    if isinstance(network, LexicalEncoderDecoder):
        raise InputError("--lexicon is not exported; train with --no-lexicon")
    if type(network) is not EncoderDecoder or type(network.encoder) is not Encoder:
        raise refuse_network(network)
    about = describe(model)
    return {
        "encoder": EncoderGraph(network, about, small=small).build(),
        "decoder": DecoderGraph(network, about, small=small).build(),
    }


def describe(model: Any) -> dict[str, Any]:
    """Vocabularies and what else decoding needs."""
    fitted, network, options = model.task.preprocessing, model.network, model.task.options
    return {
        "task": model.task.name,
        "source": fitted.source.to_dict(),
        "target": fitted.target.to_dict(),
        "bos": network.bos,
        "eos": network.eos,
        "reverse_source": options.reverse_source,
        "maximum_tokens": options.maximum_tokens,
    }


class EncoderGraph(ProgramGraph):
    """The encoder.

    Args:
        network: The encoder-decoder.
        about: The metadata.
        small: Whether matrices are stored as int8.
    """

    def __init__(self, network: EncoderDecoder, about: dict[str, Any], *, small: bool):
        self.network = network
        encoder = network.encoder
        program = Program(inputs={"tokens": "ids"}, about=about)
        x = program.add("embed", "tokens", weights={"table": encoder.embedding.weight})
        program.output = add_recurrent(program, encoder.recurrent, x, stateful=False)
        super().__init__(program, small=small)

    def build(self) -> bytes:
        graph, decoder = self.graph, self.network.decoder
        self.write_steps()
        values = self.values[self.program.output]
        rows = graph.node("Shape", "lengths")
        states = self.ends[-decoder.recurrent.layers :]
        size = decoder.recurrent.typed_cells[0].hidden_size
        for layer, cell in enumerate(decoder.recurrent.typed_cells):
            for place, part in enumerate(cell.part_names):
                if layer < len(states):
                    value = states[layer][place]
                else:
                    value = zeros(graph, rows, cell.hidden_size)
                graph.add_output(value, f"{part}_{layer}", ["batch", cell.hidden_size])
        if decoder.context == "every":
            top = states[-1][0] if len(states) == decoder.recurrent.layers else None
            value = zeros(graph, rows, size) if top is None else top
            graph.add_output(value, "context", ["batch", size])
        if decoder.input_feeding:
            width = decoder.embedding.embedding_dim
            graph.add_output(zeros(graph, rows, width), "feed", ["batch", width])
        if decoder.attention is not None:
            keys = values
            if decoder.attention.kind != "dot":
                key = decoder.attention.key
                keys = linear(graph, "key", key.weight, key.bias, values)
            graph.add_output(values, "values", ["batch", "time", None])
            graph.add_output(keys, "keys", ["batch", "time", None])
        return graph.finish("encoder", self.program.about)


class DecoderGraph(ProgramGraph):
    """A step of the decoder; arguments as of EncoderGraph."""

    def __init__(self, network: EncoderDecoder, about: dict[str, Any], *, small: bool):
        self.decoder: Decoder = network.decoder
        decoder = self.decoder
        program = Program(inputs={"tokens": "ids"}, about=about)
        x = program.add("embed", "tokens", weights={"table": decoder.embedding.weight})
        if decoder.context == "every":
            x = program.add(
                "beside", x, name="context", size=decoder.recurrent.typed_cells[0].hidden_size
            )
        if decoder.input_feeding:
            x = program.add("beside", x, name="feed", size=decoder.embedding.embedding_dim)
        x = add_recurrent(program, decoder.recurrent, x, stateful=True)
        if decoder.attention is not None:
            context = program.add("attend", x)
            x = program.add("concat", context, x)
        if decoder.readout is not None:
            x = add_linear(program, decoder.readout, x, "tanh")
        self.hidden = x
        program.output = add_linear(program, decoder.output, x)
        super().__init__(program, small=small)

    def build(self) -> bytes:
        graph = self.graph
        self.write_steps()
        graph.add_output(self.values[self.program.output], "output", ["batch", "time", None])
        if self.decoder.input_feeding:
            last = graph.node("Gather", self.values[self.hidden], graph.constant(-1), axis=1)
            graph.add_output(last, "feed_out", ["batch", self.decoder.embedding.embedding_dim])
        return graph.finish("decoder", self.program.about)

    def write_beside(self, step: Any, x: str) -> str:
        """A vector of each row beside its input."""
        graph, name = self.graph, step.settings["name"]
        graph.add_input(name, "FLOAT", ["batch", step.settings["size"]])
        row = graph.node("Unsqueeze", name, graph.constant([1]))
        return graph.node("Concat", x, row, axis=-1)

    def write_attend(self, step: Any, query: str) -> str:
        """The context vectors; the weights are an output."""
        graph, attention = self.graph, self.decoder.attention
        assert attention is not None
        for name in ("values", "keys"):
            graph.add_input(name, "FLOAT", ["batch", "source", None])
        graph.add_input("source_lengths", "INT64", ["batch"])
        if attention.kind == "additive":
            query = linear(graph, "query", attention.query.weight, None, query)
            query = graph.node("Unsqueeze", query, graph.constant([2]))  # [B, T, 1, K]
            keys = graph.node("Unsqueeze", "keys", graph.constant([1]))  # [B, 1, S, K]
            both = graph.node("Tanh", graph.node("Add", query, keys))
            scores = linear(graph, "energy", attention.energy.weight, None, both)
            scores = graph.node("Squeeze", scores, graph.constant([3]))
        else:
            keys = graph.node("Transpose", "keys", perm=[0, 2, 1])
            scores = graph.node("MatMul", query, keys)  # [B, T, S]
        count = graph.node("Gather", graph.node("Shape", "values"), graph.constant(1))
        places = graph.node("Range", graph.constant(0), count, graph.constant(1))
        ends = graph.node("Unsqueeze", "source_lengths", graph.constant([1]))
        inside = graph.node("Unsqueeze", graph.node("Less", places, ends), graph.constant([1]))
        low = graph.constant(NEGATIVE, np.float32)
        weights = graph.node("Softmax", graph.node("Where", inside, scores, low), axis=-1)
        graph.add_output(weights, "attention", ["batch", "time", "source"])
        return graph.node("MatMul", weights, "values")


def zeros(graph: Graph, rows: str, size: int) -> str:
    """Zeros [batch, size], given the shape [1] that says the batch."""
    shape = graph.node("Concat", rows, graph.constant([size]), axis=0)
    return graph.node("Expand", graph.constant(0, np.float32), shape)


def linear(graph: Graph, name: str, weight: Any, bias: Any, x: str) -> str:
    """x weight^T + bias"""
    value = graph.weight(name, weight.detach().numpy())
    x = graph.node("MatMul", x, graph.node("Transpose", value, perm=[1, 0]))
    return (
        x if bias is None else graph.node("Add", x, graph.store(bias.detach().numpy(), f"{name}.b"))
    )
