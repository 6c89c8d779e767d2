"""Numbers from predictions. A metric is a file with

    count(prediction, reference) -> tuple     what is counted of one example; adds up over a corpus
    score(total) -> float                     the number, from the sum of the counts
    higher_is_better, bounds                  which end of (lowest, highest) is good

so that a corpus' score, its interval and the significance of a difference are had for every metric alike."""

from ostinato.metrics import (
    accuracy,
    auprc,
    auroc,
    bits_per_character,
    bleu,
    calibration_error,
    chrf,
    exact_match,
    f1,
    mae,
    nll_per_step,
    perplexity,
    precision,
    recall,
)

METRICS = {
    "accuracy": accuracy,
    "auprc": auprc,
    "auroc": auroc,
    "bits_per_character": bits_per_character,
    "bleu": bleu,
    "calibration_error": calibration_error,
    "chrf": chrf,
    "exact_match": exact_match,
    "f1": f1,
    "mae": mae,
    "nll_per_step": nll_per_step,
    "perplexity": perplexity,
    "precision": precision,
    "recall": recall,
}
