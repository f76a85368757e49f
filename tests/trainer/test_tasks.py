"""Tasks return losses; the distilling ones hear both the truth and the teacher."""

import pytest
import torch
import torch.nn.functional as F

from sharpening.errors import TrainingError
from sharpening.networks import Student, Teacher
from sharpening.networks.teacher import TeacherConfig
from trainer.layers import Recorder, find_layer
from trainer.tasks import (
    Distillation,
    Imitation,
    Restoration,
    WeighByDamage,
    measure_affinity,
    measure_charbonnier,
    measure_l1,
    measure_mse,
)

PAIRS = (("body.1", "half_down"), ("body.3", "half_up"))


@pytest.fixture
def planes() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    names = ("blurred", "sharp", "taught")
    return {name: torch.rand(2, 3, 16, 16, generator=generator) for name in names}


@pytest.fixture
def teacher() -> Teacher:
    torch.manual_seed(1)
    small = TeacherConfig(channels=(8, 8, 8), blocks_down=(1, 1), blocks_middle=1, blocks_up=(1, 1))
    return Teacher(small).eval().requires_grad_(False)


def test_restoration_is_the_mean_absolute_error(planes: dict[str, torch.Tensor]) -> None:
    network = Student()
    losses = Restoration().losses(network, planes, 0.0)
    expected = (network(planes["blurred"]) - planes["sharp"]).abs().mean()
    torch.testing.assert_close(losses["loss"], expected)


def test_charbonnier_is_square_for_small_errors_and_absolute_for_large_ones() -> None:
    wanted = torch.zeros(1, 1000, dtype=torch.float64)
    level = 1 / 255
    small = [float(measure_charbonnier(wanted + size * level, wanted)) for size in (0.1, 0.2)]
    assert float(measure_charbonnier(wanted, wanted)) == 0
    assert small[1] / small[0] == pytest.approx(4, rel=0.01)
    large = float(measure_charbonnier(wanted + 0.9, wanted))
    assert large == pytest.approx(0.9 - 6 * level, abs=0.001)


def test_a_task_takes_the_distance_it_is_given(planes: dict[str, torch.Tensor]) -> None:
    network = Student()
    sharpened = network(planes["blurred"])
    expected = measure_charbonnier(sharpened, planes["sharp"]).mean()
    losses = Restoration(measure_charbonnier).losses(network, planes, 0.0)
    assert torch.equal(losses["loss"], expected)
    task = Distillation(0.5, 0.5, truth_distance=measure_charbonnier, distance=measure_mse)
    losses = task.losses(network, planes, 0.0)
    assert torch.equal(losses["truth"], expected)
    torch.testing.assert_close(losses["teacher"], F.mse_loss(sharpened, planes["taught"]))


def test_errors_can_count_relative_to_the_damage_of_each_picture() -> None:
    """One picture of six levels of damage, one of 24, one untouched; each is answered 2 off."""
    level = 1 / 255
    sharp = torch.full((3, 3, 8, 8), 0.5)
    damage = torch.tensor([6.0, 24.0, 0.0]).view(3, 1, 1, 1) * level
    planes = {"sharp": sharp, "blurred": sharp + damage, "taught": sharp - level}
    weigh = WeighByDamage(6)
    weights = weigh(planes)
    torch.testing.assert_close(weights, torch.tensor([1.0, 0.4, 2.0]))

    class Answer(torch.nn.Module):
        def forward(self, _blurred: torch.Tensor) -> torch.Tensor:
            return sharp + 2 * level

    alone = Restoration(measure_l1, weigh).losses(Answer(), planes, 0.0)
    torch.testing.assert_close(alone["loss"], weights.mean() * 2 * level)
    both = Distillation(0.5, 0.5, weigh=weigh).losses(Answer(), planes, 0.0)
    torch.testing.assert_close(both["truth"], weights.mean() * 2 * level)
    torch.testing.assert_close(both["teacher"], weights.mean() * 3 * level)


def test_distillation_weighs_truth_and_teacher(planes: dict[str, torch.Tensor]) -> None:
    network = Student()
    losses = Distillation(truth_weight=0.25, teacher_weight=0.75).losses(network, planes, 0.0)
    sharpened = network(planes["blurred"])
    truth = (sharpened - planes["sharp"]).abs().mean()
    teacher = (sharpened - planes["taught"]).abs().mean()
    assert torch.allclose(losses["truth"], truth)
    assert torch.allclose(losses["teacher"], teacher)
    assert torch.allclose(losses["loss"], 0.25 * truth + 0.75 * teacher)


def test_the_papers_distance_to_the_teacher_is_squared(planes: dict[str, torch.Tensor]) -> None:
    network = Student()
    losses = Distillation(0.5, 0.5, distance=measure_mse).losses(network, planes, 0.0)
    expected = (network(planes["blurred"]) - planes["taught"]).square().mean()
    assert torch.allclose(losses["teacher"], expected)


@pytest.mark.parametrize(("progress", "truth_weight"), [(0.0, 0.25), (0.5, 0.625), (1.0, 1.0)])
def test_a_fading_teacher_gives_its_weight_to_the_truth(
    planes: dict[str, torch.Tensor], progress: float, truth_weight: float
) -> None:
    losses = Distillation(0.25, 0.75, fade=True).losses(Student(), planes, progress)
    expected = truth_weight * losses["truth"] + (1 - truth_weight) * losses["teacher"]
    assert torch.allclose(losses["loss"], expected)


def test_a_teacher_at_hand_is_asked_about_the_batch(
    planes: dict[str, torch.Tensor], teacher: Teacher
) -> None:
    network = Student()
    asked = Distillation(0.5, 0.5, teacher=teacher).losses(network, planes, 0.0)
    told = {**planes, "taught": teacher(planes["blurred"])}
    assert torch.equal(asked["loss"], Distillation(0.5, 0.5).losses(network, told, 0.0)["loss"])


def test_imitation_adds_the_difference_of_affinities_and_reaches_every_layer_before(
    planes: dict[str, torch.Tensor], teacher: Teacher
) -> None:
    network = Student()
    task = Imitation(Restoration(), teacher, PAIRS, weight=2.0)
    losses = task.losses(network, planes, 0.0)
    plain = Restoration().losses(network, planes, 0.0)["loss"]
    assert losses["imitation"] > 0
    assert torch.allclose(losses["loss"], plain + 2.0 * losses["imitation"])
    losses["imitation"].backward()
    assert network.head.weight.grad is not None
    assert network.tail.weight.grad is None
    assert all(each.grad is None for each in teacher.parameters())


def test_imitation_fades_and_then_costs_nothing(
    planes: dict[str, torch.Tensor], teacher: Teacher
) -> None:
    network = Student()
    task = Imitation(Restoration(), teacher, PAIRS, weight=2.0, until=0.5)
    early, late = (task.losses(network, planes, progress) for progress in (0.25, 0.5))
    plain = Restoration().losses(network, planes, 0.0)["loss"]
    assert torch.allclose(early["loss"], plain + early["imitation"])
    assert set(late) == {"loss"}


def test_a_network_that_looks_as_its_teacher_does_has_nothing_to_imitate(
    planes: dict[str, torch.Tensor], teacher: Teacher
) -> None:
    pairs = (("half_up", "half_up"),)
    losses = Imitation(Restoration(), teacher, pairs, weight=1.0).losses(teacher, planes, 0.0)
    assert losses["imitation"] == 0


def test_affinity_is_the_cosine_between_places() -> None:
    features = torch.rand(2, 5, 4, 4)
    places = features.flatten(2)
    expected = F.cosine_similarity(places[:, :, :, None], places[:, :, None, :], dim=1)
    assert torch.allclose(measure_affinity(features), expected, atol=1e-6)


def test_affinity_of_large_features_has_a_bounded_size() -> None:
    assert measure_affinity(torch.rand(1, 3, 48, 60)).shape == (1, 144, 144)


def test_affinity_is_exact_where_the_network_is_not() -> None:
    features = torch.rand(1, 8, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        affinity = measure_affinity(features)
    assert affinity.dtype == torch.float32
    assert torch.equal(affinity, measure_affinity(features))


def test_an_unknown_layer_is_refused_with_those_there_are() -> None:
    with pytest.raises(TrainingError, match=r"'torso'.*body\.0"):
        find_layer(Student(), "torso")


def test_a_closed_recorder_keeps_nothing_more() -> None:
    network = Student()
    with Recorder(network, ["head"]) as seen:
        network(torch.rand(1, 3, 8, 8))
    first = seen["head"]
    network(torch.rand(1, 3, 8, 8))
    assert seen["head"] is first
