"""The packaged samples."""

import pytest

from ostinato.data.files.samples import sample_files
from ostinato.data.text.sentence_pairs import read_pairs
from ostinato.errors import InputError


def test_the_sample_has_three_parts_that_share_no_sentence():
    parts = {name: read_pairs([path]) for name, path in sample_files("translation").items()}
    assert {name: len(pairs) for name, pairs in parts.items()} == {
        "train": 14000,
        "dev": 500,
        "test": 500,
    }
    for side in range(2):
        seen = [{" ".join(pair[side].split()) for pair in pairs} for pairs in parts.values()]
        assert len(set.union(*seen)) == sum(map(len, seen)) == 15000
    files = list(sample_files("translation")["train"].parent.iterdir())
    assert sum(file.stat().st_size for file in files) < 1e6
    assert "tatoeba.org" in (files[0].parent / "LICENSE.txt").read_text()


def test_a_task_without_a_sample():
    with pytest.raises(
        InputError, match="there is no sample for 'translatoin'; did you mean 'translation'"
    ):
        sample_files("translatoin")
