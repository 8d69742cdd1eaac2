"""Lists in messages."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of


@pytest.mark.parametrize(
    ("items", "separator", "text"),
    [
        ([], ", ", ""),
        (["a"], ", ", "a"),
        (["a", "b"], ", ", "a, b"),
        (["a", "b", "c"], ", ", "a, b and 1 more"),
        (["a", "b", "c"], "; ", "a; b; and 1 more"),
        (range(1203), ", ", "0, 1 and 1,201 more"),
    ],
)
def test_a_long_list_names_its_first_and_counts_the_rest(items: list[str], separator: str, text: str) -> None:
    assert first_of(items, 2, separator=separator) == text
