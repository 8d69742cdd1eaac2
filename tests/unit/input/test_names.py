"""Whatever the check of the input accepts as a name makes valid names of objects and values of labels."""

from __future__ import annotations

import copy
import re
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import (
    prefix_of_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.grammar import Check
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import set_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import NAMES, look_at
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import lease
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]

# k8s.io/apimachinery/pkg/util/validation, written down once more.
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(rf"{LABEL.pattern}(\.{LABEL.pattern})*")
VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
# Their names become a DNS label of their own: a Service's by its kind, the others' in the pods that they lead to.
DNS_LABELS = {"Namespace", "Service"}
# The operator's StatefulSet has its name behind this; a pod's label has it with a revision of 11 more.
STATEFUL = {"Prometheus": "prometheus-", "Alertmanager": "alertmanager-"}

# Names near the rules' edges: right and wrong characters, and lengths around each limit.
CHARACTERS = st.sampled_from("abz09-._AZ /$:é")
TEXTS = st.one_of(
    st.integers(min_value=1, max_value=66).map(lambda length: "n" * length),
    st.from_regex(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?", fullmatch=True),
    st.text(CHARACTERS, min_size=1, max_size=12),
)
NOTHING: JsonObject = {
    "role": "promfleet",
    "options": None,
    "variables": None,
    "found": [],
    "fleet": None,
    "connection": None,
    "capabilities": {},
}

FLEET: JsonObject = {
    "workers": 1,
    "expected_workers": None,
    "kubeconfig_is_path": True,
    "centrals": [],
    "regions": {},
    "region_hosts": [],
}


def errors(**params: t.Any) -> list[str]:
    return look_at({**NOTHING, **params}, environ={}).errors


def problems(objects: t.Iterable[JsonObject]) -> list[str]:
    """What the API server would refuse in names and labels."""
    found = []
    for obj in objects:
        metadata, kind = obj["metadata"], obj["kind"]
        rule, longest = (LABEL, 63) if kind in DNS_LABELS else (SUBDOMAIN, 253)
        name = f"{STATEFUL.get(kind, '')}{metadata['name']}"
        longest = 52 if kind in STATEFUL else longest
        if not rule.fullmatch(name) or len(name) > longest:
            found.append(f"{kind} {name!r}")
        namespace = metadata.get("namespace")
        if namespace is not None and (not LABEL.fullmatch(namespace) or len(namespace) > 63):
            found.append(f"namespace {namespace!r} of {kind} {name!r}")
        for key, value in (metadata.get("labels") or {}).items():
            if not VALUE.fullmatch(value) or len(value) > 63:
                found.append(f"label {key}={value!r} of {kind} {name!r}")
    return found


def test_the_judge_finds_what_is_wrong() -> None:
    bad = {"kind": "Service", "metadata": {"name": "A", "namespace": "b_", "labels": {"c": "d/e"}}}
    assert len(problems([bad])) == 3


@given(fleet=TEXTS)
def test_every_set_of_an_accepted_fleet_has_valid_names(fleet: str) -> None:
    if errors(variables={"promfleet_fleet": fleet}, options={"promfleet_fleet": {}}):
        return
    for capability in CAPABILITIES:
        owner = set_of(fleet, capability=capability.name)
        assert VALUE.fullmatch(owner.label)
        assert len(owner.label) <= 63
        # The Lease and the record have one name.
        name = lease.name_of(owner.label)
        assert SUBDOMAIN.fullmatch(name)
        assert len(name) <= 253


@given(cluster=TEXTS, team=TEXTS, platform=TEXTS, prefix=TEXTS)
def test_every_object_of_accepted_names_is_valid(cluster: str, team: str, platform: str, prefix: str) -> None:
    shared: JsonObject = {
        "teams": [{"name": team}],
        "platform": {},
        "platform_team": platform,
        "platform_namespace": f"{prefix}{platform}",
        "namespace_prefix": prefix,
        "cluster": cluster,
        "clusters": [cluster],
        "central_team": team,
    }
    fleet = {**FLEET, "host": cluster, "hosts": [cluster], "clusters": [cluster]}
    given: dict[str, JsonObject] = {}
    for capability in CAPABILITIES:
        options = copy.deepcopy(capability.example)
        options |= {name: value for name, value in shared.items() if name in capability.options}
        # One instance is federated once.
        options |= {"sources": options["sources"][:1]} if "sources" in options else {}
        for source in options.get("sources") or ():
            source.update({"team": team}, **({"cluster": cluster} if "cluster" in source else {}))
        given[capability.name] = options
    if errors(fleet=fleet, capabilities=given):
        return
    for capability in CAPABILITIES:
        checked = ArgumentSpecValidator(cluster_options(capability.options)).validate(given[capability.name])
        assert not checked.error_messages
        assert problems(objects_of(capability, checked.validated_parameters)) == []


@pytest.mark.parametrize(
    ("check", "longest"),
    [(NAMES["promfleet_fleet"], 45), (NAMES["promfleet_platform_team"], 39), (prefix_of_namespaces, 62)],
)
def test_names_are_judged_at_their_longest(check: Check, longest: int) -> None:
    assert check("n" * longest) is None
    assert check("n" * (longest + 1)) is not None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"promfleet_fleet": "PROD_EU"},
            "promfleet_fleet: 'PROD_EU' must consist of lower case letters, digits, '-' and '.', as a DNS name",
        ),
        ({"promfleet_fleet": "prod eu/1"}, "promfleet_fleet: 'prod eu/1' must consist of "),
        (
            {"promfleet_fleet": "n" * 46},
            f"promfleet_fleet: '{'n' * 46}' is longer than 45 characters; with the name of a set behind it (fed",
        ),
        ({"promfleet_platform_team": "Platform"}, "promfleet_platform_team: 'Platform' must consist of lower case "),
    ],
)
def test_a_bad_name_is_told_with_the_rule(variables: JsonObject, expected: str) -> None:
    (found,) = errors(variables=variables, options={name: {} for name in variables})
    assert found.startswith(expected)


def test_a_bad_prefix_is_one_error() -> None:
    teams = [{"name": "pay"}, {"name": "search"}]
    given = {"namespace_prefix": "Mon_", "teams": teams, "cluster": "hub", "clusters": ["hub"]}
    (found,) = errors(capabilities={"teams": given})
    assert found.startswith(
        "team_monitoring_namespace_prefix: 'Mon_' must consist of lower case letters, digits and '-', and begin with"
    )


def test_a_bad_platform_team_is_one_error() -> None:
    place = {"platform_team": "Platform", "cluster": "hub", "clusters": ["hub"]}
    operator = {"platform_team": "Platform", "platform_namespace": "m-Platform"}
    variables = {"variables": {"promfleet_platform_team": "Platform"}, "options": {"promfleet_platform_team": {}}}
    (found,) = errors(capabilities={"operator": operator, "teams": place}, **variables)
    assert found.startswith("promfleet_platform_team: 'Platform' must consist of lower case ")


def test_modules_say_the_same_of_a_fleet() -> None:
    with pytest.raises(InputError, match="fleet: 'PROD_EU' must consist of lower case letters"):
        set_of("PROD_EU", capability="teams")
    # A set of manifests has a name of the user's, and with it less room for the fleet's.
    assert set_of("n" * 30, capability="objects-rules").label.startswith("nnn")
    with pytest.raises(InputError, match=r"fleet: 'n+' is longer than 4 characters"):
        set_of("n" * 30, capability=f"objects-{'r' * 50}")
