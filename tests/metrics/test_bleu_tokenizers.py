"""BLEU's tokenizer by the script of the references."""

import pytest
from sacrebleu.metrics import BLEU

from ostinato.metrics import bleu
from ostinato.metrics.corpus import add_up, corpus_score, count_all
from ostinato.tasks.shared.text_scores import TextScoreOptions, too_short_for_bleu

JAPANESE = "ja-mecab" if bleu.is_installed("ja-mecab") else "char"
KOREAN = "ko-mecab" if bleu.is_installed("ko-mecab") else "char"


@pytest.mark.parametrize(
    "references, tokenizer",
    [
        (["The cat sits on the mat.", "Ein Mädchen läuft."], "13a"),
        (["Кошка сидит на коврике."], "13a"),
        (["قطة تجلس على السجادة"], "13a"),
        (["猫坐在垫子上。", "他买了 3 本 Python 书。"], "zh"),
        (["猫がマットの上に座っている。"], JAPANESE),
        (["고양이가 매트 위에 앉아 있다."], KOREAN),
        (["แมวนั่งอยู่บนเสื่อ"], "char"),
        (["ឆ្មាអង្គុយលើកន្ទេល"], "char"),
        (["ແມວນັ່ງຢູ່ເທິງເສື່ອ"], "char"),
        (["ကြောင်သည် ဖျာပေါ်တွင် ထိုင်နေသည်"], "char"),
        (["123 456", ""], "13a"),
        ([], "13a"),
    ],
)
def test_the_tokenizer_follows_the_script(references, tokenizer):
    assert bleu.choose_tokenizer(references) == tokenizer


@pytest.mark.parametrize("tokenizer", [each for each in bleu.TOKENIZERS if bleu.is_installed(each)])
def test_each_tokenizer_is_sacrebleus(tokenizer):
    predictions = ["猫坐在垫子上面。", "他买了3本书 now, or so."]
    references = ["猫坐在垫子上。", "他买了 3 本 Python 书, or so."]
    oracle = BLEU(tokenize=tokenizer)
    expected = oracle.corpus_score(predictions, [references])
    counts = [bleu.count(*pair, tokenizer) for pair in zip(predictions, references, strict=True)]
    assert bleu.score(add_up(counts)) == pytest.approx(expected.score)
    found = bleu.details(add_up(counts), tokenizer=tokenizer)["signature"]
    assert found == str(oracle.get_signature())


def test_a_score_that_cannot_be_other_than_zero_is_said():
    counts = count_all(bleu, ["猫坐在垫子上", "大家好"], ["猫坐在垫子上", "大家好"])
    assert corpus_score(bleu, counts) == 0
    assert "no prediction has 4 tokens (tokenizer 13a)" in bleu.remark(add_up(counts))
    better = [bleu.count("猫坐在垫子上", "猫坐在垫子上", "zh")]
    assert bleu.score(add_up(better)) == pytest.approx(100)
    assert bleu.remark(add_up(better), tokenizer="zh") is None


def test_short_references_are_no_matter_for_bleu():
    assert too_short_for_bleu(["K AE1 T", "D AO1 G", "a b c d"], "13a")
    assert not too_short_for_bleu(["猫坐在垫子上"], "zh")


def test_the_signature_counts_the_references():
    options = TextScoreOptions()
    assert options.metric_settings("bleu", ["a", "b"]) == {"references": 1, "tokenizer": "13a"}
    assert options.metric_settings("chrf", [("a", "b"), ("c", "d")]) == {"references": 2}
    assert options.metric_settings("bleu", [("猫",), ("狗", "狗")])["references"] == "var"
