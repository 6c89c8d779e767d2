"""Options of dialogue: those of translation, and how much of a conversation is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal, Self

from ostinato.cells import CELLS
from ostinato.options import OneOf, option
from ostinato.tasks.translation.options import TranslationOptions


@dataclass(frozen=True)
class DialogueOptions(TranslationOptions):
    answer: ClassVar[str] = "reply to each utterance"
    closed_form_models: ClassVar[tuple[str, ...]] = ()
    # replies are measured by their probabilities, which retrieved ones do not have
    alone: ClassVar[bool] = True  # type: ignore[misc]
    lexicon: ClassVar[bool] = False  # type: ignore[misc]  # a reply is no translation

    model: Annotated[str, OneOf("recurrent", *CELLS)] = option(
        "recurrent", "an encoder-decoder of recurrent networks (of --cell)"
    )
    joint_vocabulary: bool = option(True, "one vocabulary for utterances and replies")
    dev_metric: Literal["bleu", "chrf", "perplexity"] | None = option(
        "perplexity", "the dev score that chooses the best weights"
    )
    turns: int = option(
        1,
        "turns read for each reply: the utterance, and the ones before it",
        minimum=1,
        maximum=1000,
    )
    replies: Literal["every", "second"] = option(
        "every",
        "which turns of a longer conversation are learned as replies: every one, or every second "
        "one (those of one side, the system)",
    )
    conversation: bool = option(
        False,
        "the input lines are the turns of one side of a conversation, and replies take earlier "
        "turns into account; an empty line begins a new one (always on at a terminal)",
        when_predicting=True,
    )

    def at_a_terminal(self) -> Self:
        return replace(self, conversation=True)
