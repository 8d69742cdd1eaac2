"""Groups of the inventory that make regions."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.regions import region_errors

WORKERS = ["eu", "eu1", "eu2", "us", "us1", "far"]
GOOD = {
    "promfleet_region_eu": ["eu1", "eu2"],
    "promfleet_region_eu_central": ["eu"],
    "promfleet_region_us": ["us1"],
    "promfleet_region_us_central": ["us"],
}


def errors(**changed: list[str] | None) -> list[str]:
    groups = {**GOOD, **{f"promfleet_region_{name}": hosts for name, hosts in changed.items()}}
    found = {name: hosts for name, hosts in groups.items() if hosts is not None}
    return region_errors(found, workers=WORKERS, centrals=["hub"])


def test_regions_are_good_and_so_is_an_inventory_without() -> None:
    assert errors() == []
    assert region_errors({}, workers=WORKERS, centrals=["hub"]) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"eu_central": None}, ["promfleet_region_eu: has no central; make a group promfleet_region_eu_central with"]),
        ({"eu_central": []}, ["promfleet_region_eu: has no central; make a group promfleet_region_eu_central with"]),
        ({"eu": None}, ["promfleet_region_eu_central: is the central of no region; make a group promfleet_region_eu "]),
        ({"eu_central": ["eu", "far"]}, ["promfleet_region_eu_central: must have one host, found eu, far"]),
        ({"eu": ["eu1", "new"]}, ["promfleet_region_eu: new is not in promfleet_workers"]),
        ({"eu_central": ["new"]}, ["promfleet_region_eu_central: new is not in promfleet_workers"]),
        ({"us": ["us1", "eu1"]}, ["promfleet_region_us: eu1 is in promfleet_region_eu too"]),
        ({"eu": ["eu1", "eu"]}, ["promfleet_region_eu: eu is its central too, and would read itself: that is a cycle"]),
        (
            {"eu": ["eu1", "us"], "us": ["us1", "eu"]},
            [
                "promfleet_region_eu: us is the central of promfleet_region_us; a region cannot be inside of another",
                "promfleet_region_us: eu is the central of promfleet_region_eu; a region cannot be inside of another",
            ],
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_group(changed: dict[str, list[str] | None], expected: list[str]) -> None:
    found = errors(**changed)
    assert len(found) == len(expected)
    assert all(one.startswith(start) for one, start in zip(found, expected, strict=True)), found


@pytest.mark.parametrize("group", ["eu", "eu_central"])
def test_the_global_central_is_in_no_region(group: str) -> None:
    hosts = ["eu1", "hub"] if group == "eu" else ["hub"]
    groups = {**GOOD, f"promfleet_region_{group}": hosts}
    assert region_errors(groups, workers=[*WORKERS, "hub"], centrals=["hub"]) == [
        f"promfleet_region_{group}: hub is in promfleet_central, which reads this region: that is a cycle"
    ]
