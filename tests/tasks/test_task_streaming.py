"""Models of one direction fed item by item: chunked = whole, saved and restored = never
interrupted.
"""

from __future__ import annotations

import gzip
import itertools

import numpy as np
import pytest
import torch

import ostinato
from ostinato.cells.lstm import LSTM
from ostinato.data.files.samples import sample_files
from ostinato.data.text.sentence import Sentence
from ostinato.errors import InputError
from ostinato.layers.embedding import Embedding
from ostinato.models.tagger import Tagger
from ostinato.tasks.shared.streamer import flatten_state, leaves, restore_state

QUICK = {"epochs": 0.1, "tensorboard": False}
LINES = {"language": 60, "classification": 41, "tagging": 500, "translation": 40, "dialogue": 20}


def train(task, out, **settings):
    """A model of nothing, trained on the first lines of the packaged sample."""
    with gzip.open(sample_files(task)["train"], "rt", encoding="utf-8") as file:
        lines = list(itertools.islice(file, LINES[task]))
    path = out.parent / sample_files(task)["train"].name.removesuffix(".gz")
    path.write_text("".join(lines), encoding="utf-8")
    if task in ("language", "classification"):
        settings["alone"] = True  # a stream is the network's; a baseline's share is not in it
    return ostinato.train(task, train=[path], out=out, **settings, **QUICK)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("streams")


@pytest.fixture(scope="module")
def language(folder):
    return train("language", out=folder / "language", hidden_size=16, layers=2)


@pytest.fixture(scope="module")
def words(folder):
    settings = {"unit": "word", "vocabulary_size": 300, "cell": "gru", "hidden_size": 8}
    return train("language", out=folder / "words", **settings)


def same(one, other) -> bool:
    return all(map(torch.equal, leaves(one), leaves(other)))


@pytest.mark.parametrize("name", ["language", "words"])
def test_a_text_in_pieces_is_the_text(name, request):
    model = request.getfixturevalue(name)
    text = "What is the matter with you"
    pieces = list(text) if name == "language" else text.split()
    stream, total = model.stream(), 0.0
    for piece in pieces:
        answer = stream.feed(piece)
        total += answer.log_probability
    whole = model.stream()
    once = whole.feed(text)
    assert once.next == answer.next
    assert once.log_probability == pytest.approx(total, rel=1e-9)
    assert same(whole.state, stream.state)
    # the same distribution as the network's own of the whole prompt
    ids = torch.tensor([model.task.preprocessing.prompt_ids(text)])
    logits, _ = model.network.read(ids, model.network.initial_state(1))
    torch.testing.assert_close(stream.state[1], logits.log_softmax(-1), rtol=1e-4, atol=1e-4)


def test_the_log_probability_of_a_line_is_its_score(language):
    [score] = language.score(["ROMEO:"])
    assert language.stream().feed("ROMEO:\n").log_probability == pytest.approx(score, abs=1e-4)


def test_marks_follow_their_word(words):
    tokenizer = words.task.preprocessing.tokenizer
    streamer = words.streamer()
    parts = [streamer.parse(part) for part in ("Well", ",", "what", "is", "it", "?")]
    assert list(itertools.chain(*parts)) == tokenizer.encode("Well, what is it?")
    line_end = words.task.preprocessing.line_end
    assert streamer.parse("what\nis") == [
        *tokenizer.encode("what"),
        line_end,
        *tokenizer.encode("is"),
    ]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "mingru"])
def test_sequences_together_have_the_bits_of_each_alone(folder, cell):
    model = train("language", out=folder / cell, cell=cell, hidden_size=12)
    streamer = model.streamer()
    items = [streamer.parse(text) for text in ("a", "hello", "", "the q", "ROMEO:\nWhat")]
    states = [streamer.start() for _ in items]
    for _ in range(3):
        alone = [streamer.feed(*pair) for pair in zip(items, states, strict=True)]
        together = streamer.feed_all(items, states)
        for (answer, state), (other, other_state) in zip(alone, together, strict=True):
            assert answer == other
            assert same(state, other_state)
        states = [state for _, state in together]


def test_a_saved_state_goes_on_to_the_same_bits(language, tmp_path):
    stream = language.stream()
    [*stream.each("ROMEO:")]
    before = stream.state
    stream.save(tmp_path / "state.safetensors")
    first = stream.feed("I am")
    other = language.stream()
    other.restore(tmp_path / "state.safetensors")
    assert other.feed("I am") == first
    assert same(other.state, stream.state)
    stream.state = before
    assert stream.feed("I am") == first
    stream.reset()
    assert stream.feed("R") == language.stream().feed("R")


def test_states_of_other_models_are_refused(language, words, tmp_path):
    stream = language.stream()
    with pytest.raises(InputError, match="not of this model: it was made by other weights"):
        stream.from_bytes(words.stream().to_bytes())
    with pytest.raises(InputError, match="not a state: expected a safetensors file"):
        stream.from_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"no such file; stream\.save writes one"):
        stream.restore(tmp_path / "missing")
    (tmp_path / "other").write_bytes(b"")
    with pytest.raises(InputError, match="other: not a state"):
        stream.restore(tmp_path / "other")
    like = stream.streamer.start()
    tensors = flatten_state(like)
    assert same(restore_state(tensors, like), like)
    first = next(iter(tensors))
    for wrong, message in (
        ({}, "other tensors"),
        ({**tensors, first: tensors[first][:, 1:]}, "another shape or type"),
        ({**tensors, first: tensors[first].double()}, "another shape or type"),
        ({**tensors, first: tensors[first] * torch.nan}, "not finite"),
    ):
        with pytest.raises(InputError, match=message):
            restore_state(wrong, like)


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "both-ends", "ensemble"])
def test_a_text_classified_word_by_word(folder, pooling):
    model = train(
        "classification",
        out=folder / pooling,
        bidirectional=False,
        pooling=pooling,
        hidden_size=8,
        embedding_size=6,
        members=2,
    )
    stream = model.stream()
    assert stream.carries_state
    text = "a great and moving film, if a little long"
    for word in ("a", "great", "and", "moving", "film", ",", "if", "a", "little", "long"):
        answer = stream.feed(word)
    [whole] = model.predictions([text])
    assert answer.labels == whole.labels
    assert answer.probabilities == pytest.approx(whole.probabilities, abs=1e-6)
    assert stream.feed("").probabilities == answer.probabilities
    assert model.stream().feed("").probabilities == model.predictions([""])[0].probabilities
    with pytest.raises(InputError, match="expected a piece of text; got 3"):
        stream(3)


def test_a_series_step_by_step(folder, tmp_path):
    random = np.random.default_rng(0)
    values, labels = random.normal(size=(40, 9, 2)), np.arange(40) % 2
    np.savez(tmp_path / "train.npz", X=values + labels[:, None, None], y=labels)
    model = ostinato.train(
        "classification",
        train=[tmp_path / "train.npz"],
        out=folder / "series",
        bidirectional=False,
        pooling="last",
        hidden_size=6,
        alone=True,
        members=1,
        **QUICK,
    )
    stream = model.stream()
    for step in values[0].tolist():
        answer = stream.feed(step)
    assert answer.probabilities == pytest.approx(
        model.predictions([values[0]])[0].probabilities, abs=1e-6
    )
    chunks = model.stream()
    chunks.feed(values[0][:4])
    assert chunks.feed(values[0][4:]).probabilities == pytest.approx(answer.probabilities, abs=1e-6)
    with pytest.raises(InputError, match="3 dimensions, but the model has 2"):
        stream([[1.0, 2.0, 3.0]])


def test_a_film_frame_by_frame(folder):
    settings = {"bidirectional": False, "pooling": "mean", "hidden_size": 8, "alone": True}
    model = ostinato.train("video", out=folder / "video", **settings, **QUICK)
    clip = model.task.reader.read([str(sample_files("video")["test"])])[0]
    stream = model.stream()
    for frame in clip.frames:
        answer = stream.feed(frame[None])
    [whole] = model.predictions([clip])
    assert answer.labels == whole.labels
    assert answer.probabilities == pytest.approx(whole.probabilities, abs=1e-6)
    lists = model.stream()
    for frame in clip.frames.transpose(0, 2, 3, 1).tolist():
        again = lists.feed(frame)
    assert again.probabilities == pytest.approx(whole.probabilities, abs=1e-6)
    assert model.stream().feed([]).labels == []


def test_bases_as_they_are_read(folder, tmp_path):
    rows = ["sequence\tlabels"]
    random = np.random.default_rng(1)
    for _ in range(24):
        bases = "".join(random.choice(list("ACGT"), 60))
        rows.append(f"{bases}\t{''.join('x' if each in 'CG' else '.' for each in bases)}")
    (tmp_path / "train.tsv").write_text("\n".join(rows) + "\n")
    model = ostinato.train(
        "genome",
        train=[tmp_path / "train.tsv"],
        out=folder / "bases",
        bidirectional=False,
        hidden_size=8,
        motifs=4,
        **QUICK,
    )
    stream, text = model.stream(), rows[1].split("\t")[0]
    assert stream.carries_state
    labels, shares = [], []
    for start in range(0, 60, 7):
        answer = stream.feed(text[start : start + 7])
        assert answer.start == start
        labels += answer.labels
        shares += answer.probabilities
    whole = model.stream().feed(text)
    assert labels == whole.labels
    assert shares == pytest.approx(whole.probabilities, abs=2e-6)
    runs = model.predictions([text])[0].region.runs
    assert [run.label for run in runs for _ in run.bases] == labels


def test_filtered_tags_by_brute_force():
    """P(tag_t | words 1 .. t): the sum over all paths that end in it, one by one."""
    torch.manual_seed(0)
    tagger = Tagger(Embedding(9, 4), None, LSTM, 6, 3, bidirectional=False).eval()
    with torch.no_grad():
        tagger.crf.start.normal_()
        tagger.crf.transitions.normal_()

    class Fitted:
        tags = ["x", "y", "z"]

        def encode_inputs(self, record, begins=True):
            from ostinato.data.batching.batch import Example

            return Example(torch.tensor(record.words))

    from ostinato.data.batching.batch import Example, collate
    from ostinato.tasks.tagging.streaming import TaggingStreamer

    streamer = TaggingStreamer(Fitted(), None, tagger)
    streamer.file_tag = lambda last, tag: Fitted.tags[tag]
    words, state = [4, 7, 5, 8], streamer.start()
    with torch.no_grad():
        emissions = tagger.emissions(collate([Example(torch.tensor(words))]))[0].double()
        potentials = [part.double() for part in tagger.crf.potentials()]
    for count in range(1, len(words) + 1):
        answer, state = streamer.feed(Sentence([words[count - 1]]), state)
        totals = torch.zeros(3, dtype=torch.float64)
        for path in itertools.product(range(3), repeat=count):
            score = potentials[0][path[0]] + sum(emissions[t, y] for t, y in enumerate(path))
            score = score + sum(potentials[1][a, b] for a, b in itertools.pairwise(path))
            totals[path[-1]] += score.exp()
        totals /= totals.sum()
        assert answer.tags == [Fitted.tags[int(totals.argmax())]]
        assert answer.probabilities[0] == pytest.approx(float(totals.max()), abs=1e-5)


def test_a_sentence_word_by_word(folder):
    model = train(
        "tagging",
        out=folder / "tags",
        bidirectional=False,
        hidden_size=7,
        embedding_size=6,
        character_size=6,
        affix_size=4,
    )
    stream = model.stream()
    one = [stream.feed(word) for word in ("The", "dog", "runs")]
    several = model.stream().feed("The dog runs")
    assert [tag for answer in one for tag in answer.tags] == several.tags
    assert stream.feed("").tags == []
    assert stream.feed("The") == one[0]


def test_a_conversation(folder):
    model = train(
        "dialogue",
        out=folder / "dialogue",
        turns=3,
        hidden_size=8,
        embedding_size=6,
        beam=1,
    )
    talking = ostinato.load(model.folder, conversation=True)
    said = ["hello", "how are you?", "", "hello"]
    inputs = iter([model.task.reader.as_record(each) for each in said])
    wanted = [each.text for each in talking.task.predictor.stream(talking.network, inputs)]
    stream = model.stream()
    assert [*stream.each(said)] == wanted
    restored = model.stream()
    restored.from_bytes(stream.to_bytes())
    assert restored("how are you?") == stream("how are you?")


@pytest.mark.parametrize(
    ("task", "settings", "why"),
    [
        ("classification", {"bidirectional": True}, "reads in both directions: it needs the whole"),
        ("classification", {"bidirectional": False, "pooling": "attention"}, "pooling attention"),
        ("classification", {"model": "convolution"}, "not a single recurrent one"),
        ("tagging", {}, "reads in both directions: it needs the sentence"),
        ("tagging", {"model": "hmm"}, "not a single recurrent network"),
        ("translation", {"vocabulary_size": 100}, "needs the whole of an input"),
        ("dialogue", {"vocabulary_size": 100}, "reads one turn only"),
    ],
)
def test_who_carries_no_state_says_why(task, settings, why, tmp_path):
    sizes = {} if "model" in settings else {"hidden_size": 8, "embedding_size": 6}
    if task == "classification":
        sizes["members"] = 1
    model = train(task, out=tmp_path / "run", **sizes, **settings)
    stream = model.stream()
    assert not stream.carries_state
    assert why in stream.why_not
    assert stream.state == ()
    assert stream("a b") == model.predict(["a b"])[0]
