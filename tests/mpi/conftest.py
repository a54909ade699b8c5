import pytest

from cojump.trajectories.compilation import warm_up
from cojump.trajectories.representations import DIFFUSING


@pytest.fixture(scope="package", autouse=True)
def compiled():
    """Fill the cache, so that no job is measured while it compiles."""
    warm_up()
    DIFFUSING.compile()
