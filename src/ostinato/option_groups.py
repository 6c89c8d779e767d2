"""The group in which `--help` lists an option, and the options listed before `--help-all`.

One table of names serves all tasks. An option that is not in it belongs to `decoding` if it can be
changed on a trained model, and otherwise to the default of its dataclass: `model` for a task,
`training` for the training options. `option(..., group="data")` overrides the table."""

from __future__ import annotations

from collections.abc import Iterable

from ostinato.options import Field

GROUPS: dict[str, str] = {
    "data": """
        unit vocabulary_size source_vocabulary_size target_vocabulary_size minimum_count
        joint_vocabulary tokenized lowercase zero_digits maximum_tokens maximum_length maximum_steps
        long_lines cut window margin text_column label_column label_separator source_column
        target_column word_column tag_column sentence_column tag_names feature_columns
        sequence_column image_column caption_column ordinal scheme binary positive masked
        reverse_source turns replies image_size
        features encoder encoder_output normalise_pixels feature_cache embedding_cache
        embedding_cache_size steps_per_quarter voices
        condition repeats normalise_key""",
    "model": "",
    "regularisation": """
        dropout input_dropout output_dropout word_dropout character_dropout layer_dropout
        recurrent_dropout head_dropout locked locked_dropout weight_drop zoneout unknown state_reset
        activation_pull temporal_pull weight_decay label_smoothing subword_sampling crop shift zoom
        flip transpose reverse_complement""",
    "training": """
        dev_metric class_weights teacher_forcing initial_range sparse_embeddings output_precision
        chunk vary_chunk rotate direction""",
    "decoding": "",
}
GROUP_OF = {name: group for group, names in GROUPS.items() for name in names.split()}

# what people set first: about a dozen options of any task
COMMON = frozenset(
    {
        *("horizon", "season", "look_back", "decoder"),
        *("unit", "vocabulary_size", "label_separator", "window", "voices"),
        *("model", "cell", "hidden_size", "layers", "bidirectional", "attention", "crf", "motifs"),
        *("dropout", "chunk", "epochs", "batch_size", "learning_rate", "patience", "beam"),
    }
)


def group_of(field: Field, default: str) -> str:
    """The group of an option; `default` is that of the dataclass it comes from."""
    if field.metadata.get("group"):
        return field.metadata["group"]
    if field.metadata.get("when_predicting"):
        return "decoding"
    return GROUP_OF.get(field.name, default)


def group_options(
    task_options: Iterable[Field], training_options: Iterable[Field] = ()
) -> list[tuple[str, list[Field]]]:
    """The options of a task and of training in their groups; empty groups are left out."""
    groups: dict[str, list[Field]] = {group: [] for group in GROUPS}
    for field in task_options:
        groups[group_of(field, "model")].append(field)
    for field in training_options:
        groups[group_of(field, "training")].append(field)
    return [(group, members) for group, members in groups.items() if members]
