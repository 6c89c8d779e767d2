"""A tagging run as a component of a spaCy pipeline.

nlp = spacy.blank("en")
nlp.add_pipe("ostinato_tagger", config={"run": "runs/ner"})
[(entity.text, entity.label_) for entity in nlp("Ada went to Oslo.").ents]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans, minibatch

from ostinato.data.text.sentence import Sentence
from ostinato.errors import InputError
from ostinato.model import Model, load
from ostinato.tasks.tagging.span_reader import span_reader


class TaggingComponent:
    """Sets `doc.ents` where the tags spell out spans, else `token.tag_`, sentence by sentence where
    a component before it finds sentences."""

    def __init__(self, model: Model):
        if model.task.name != "tagging":
            raise InputError(f"{model.folder}: a run of task {model.task.name}, not tagging")
        self.model, self.read_spans = model, span_reader(model.task.preprocessing)

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """The documents of a stream, tagged a batch at a time."""
        for docs in minibatch(stream, batch_size):
            tokens = [
                (doc, [token for token in sentence if not token.is_space])
                for doc in docs
                for sentence in (doc.sents if doc.has_annotation("SENT_START") else [doc])
            ]
            records = [Sentence([token.text for token in each]) for _, each in tokens]
            for (doc, each), answer in zip(tokens, self.model.predictions(records), strict=True):
                self.annotate(doc, each, answer.tags)
            yield from docs

    def annotate(self, doc: Doc, tokens: list, tags: list[str]) -> None:
        """Writes the tags of one sentence into its document."""
        if self.read_spans is None:
            for token, tag in zip(tokens, tags, strict=True):
                token.tag_ = tag
            return
        ends = (
            (kind, tokens[start].i, tokens[end - 1].i) for kind, start, end in self.read_spans(tags)
        )
        doc.ents = filter_spans([*doc.ents, *(Span(doc, a, b + 1, label=k) for k, a, b in ends)])


@Language.factory("ostinato_tagger", assigns=["doc.ents", "token.tag"])
def make_component(nlp: Language, name: str, run: str) -> TaggingComponent:
    """The component of a run folder, or of a model on the hub."""
    return TaggingComponent(load(run))
