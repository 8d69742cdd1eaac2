# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the API server warned of while a run wrote, or tried its writes: each text once, with its objects."""

from __future__ import annotations

import contextlib
import threading
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.transport import Transport, Warned
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import secret_values

# One deprecated field can be in each of ten thousand objects, and a webhook may write another text for each.
NAMED = 3
MOST_TEXTS = 1000
_NOT_SHOWN = "a warning that is not shown, because it may hold secret values"


class ServerWarnings:
    """Collects warnings from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, dict[str, None]] = {}
        self._left_out = 0

    def add(self, warned: Warned) -> None:
        """Note what the server said about one object."""
        with self._lock:
            for text in _without_secrets(warned):
                if text not in self._objects and len(self._objects) >= MOST_TEXTS:
                    self._left_out += 1
                else:
                    self._objects.setdefault(text, {})[warned.about] = None

    def lines(self) -> list[str]:
        """A warning for each text, in the order of the objects that it names first."""
        with self._lock:
            listed = sorted(
                (sorted(objects), number, text) for number, (text, objects) in enumerate(self._objects.items())
            )
            lines = [f"the API server warns about {first_of(names, NAMED)}: {text}" for names, _number, text in listed]
            return [*lines, *([f"{self._left_out} more warnings of the API server"] if self._left_out else [])]


def _without_secrets(warned: Warned) -> list[str]:
    body = warned.body
    values = secret_values(body) - {""} if isinstance(body, dict) else frozenset()
    return [_NOT_SHOWN if any(value in text for value in values) else text for text in warned.texts]


@contextlib.contextmanager
def told_to(cluster: Transport, warnings: list[str]) -> t.Iterator[None]:
    """Add to *warnings* what the server warns of during this block, also if the block fails."""
    heard = ServerWarnings()
    try:
        with cluster.listening(heard.add):
            yield
    finally:
        warnings.extend(heard.lines())
