"""What a result was made of: its model and its state, in memory or as a file describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ..errors import EXPECTED, StorageError, foreign, one_line
from ..model import Model
from ..model.channels import channel_names
from ..model.envelopes import Shape
from ..model.final_states import FinalStates
from ..model.mixtures import Mixture
from ..model.parameter_drives import with_drives
from ..model.states import State
from ..model.stored import described, rebuilt
from ..tools.user_code import execute


@dataclass(frozen=True)
class Call:
    """The call of a user's own function that made a model.

    Attributes
    ----------
    system : str
        "my_model.py:build".
    arguments : mapping
        Of the function, as JSON knows them.
    sources : mapping of str to str
        Name and text of the file.
    shapes : mapping of str to Shape
        What multiplies arguments, as functions of time.
    """

    system: str
    arguments: Mapping[str, Any]
    sources: Mapping[str, str]
    shapes: Mapping[str, Shape] = field(default_factory=dict)


class Setup:
    """Model and state of a result.

    In memory they are the very objects that were given. A file, and a pickled result, have ``text``: all matrices,
    sizes and options, cojump's own and numpy's functions. Where a model has a Python function of the user's and a run
    file has named the function that builds it, the call of that stands in its place, with ``sources``.
    """

    def __init__(
        self,
        model: Model | None = None,
        state: State | Mixture | FinalStates | None = None,
        call: Call | None = None,
        *,
        text: str = "",
        sources: Mapping[str, str] | None = None,
    ) -> None:
        self._model, self._state, self._call = model, state, call
        self._text, self._sources = text, dict(sources or {})

    @property
    def text(self) -> str:
        """All that is needed to make both again but the user's files, as JSON."""
        if not self._text:
            assert self._model is not None
            assert self._state is not None
            both = {"model": described(self._model), "state": described(self._state)}
            if both["model"]["missing"] and self._call is not None:
                both["call"] = {"system": self._call.system, "arguments": dict(self._call.arguments)}
                if self._call.shapes:
                    both["call"]["drive"] = described(self._call.shapes)
                self._sources = dict(self._call.sources)
                del both["model"]
            self._text = json.dumps(both)
        return self._text

    @property
    def sources(self) -> Mapping[str, str]:
        """Name and text of the user's file, where its function is called."""
        return self._sources if self.text else {}

    def model(self) -> Model:
        """The model; see :meth:`cojump.results.result.Result.model`."""
        if self._model is None:
            both = self._read()
            self._model = self._called(**both["call"]) if "call" in both else _rebuilt(both["model"], Model)
        return self._model

    def jump_names(self) -> list[str] | None:
        """What the jumps are called; None where only a user's function, which is not run for that, would say it."""
        if self._model is None and "call" in self._read():
            return None
        return channel_names(self.model())

    def state(self) -> State | Mixture | FinalStates:
        """The state at t = 0."""
        if self._state is None:
            self._state = _rebuilt(self._read()["state"], State | Mixture | FinalStates)
        return self._state

    def _read(self) -> dict[str, Any]:
        try:
            both = json.loads(self._text)
            call = both.get("call", {"system": "", "arguments": {}})
            if set(both) in ({"model", "state"}, {"call", "state"}) and set(call) - {"drive"} == {
                "system",
                "arguments",
            }:
                return dict(both)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise _no_description(error) from None
        raise _no_description("it has other parts")

    def _called(self, system: str, arguments: Mapping[str, Any], drive: Any = None) -> Model:
        """What the call of the user's function returns now, with its drives; its file may raise anything."""
        shapes = {} if drive is None else _rebuilt(drive, Mapping)
        path, _, function = str(system).rpartition(":")
        file = Path(path).name
        try:
            build = getattr(execute(Path(file), self._sources[file], neighbours=False), function)
            model = with_drives(build, arguments, shapes) if shapes else build(**arguments)
        except (KeyboardInterrupt, *EXPECTED):
            raise
        except BaseException as error:  # noqa: BLE001 - a user's file may raise whatever it likes
            raise StorageError(
                f"the file {file} that is stored with the result raises {foreign(error, file)}"
            ) from None
        if not isinstance(model, Model):
            raise StorageError(f"{system}, stored with the result, returns {type(model).__name__} and no Model")
        return model

    def __getstate__(self) -> dict[str, Any]:
        """The text alone: models may hold functions that cannot be sent to another process, results always can."""
        return {"_model": None, "_state": None, "_call": None, "_text": self.text, "_sources": self._sources}

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nobody changes it


def _rebuilt(description: Any, kind: Any) -> Any:
    try:
        made = rebuilt(description)
    except StorageError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
        raise _no_description(error) from None
    if not isinstance(made, kind):
        raise _no_description(f"it is of type {type(made).__name__}")
    return made


def _no_description(error: BaseException | str) -> StorageError:
    return StorageError(f"what the file holds of the model is no model: {one_line(error)}")
