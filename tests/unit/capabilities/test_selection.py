"""What of a source is federated: presets, own selectors, and what is refused or warned of."""

from __future__ import annotations

import itertools
import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import DEFAULT_MATCH
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.selection import (
    PRESETS,
    SELECTION_OPTIONS,
    selection_warnings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    Source,
    parse_sources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.selectors import lint

GUIDE = Path(__file__).resolve().parents[3] / "docs/federation.md"


def parse(**raw: t.Any) -> Source:
    (source,) = parse_sources([raw], check_match=check_selector)
    return source


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({}, DEFAULT_MATCH),
        ({"match": ["up"]}, ["up"]),
        ({"match_presets": ["alerts"]}, [PRESETS["alerts"]]),
        ({"match_presets": ["up", "alerts"], "match": ["job:x:sum"]}, ["job:x:sum", PRESETS["alerts"], PRESETS["up"]]),
        ({"match_presets": ["alerts"], "match": []}, [PRESETS["alerts"]]),
        ({"match_presets": ["alerts"], "match": [PRESETS["alerts"]]}, [PRESETS["alerts"]]),
        ({"match": ['{__name__=~".+"}'], "match_everything": True}, ['{__name__=~".+"}']),
    ],
)
def test_presets_and_own_selectors_are_combined(raw: dict[str, t.Any], expected: list[str]) -> None:
    assert parse(**raw).scrape.match == tuple(sorted(expected))


def test_any_presets_can_be_combined_without_a_remark() -> None:
    for size in range(1, len(PRESETS) + 1):
        for names in itertools.combinations(PRESETS, size):
            assert lint([PRESETS[name] for name in names], external_labels=["team", "region"]) == []


def test_the_default_is_what_it_always_was() -> None:
    assert DEFAULT_MATCH == ['{__name__=~"[^:]+:.+"}', 'ALERTS{alertstate="firing"}']


def test_the_guide_has_every_preset() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.*?) \|", GUIDE.read_text().split("## What is federated")[1], flags=re.MULTILINE
    )
    assert (
        [name for name, _selector in rows[: len(PRESETS)]]
        == list(PRESETS)
        == SELECTION_OPTIONS["match_presets"]["choices"]
    )
    for name, selector in rows[:3]:
        assert selector == f"`{PRESETS[name]}`"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"match": []}, "sources[0].match: must not be empty"),
        ({"match_presets": []}, "sources[0].match: must not be empty"),
        ({"match_presets": ["all"]}, "sources[0].match_presets[0]: must be one of recorded, alerts, up"),
        ({"match": ["up", "up{"]}, "sources[0].match[1]: 'up{' is not understood as PromQL"),
        ({"match": ['{__name__=~".+"}']}, 'sources[0].match[0]: {__name__=~".+"} selects every scraped series;'),
        ({"match": ['{job!=""}']}, "match_everything allows it (PF335)"),
        ({"match": ['up{job="a",job="b"}']}, 'no value of job satisfies job="a", job="b"'),
        ({"match": ["up", 'up{cluster="edge"}']}, 'sources[0].match[1]: up{cluster="edge"}: series have no cluster'),
    ],
)
def test_what_can_never_work_is_refused(raw: dict[str, t.Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        parse(**raw)
    assert message in str(error.value)


def test_each_bad_selector_is_named() -> None:
    with pytest.raises(InputError) as error:
        parse(match=["up{", 'a{cluster="x"}', "fine", '{__name__=~".+"}'])
    assert [each.path for each in error.value.errors] == [f"sources[0].match[{index}]" for index in (0, 1, 3)]


def test_what_is_doubtful_is_a_warning() -> None:
    assert parse(match=["up", 'up{job="a"}', 'x{region="eu"}']).scrape.match
    found = selection_warnings(["up", 'up{job="a"}', 'x{region="eu"}', '{__name__=~"^a.+"}'], labels=["region"])
    assert [re.findall(r"\((PF\d+)\)$", warning) for warning in found] == [["PF340"], ["PF348"]]
    assert selection_warnings(DEFAULT_MATCH, labels=["region"]) == []
