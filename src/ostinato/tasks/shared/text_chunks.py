"""Tokenises texts that arrive in pieces; the tokens are those of the whole text."""

from __future__ import annotations

from ostinato.data.text.normalisation import SPACE
from ostinato.data.text.subwords import SubwordTokenizer
from ostinato.data.text.tokenizers import Tokenizer


def encode_chunk(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a piece of text that begins with a word or a punctuation mark.

    A mark without a space before it is attached to the last word: the pieces "Yes", ",", " he" and
    "is" make the text "Yes, he is".
    """
    return ids_of(tokenizer, chunk_tokens(tokenizer, text))


def chunk_tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    """The tokens of a piece of text; see `encode_chunk`."""
    tokens = tokenizer.tokenize(text)
    attached = bool(text) and not (text[0].isalnum() or text[0].isspace() or text[0] == SPACE)
    if tokenizer.name == "word" and not getattr(tokenizer, "tokenized", False) and attached:
        tokens[:1] = [tokens[0].removeprefix(SPACE)] if tokens else []
    return tokens


def ids_of(tokenizer: Tokenizer, tokens: list[str]) -> list[int]:
    """The ids of tokens."""
    if isinstance(tokenizer, SubwordTokenizer):
        return [tokenizer.processor.piece_to_id(token) for token in tokens]
    return tokenizer.vocabulary.encode(tokens)
