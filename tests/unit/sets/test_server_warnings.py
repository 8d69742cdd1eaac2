"""What the server warned of is told once for each text, bounded, with its objects and without secrets."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.transport import Warned
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.server_warnings import (
    MOST_TEXTS,
    ServerWarnings,
)


def heard(*said: tuple[str, str], body: t.Any = None) -> list[str]:
    collected = ServerWarnings()
    for about, text in said:
        collected.add(Warned(about=about, texts=[text], body=body))
    return collected.lines()


def test_a_text_is_told_once_with_the_first_objects() -> None:
    said = [(f"ConfigMap a/c{number}", "old") for number in (3, 1, 2, 4, 0)]
    assert heard(*said, *said, ("ConfigMap a/b", "other")) == [
        "the API server warns about ConfigMap a/b: other",
        "the API server warns about ConfigMap a/c0, ConfigMap a/c1, ConfigMap a/c2 and 2 more: old",
    ]


def test_a_webhook_with_another_text_for_each_object_fills_no_memory() -> None:
    lines = heard(*((f"ConfigMap a/{number}", f"text {number}") for number in range(MOST_TEXTS + 7)))
    assert len(lines) == MOST_TEXTS + 1
    assert lines[-1] == "7 more warnings of the API server"


def test_a_text_that_quotes_a_secret_value_is_not_shown() -> None:
    body = {"kind": "Prometheus", "spec": {"remoteWrite": [{"url": "https://me:canary@example.com"}]}}
    (line,) = heard(("Prometheus a/b", 'url "https://me:canary@example.com" is odd'), body=body)
    assert "canary" not in line
    assert "Prometheus a/b" in line
    (other,) = heard(("Prometheus a/b", "a is deprecated"), body=body)
    assert other.endswith("a is deprecated")
