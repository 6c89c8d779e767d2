"""A text classifier of Ostinato behind LitServe, as benchmarks/serving_peer.py measures it.

python benchmarks/litserve_contender.py runs/sentiment 8001
"""

from __future__ import annotations

import sys

import litserve
import torch

import ostinato

torch.set_num_threads(1)


class Classifier(litserve.LitAPI):
    def setup(self, device):
        self.model = ostinato.load(sys.argv[1])

    def decode_request(self, request):
        return request["inputs"][0]

    def batch(self, inputs):
        return list(inputs)

    def predict(self, texts):
        found = self.model.predictions(texts)
        return [{"prediction": each.text, **each.details} for each in found]

    def unbatch(self, outputs):
        return outputs

    def encode_response(self, output):
        return {"predictions": [output]}


if __name__ == "__main__":
    api = Classifier(max_batch_size=32, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        port=int(sys.argv[2]), host="127.0.0.1", generate_client_file=False, log_level="warning"
    )
