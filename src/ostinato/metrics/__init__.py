"""Metrics: numbers from predictions, one module each, listed in METRICS.

See `metrics.metric.Metric` for what each module defines.
"""

from ostinato.metrics import (
    accuracy,
    auprc,
    auroc,
    bits_per_character,
    bleu,
    calibration_error,
    cer,
    chrf,
    exact_match,
    f1,
    mae,
    nll_per_step,
    perplexity,
    precision,
    recall,
    wer,
)
from ostinato.metrics.metric import Metric

METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "auprc": auprc,
    "auroc": auroc,
    "bits_per_character": bits_per_character,
    "bleu": bleu,
    "calibration_error": calibration_error,
    "cer": cer,
    "chrf": chrf,
    "exact_match": exact_match,
    "f1": f1,
    "mae": mae,
    "nll_per_step": nll_per_step,
    "perplexity": perplexity,
    "precision": precision,
    "recall": recall,
    "wer": wer,
}
