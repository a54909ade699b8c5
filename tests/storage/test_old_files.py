"""Result files of earlier schemas load with all their numbers, and say what they do not hold.

``files`` has one file of each schema, packed, as the code of its time wrote it for one run file; ``numbers.json`` has
the figures that the same code read from it.
"""

import json
import lzma
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

import cojump as cj
from cojump.storage.envelope import SCHEMA

FILES = Path(__file__).parent / "files"
NUMBERS = json.loads((FILES / "numbers.json").read_text(encoding="utf-8"))


def old(schema, tmp_path):
    path = tmp_path / f"schema{schema}.h5"
    path.write_bytes(lzma.decompress((FILES / f"{path.name}.xz").read_bytes()))
    return cj.load(path)


def test_there_is_a_file_of_every_earlier_schema():
    assert set(NUMBERS) == {f"schema{i}" for i in range(1, SCHEMA)}


@pytest.mark.parametrize("schema", range(1, SCHEMA))
def test_all_numbers_of_an_old_file(schema, tmp_path):
    (result,) = results = old(schema, tmp_path)
    assert results.origin.schema == schema
    assert 'system = "hopfield"' in results.origin.run_file
    numbers = NUMBERS[f"schema{schema}"]
    assert len(numbers) > 30
    for name, expected in numbers.items():
        found = attrgetter(name)(result)
        if isinstance(expected, list) and name != "labels":
            np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-13, atol=1e-15, err_msg=name)
        else:
            assert str(found).replace("(", "[").replace(")", "]") == str(expected), name
    assert "Result of 3 trajectories" in str(result)


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_an_old_file_says_that_it_holds_no_model(schema, tmp_path):
    (result,) = old(schema, tmp_path)
    for ask in (result.model, result.state):
        with pytest.raises(cj.StorageError, match=r"holds no model and no state: .* by an older cojump"):
            ask()


def test_an_old_result_is_saved_anew(tmp_path):
    (result,) = old(1, tmp_path)
    result.save(tmp_path / "new.h5")
    (again,) = cj.load(tmp_path / "new.h5")
    assert again.mean.tobytes() == result.mean.tobytes()
    assert again.setup is None
