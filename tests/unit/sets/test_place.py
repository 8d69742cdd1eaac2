"""Where records may be, judged by what a run was told and by the label."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import records_namespace
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import place
from hypothesis import given, strategies

NAMES = ("kube-system", "one", "two")


@pytest.mark.parametrize(
    ("told", "marked", "problem"),
    [
        (None, [], None),
        (None, ["one"], None),
        ("kube-system", [], None),
        ("kube-system", ["kube-system"], None),
        ("one", ["one"], None),
        ("one", [], "kubectl label namespace one promfleet.monitoring/records=true"),
        ("one", ["two"], "set records_namespace to two, or leave it out"),
        ("one", ["kube-system"], "set records_namespace to kube-system, or leave it out"),
        ("kube-system", ["one"], "set records_namespace to one, or leave it out"),
        (None, ["two", "one"], "the namespaces one and two have the label"),
        ("one", ["two", "one"], "the namespaces one and two have the label"),
    ],
)
def test_what_a_run_was_told_must_fit_the_label(told: str | None, marked: list[str], problem: str | None) -> None:
    found = place.misplaced(told, marked=marked)
    assert (found is None) == (problem is None)
    assert (problem or "") in (found or "")


@given(
    one=strategies.none() | strategies.sampled_from(NAMES),
    other=strategies.none() | strategies.sampled_from(NAMES),
    marked=strategies.sets(strategies.sampled_from(NAMES)),
)
def test_two_runs_that_are_let_through_look_in_one_place(one: str | None, other: str | None, marked: set[str]) -> None:
    def looks_in(told: str | None) -> str:
        return told or next(iter(marked), "kube-system")

    if place.misplaced(one, marked=marked) is None and place.misplaced(other, marked=marked) is None:
        assert looks_in(one) == looks_in(other)


@pytest.mark.parametrize("blank", [None, "", "  ", "\n"])
def test_a_blank_option_counts_as_not_given(blank: str | None) -> None:
    assert records_namespace(blank) is None


@pytest.mark.parametrize("wrong", ["Records", "a.b", "a/b", "x" * 64, "-a"])
def test_what_is_no_name_of_a_namespace_is_refused_with_the_path(wrong: str) -> None:
    with pytest.raises(InputError, match="records_namespace"):
        records_namespace(wrong)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429, 500, 503])
def test_only_a_denial_names_the_way_out(status: int) -> None:
    error = ApiError(method="PUT", path="/", status=status, body=None, text="no")
    assert ("records_namespace" in place.way_out(error, "kube-system")) == (status in (400, 403, 422))
    assert "GKE" not in place.way_out(error, "elsewhere")
