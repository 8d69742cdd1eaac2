"""What is offered, and how it compares with what is pinned and what runs."""

from __future__ import annotations

import json

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.components import (
    COMPONENTS,
    component_of,
    versions_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.index import offered_by, parse_index
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.outdated import Row, rows_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import parse_version


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("format: 1\ncomponents:\n  prometheus: ['3.13.5', v3.14.0]\n", ["3.13.5", "3.14.0"]),
        (json.dumps({"format": 1, "components": {"prometheus": ["3.14.0", "3.13.5"]}}), ["3.13.5", "3.14.0"]),
    ],
)
def test_an_index_is_yaml_or_json(text: str, wanted: list[str]) -> None:
    assert [*map(str, parse_index(text.encode(), path="i")["prometheus"])] == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "i: cannot be read"),
        ("[]", "i: must be one mapping"),
        ("format: 2\ncomponents: {}\n", "i: format: must be 1, found 2"),
        ("format: 1\n", "i: components: must be a mapping"),
        ("format: 1\ncomponents: {}\nmore: 1\n", "i: more: unknown key"),
        ("format: 1\ncomponents:\n  promeheus: []\n", "i: components.promeheus: unknown component; did you mean"),
        ("format: 1\ncomponents:\n  prometheus: 3.13.5\n", "i: components.prometheus: must be a list of versions"),
        ("format: 1\ncomponents:\n  operator: [0.93]\n", "i: components.operator[0]: must be a text in quotes"),
        ("format: 1\ncomponents:\n  operator: [latest]\n", "i: components.operator[0]: 'latest' is not a version"),
    ],
)
def test_a_broken_index_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_index(text.encode(), path="i")
    assert message in str(caught.value)


def test_tags_that_are_not_versions_do_not_count() -> None:
    assert [*map(str, offered_by(["latest", "v3.0.1", "main", "v3.0.0-rc.0", "v3.0.0"]))] == [
        "3.0.0-rc.0",
        "3.0.0",
        "3.0.1",
    ]


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ("quay.io/prometheus/prometheus:v3.13.5", ("prometheus", "3.13.5")),
        ("registry.example.com:5000/quay.io/prometheus/prometheus:v3.13.5", ("prometheus", "3.13.5")),
        ("quay.io/prometheus/prometheus@sha256:" + "0" * 64, ("prometheus", "no tag")),
        ("docker.io/library/busybox", None),
        ("not an image", None),
    ],
)
def test_an_image_is_a_component_by_its_path(image: str, wanted: tuple[str, str] | None) -> None:
    assert component_of(image) == wanted
    assert versions_of([image, image]) == ({wanted[0]: [wanted[1]]} if wanted else {})


def row(**given: object) -> Row:
    """The row of Prometheus, which is pinned, runs and is offered as given."""
    pinned, running, offered = given.get("pinned", ("3.13.5",)), given.get("running", ("3.13.5",)), given.get("offered")
    (found,) = rows_of(
        "hub",
        pinned={"prometheus": pinned},  # type: ignore[dict-item]
        running={} if running is None else {"prometheus": running},  # type: ignore[dict-item]
        unread={"prometheus": "forbidden"} if running is None else {},
        offered={} if offered is None else {"prometheus": [*map(parse_version, offered)]},  # type: ignore[call-overload]
        unasked={},
    )
    return found


@pytest.mark.parametrize(
    ("given", "applied", "newest", "newer"),
    [
        ({"offered": ["3.13.5"]}, "yes", "yes", ()),
        ({"offered": ["3.13.5", "3.14.0-rc.0"]}, "yes", "yes", ()),
        ({"offered": ["3.12.0", "3.13.5", "3.14.0", "3.15.0"]}, "yes", "no", ("3.14.0", "3.15.0")),
        ({"running": ("v3.13.5",), "offered": ["3.13.5"]}, "yes", "yes", ()),
        ({"running": ("3.13.5", "3.13.1"), "offered": ["3.13.5"]}, "no", "yes", ()),
        ({"running": (), "offered": ["3.13.5"]}, "no", "yes", ()),
        ({"running": None, "offered": ["3.13.5"]}, "unknown", "yes", ()),
        ({}, "yes", "unknown", None),
        ({"pinned": (), "offered": ["3.14.0"]}, "not used", "no", ("3.14.0",)),
        ({"pinned": ("no tag",), "running": ("no tag",), "offered": ["3.14.0"]}, "yes", "unknown", None),
    ],
)
def test_a_row_says_what_there_is_to_do(
    given: dict[str, object], applied: str, newest: str, newer: tuple[str, ...] | None
) -> None:
    found = row(**given)
    assert (found.applied, found.newest, found.newer) == (applied, newest, newer)
    assert found.is_outdated == ("no" in (applied, newest))
    assert found.is_unknown == ("unknown" in (applied, newest))
    assert str(found).startswith("prometheus: pinned ")


def test_rows_are_those_of_what_is_pinned_or_runs() -> None:
    found = rows_of(
        "hub", pinned={"operator": ["1.0.0"]}, running={"thanos": ["1.0.0"]}, unread={}, offered={}, unasked={}
    )
    assert [one.component for one in found] == [name for name in COMPONENTS if name in ("operator", "thanos")]
