"""A tagging run in a spaCy pipeline gives the tags that predict gives."""

import pytest

import ostinato
from ostinato.errors import InputError

spacy = pytest.importorskip("spacy")
component = pytest.importorskip("ostinato.spacy_component")  # registers it

NAMES = "Ada B-PER\nLovelace I-PER\nsaw O\nOslo B-LOC\n. O\n\nthe O\ndog O\nsaw O\nAda B-PER\n\n"
TAGS = "the DET\ndog NOUN\nbarks VERB\n. PUNCT\n\n"


def make(folder, text):
    """A pipeline with a tagger of these sentences, and its run."""
    (folder / "train.txt").write_text(text * 10)
    model = ostinato.train(
        "tagging",
        train=[str(folder / "train.txt")],
        dev=[str(folder / "train.txt")],
        out=str(folder / "run"),
        hidden_size=8,
        character_size=4,
        embedding_size=8,
        affix_size=0,
        epochs=20.0,
        least_steps=40,
        tensorboard=False,
    )
    nlp = spacy.blank("en")
    nlp.add_pipe("ostinato_tagger", config={"run": str(folder / "run")})
    return nlp, model


def test_spans_are_entities(tmp_path):
    nlp, model = make(tmp_path, NAMES)
    texts = ["Ada Lovelace saw Oslo.", "the dog saw  Ada", ""]
    for doc in nlp.pipe(texts):
        words = [token.text for token in doc if not token.is_space]
        (answer,) = model.predictions([" ".join(words)])
        spans = component.span_reader(model.task.preprocessing)(answer.tags)
        assert [(each.label_, each.text.split()) for each in doc.ents] == [
            (each[0], words[each[1] : each[2]]) for each in spans
        ]
    nlp.add_pipe("sentencizer", first=True)
    assert len(list(nlp("Ada saw Oslo. Ada saw Oslo.").sents)) == 2


def test_other_tags_are_tags(tmp_path):
    nlp, model = make(tmp_path, TAGS)
    doc = nlp("the dog barks.")
    assert [token.tag_ for token in doc] == list(model.predictions(["the dog barks ."])[0].tags)
    assert not doc.ents


def test_a_run_of_another_task_is_refused(trained):
    with pytest.raises(InputError, match="a run of task translation, not tagging"):
        component.TaggingComponent(ostinato.load(trained))
