"""The network that looks at pictures: shapes, one picture's answer whatever its batch, and
gradients.
"""

import pytest
import torch

from ostinato.layers.convolutional_networks import (
    BatchNorm,
    FeatureProjection,
    FlatFrames,
    FrameNetwork,
    GridPooling,
    ImageNetwork,
    ThumbnailNetwork,
    build_norm,
)


def pictures(count=3, channels=3, height=16, width=24):
    return torch.randint(
        0,
        256,
        (count, channels, height, width),
        dtype=torch.uint8,
        generator=torch.Generator().manual_seed(0),
    )


def test_regions_row_by_row():
    network = ImageNetwork(3, widths=(4, 8))
    regions = network(pictures())
    assert regions.shape == (3, 4 * 6, 8) and network.output_size == 8
    changed = pictures()
    changed[:, :, -1, -1] = (
        255 - changed[:, :, -1, -1]
    )  # the last corner: what is farthest from it cannot see it ...
    difference = (
        (network.stages[0].shrink(pictures().float()) - network.stages[0].shrink(changed.float()))
        .abs()
        .sum((0, 1))
    )
    assert difference[0, 0] == 0 and difference[-1, -1] > 0  # ... before normalising


@pytest.mark.parametrize("training, batch_norm", [(False, False), (True, False), (False, True)])
def test_batch_is_one_by_one(training, batch_norm):
    network = ImageNetwork(1, widths=(16, 32), batch_norm=batch_norm)
    network(pictures(4, 1))  # a training step, so that there is something to normalise by
    network.train(training)
    x = pictures(4, 1)
    alone = torch.cat([network(x[row : row + 1]) for row in range(4)])
    torch.testing.assert_close(network(x), alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 2, 5)])
def test_normalising_is_torchs_but_one_value_has_no_deviation(shape):
    ours, theirs = (
        BatchNorm(4),
        (torch.nn.BatchNorm1d(4) if len(shape) == 2 else torch.nn.BatchNorm2d(4)),
    )
    for seed in range(3):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 3 + 1
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    one = x[:1].flatten(2)[..., :1] if len(shape) > 2 else x[:1]
    while_training = ours(one)
    torch.testing.assert_close(while_training, ours.eval()(one))


def test_a_glance_sees_the_whole_picture():
    glance = ThumbnailNetwork(3, 4, 8)
    glance(pictures(5))
    answers = glance.eval()(pictures())
    assert answers.shape == (3, 8) and glance.output_size == 8
    torch.testing.assert_close(answers[1:2], glance(pictures()[1:2]))
    torch.testing.assert_close(
        glance(pictures()[..., ::4, ::6].repeat_interleave(4, -2).repeat_interleave(6, -1)),
        glance(pictures()[..., ::4, ::6]),
    )  # each of its pixels is the mean of a part


def test_frames():
    network = FrameNetwork(3, 10, (16, 24), widths=(4, 8))
    x = pictures(6).unflatten(0, (2, 3))
    assert network(x).shape == (2, 3, 10) and network.embedding_dim == 10
    torch.testing.assert_close(network(x)[1, 2], network(x[1:, 2:])[0, 0])
    network(x).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert FlatFrames()(x).shape == (2, 3, 3 * 16 * 24) and FlatFrames()(x).abs().max() <= 1
    assert FeatureProjection(5, 7)(torch.zeros(2, 3, 5)).shape == (2, 3, 7)


def test_one_vector_keeps_where_things_are():
    grid = GridPooling((2, 8), 3)
    regions = torch.randn(5, 16, 3)
    assert grid(regions).shape == (5, 2 * 4 * 3) and grid.output_size == 24
    torch.testing.assert_close(
        grid(regions).view(5, 3, 2, 4)[:, 1, 1, 3], regions[:, [14, 15], 1].mean(1)
    )


def test_refused():
    for widths in ((), (4, 0)):
        with pytest.raises(ValueError, match="widths must be at least one number above 0"):
            ImageNetwork(3, widths=widths)
    assert [build_norm(channels, False).num_groups for channels in (8, 16, 24, 64)] == [1, 1, 1, 4]
