"""The student behind LitServe, as its documentation has one write it: JPEG in, JPEG out.

`python -m benchmarks.service --litserve` starts this and asks it as it asks our own service. The
model is the same, run by the same engine; what differs is everything around it.
"""

import argparse
import io
from pathlib import Path
from typing import Any

import litserve
import numpy as np
from fastapi import Request, Response
from PIL import Image as PillowImage

from sharpening.engine import Engine
from sharpening.runtimes import choose_runtime
from sharpening.weights import load_weights


class StudentApi(litserve.LitAPI):  # type: ignore[misc]  # it has no types
    """Decode, predict, encode."""

    weights: Path

    def setup(self, device: Any) -> None:
        self.engine = Engine(choose_runtime(load_weights(self.weights), precision="auto"))

    # LitServe has its own names for the arguments, and leaves their types open
    def decode_request(self, request: Request) -> Any:
        return np.asarray(PillowImage.open(request["image"].file).convert("RGB"))

    def predict(self, blurred: Any) -> Any:
        return self.engine.sharpen(blurred)

    def encode_response(self, sharpened: Any) -> Response:
        buffer = io.BytesIO()
        PillowImage.fromarray(sharpened).save(buffer, "jpeg", quality=90)
        return Response(buffer.getvalue(), media_type="image/jpeg")


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.litserve_app")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    options = parser.parse_args()
    api = StudentApi()
    api.weights = options.weights
    litserve.LitServer(api, accelerator="cpu").run(port=options.port, generate_client_file=False)


if __name__ == "__main__":
    main()
