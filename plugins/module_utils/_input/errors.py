# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors for bad input: where each stands, and what is wrong there. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

Parsed = t.TypeVar("Parsed")

_ITEM = re.compile(r"(?P<variable>[^.\[]*)(?:\[(?P<index>\d+)\])?")


@dataclass(frozen=True)
class Place:
    """Another place of the input that a message names."""

    path: str

    def __str__(self) -> str:
        return self.path


# What a message consists of.
Part: t.TypeAlias = "str | Place"


class InputError(ValueError):
    """Input that cannot be used; *path* is the place as the user wrote it (``teams[3].prometheus.retention``).

    The message is text; where it names other places of the input, the parts in between are Place.
    """

    def __init__(self, path: str, *message: Part) -> None:
        super().__init__(path, *message)
        self.path = path
        self.parts = message

    @property
    def message(self) -> str:
        """What is wrong at the place."""
        return "".join(map(str, self.parts))

    def renamed(self, rename: t.Callable[[str], str]) -> InputError:
        """The same error with each path as *rename* returns it."""
        parts = (Place(rename(part.path)) if isinstance(part, Place) else part for part in self.parts)
        return InputError(rename(self.path), *parts)

    @property
    def errors(self) -> tuple[InputError, ...]:
        """All errors: this one, or those that it combines."""
        return (self,)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class InputErrors(InputError):
    """Several errors of one input."""

    def __init__(self, errors: t.Sequence[InputError]) -> None:
        super().__init__(errors[0].path, *errors[0].parts)
        self._errors = tuple(errors)

    @property
    def errors(self) -> tuple[InputError, ...]:
        """All that is wrong."""
        return self._errors

    def __str__(self) -> str:
        return listed([str(error) for error in self._errors])


class Errors:
    """Collects errors, so that validation continues after an error and finds the next one.

    A place has one error: what is said later about it, or about what lies inside it, follows from the first and is
    dropped.
    """

    def __init__(self) -> None:
        self._found: dict[str, InputError] = {}
        self._explained: set[str] = set()

    def add(self, path: str, *message: Part) -> None:
        """Note what is wrong at *path*."""
        if not self._covers(path):
            self._found[path] = InputError(path, *message)

    def explain(self, path: str) -> None:
        """Note that an error at *path* would only follow from another error, and must not be reported."""
        self._explained.add(path)

    def attempt(self, parse: t.Callable[[], Parsed]) -> Parsed | None:
        """What *parse* returns; where it raises InputError, None, and its errors are noted."""
        try:
            return parse()
        except InputError as error:
            for each in error.errors:
                self.add(each.path, *each.parts)
            return None

    def is_good(self, path: str) -> bool:
        """Whether nothing is wrong at *path*, around it or inside it, so that more can be judged by its value."""
        if not self._found:
            return True
        wrong = (*self._found, *self._explained)
        return not self._covers(path) and not any(_is_inside(found, path) for found in wrong)

    def sorted(self) -> tuple[InputError, ...]:
        """All errors: variable by variable, the items of a list in their order, within an item as they were found."""
        variables: dict[str, int] = {}

        def place(error: InputError) -> tuple[int, int]:
            found = _ITEM.match(error.path)
            variable, index = (found["variable"], found["index"]) if found else ("", None)
            return variables.setdefault(variable, len(variables)), -1 if index is None else int(index)

        return tuple(sorted(self._found.values(), key=place))

    def require_none(self) -> None:
        """Raise InputError with all that was found, if anything was."""
        errors = self.sorted()
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise InputErrors(errors)

    def _covers(self, path: str) -> bool:
        wrong = (*self._found, *self._explained)
        return path in wrong or any(_is_inside(path, found) for found in wrong)


class Collecting:
    """A block that collects errors in *errors*; without one of its own, it raises at its end what it collected."""

    def __init__(self, errors: Errors | None) -> None:
        self._given = errors is not None
        self._errors = Errors() if errors is None else errors

    def __enter__(self) -> Errors:
        return self._errors

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None and not self._given:
            self._errors.require_none()


def listed(errors: t.Sequence[str]) -> str:
    """One error as it is, several as a list with a line for each."""
    return errors[0] if len(errors) == 1 else "\n".join((f"{len(errors)} errors:", *(f"- {error}" for error in errors)))


def _is_inside(path: str, outer: str) -> bool:
    return bool(outer) and path.startswith(outer) and path[len(outer) : len(outer) + 1] in (".", "[")
