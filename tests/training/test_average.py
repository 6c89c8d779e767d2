from __future__ import annotations

import pytest
import torch
from toy import same, toy

from ostinato.data.files.weights_file import save_weights
from ostinato.errors import InputError
from ostinato.training.checkpoint_averaging import (
    average_weights,
    best_candidate,
    list_candidates,
    save_candidate,
    select_candidates,
)


def filled(value: float):
    model = toy()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return model


def keep_all(folder, scores, *, count, which):
    for step, score in enumerate(scores, 1):
        save_candidate(folder, filled(step), step=step, score=score, count=count, which=which)


@pytest.mark.parametrize(
    ("which", "count", "scores", "steps"),
    [
        ("last", 2, [5, 1, 2, 3], [1, 3, 4]),
        ("best", 2, [5, 1, 2, 3], [1, 4]),
        ("best", 1, [1, 1, 1], [3]),
        ("last", 1, [1, 2, 3], [3]),
        ("last", 3, [3, 2], [1, 2]),
        ("best", 3, [1, 4, 2, 3], [2, 3, 4]),
    ],
)
def test_what_is_kept(which, count, scores, steps, tmp_path):
    keep_all(tmp_path, scores, count=count, which=which)
    assert [one.step for one in list_candidates(tmp_path)] == steps
    written = sorted(path.name for path in tmp_path.glob("*.safetensors"))
    assert written == [f"average-{step:08}.safetensors" for step in steps]
    assert (
        best_candidate(tmp_path).step
        == max(range(len(scores)), key=lambda place: (scores[place], place)) + 1
    )


def test_chosen_in_order(tmp_path):
    keep_all(tmp_path, [5, 1, 2, 3], count=4, which="last")
    assert [one.step for one in select_candidates(tmp_path, 2, "best")] == [1, 4]
    assert [one.step for one in select_candidates(tmp_path, 2, "last")] == [4, 3]


def test_the_average_is_exact(tmp_path):
    keep_all(tmp_path, [1, 2, 4], count=3, which="last")
    weights = average_weights([one.path for one in list_candidates(tmp_path)])
    assert all((tensor == 2.0).all() for tensor in weights.values())
    models = [toy(seed) for seed in range(3)]
    for number, model in enumerate(models):
        save_candidate(tmp_path / "random", model, step=number, score=0, count=3, which="last")
    mean = toy(9)
    mean.load_state_dict(
        average_weights([one.path for one in list_candidates(tmp_path / "random")]), strict=False
    )
    for wanted, *parts in zip(
        mean.parameters(), *(model.parameters() for model in models), strict=True
    ):
        assert torch.equal(wanted, (sum(part.double() for part in parts) / 3).float())


def test_the_average_of_one_is_itself(tmp_path):
    model, other = toy(1), toy(2)
    save_candidate(tmp_path, model, step=1, score=1.0, count=1, which="best")
    other.load_state_dict(average_weights([best_candidate(tmp_path).path]), strict=False)
    assert same(model, other)


def test_a_resumed_run_forgets_what_lay_beyond(tmp_path):
    keep_all(tmp_path, [1, 2, 9, 8], count=3, which="best")
    save_candidate(tmp_path, filled(3), step=3, score=1.5, count=3, which="best")
    assert [(one.step, one.score) for one in list_candidates(tmp_path)] == [(2, 2.0), (3, 1.5)]
    assert best_candidate(tmp_path).step == 2


def test_nothing_kept(tmp_path):
    assert (
        list_candidates(tmp_path) == []
        and best_candidate(tmp_path) is None
        and select_candidates(tmp_path, 3, "last") == []
    )


@pytest.mark.parametrize(
    "content", [b"", b"{}x", b'[{"file": 1}]', b'[{"file": "a", "step": "b", "score": 1}]', b"7"]
)
def test_a_damaged_index(content, tmp_path):
    (tmp_path / "averages.json").write_bytes(content)
    with pytest.raises(InputError, match="averages.json: damaged; train anew, or remove it"):
        list_candidates(tmp_path)


def test_an_index_does_not_lead_out_of_its_folder(tmp_path):
    (tmp_path / "averages.json").write_text('[{"file": "../../secret", "step": 1, "score": 1}]')
    assert list_candidates(tmp_path)[0].path == tmp_path / "secret"


def test_weights_of_another_model_are_refused(tmp_path):
    save_weights(tmp_path / "one", {"a": torch.zeros(2), "count": torch.tensor(3)})
    save_weights(tmp_path / "same", {"a": torch.ones(2), "count": torch.tensor(5)})
    save_weights(tmp_path / "shape", {"a": torch.zeros(3), "count": torch.tensor(3)})
    save_weights(tmp_path / "name", {"b": torch.zeros(2), "count": torch.tensor(3)})
    mean = average_weights([tmp_path / "one", tmp_path / "same"])
    assert mean["a"].tolist() == [0.5, 0.5] and mean["count"] == 3
    for other in ("shape", "name"):
        with pytest.raises(
            InputError, match=f"{other}: cannot be averaged with .*one: 'a' differs; another model"
        ):
            average_weights([tmp_path / "one", tmp_path / other])
    with pytest.raises(ValueError, match="paths: at least one file is needed"):
        average_weights([])
