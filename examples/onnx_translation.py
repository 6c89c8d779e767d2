"""A translation model in ONNX Runtime, without torch: greedy decoding in a loop of a dozen lines.

    ostinato train translation --out runs/en-fr
    ostinato export runs/en-fr --format onnx --output en-fr.onnx
    python examples/onnx_translation.py en-fr.onnx "I have never seen this man."

Needs onnxruntime, numpy and, for subwords, sentencepiece. Its translations are those of
`ostinato predict --beam 1`.
"""

import base64
import json
import sys
import unicodedata

import numpy as np
import onnxruntime


def load(path: str, part: str):
    return onnxruntime.InferenceSession(path.replace(".onnx", f".{part}.onnx"))


def run(session, feeds: dict) -> dict:
    wanted = {each.name for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(None, {n: feeds[n] for n in wanted}), strict=True))


def main(path: str, text: str, most: int = 0) -> str:
    import sentencepiece

    encoder, decoder = load(path, "encoder"), load(path, "decoder")
    about = json.loads(encoder.get_modelmeta().custom_metadata_map["ostinato"])
    source, target = (
        sentencepiece.SentencePieceProcessor(model_proto=base64.b64decode(about[side]["proto"]))
        for side in ("source", "target")
    )
    text = " ".join(unicodedata.normalize("NFC", text).replace("▁", " ").split())
    ids = source.encode(text)[: about["maximum_tokens"]]
    ids = ids[::-1] if about["reverse_source"] else ids
    if not ids:  # ONNX Runtime must not be given nothing
        return ""
    one = np.ones(1, np.int64)
    state = run(encoder, {"tokens": np.array([ids]), "lengths": one * len(ids)})
    state |= {"source_lengths": one * len(ids), "lengths": one}
    token, found, most = about["bos"], [], most or 10 + 2 * len(ids)
    while token != about["eos"] and len(found) < most:
        step = run(decoder, {**state, "tokens": np.array([[token]])})
        state |= {n.removesuffix("_out"): value for n, value in step.items() if n.endswith("_out")}
        logits = step["output"][0, 0]
        logits[[0, about["bos"]]] = -np.inf  # <pad> and <bos> are never generated
        token = int(logits.argmax())
        found.append(token)
    return target.decode([each for each in found if each != about["eos"]])


if __name__ == "__main__":
    print(main(*sys.argv[1:3]))
