"""The client's types are the service's, member by member."""

import pytest
from pydantic import BaseModel

from service import client
from service.batches import lines
from service.problems import Problem
from service.routes.evaluate import Judgement
from service.routes.models import ModelDescription
from sharpening import evaluation, metrics


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (client.Score, metrics.Score),
        (client.Evaluation, Judgement),
        (client.Problem, Problem),
        (client.PictureScores, lines.PictureLine),
        (client.PictureFailure, lines.ProblemLine),
        (client.BatchSummary, lines.BatchSummary),
        (client.ScoreSummary, evaluation.ScoreSummary),
        (client.Summary, evaluation.Summary),
        (client.ModelDescription, ModelDescription),
    ],
    ids=lambda model: model.__module__ + "." + model.__name__,
)
def test_a_type_has_the_members_that_the_service_sends(
    mine: type[BaseModel], theirs: type[BaseModel]
) -> None:
    assert set(mine.model_fields) == set(theirs.model_fields)
