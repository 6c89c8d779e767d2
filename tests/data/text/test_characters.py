"""Words as the numbers of their characters."""

from ostinato.data.text.characters import LONGEST_WORD, CharacterVocabulary
from ostinato.data.text.vocabulary import BOS, EOS, UNK


def test_a_word_stands_between_its_ends():
    letters = CharacterVocabulary.fit(["abba", "Ab", "c"])
    a, b = letters.alphabet.encode("ab")
    assert letters.encode("ab") == (BOS, a, b, EOS) and letters.encode("") == (BOS, EOS)
    assert letters.encode("c") == (BOS, UNK, EOS)  # seen once
    assert letters.from_dict(letters.to_dict()).encode("ab") == letters.encode("ab")


def test_of_a_long_word_both_ends_are_read():
    letters = CharacterVocabulary.fit(["aabb"])
    spelled = letters.encode("a" * 500 + "b" * 500)
    assert len(spelled) == LONGEST_WORD + 2 and spelled[1:-1] == (
        *letters.encode("a" * 15)[1:-1],
        *letters.encode("b" * 15)[1:-1],
    )


def test_letters_that_differ_in_case_alone_are_folded():
    letters = CharacterVocabulary.fit(["aaA", "ABbb", "1122", "Bx!x!"])
    numbers = dict(zip(letters.alphabet.tokens, letters.fold_case(), strict=True))
    assert (
        numbers["a"] == numbers["A"]
        and numbers["b"] == numbers["B"]
        and numbers["1"] == numbers["2"]
    )
    assert len({numbers[letter] for letter in ("a", "b", "1", "x", "!", "<unk>", "<pad>")}) == 7
