"""`POST /evaluate`: the numbers are those of the core's own evaluation."""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import numpy as np
import pytest

from service.models import load_models
from service.settings import Settings
from sharpening.degradation import CallDegradation, PaperDegradation
from sharpening.evaluation import Evaluation, evaluate
from sharpening.networks import Network

pytestmark = pytest.mark.anyio

ToFile = Callable[..., bytes]
ToPixels = Callable[[bytes], np.ndarray]


def judge(settings: Settings, reference: np.ndarray, blurred: np.ndarray) -> Evaluation:
    engines = {role: model.engine for role, model in load_models(settings).get_judged().items()}
    return evaluate(reference, blurred, engines)[0]


async def test_numbers_are_those_of_the_core(
    client: httpx.AsyncClient, settings: Settings, photograph: np.ndarray, to_file: ToFile
) -> None:
    blurred = np.roll(photograph, 1, axis=0)

    answer = await client.post(
        "/evaluate", files={"reference": to_file(photograph), "image": to_file(blurred)}
    )

    expected = judge(settings, photograph, blurred)
    judgement = answer.json()
    assert judgement["definition"] == expected.definition
    assert judgement["input"] == expected.input.model_dump()
    assert judgement["student"] == expected.models["student"].model_dump()
    assert judgement["teacher"] == expected.models["teacher"].model_dump()
    assert judgement["student_vs_teacher"] == expected.student_vs_teacher.model_dump()
    assert judgement["degradation"] is None
    assert judgement["models"]["student"] == load_models(settings).get("student").name


async def test_a_reference_alone_is_blurred_as_the_profile_says(
    client: httpx.AsyncClient, settings: Settings, photograph: np.ndarray, to_file: ToFile
) -> None:
    answer = await client.post("/evaluate", files={"reference": to_file(photograph)})

    degradation = PaperDegradation()
    expected = judge(settings, photograph, degradation.apply(photograph))
    assert answer.json()["input"] == expected.input.model_dump()
    assert answer.json()["student"] == expected.models["student"].model_dump()
    assert answer.json()["degradation"] == degradation.model_dump()


async def test_the_blind_profile_blurs_as_is_typical_and_always_the_same(
    tmp_path: Path,
    make_student: Callable[[int], Network],
    save_network: Callable[..., str],
    start_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
    photograph: np.ndarray,
    to_file: ToFile,
) -> None:
    call = CallDegradation()
    path = tmp_path / "call-student.safetensors"
    save_network(path, make_student(1), profile="call", degradation=call)
    settings = Settings(weights_dir=tmp_path, profile="call", device="cpu")
    async with start_client(settings) as client:
        answer = await client.post("/evaluate", files={"reference": to_file(photograph)})

    expected = judge(settings, photograph, call.typical.apply(photograph))
    assert answer.json()["input"] == expected.input.model_dump()
    assert answer.json()["degradation"] == call.model_dump(mode="json")


async def test_the_profile_asked_for_is_judged_and_blurs(
    tmp_path: Path,
    make_student: Callable[[int], Network],
    save_network: Callable[..., str],
    start_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
    photograph: np.ndarray,
    to_file: ToFile,
) -> None:
    save_network(tmp_path / "paper-student.safetensors", make_student(1))
    call = {"profile": "call", "degradation": CallDegradation()}
    save_network(tmp_path / "call-student.safetensors", make_student(2), **call)
    settings = Settings(weights_dir=tmp_path, device="cpu")
    files = {"reference": to_file(photograph)}
    async with start_client(settings) as client:
        plain = (await client.post("/evaluate", files=files)).json()
        paper = (await client.post("/evaluate?profile=paper", files=files)).json()
        batch = await client.post("/evaluate/batch?profile=paper", files=files)
        unknown = await client.post("/evaluate?profile=none", files=files)
        misspelt = await client.post("/evaluate?profil=paper", files=files)

    store = load_models(settings)
    assert plain["models"]["student"] == store.get("call/student").name
    assert paper["models"]["student"] == store.get("paper/student").name
    assert paper["degradation"] == PaperDegradation().model_dump()
    assert json.loads(batch.text.splitlines()[0])["student"] == paper["student"]
    assert (unknown.status_code, misspelt.status_code) == (404, 422)


async def test_accept_image_gets_the_picture_and_the_same_numbers_in_headers(
    client: httpx.AsyncClient,
    settings: Settings,
    photograph: np.ndarray,
    to_file: ToFile,
    to_pixels: ToPixels,
) -> None:
    files = {"reference": to_file(photograph)}

    scores = (await client.post("/evaluate", files=files)).json()
    answer = await client.post("/evaluate", files=files, headers={"Accept": "image/*"})

    blurred = PaperDegradation().apply(photograph)
    expected = load_models(settings).get("student").engine.sharpen(blurred)
    np.testing.assert_array_equal(to_pixels(answer.content), expected)
    assert answer.headers["content-type"] == "image/png"
    assert json.loads(answer.headers["x-input-psnr"]) == scores["input"]["psnr"]
    assert json.loads(answer.headers["x-student-ssim"]) == scores["student"]["ssim"]
    assert json.loads(answer.headers["x-teacher-psnr-y"]) == scores["teacher"]["psnr_y"]
    against_teacher = scores["student_vs_teacher"]["ssim_gaussian"]
    assert json.loads(answer.headers["x-student-vs-teacher-ssim-gaussian"]) == against_teacher


@pytest.mark.parametrize("accept", ["*/*", "application/json", "image/png;q=0.5, */*"])
async def test_json_is_the_answer_unless_a_picture_is_wanted_more(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, accept: str
) -> None:
    answer = await client.post(
        "/evaluate", files={"reference": to_file(photograph)}, headers={"Accept": accept}
    )

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "Accept"
    assert "decode;dur=" in answer.headers["server-timing"]


async def test_json_is_the_answer_where_the_picture_fits_no_format_that_is_wanted_more(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    data = to_file(np.dstack([photograph, photograph[..., 0]]))
    headers = {"Accept": "image/jpeg, application/json;q=0.5"}

    answer = await client.post(
        "/evaluate", files={"reference": data, "image": data}, headers=headers
    )

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


async def test_nothing_acceptable_is_406(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    answer = await client.post(
        "/evaluate", files={"reference": to_file(photograph)}, headers={"Accept": "text/html"}
    )

    assert answer.status_code == 406
    assert "application/json" in answer.json()["detail"]


async def test_identical_pictures_have_no_psnr_but_a_flag(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile
) -> None:
    data = to_file(photograph)

    answer = await client.post("/evaluate", files={"reference": data, "image": data})

    assert answer.json()["input"]["psnr"] is None
    assert answer.json()["input"]["identical"] is True


@pytest.mark.parametrize("with_image", [False, True])
async def test_16_bits_are_refused_with_a_reason(
    client: httpx.AsyncClient, photograph: np.ndarray, to_file: ToFile, with_image: bool
) -> None:
    data = to_file(photograph[..., 0].astype(np.uint16) * 257)
    files = {"reference": data, "image": data} if with_image else {"reference": data}

    answer = await client.post("/evaluate", files=files)

    assert answer.status_code == 422
    assert "uint8" in answer.json()["detail"]


async def test_without_a_teacher_its_rows_are_null(
    settings: Settings,
    start_client: Callable[..., object],
    photograph: np.ndarray,
    to_file: ToFile,
    tmp_path: object,
) -> None:
    alone = tmp_path / "student.safetensors"
    alone.write_bytes((settings.weights_dir / alone.name).read_bytes())

    async with start_client(settings.model_copy(update={"weights_dir": tmp_path})) as client:
        answer = await client.post("/evaluate", files={"reference": to_file(photograph)})

    assert answer.json()["teacher"] is None
    assert answer.json()["student_vs_teacher"] is None
    assert answer.json()["student"]["psnr"] > 0


async def test_evaluation_has_a_limit_of_its_own(
    settings: Settings,
    start_client: Callable[..., object],
    photograph: np.ndarray,
    to_file: ToFile,
) -> None:
    tight = settings.model_copy(update={"max_evaluate_megapixels": 0.003})
    data = to_file(photograph)

    async with start_client(tight) as client:
        sharpened = await client.post("/sharpen", content=data)
        evaluated = await client.post("/evaluate", files={"reference": data})

    assert sharpened.status_code == 200
    assert evaluated.status_code == 413
    assert evaluated.json()["limit_megapixels"] == 0.003
