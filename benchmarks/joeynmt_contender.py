"""JoeyNMT's recurrent translator as benchmarks/translation_worker.py drives every contender.

Runs in an environment of its own that has joeynmt and safetensors (translation_speed.py
--joeynmt-python); imports nothing of Ostinato. Its training step is that of
joeynmt.training.TrainManager._train_step, and its searches those of joeynmt.search. It ties the
output layer only to embeddings as wide as the hidden layer, has no bias there, feeds
attention's result to the next step as asked, and starts the LSTM decoder's memory cell from the
encoder's output in place of its memory cell.
"""

from __future__ import annotations

from types import SimpleNamespace

import torch
from joeynmt.batch import Batch
from joeynmt.model import build_model
from joeynmt.search import search
from joeynmt.vocabulary import Vocabulary
from torch import Tensor, nn

SPECIAL = SimpleNamespace(
    unk_token="<unk>",
    pad_token="<pad>",
    bos_token="<s>",
    eos_token="</s>",
    sep_token=None,
    lang_tags=[],
    unk_id=0,
    pad_id=1,
    bos_id=2,
    eos_id=3,
    sep_id=None,
)
SWAPPED = {0: 1, 1: 0}  # <pad> and <unk> change places


def configuration(spec: dict) -> dict:
    half, size = spec["hidden_size"] // 2, spec["hidden_size"]
    embeddings = {"embedding_dim": spec["embedding_size"], "dropout": spec["dropout"]}
    shared = {
        "type": "recurrent",
        "rnn_type": spec["cell"],
        "embeddings": embeddings,
        "dropout": spec["dropout"],
    }
    return {
        "tied_softmax": True,
        "tied_embeddings": False,
        "encoder": {**shared, "hidden_size": half, "bidirectional": True},
        "decoder": {
            **shared,
            "hidden_size": size,
            "attention": "luong",
            "input_feeding": spec["input_feeding"],
            "init_hidden": "last",
            "hidden_dropout": spec["dropout"],
        },
    }


class JoeyNMT:
    def __init__(self, spec: dict):
        source, target = (
            Vocabulary([f"t{number}" for number in range(4, spec[f"{side}_size"])], SPECIAL)
            for side in ("source", "target")
        )
        self.network = build_model(configuration(spec), src_vocab=source, trg_vocab=target)
        self.network.loss_function = ("crossentropy", spec["label_smoothing"])
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), lr=spec["learning_rate"], fused=True
        )
        self.spec = spec

    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    def load(self, weights: dict[str, Tensor]) -> None:
        """Takes the weights of an Ostinato EncoderDecoder of the same sizes."""
        swap = lambda table: table[[1, 0, *range(2, len(table))]]  # noqa: E731
        combine = weights["decoder.readout.weight"].chunk(2, dim=1)
        state = {
            "src_embed.lut.weight": swap(weights["encoder.embedding.weight"]),
            "trg_embed.lut.weight": swap(weights["decoder.embedding.weight"]),
            "decoder.output_layer.weight": swap(weights["decoder.embedding.weight"]),
            "decoder.attention.key_layer.weight": weights["decoder.attention.key.weight"],
            "decoder.att_vector_layer.weight": torch.cat([combine[1], combine[0]], dim=1),
            "decoder.att_vector_layer.bias": weights["decoder.readout.bias"],
        }
        for ours, theirs in {
            "encoder.recurrent.cells.0": "encoder.rnn.{}_l0",
            "encoder.recurrent.cells.1": "encoder.rnn.{}_l0_reverse",
            "decoder.recurrent.cells.0": "decoder.rnn.{}_l0",
        }.items():
            bias = weights[f"{ours}.from_input.bias"]
            state |= {
                theirs.format("weight_ih"): weights[f"{ours}.from_input.weight"],
                theirs.format("bias_ih"): bias,
                theirs.format("weight_hh"): weights[f"{ours}.from_hidden.weight"],
                theirs.format("bias_hh"): weights.get(
                    f"{ours}.from_hidden.bias", torch.zeros_like(bias)
                ),
            }
        self.network.load_state_dict(state)

    def batch(self, sources: list[list[int]], targets: list[list[int]] | None = None) -> Batch:
        source = padded([[swapped(token) for token in row] for row in sources])
        target = (
            None
            if targets is None
            else padded([[SPECIAL.bos_id, *map(swapped, row)] for row in targets])
        )
        return Batch(
            src=source,
            src_length=torch.tensor([len(row) for row in sources]),
            src_prompt_mask=None,
            trg=target,
            trg_prompt_mask=None,
            indices=torch.arange(len(sources)),
            device=torch.device("cpu"),
            pad_index=SPECIAL.pad_id,
            eos_index=SPECIAL.eos_id,
            is_train=targets is not None,
        )

    def train(self, batches: list) -> None:
        for sources, targets in batches:
            self.network.train()
            batch = self.batch(sources, targets)
            batch.sort_by_src_length()
            self.optimizer.zero_grad()
            loss, _, _, _ = self.network(return_type="loss", **vars(batch))
            batch.normalize(loss, normalization="tokens").backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), self.spec["clip_norm"])
            self.optimizer.step()

    @torch.no_grad()
    def loss(self, batch: list) -> float:
        self.network.eval()
        self.network.loss_function = ("crossentropy", 0.0)
        built = self.batch(*batch)
        built.sort_by_src_length()
        loss, _, _, _ = self.network(return_type="loss", **vars(built))
        self.network.loss_function = ("crossentropy", self.spec["label_smoothing"])
        return float(loss) / built.ntokens

    def decode(self, sources: list[list[int]], width: int) -> list[list[int]]:
        self.network.eval()
        found: list[list[int]] = []
        for start in range(0, len(sources), 64):
            batch = self.batch(sources[start : start + 64])
            back = batch.sort_by_src_length()
            outputs, _, _ = search(
                self.network, batch, 10 + 2 * int(batch.src_length.max()), width, 1.0
            )
            found += [until_end(outputs[place].tolist()) for place in back]
        return found


def swapped(token: int) -> int:
    return SWAPPED.get(token, token)


def padded(rows: list[list[int]]) -> Tensor:
    return nn.utils.rnn.pad_sequence(
        [torch.tensor(row) for row in rows], batch_first=True, padding_value=SPECIAL.pad_id
    )


def until_end(tokens: list[int]) -> list[int]:
    """Up to </s> or <pad>, in the numbers that came in."""
    kept = []
    for token in tokens:
        if token in (SPECIAL.eos_id, SPECIAL.pad_id):
            break
        kept.append(swapped(token))
    return kept
