"""--embeddings RUN: what language models read of words, and runs that use them."""

import json
import re
import shutil

import pytest
import torch

import ostinato
from ostinato.commands.export import export
from ostinato.data.batching.batch import collate
from ostinato.data.text.tokenizers import train_tokenizer
from ostinato.data.text.vocabulary import UNK
from ostinato.tasks.classification.encoders import spaced_words, tokenize_words
from ostinato.tasks.language.options import LanguageOptions
from ostinato.tasks.language.preprocessing import LanguagePreprocessing
from ostinato.tasks.shared.contextual_text import Words, read_words

TEXT = [
    "the dog barks .",
    "a cat sleeps on the mat .",
    "dogs and cats run , and a bird sings .",
    "the bird sleeps .",
]
TINY = {"hidden_size": 8, "embedding_size": 6, "epochs": 1.0, "tensorboard": False}
TAGS = "the DET\ndog NOUN\nbarks VERB\n\na DET\ncat NOUN\nsleeps VERB\n. PUNCT\n\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with runs of the language task: forward, backward, words; and tagged sentences."""
    folder = tmp_path_factory.mktemp("contextual")
    (folder / "text.txt").write_text("\n".join(TEXT * 12) + "\n")
    (folder / "tags.txt").write_text(TAGS * 12)
    common = {"train": [str(folder / "text.txt")], **TINY}
    for name, settings in {
        "forward": {},
        "backward": {"direction": "backward"},
        "words": {"unit": "word"},
    }.items():
        ostinato.train("language", out=str(folder / name), **common, **settings)
    return folder


@pytest.fixture(scope="module")
def tagged(made):
    """A tagger over a forward and a backward model; their runs are gone since."""
    for name in ("forward", "backward"):
        shutil.copytree(made / name, made / f"gone-{name}")
    model = train_tagger(made, "tagger", f"{made}/gone-forward,{made}/gone-backward")
    for name in ("forward", "backward"):
        shutil.rmtree(made / f"gone-{name}")
    return model


def train_tagger(made, name, embeddings, **settings):
    settings = {"hidden_size": 8, "affix_size": 0, "character_size": 4, **settings}
    return ostinato.train(
        "tagging",
        train=[str(made / "tags.txt")],
        dev=[str(made / "tags.txt")],
        out=str(made / name),
        embeddings=embeddings,
        embedding_size=6,
        epochs=2.0,
        least_steps=4,
        tensorboard=False,
        **settings,
    )


def preprocess(unit="character", direction="forward", **settings):
    options = LanguageOptions(unit=unit, direction=direction, tokenized=False)
    return LanguagePreprocessing(options, train_tokenizer(unit, TEXT, **settings))


def spell(preprocessing, reading):
    tokens = preprocessing.tokenizer.id_to_token
    return [tokens[number] for number in reading.tokens.tolist()], reading.ends.tolist()


def test_characters_forward_end_at_each_word_and_backward_at_its_beginning():
    first = preprocess().line_end
    words = Words(["the", "dog", "."], [True, True, False])
    forward, backward = preprocess(), preprocess(direction="backward")
    begin = forward.tokenizer.id_to_token[first]
    assert spell(forward, read_words(forward, words)) == ([begin, *"the dog."], [3, 7, 8])
    assert spell(backward, read_words(backward, words)) == ([begin, *".god eht"], [8, 4, 1])


def test_words_of_a_model_of_words_are_known_with_and_without_a_space():
    made = preprocess("word")
    reading = read_words(made, Words(["the", "zebra", "."]))
    tokens, ends = spell(made, reading)
    assert tokens[1:] == ["▁the", "<unk>", "▁."]
    assert ends == [1, 2, 3]
    attached = spell(made, read_words(made, Words(["dog", "."], [True, False])))[0]
    assert attached[1:] == ["▁dog", "▁."]  # it has seen the mark after a space alone


def test_a_piece_of_a_sentence_continues_it():
    made = preprocess()
    whole = spell(made, read_words(made, Words(["the", "dog"])))[0]
    first = spell(made, read_words(made, Words(["the"])))[0]
    rest = spell(made, read_words(made, Words(["dog"], begins=False)))
    assert first + rest[0] == whole
    assert rest[1] == [3]


def test_a_word_without_characters_and_a_text_without_words_can_be_read():
    for direction in ("forward", "backward"):
        made = preprocess(direction=direction)
        assert len(read_words(made, Words([""])).ends) == 1
        assert len(read_words(made, Words([])).tokens) == 1
    assert read_words(preprocess(), Words([""], begins=False)).tokens.tolist()


def test_words_of_a_text_keep_their_case_and_spaces_for_language_models():
    units = train_tokenizer("word", ["it rains."], lowercase=True)
    pairs = tokenize_words(units, "It RAINS.")
    assert [word for word, _ in pairs] == ["▁it", "▁rains", "."]
    assert spaced_words(pairs) == Words(["It", "RAINS", "."], [True, True, False])
    assert spaced_words([("it", "it"), (".", ".")]).spaced is None  # tokenised texts


def test_a_line_is_read_from_its_end_by_a_backward_model(made):
    forward, backward = (ostinato.load(made / name) for name in ("forward", "backward"))
    (line,) = forward.records(["the dog barks ."])
    ids = forward.task.preprocessing.ids(line)
    assert backward.task.preprocessing.ids(line) == [*reversed(ids[:-1]), ids[-1]]
    assert len(backward.score(["the dog barks .", ""])) == 2
    with pytest.raises(ostinato.InputError, match="knows what comes before, not what comes next"):
        backward.predict(["the"])
    with pytest.raises(ostinato.InputError, match="generate: a model of direction backward"):
        backward.generate(length=3)
    assert "from its end" in backward.streamer().why_not
    with pytest.raises(ostinato.InputError, match="suggest: a model of"):
        ostinato.load(made / "backward", suggest=3)


def vectors_of(model, words):
    preprocessing = model.task.preprocessing
    batch = collate([preprocessing.encode_inputs(model.task.reader.as_record(words))])
    with torch.inference_mode():
        return model.network.contextual(batch.readings)[0]


def test_later_words_do_not_change_a_forward_models_vectors_nor_earlier_ones_a_backward_models(
    tagged,
):
    half = tagged.network.contextual.readers[0].output_size
    one, other = (vectors_of(tagged, f"the dog {last}") for last in ("barks .", "sings and runs"))
    assert torch.equal(one[:2, :half], other[:2, :half])
    assert not torch.equal(one[:2, half:], other[:2, half:])
    one, other = (vectors_of(tagged, f"{first} dog barks") for first in ("the", "a"))
    assert torch.equal(one[1:, half:], other[1:, half:])
    assert not torch.equal(one[1:, :half], other[1:, :half])


def test_a_run_is_complete_without_the_language_models(tagged):
    """Saved and loaded = the same, to the bit."""
    again = ostinato.load(tagged.folder)
    inputs = ["the dog sleeps .", "a cat", "bird", ""]
    assert [each.details for each in again.predictions(inputs)] == [
        each.details for each in tagged.predictions(inputs)
    ]
    assert "reads backward: it needs the sentence" in again.streamer().why_not
    assert not (tagged.folder / "training" / "embeddings").exists()  # no cache is left


def test_with_and_without_a_cache_a_run_has_the_same_weights(made, tmp_path):
    runs = f"{made}/forward"
    with_cache = train_tagger(made, "cached", runs, embedding_cache=str(tmp_path / "kept"))
    (path,) = (tmp_path / "kept").iterdir()
    size = path.stat().st_size
    again = train_tagger(made, "again", runs, embedding_cache=str(tmp_path / "kept"))
    assert [each.stat().st_size for each in (tmp_path / "kept").iterdir()] == [size]
    without = train_tagger(made, "uncached", runs, embedding_cache_size=0)
    for other in (again, without):
        for name, tensor in with_cache.network.state_dict().items():
            assert torch.equal(tensor, other.network.state_dict()[name]), name


def test_frozen_weights_stay_and_tuned_ones_move(made):
    before = ostinato.load(made / "forward").networks[0].embedding.weight
    for tuned in (False, True):
        model = train_tagger(made, f"tuned-{tuned}", f"{made}/forward", tune_embeddings=tuned)
        now = model.network.contextual.readers[0].embedding.weight
        assert torch.equal(before, now) is not tuned
    assert ostinato.load(model.folder).predict(["the dog"]) == model.predict(["the dog"])


@pytest.mark.parametrize("embeddings", ["forward", "words"])
def test_a_tagger_of_one_direction_over_forward_models_reads_word_by_word(made, embeddings):
    flags = {"bidirectional": False, "crf": False}
    model = train_tagger(made, f"one-{embeddings}", f"{made}/{embeddings}", **flags)
    words = ["the", "dog", "barks", ".", "a", "cat"]
    record = model.task.reader.as_record(" ".join(words))
    batch = collate([model.task.preprocessing.encode_inputs(record)])
    with torch.inference_mode():
        whole = model.network.emissions(batch)[0].softmax(-1).amax(-1).tolist()
    streamer, found = model.streamer(), []
    state = streamer.start()
    for word in words:
        answer, state = streamer.feed(streamer.parse(word), state)
        state = streamer.from_tensors(streamer.to_tensors(state))
        found += answer.probabilities
    assert found == pytest.approx(whole, abs=1e-4)
    stream = model.stream()
    assert [stream(word) for word in words] == [
        str(each) for each in model.predictions([" ".join(words)])[0].tags
    ]


def test_a_classifier_reads_language_models_and_a_file_beside_them(made, tmp_path):
    (tmp_path / "vectors.txt").write_text("dog 1 0 0\ncat 0 1 0\n")
    data = [("the dog barks .", "dog"), ("A cat sleeps .", "cat")] * 20
    model = ostinato.train(
        "classification",
        train=data,
        dev=data,
        out=str(tmp_path / "run"),
        embeddings=f"{tmp_path}/vectors.txt,{made}/forward,{made}/backward",
        hidden_size=8,
        affix_size=0,
        character_size=4,
        epochs=1.0,
        least_steps=4,
        tensorboard=False,
    )
    assert model.task.options.embedding_size == 3
    members = model.network.members
    assert len({id(each.contextual) for each in members}) == 1  # shared, and saved once
    again = ostinato.load(model.folder)
    assert [each.details for each in again.predictions(["The dog", ""])] == [
        each.details for each in model.predictions(["The dog", ""])
    ]
    assert "read the whole text" in again.streamer().why_not
    with pytest.raises(ostinato.InputError, match="is not exported"):
        export(str(model.folder), format="onnx", output=str(tmp_path / "model.onnx"))


FAULTS = {
    "tagger": r"a run of task tagging, not language",
    "nothing": r"nothing: .*no such file",
    "empty": r"no trained model in it",
    "damaged": r"damaged \(",
    "counted": r"a kneser-ney model has no states to read",
    "greek": r"% of the characters of the training data are unknown to this language model; is it "
    r"of the right language\?",
    "a.vec,b.vec": r"one file of vectors can be given",
}


@pytest.fixture(scope="module")
def faulty(made, tagged):
    common = {"train": [str(made / "text.txt")], **TINY}
    (made / "empty").mkdir()
    shutil.copytree(made / "forward", made / "damaged")
    weights = made / "damaged" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    ostinato.train("language", model="kneser-ney", out=str(made / "counted"), train=common["train"])
    (made / "greek.txt").write_text("ο σκύλος γαβγίζει\n" * 40)
    ostinato.train(
        "language", out=str(made / "greek"), **{**common, "train": [str(made / "greek.txt")]}
    )
    return made


@pytest.mark.parametrize("embeddings", FAULTS)
def test_bad_runs_are_refused_in_one_line(embeddings, faulty, refused):
    command = f"train tagging --train tags.txt --out new --embeddings {embeddings}"
    refused(faulty, command, re.compile(FAULTS[embeddings]))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--tune-embeddings", "--tune-embeddings needs --embeddings RUN"),
        ("--tune-embeddings --embeddings x.vec", "names no run of a language"),
        ("--freeze-embeddings --embeddings forward", "needs --embeddings FILE"),
        (
            "--embeddings forward --embedding-cache tags.txt",
            "tags.txt: a file; name a folder",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(flags, message, faulty, refused):
    refused(faulty, f"train tagging --train tags.txt --out new {flags}", message)


def test_other_tasks_take_vectors_of_a_file_alone(made, refused):
    (made / "pairs.tsv").write_text("source\ttarget\n" + "the dog\tle chien\na cat\tun chat\n" * 9)
    command = "train translation --train pairs.tsv --out new --embeddings forward"
    refused(made, command, "forward: a folder; name a file of word vectors")


def test_a_strangers_run_names_no_folder_that_is_read(tagged, tmp_path):
    shutil.copytree(tagged.folder, tmp_path / "run")
    path = tmp_path / "run" / "model.json"
    description = json.loads(path.read_text())
    description["options"]["embeddings"] = "/proc/self"
    path.write_text(json.dumps(description))
    assert ostinato.load(tmp_path / "run").predict(["the dog"]) == tagged.predict(["the dog"])
    description["state"]["contextual"][0]["state"] = {"units": 3}
    path.write_text(json.dumps(description))
    with pytest.raises(ostinato.InputError, match="damaged"):
        ostinato.load(tmp_path / "run")


def test_an_unknown_character_is_the_unknown_token():
    assert UNK in read_words(preprocess(), Words(["€"])).tokens
