"""Text to tokens to numbers and back."""

import gzip
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato.data.files.lines import read_lines
from ostinato.data.text.normalisation import TextNormaliser
from ostinato.data.text.sentence_pairs import read_pairs
from ostinato.data.text.subwords import SubwordTokenizer
from ostinato.data.text.tokenizers import (
    TOKENIZERS,
    WordTokenizer,
    tokenizer_from_dict,
    train_tokenizer,
)
from ostinato.data.text.vocabulary import Vocabulary
from ostinato.errors import InputError

TEXTS = [
    "Le chat dort.",
    "Un chat noir, un chat blanc !",
    "« L'homme n'a pas dit oui... », dit-elle.",
    "Été : 3.50 €",
]
TEXTS *= 5
KINDS = [("word", {}), ("word", {"tokenized": True}), ("character", {}), ("subword", {})]
KINDS += [("subword", {"model": "unigram"})]
usual = st.sampled_from("ab'’-. ,!▁_\n\t\u00a0é1")
any_text = st.text(usual | st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize("unit, options", KINDS)
def test_round_trip_of_the_training_texts(unit, options):
    units = train_tokenizer(unit, TEXTS, size=60 if unit == "subword" else None, **options)
    for text in TEXTS:
        numbers = units.encode(text)
        assert 1 not in numbers
        assert units.decode(numbers) == units.normalise(text) == text
        assert units.detokenize(units.tokenize(text)) == text
        assert units.decode([2, *numbers, 3, 0, 0]) == text
    assert max(map(max, map(units.encode, TEXTS))) < len(units)


@pytest.mark.parametrize("unit, options", KINDS)
@given(text=any_text)
@settings(max_examples=60)
def test_round_trip_of_any_text(unit, options, text):
    units = train_tokenizer(unit, [text, "a"], **options)
    numbers = units.encode(text)
    if 1 in numbers:  # sentencepiece learns nothing from a zero byte, or from "<bos>" in a text
        assert "<unk>" in text or (unit == "subword" and ("\0" in text or "<" in text))
    else:
        assert units.decode(numbers) == units.normalise(text)


@pytest.mark.parametrize("unit, options", KINDS)
@given(text=any_text)
@settings(max_examples=60)
def test_tokens_and_numbers_run_in_step_so_that_copies_restore_the_unknown(unit, options, text):
    units = train_tokenizer(unit, ["something else"], **options)
    tokens, numbers = units.tokenize(text), units.encode(text)
    assert len(tokens) == len(numbers)
    assert units.decode(numbers, copies=tokens) == units.normalise(text)


@pytest.mark.parametrize("unit, options", KINDS)
def test_saved_and_loaded(unit, options):
    units = train_tokenizer(unit, TEXTS, size=60, lowercase=True, **options)
    loaded = tokenizer_from_dict(json.loads(json.dumps(units.to_dict())))
    assert (
        loaded.to_dict() == units.to_dict() and type(loaded) is TOKENIZERS[unit] and loaded == units
    )
    assert [loaded.encode(text) for text in TEXTS] == [units.encode(text) for text in TEXTS]


@pytest.mark.parametrize("unit, options", KINDS)
def test_fitting_is_deterministic_and_knows_no_line_ends(tmp_path, unit, options):
    content = "\n".join(TEXTS).encode()
    copies = [
        content,
        content.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + content + b"\n",
        gzip.compress(content),
    ]
    fitted = []
    for number, copy in enumerate(copies):
        (tmp_path / str(number)).write_bytes(copy)
        fitted.append(
            train_tokenizer(unit, read_lines(tmp_path / str(number)), size=60, **options).to_dict()
        )
    assert all(each == fitted[0] for each in fitted)
    assert "\\r" not in json.dumps(fitted[0]) and "\\ufeff" not in json.dumps(fitted[0])


@pytest.mark.parametrize("unit, options", KINDS)
def test_empty_and_unknown_texts(unit, options):
    units = train_tokenizer(unit, TEXTS, **options)
    assert units.encode("") == units.tokenize("") == [] and units.decode([]) == ""
    assert (
        set(units.encode("漢字")) - {1} in (set(), set(units.encode(" a")[:1])) or unit == "subword"
    )
    shown = units.decode([1])
    assert shown == ("\ufffd" if unit != "word" else "<unk>")


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("Hello, world!", ["▁Hello", ",", "▁world", "!"]),
        ("Don't I'm it's o'clock", ["▁Don", "'t", "▁I", "'m", "▁it", "'s", "▁o", "'clock"]),
        (
            "L'homme qu'il dell'arte l’été",
            ["▁L'", "homme", "▁qu'", "il", "▁dell'", "arte", "▁l’", "été"],
        ),
        ("« Oui... » !!", ["▁«", "▁Oui", "...", "▁»", "▁!!"]),
        ("le 3.50 à 10:30, 3rd", ["▁le", "▁3.50", "▁à", "▁10:30", ",", "▁3", "rd"]),
        ("Nord-Ouest a_b '80s", ["▁Nord", "-", "Ouest", "▁a", "_", "b", "▁'", "80", "s"]),
        ("हिन्दी भाषा", ["▁हिन्दी", "▁भाषा"]),
        ("  a\t\u00a0b \n", ["▁a", "▁b"]),
    ],
)
def test_words(text, tokens):
    assert WordTokenizer(Vocabulary([])).tokenize(text) == tokens


def test_tokenized_words_are_cut_at_spaces_only():
    units = train_tokenizer("word", ["do n't ▁ stop ."], tokenized=True)
    assert units.tokenize("do  n't ▁ stop .") == ["do", "n't", "▁", "stop", "."]


def test_spelling():
    assert TextNormaliser()("E\u0301") == "É"
    assert TextNormaliser(lowercase=True)("E\u0301T\u0045") == "éte"
    assert TextNormaliser(nfc=False)("E\u0301") == "E\u0301"
    for unit in TOKENIZERS:
        units = train_tokenizer(unit, ["été"], lowercase=True)
        assert units.encode(unicodedata.normalize("NFD", "ÉTÉ")) == units.encode("été")


def test_sizes():
    units = train_tokenizer("word", ["a a a b b c"], size=6)
    assert units.vocabulary.tokens[4:] == ["▁a", "▁b"]
    assert train_tokenizer("word", ["a a a b b c"], minimum_count=3).vocabulary.tokens[4:] == ["▁a"]
    assert len(train_tokenizer("subword", TEXTS, size=100_000)) < 300  # as many as there are
    assert (
        len(train_tokenizer("subword", TEXTS, size=12)) <= 12
    )  # the rarest characters are unknown
    assert 1 in train_tokenizer("subword", TEXTS, size=12).encode("Été")


def test_an_unbroken_line_of_a_million_characters():
    assert (
        train_tokenizer("subword", ["ab" * 500_000], size=50, model="unigram").decode([2, 3]) == ""
    )


def test_characters_keep_line_ends():
    units = train_tokenizer("character", ["a\nb\r\n\n "])
    assert units.decode(units.encode("\n a\r")) == "\n a\r"


@pytest.mark.parametrize("model", ["bpe", "unigram"])
def test_sampling_follows_from_its_seed_alone(model):
    units = train_tokenizer("subword", TEXTS, size=80, model=model)
    text = TEXTS[2]
    first = [units.encode(text, sample=seed, alpha=0.3) for seed in range(8)]
    units.encode("something in between", sample=99)
    assert [units.encode(text, sample=seed, alpha=0.3) for seed in range(8)] == first
    assert len({tuple(numbers) for numbers in first}) > 3
    assert all(units.decode(numbers) == text for numbers in first)
    assert units.encode(text) == units.encode(text)
    assert train_tokenizer("word", TEXTS).encode(text, sample=1) == train_tokenizer(
        "word", TEXTS
    ).encode(text)


def test_errors_of_fitting():
    with pytest.raises(InputError, match="unit wrod: no such unit; did you mean 'word'"):
        train_tokenizer("wrod", TEXTS)
    with pytest.raises(InputError, match="subword_model bep: no such model; did you mean 'bpe'"):
        SubwordTokenizer.fit(TEXTS, model="bep")
    with pytest.raises(
        InputError, match="vocabulary_size 5: too small for subwords; give a few hundred"
    ):
        SubwordTokenizer.fit(TEXTS, size=5)
    with pytest.raises(InputError, match="no text to learn subwords from"):
        SubwordTokenizer.fit(["", " "])
    with pytest.raises(InputError, match="no word occurs 9 times or more in the training texts"):
        train_tokenizer("word", ["a b"], minimum_count=9)


@pytest.mark.parametrize(
    "change", [{"unit": "x"}, {"spelling": {"x": 1}}, {"vocabulary": {}}, {"unit": "subword"}]
)
def test_damaged_dictionaries(change):
    content = train_tokenizer("character", TEXTS).to_dict()
    with pytest.raises(ValueError, match="units|vocabulary"):
        tokenizer_from_dict({**content, **change})


@pytest.mark.parametrize("proto", ["AAAA", "", "not base64!", 3])
def test_damaged_subwords(proto):
    content = train_tokenizer("subword", TEXTS).to_dict()
    with pytest.raises(ValueError, match="units: "):
        tokenizer_from_dict({**content, "proto": proto})


def test_specials_spelled_in_a_text_are_only_text(tmp_path):
    for unit, options in KINDS:
        numbers = train_tokenizer(unit, ["<pad> <bos> <eos> a"], **options).encode(
            "<pad> <bos> <eos> a"
        )
        assert not {0, 2, 3} & set(numbers)


def test_a_vocabulary_from_pairs(tmp_path):
    (tmp_path / "a.tsv").write_text("b b\tx\na b\ty\n")
    pairs = read_pairs([tmp_path / "a.tsv"])
    assert train_tokenizer("word", (pair.source for pair in pairs)).vocabulary.tokens[4:] == [
        "▁b",
        "▁a",
    ]
