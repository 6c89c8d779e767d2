"""Scores of each class by hand; labels in the order in which people count."""

from ostinato.tasks.shared.class_scores import natural_order, score_classes


def test_scores_of_each_class():
    found = score_classes(
        [[("PER", (0, 2))], [("LOC", (3, 4)), ("PER", (0, 1))]],
        [[("PER", (0, 2))], [("LOC", (3, 5))]],
    )
    assert found == {
        "LOC": {"number": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0},
        "PER": {"number": 1, "precision": 0.5, "recall": 1.0, "f1": 2 / 3},
    }


def test_labels_are_ordered_as_people_count():
    assert natural_order(["10", "2", "1", "b", "a10", "a9"]) == ["1", "2", "10", "a9", "a10", "b"]
    assert natural_order(["²", "2", "02", ""]) == ["", "02", "2", "²"]
