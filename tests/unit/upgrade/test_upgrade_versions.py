"""Versions, their order, and ranges of them."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.risks import RISKS
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import (
    Version,
    parse_range,
    parse_version,
    version_or_none,
)
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.tuples(*[st.integers(0, 200)] * 3)
SUFFIXES = st.sampled_from(["", "-alpha.1", "-beta.0", "-rc.0", "-rc.1", "-rc.10"])


def text_of(numbers: tuple[int, int, int], suffix: str = "") -> str:
    return ".".join(map(str, numbers)) + suffix


@given(NUMBERS, SUFFIXES)
def test_a_version_reads_what_it_writes(numbers: tuple[int, int, int], suffix: str) -> None:
    version = parse_version(text_of(numbers, suffix))
    assert parse_version(str(version)) == version == parse_version(f"v{text_of(numbers, suffix)}")
    assert version.final == (suffix == "")


@given(NUMBERS, NUMBERS)
def test_the_order_is_that_of_the_numbers(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    first, second = parse_version(text_of(one)), parse_version(text_of(other))
    assert (first < second) == (one < other)
    assert (first == second) == (one == other)


@given(NUMBERS)
def test_what_comes_before_a_release_is_older_in_its_own_order(numbers: tuple[int, int, int]) -> None:
    suffixes = ["-alpha.1", "-beta.0", "-rc.0", "-rc.1", "-rc.10", ""]
    found = [parse_version(text_of(numbers, suffix)) for suffix in suffixes]
    assert found == sorted(found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("v3.13.5-distroless", (3, 13, 5)),
        ("0.93.1-amd64", (0, 93, 1)),
        ("2.55", (2, 55, 0)),
        ("v0.93.1+dirty", (0, 93, 1)),
        (" 0.93.1 ", (0, 93, 1)),
    ],
)
def test_tags_of_images_are_versions(text: str, numbers: tuple[int, int, int]) -> None:
    assert parse_version(text) == Version(numbers)


@pytest.mark.parametrize(
    "text", ["", "latest", "main", "3", "v3.x", "3.13.5.1", "sha256:" + "0" * 64, "3.13.5 rc", "٣.1.0"]
)
def test_what_is_not_a_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version; write numbers"):
        parse_version(text)
    assert version_or_none(text) is None


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_range_holds_what_its_conditions_say(
    low: tuple[int, int, int], high: tuple[int, int, int], numbers: tuple[int, int, int]
) -> None:
    found = parse_range(f">={text_of(low)}, <{text_of(high)}")
    assert (parse_version(text_of(numbers)) in found) == (low <= numbers < high)
    # A release candidate behaves as its release.
    assert (parse_version(text_of(numbers, "-rc.1")) in found) == (low <= numbers < high)
    assert parse_range(str(found)) == found


@pytest.mark.parametrize("text", ["", "0.93.1", "~>1.2.3", ">=0.9.1,", ">=latest", "==1.0.0"])
def test_what_is_not_a_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a "):
        parse_range(text)


@given(NUMBERS, st.sampled_from(RISKS))
def test_a_risk_is_never_about_a_cluster_that_keeps_its_version(numbers: tuple[int, int, int], risk: object) -> None:
    version = parse_version(text_of(numbers))
    assert not (version in risk.before and version in risk.after)  # type: ignore[attr-defined]
