"""Replies: which turns are read, conversations that go on, and the nearest utterance beside
them.
"""

import io

import pytest

import ostinato
from ostinato.data.text.sentence_pairs import Pair
from ostinato.data.text.tokenizers import tokenizer_from_dict
from ostinato.errors import InputError
from ostinato.notices import collect_notices
from ostinato.tasks.dialogue.baseline import Retrieval
from ostinato.tasks.dialogue.options import DialogueOptions
from ostinato.tasks.dialogue.reader import DialogueReader


def reader(**settings) -> DialogueReader:
    return DialogueReader(DialogueOptions(**settings))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dialogue")
    return ostinato.train(
        "dialogue",
        out=folder / "run",
        hidden_size=16,
        embedding_size=8,
        vocabulary_size=300,
        epochs=0.1,
        turns=3,
        tensorboard=False,
    )


def test_every_turn_answers_those_before_it():
    assert list(reader(turns=2).pairs(["a", "b", "c", "d"])) == [
        Pair("a", "b"),
        Pair("a ¶ b", "c"),
        Pair("b ¶ c", "d"),
    ]
    assert list(reader(turns=9, replies="second").pairs(["a", "b", "c", "d"])) == [
        Pair("a", "b"),
        Pair("a ¶ b ¶ c", "d"),
    ]
    assert list(reader().pairs(["a"])) == []


def test_records_from_python():
    task = reader(turns=2)
    assert task.as_record("a") == Pair("a", "")
    assert task.as_record(["a", "b", "c"]) == Pair("b ¶ c", "")
    assert task.as_record((["a", "b", "c"], "d")) == Pair("b ¶ c", "d")
    assert task.as_record(("a", "b")) == Pair("a", "b")


def test_what_is_to_be_answered(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"turns": ["a", "b", "c"]}\n{"turns": ["d"]}\n')
    (tmp_path / "b.tsv").write_text("utterance\treply\na\tb\nc\t\n")
    (tmp_path / "c.txt").write_text("a\n\nb\n")
    task = reader(turns=2)
    sources = [
        record.source
        for record in task.read_inputs(
            [str(tmp_path / name) for name in ("a.jsonl", "b.tsv", "c.txt")]
        )
    ]
    assert sources == ["a ¶ b", "d", "a", "c", "a", "", "b"]


def test_a_conversation_goes_on_and_an_empty_line_begins_another(model):
    lines = ["Hello.", "Who are you?", "", "Hello."]
    talking = ostinato.load(model.folder, conversation=True)
    talked = talking.predictions(lines)
    stream = talking.stream()
    assert [stream(line) for line in lines] == [answer.text for answer in talked]
    assert talking.predict(lines) == [answer.text for answer in talked]  # nothing is left over
    first, second, _, again = (answer.text for answer in talked)
    assert first == again
    (alone,) = model.predict([["Hello.", first, "Who are you?"]])
    assert second == alone


def test_at_a_terminal(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal("Hello.\nWho are you?\n"))
    task = reader()
    assert [record.source for record in task.read_inputs(["-"])] == ["Hello.", "Who are you?"]
    assert task.options.at_a_terminal().conversation
    assert capsys.readouterr().err == "> > > \n"


def test_the_nearest_utterance(model):
    pairs = [
        Pair("who are you", "A robot."),
        Pair("what is the time", "Late."),
        Pair("what is love", "Chemistry."),
    ]
    baseline = Retrieval.fit(pairs, model.task.preprocessing.target, model.task.options)
    assert baseline.answer("And who are YOU?") == "A robot."
    assert baseline.answer("the time, please") == "Late."
    assert baseline.answer("zzz") == "A robot."
    again = Retrieval.restore(
        baseline.state(),
        tokenizer_from_dict(model.task.preprocessing.target.to_dict()),
        model.task.options,
    )
    assert again.answer("what love") == "Chemistry."
    assert again.measure(pairs) == baseline.measure(pairs)


def test_nothing_to_answer(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"turns": ["a"]}\n')
    with pytest.raises(InputError, match=r"a.jsonl: no examples \(no utterance with a reply\)"):
        reader().read([str(tmp_path / "a.jsonl")], training=True)


def test_blank_replies_are_left_out_of_training_and_counted(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"turns": ["a", "b"]}\n{"turns": ["c", " "]}\n')
    task = reader()
    with collect_notices() as notices:
        assert task.read([str(tmp_path / "a.jsonl")], training=True) == [Pair("a", "b")]
    assert "1 pair with a blank side left out" in notices[0]
    assert len(task.read([str(tmp_path / "a.jsonl")])) == 2
