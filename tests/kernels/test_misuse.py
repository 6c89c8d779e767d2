"""What does not fit is refused before native code reads it; the cases run in another process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ostinato.kernels import bindings

CASES = Path(__file__).with_name("misuse_cases.py")
EXPECTED = {  # what the answer, or the error, begins with or contains
    "a streaming step copied": "same",
    "a streaming step deeply": "same",
    "a streaming step pickled": "same",
    "copies_have_states_of_their_own": "same",
    "another_state": "same",
    "a_state_of_another_size": "ValueError: state must have parts of (1, 40); got (1, 7)",
    "a_state_whose_memory_is_exchanged": "[1, 40]",
    "a_streaming_step_of_smaller_layers": "make a new StreamingStep",
    "a_streaming_step_of_smaller_data": "",
    "a_single_step_of_smaller_layers": "RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    "a token step copied": "TypeError: a TokenStep cannot be copied or pickled",
    "a token step deeply": "TypeError: a TokenStep cannot be copied or pickled",
    "a token step pickled": "TypeError: a TokenStep cannot be copied or pickled",
    "an output layer wider": "whose sizes fit one another",
    "an output layer narrower_inputs": "whose sizes fit one another",
    "an output layer wider_inputs": "whose sizes fit one another",
    "an_output_layer_whose_data_is_smaller": "whose sizes fit one another",
    "an_embedding_of_another_width": "whose sizes fit one another",
    "weights_that_go_away_under_a_token_step": "same",
    "a_state_for_a_token_step": "AttributeError",
    "chances nan": "ValueError: token step: chances must lie in 0..1",
    "chances negative": "ValueError: token step: chances must lie in 0..1",
    "chances large": "ValueError: token step: chances must lie in 0..1",
    "negative_top_k": "top_k and top_p must not be negative",
    "a_token_without_an_embedding": "IndexError: token step: tokens must lie in 0..19",
    "targets int32": "ValueError: targets must be ids of dtype torch.int64; got torch.int32",
    "targets bool": "ValueError: targets must be ids of dtype torch.int64; got torch.bool",
    "targets float": "ValueError: targets must be ids of dtype torch.int64; got torch.float32",
    "a_softmax_bias_of_another_length": "ValueError: bias must be [V] = [9]; got (2,)",
    "a_linear_bias_of_another_length": "RuntimeError",
    "a_linear_bias_that_torch_expands": "same",
    "a cell with a_short_input_bias": "input_bias must hold 80 numbers; got 3",
    "a cell with a_short_inner_bias": "RuntimeError: The size of tensor a (60)",
    "a cell with short_peepholes": "cell_parameters must hold 60 numbers; got 3",
    "a cell with short_norms": "cell_parameters must hold 200 numbers; got 183",
    "a cell with a_small_input_weight": "input_weight must hold 320 numbers; got 160",
    "a cell with a_small_hidden_weight": "only a projection has outputs of another size",
    "a_state_of_fewer_rows": "h0 must hold 60 numbers; got 20",
    "a_double_state": "TypeError: h0 must be torch.float32 on the CPU; got torch.float64 on cpu",
    "lengths int32": "same",
    "lengths strided": "same",
    "wrong lengths bool": "ValueError: lengths must be whole numbers; got torch.bool",
    "wrong lengths float": "ValueError: lengths must be whole numbers; got torch.float32",
    "wrong lengths few": "ValueError: lengths must be [3]; got [1]",
    "wrong lengths negative": "ValueError: lengths must lie in 0..9; got -1..3",
    "wrong lengths long": "ValueError: lengths must lie in 0..9; got 1..300",
    "small weights bfloat16": "h0 must hold 60 numbers; got 20",
    "small weights int8": "ValueError: x must be float32 on the CPU, the state 1 of [3, 20]",
    "an operator small_h0": "h0 must hold 60 numbers; got 20",
    "an operator small_weight": "from_input must be [60, 4]; got [6, 4]",
    "an operator wide_input": "from_input must be [60, 4]; got [60, 400]",
    "an operator small_bias": "RuntimeError: The size of tensor a (60)",
    "an operator small_mask": "mask must hold 60 numbers; got 1",
    "an operator doubles": "TypeError: inputs must be torch.float32 on the CPU",
    "an_operator_of_a_small_record": "gates must hold 2160 numbers; got 80",
    "a product small_out": "[2, 6]",
    "a product small_b": "ValueError: product: rows must not overlap",
    "a product small_bias": "bias must hold 6 numbers; got 2",
    "a random field with few_lengths": "lengths must hold 2 numbers; got 1",
    "a random field with long_lengths": "IndexError: crf: lengths must lie in 0..5",
    "a random field with int32_lengths": "TypeError: lengths must be torch.int64 on the CPU",
    "a random field with few_labels": "targets must hold 10 numbers; got 5",
    "a random field with small_potentials": "start must hold 3 numbers; got 1",
    "characters with long_lengths": "IndexError: char_features: lengths must lie in 0..4",
    "characters with a_small_bias": "bias must hold 8 numbers; got 2",
    "characters with int32_ids": "TypeError: characters must be torch.int64 on the CPU",
    "affixes_of_long_words": "IndexError: affixes: lengths must lie in 0..4",
    "affixes_without_buckets": "there must be at least one bucket",
    "lazy adam with small_moments": "mean must hold 18 numbers; got 3",
    "lazy adam with few_rates": "rates must hold 8 numbers; got 2",
    "lazy adam with old_rows": "each row's last step must be one for which",
    "lazy adam with later_rows": "each row's last step must be one for which",
    "lazy adam with int32_steps": "TypeError: last_step must be torch.int64 on the CPU",
    "dropout of doubles": "TypeError: input must be torch.float32 on the CPU",
    "dropout of everything": "ValueError: rate must be at least 0 and below 1; got 1.0",
    "a_field_there_is_not": "AttributeError: the struct has no field 'cuont'",
    "a_struct_of_another_size": "TypeError: expected a struct of",
}

pytestmark = pytest.mark.skipif(
    bindings.missing is not None, reason=f"not built: {bindings.missing}"
)


@pytest.fixture(scope="module")
def answers() -> dict[str, str | None]:
    """Each case's answer; None for the one in which the process died, none for those after it."""
    run = subprocess.run([sys.executable, CASES], capture_output=True, text=True, timeout=200)
    found: dict[str, str | None] = {}
    for line in run.stdout.splitlines():
        found |= json.loads(line)
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_misuse(answers, name):
    answer = answers[name]
    assert answer is not None, "the process died"
    assert EXPECTED[name] in answer and not answer.startswith("AssertionError")


def test_every_case_is_expected(answers):
    assert list(answers) == list(EXPECTED)
