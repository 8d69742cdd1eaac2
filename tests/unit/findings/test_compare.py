"""Two reports compared: what is new, gone or still there, and what a later run does not know."""

from __future__ import annotations

import datetime as dt
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.compare import (
    GROUPS,
    Comparison,
    compare,
    parse_report,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.render import FINDINGS_FILE, as_data
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Link, make_report
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.suppress import parse_suppressions
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.comparing import (
    as_result,
    compare_folders,
    compared_with,
    earlier_result,
)
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]

OPERATOR = Subject(cluster="hub", kind="Deployment", namespace="op", name="prometheus-operator")
NAMES = ("pay", "search", "ship")


def team(name: str) -> Subject:
    return Subject(cluster="hub", kind="Prometheus", namespace=f"monitoring-{name}", name=name)


def down(name: str, reason: str = "no pod is ready") -> Link:
    return Link(check="available", object=team(name), finding=found("PF202", team(name), reason=reason))


def well(name: str) -> Link:
    return Link(check="available", object=team(name))


def unseen(*names: str) -> list[Link]:
    """The API server is lost: no check of any team is made."""
    lost = Subject(cluster="hub", kind="Cluster", name="hub")
    finding = found("PF001", lost, reason="connection refused", checks=("available",))
    return [Link(check="available", object=team(name), finding=finding) for name in names]


def report(*links: Link, suppressions: t.Sequence[JsonObject] = (), **more: t.Any) -> JsonObject:
    findings: dict[str, Finding] = {one.finding.fingerprint: one.finding for one in links if one.finding}
    options: JsonObject = {"cluster": "hub", "fail_on": "error", "show_from": "info", "cluster_uid": "u", **more}
    done = make_report(
        links=links,
        findings=list(findings.values()),
        suppressions=parse_suppressions(list(suppressions)),
        today=dt.date(2026, 11, 25),
        whole_fleet=True,
        **options,
    )
    return as_data(done)


def told(comparison: Comparison) -> dict[str, list[str]]:
    """The groups that have something, each finding as its code and its object's name."""
    return {
        name: [f"{one['code']} {one['object']['name']}" for one in some]
        for name, some in comparison.groups.items()
        if some
    }


def test_new_gone_and_still_there() -> None:
    before = report(down("pay"), down("search"), well("ship"))
    after = report(down("pay", "0 of 2 pods"), well("search"), down("ship"))
    found_out = compare(before, after)
    assert told(found_out) == {"new": ["PF202 ship"], "gone": ["PF202 search"], "still": ["PF202 pay"]}
    (still,) = found_out.groups["still"]
    assert still["changed"].keys() == {"message"}
    assert "no pod is ready" in still["changed"]["message"]["before"]
    assert "0 of 2 pods" in still["changed"]["message"]["after"]
    assert found_out.headline == "1 new, 1 gone, 1 still there; 1 of those still there changed"
    assert compare(before, before).headline == "0 new, 0 gone, 2 still there"


def test_what_could_not_be_observed_is_not_gone() -> None:
    before = report(down("pay"), well("search"))
    lost = compare(before, report(*unseen("pay", "search")))
    assert told(lost) == {"new": ["PF001 hub"], "unknown": ["PF202 pay"]}
    assert lost.headline == "1 new, 0 gone, 0 still there, 1 not known this time"
    # And of what is seen again it is said that nobody looked before.
    again = compare(report(*unseen("pay", "search")), report(down("pay"), well("search")))
    assert told(again) == {"new": ["PF202 pay"], "gone": ["PF001 hub"]}
    assert again.groups["new"][0]["checked_before"] is False


def test_what_is_no_longer_asked_is_not_gone() -> None:
    assert told(compare(report(down("pay")), report(well("search")))) == {"unknown": ["PF202 pay"]}


def test_a_suppressed_finding_is_still_there() -> None:
    known = [{"code": "PF202", "object": "hub/*", "reason": "being moved"}]
    found_out = compare(report(down("pay")), report(down("pay"), suppressions=known))
    (still,) = found_out.groups["still"]
    assert still["changed"] == {"suppressed": {"before": False, "after": True}}
    # The entry itself is judged in each run.
    unused = compare(report(well("pay"), suppressions=known), report(well("pay")))
    assert told(unused) == {"gone": ["PF903 PF202 hub/*"]}


@pytest.mark.parametrize(("first", "second"), [("error", "info"), ("info", "error")])
def test_a_threshold_of_what_is_shown_makes_nothing_new_or_gone(first: str, second: str) -> None:
    known = [{"code": "PF202", "object": "hub/*", "reason": "being moved"}]
    before, after = (report(well("pay"), suppressions=known, show_from=level) for level in (first, second))
    assert told(compare(before, after)) == {"still": ["PF903 PF202 hub/*"]}


states = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from(["down", "well", "lost", "not asked"]), min_size=len(NAMES)
)


def links_of(state: t.Mapping[str, str]) -> list[Link]:
    lost = unseen(*(name for name, how in state.items() if how == "lost"))
    return [*lost, *(down(name) if how == "down" else well(name) for name, how in state.items() if how in HOW)]


HOW = {"down", "well"}


@given(states, states)
def test_each_finding_of_either_run_is_in_one_group(before: dict[str, str], after: dict[str, str]) -> None:
    groups = compare(report(*links_of(before)), report(*links_of(after))).groups
    for name in NAMES:
        pair = (before[name], after[name])
        expected = {
            ("down", "down"): "still",
            ("down", "well"): "gone",
            ("down", "lost"): "unknown",
            ("down", "not asked"): "unknown",
        }.get(pair, "new" if pair[1] == "down" else "")
        assert [group for group in GROUPS for one in groups[group] if one["object"]["name"] == name] == (
            [expected] if expected else []
        )


# -- files ------------------------------------------------------------------------------------------------------------


def write(folder: Path, data: t.Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FINDINGS_FILE).write_text(data if isinstance(data, str) else json.dumps(data))
    return folder


GOOD = report(down("pay"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", "findings.json: is not a report of findings: it is not JSON"),
        ([], "is not a report of findings: it has no schema_version"),
        ({"schema_version": 0}, "findings.json: schema_version: is 0, and this release reads 1"),
        ({**GOOD, "checks": None}, "is not a report of findings: checks is not of the type list"),
        (
            {**GOOD, "findings": [{"code": 1}], "checks": [7]},
            "findings\\[0\\].code is not of the type str; .*findings\\[0\\].object is missing",
        ),
        ({**GOOD, "cluster": "edge"}, "is about the cluster 'edge', not 'hub'"),
    ],
)
def test_what_is_no_result_of_this_cluster_is_refused(tmp_path: Path, data: t.Any, message: str) -> None:
    folder = write(tmp_path, data)
    for place in (folder, folder / FINDINGS_FILE):
        with pytest.raises(InputError, match=f"^compare_with: {tmp_path}.*{message}"):
            earlier_result(str(place), cluster="hub")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"compare_with: .*/nothing: cannot be read: No such file"):
        earlier_result(str(tmp_path / "nothing"), cluster="hub")
    assert earlier_result(None, cluster="hub") is None


def test_a_cluster_that_only_shares_the_name_is_refused(tmp_path: Path) -> None:
    earlier = earlier_result(str(write(tmp_path, GOOD)), cluster="hub")
    assert earlier is not None
    assert compared_with(earlier, report(down("pay"), cluster_uid="")).summary["still"] == 1
    with pytest.raises(InputError, match="is about another cluster with the name 'hub', of another fleet"):
        compared_with(earlier, report(down("pay"), cluster_uid="other"))


def test_folders_of_fleets_are_compared_cluster_by_cluster(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    write(before / "hub", report(down("pay")))
    write(before / "gone", report(down("ship"), cluster="gone"))
    write(after / "hub", report(down("pay"), down("search")))
    write(after / "new", report(down("ship"), cluster="new"))
    (after / "notes.txt").write_text("not ours")
    result = as_result(compare_folders(str(before), str(after)))
    assert result["headline"] == "2 new, 0 gone, 1 still there, 1 not known this time"
    assert [one["object"]["name"] for one in result["new"]] == ["search", "ship"]
    # Of a cluster without a later result nothing is known.
    assert [one["object"]["name"] for one in result["unknown"]] == ["ship"]


def test_all_that_is_wrong_with_two_folders_is_told(tmp_path: Path) -> None:
    before, after, empty = (tmp_path / name for name in ("before", "after", "empty"))
    empty.mkdir()
    write(before / "a", report(cluster="a"))
    write(before / "b", "{")
    write(before / "c", report(cluster="a"))
    write(after / "a", report(cluster="a", cluster_uid="other"))
    with pytest.raises(InputError) as refused:
        compare_folders(str(before), str(after))
    text = str(refused.value)
    assert text.startswith("3 errors:")
    assert f"before: {before}/b/{FINDINGS_FILE}: is not a report" in text
    assert f"before: {before}/c/{FINDINGS_FILE}: is about the cluster 'a', as {before}/a/{FINDINGS_FILE} is" in text
    assert f"before: {before}/a/{FINDINGS_FILE}: is about another cluster with the name 'a'" in text
    with pytest.raises(InputError, match=f"after: {empty} has no {FINDINGS_FILE}, nor has a folder in it"):
        compare_folders(str(after), str(empty))
    write(empty / "z", report(cluster="z"))
    with pytest.raises(InputError, match=f"after: {empty} is about z and {after} about a: these are results of other"):
        compare_folders(str(after), str(empty))


def test_a_report_that_was_written_is_read() -> None:
    assert parse_report(json.loads(json.dumps(GOOD)), place="x").data == GOOD
