"""Words as the numbers of their characters."""

from ostinato.data.text.characters import LONGEST_WORD, CharacterVocabulary
from ostinato.data.text.vocabulary import BOS, EOS, UNK


def test_a_word_stands_between_its_ends():
    letters = CharacterVocabulary.fit(["abba", "Ab", "c"])
    a, b = letters.alphabet.encode("ab")
    assert letters.spell("ab") == (BOS, a, b, EOS) and letters.spell("") == (BOS, EOS)
    assert letters.spell("c") == (BOS, UNK, EOS)  # seen once
    assert letters.from_dict(letters.to_dict()).spell("ab") == letters.spell("ab")


def test_of_a_long_word_both_ends_are_read():
    letters = CharacterVocabulary.fit(["aabb"])
    spelled = letters.spell("a" * 500 + "b" * 500)
    assert len(spelled) == LONGEST_WORD + 2 and spelled[1:-1] == (
        *letters.spell("a" * 15)[1:-1],
        *letters.spell("b" * 15)[1:-1],
    )


def test_letters_that_differ_in_case_alone_are_folded():
    letters = CharacterVocabulary.fit(["aaA", "ABbb", "1122", "Bx!x!"])
    numbers = dict(zip(letters.alphabet.tokens, letters.folded(), strict=True))
    assert (
        numbers["a"] == numbers["A"]
        and numbers["b"] == numbers["B"]
        and numbers["1"] == numbers["2"]
    )
    assert len({numbers[letter] for letter in ("a", "b", "1", "x", "!", "<unk>", "<pad>")}) == 7
