"""What several tests of the core need: a photograph."""

import numpy as np
import numpy.typing as npt
import pytest
import skimage.data


@pytest.fixture(scope="session")
def photograph() -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(skimage.data.chelsea())
