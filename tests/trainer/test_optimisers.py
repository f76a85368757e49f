"""Muon trains the convolutions, AdamW the rest."""

import torch

from sharpening.networks import Student, move_network
from sharpening.networks.student import StudentConfig
from trainer.config import Schedule
from trainer.optimisers import RELATIVE_RATE, ConvolutionMuon, create_optimisers

MUON = Schedule(steps=1, optimiser="muon", learning_rate=1e-3, matrix_learning_rate=0.01)


def make_network() -> Student:
    torch.manual_seed(0)
    network = Student(StudentConfig(channels=8, dilations=(1,)))
    return move_network(network, torch.device("cpu"))


def test_adamw_takes_everything_unless_muon_is_wanted() -> None:
    (optimiser,) = create_optimisers(make_network(), Schedule(steps=1))
    assert isinstance(optimiser, torch.optim.AdamW)
    assert len(optimiser.param_groups[0]["params"]) == 6


def test_muon_takes_the_weights_and_adamw_the_biases() -> None:
    adamw, muon = create_optimisers(make_network(), MUON)
    assert [each.ndim for each in adamw.param_groups[0]["params"]] == [1, 1, 1]
    assert len(muon.param_groups[0]["params"]) == 3
    assert muon.param_groups[0][RELATIVE_RATE] == 10


def test_a_step_of_muon_moves_the_weight_along_an_orthogonal_matrix() -> None:
    network = make_network()
    layer = network.head
    before = layer.weight.detach().clone()
    network(torch.rand(2, 3, 16, 16)).square().mean().backward()
    ConvolutionMuon([layer.weight], lr=0.1, weight_decay=0.0).step()
    moved = (layer.weight.detach() - before).flatten(1) / 0.1
    stretch = torch.linalg.svdvals(moved)
    assert 0.3 < float(stretch.min()) < float(stretch.max()) < 1.5
    descent = (moved * layer.weight.grad.flatten(1)).sum()
    assert descent < 0
