"""Options of autoencoders: flags and recipe keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from ostinato.cells import CELLS
from ostinato.options import OneOf, option, redefine
from ostinato.tasks.shared.model_choice import ModelChoice
from ostinato.tasks.shared.recurrent_options import RecurrentOptions

CLOSED_FORM = ("linear", "components")


@dataclass(frozen=True)
class AutoencoderOptions(ModelChoice, RecurrentOptions):
    closed_form_models: ClassVar[tuple[str, ...]] = CLOSED_FORM

    # the data
    scaling: Literal["centre", "standard"] = option(
        "centre",
        "centre subtracts the mean of each value; standard also divides by its standard deviation, "
        "for columns of different units",
    )
    # the model
    model: Annotated[str, OneOf("deep", "recurrent", *CELLS, *CLOSED_FORM)] | None = option(
        None,
        "deep: hidden layers; linear: V = W^T; components: principal components; recurrent (of "
        "--cell): for sequences (default: deep, or recurrent for sequences)",
    )
    code_size: int = option(8, "dimension of the code", minimum=1)
    hidden_size: int = redefine(RecurrentOptions, "hidden_size", 128)
    layers: int = option(
        1, "hidden or recurrent layers on each side of the code", minimum=1, maximum=20
    )
    dropout: float = option(0.0, "dropout rate between recurrent layers", minimum=0, maximum=0.99)
    dev_metric: Literal["mse", "mae"] = option("mse", "the dev score that chooses the best weights")
    # predicting
    show: Literal["codes", "reconstructions", "errors"] = option(
        "codes",
        "what predict prints for each input: its code, its reconstruction, or its squared error",
        when_predicting=True,
    )
