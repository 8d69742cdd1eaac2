"""What each engine says of a request: the API server, cel-expr-python, OPA. A verdict is the set of failing rows."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import typing as t
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.admission import policy_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.judge import judge
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import Policy
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.rego import package_of, rego_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.requests import Request
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.stored import Schemas

from promlab import build
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import from_environment
from tests.integration.support.cluster import Cluster, Kind
from tests.integration.support.impersonated import acting_as
from tests.integration.support.policy_corpus import NAMESPACES, Case, JsonObject, changed

Verdict = frozenset[str]
_WARNING = re.compile(r"ValidatingAdmissionPolicy '([a-z0-9-]+)'")
# A request whose object the server refuses for another reason than a policy.
INVALID = None


def body_of(case: Case, *, live: JsonObject | None) -> JsonObject | None:
    """What is sent for a request; an update that only touches metadata sends what is stored."""
    if case.new is None or live is None or case.old is None:
        return case.new
    new, old = ({name: value for name, value in one.items() if name != "metadata"} for one in (case.new, case.old))
    version = {"resourceVersion": live["metadata"]["resourceVersion"]}
    if new == old:
        return {**live, "metadata": {**live["metadata"], **case.new["metadata"], **version}}
    return {**case.new, "metadata": {**case.new["metadata"], **version}}


def server_verdict(cluster: Cluster, case: Case, *, body: JsonObject | None) -> Verdict | None:
    """The rows that the API server warns about, by a dry run; None where it refuses the object itself.

    All policies must be in warn.
    """
    wanted = case.new if case.new is not None else case.old
    assert wanted is not None
    kind = known_kind(cluster, wanted["apiVersion"], wanted["kind"])
    metadata = wanted["metadata"]
    path = kind.path(metadata.get("namespace", ""), "" if case.operation == "CREATE" else metadata["name"])
    if case.subresource:
        path += f"/{case.subresource}"
    method = {"CREATE": "POST", "UPDATE": "PUT", "DELETE": "DELETE"}[case.operation]
    actor = acting_as(cluster, case.account)
    # Warnings about unknown fields would leave no room in the header for those of policies.
    query = urlencode({"dryRun": "All", "fieldValidation": "Ignore"})
    # Warnings are in headers, which the test's own client does not return.
    answer = actor._pool.request(
        method,
        f"{actor._host}{path}?{query}",
        body=None if body is None else json.dumps(body).encode(),
        headers={**actor._headers, "Content-Type": "application/json"},
        timeout=30.0,
    )
    if answer.status >= 400:
        return INVALID
    warned = _WARNING.findall(" ".join(answer.headers.getlist("Warning")))
    return frozenset(name.removeprefix(policy_name("")) for name in warned)


@functools.lru_cache(maxsize=64)
def known_kind(cluster: Cluster, api_version: str, kind: str) -> Kind:
    """The served kind, asked for once."""
    return cluster.kind(api_version, kind)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How many requests were judged by all engines, how many the server refused itself, and what differs."""

    judged: int
    invalid: int
    failing: int
    differences: tuple[str, ...]


def compare(
    cluster: Cluster, policies: tuple[Policy, ...], cases: t.Iterable[Case], *, schemas: Schemas, folder: Path
) -> Compared:
    """Let the API server, cel-expr-python and OPA judge each case; *folder* is for the files of OPA."""
    requests: list[Request] = []
    verdicts: list[Verdict] = []
    kept: list[Case] = []
    invalid = 0
    for number, given in enumerate(cases):
        case, live = stored_before(cluster, given, number=number)
        body = body_of(case, live=live)
        verdict = server_verdict(cluster, case, body=body)
        if verdict is INVALID:
            invalid += 1
            continue
        place = (case.new or case.old or {})["metadata"].get("namespace")
        requests.append(
            Request(
                operation=case.operation,
                obj=None if body is None else schemas.stored(body),
                old=live,
                subresource=case.subresource,
                username=case.account,
                groups=("system:authenticated",),
                labels=NAMESPACES.get(place or "", {}),
            )
        )
        verdicts.append(verdict)
        kept.append(case)
    offline = [offline_verdict(policies, request) for request in requests]
    opa = opa_verdicts(policies, requests, folder=folder, opa=opa_program())
    differences = tuple(
        f"{case.row} {case.operation} {case.subresource} by {case.account}: server {sorted(one)}, cel-expr "
        f"{sorted(other)}, opa {sorted(third)}: {json.dumps(case.new)[:600]}"
        for case, one, other, third in zip(kept, verdicts, offline, opa, strict=True)
        if not one == other == third
    )
    failing = sum(bool(verdict) for verdict in verdicts)
    return Compared(judged=len(kept), invalid=invalid, failing=failing, differences=differences)


def stored_before(cluster: Cluster, case: Case, *, number: int) -> tuple[Case, JsonObject | None]:
    """The case with its object stored as it was before, under a name of its own, and the stored object."""
    if case.old is None:
        return case, None
    old = changed(case.old, name=f"plain-{number}")
    new = None if case.new is None else changed(case.new, name=f"plain-{number}")
    kind = known_kind(cluster, old["apiVersion"], old["kind"])
    live = cluster.request("POST", kind.path(old["metadata"].get("namespace", "")), body=old)
    live["metadata"].pop("managedFields", None)
    return replace(case, old=old, new=new), live


def offline_verdict(policies: tuple[Policy, ...], request: Request) -> Verdict:
    """The rows that the offline engine finds; what it cannot evaluate fails the test."""
    verdicts = judge(policies, request)
    unknown = [f"{verdict.policy.id}: {verdict.unknown}" for verdict in verdicts if verdict.unknown]
    assert not unknown, unknown
    return frozenset(verdict.policy.id for verdict in verdicts)


def opa_program() -> Path:
    """The program opa, built where it is missing."""
    lab = from_environment()
    lab.make()
    if not (lab.bin / "opa").exists():
        progress = Progress()
        with locked(lab.locks, "build", purpose="building", say=progress.say):
            build.build_programs(("opa",), lab=lab, progress=progress)
    return lab.bin / "opa"


def review_of(request: Request) -> JsonObject:
    """A request as Gatekeeper gives it to Rego."""
    known = request.variables()
    review: JsonObject = {
        **known["request"],
        "object": known["object"],
        "oldObject": known["oldObject"],
        "resource": {
            "group": request.group,
            "version": request.version,
            "resource": request.resource.partition("/")[0],
        },
    }
    if known.get("namespaceObject") is not None:
        review["_unstable"] = {"namespace": known["namespaceObject"]}
    return {"review": review}


def opa_verdicts(
    policies: t.Sequence[Policy], requests: t.Sequence[Request], *, folder: Path, opa: Path
) -> list[Verdict]:
    """The rows that OPA finds for each request, by one run over all of them."""
    modules = folder / "modules"
    modules.mkdir(exist_ok=True)
    for policy in policies:
        (modules / f"{policy.id}.rego").write_text(rego_module(policy), encoding="utf-8")
    fails = "".join(
        f"fails({json.dumps(policy.id)}, each) if {{\n"
        f"\tviolation := data.{package_of(policy.id)}.violation with input as each\n"
        "\tcount(violation) > 0\n}\n\n"
        for policy in policies
    )
    (modules / "all.rego").write_text(
        "package corpus\n\nimport rego.v1\n\n"
        f"ids := {json.dumps([policy.id for policy in policies])}\n\n"
        "verdicts := [failing | some each in data.requests; failing := {id | some id in ids; fails(id, each)}]\n\n"
        f"{fails}",
        encoding="utf-8",
    )
    data = folder / "data.json"
    data.write_text(json.dumps({"requests": [review_of(request) for request in requests]}), encoding="utf-8")
    done = subprocess.run(
        [opa, "eval", "--format=json", "--data", modules, "--data", data, "data.corpus.verdicts"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    (result,) = json.loads(done.stdout)["result"]
    return [frozenset(failing) for failing in result["expressions"][0]["value"]]
