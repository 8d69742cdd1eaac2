# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue: every code that a finding can have, with its meaning and its fix. Pure.

A code never changes its meaning and is never used again: one that is given up moves to RETIRED. PF0xx is what could not
be observed, PF1xx the operator, PF2xx the instances, PF3xx the federation, PF4xx policies, PF5xx workloads, PF7xx
upgrades, PF9xx findings about suppressions.
The page docs/findings.md and the JSON schema are generated from this file (``make findings``).
"""

from __future__ import annotations

import difflib
import string
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

# From the mildest to the worst.
SEVERITIES = ("info", "warning", "error")
# Whether a fault can be seen before anything is applied (in the input and in what runs already), or only afterwards.
WHEN = ("before", "after")
PAGE = "https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/findings.md"

_PLATFORMS = "https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/platforms.md"
_TIERS = "https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/tiers.md"
_OPERATOR = "https://prometheus-operator.dev/docs/getting-started/installation/"
_TROUBLESHOOTING = "https://prometheus-operator.dev/docs/platform/troubleshooting/"
_RBAC = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/"
_PROXY = "https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/"
_REACH = f"{PAGE.removesuffix('findings.md')}teams.md#the-api-server-and-network-policies"
_DEBUG_SERVICE = "https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/"
_FEDERATION = "https://prometheus.io/docs/prometheus/latest/federation/"
_THANOS_QUERY = "https://thanos.io/tip/components/query.md/"
_REMOTE_WRITE = "https://prometheus.io/docs/prometheus/latest/configuration/configuration/#remote_write"
_CONFIGURATION = "https://prometheus.io/docs/prometheus/latest/configuration/configuration/"
_EXTERNAL = "https://prometheus.io/docs/prometheus/latest/configuration/configuration/#configuration-file"
_SYNTAX = "https://prometheus.io/docs/prometheus/latest/querying/basics/#time-series-selectors"
_NAMING = "https://prometheus.io/docs/practices/naming/#labels"
_PRACTICES = "https://prometheus.io/docs/practices/histograms/"
_SELECTORS = f"{PAGE.removesuffix('findings.md')}federation.md#what-is-federated"
_FINALIZERS = "https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/"
_WEBHOOKS = "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/"
_RESIZING = "https://prometheus-operator.dev/docs/platform/storage/#resizing-volumes"
_LIFECYCLE = f"{PAGE.removesuffix('findings.md')}teams.md#pause-archive-restore"
_POLICIES = f"{PAGE.removesuffix('findings.md')}policy.md"
_FORGED = (
    "find out in the API server's audit log who wrote to the ConfigMaps of the trail; copies outside of the cluster "
    "have what the runs wrote"
)
_AUDIT = f"{PAGE.removesuffix('findings.md')}audit.md"
_WORKLOADS = f"{PAGE.removesuffix('findings.md')}workloads.md"
_ISOLATION = f"{PAGE.removesuffix('findings.md')}isolation.md"
_UPGRADES = f"{PAGE.removesuffix('findings.md')}upgrades.md"
_SUPPRESSIONS = f"{PAGE}#suppressions"
# A change by hand has made somebody else the owner of a field.
_APPLY_FEDERATION = "run the playbook promfleet.monitoring.federation (with force_conflicts if it names other managers)"
_APPLY_TEAMS = "run the playbook promfleet.monitoring.teams (with force_conflicts if it names other managers)"


@dataclass(frozen=True, kw_only=True)
class Code:
    """The meaning of one code.

    *says* is the sentence about one case; its fields are the finding's evidence. *fix* may use them too, and cluster,
    kind, namespace and name of the object. *identity* names the evidence that tells two faults of one object apart.
    *explained_by* names the codes whose faults make this one happen, on the same cluster. *across* are those of them
    that do so from the other side of a federation, too: these count where they are found of the very same source, and
    not of the instance that reads it. *observed* is False if the code says that something could not be seen. *excuse*:
    it only says why others are found, and is left out where there are none.
    """

    code: str
    severity: str
    title: str
    says: str
    meaning: str
    fix: str
    reference: str
    when: tuple[str, ...]
    identity: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    across: tuple[str, ...] = ()
    observed: bool = True
    excuse: bool = False

    @property
    def fields(self) -> frozenset[str]:
        """The evidence that a finding of this code has: the fields of its sentence."""
        return frozenset(name for _text, name, _format, _conversion in string.Formatter().parse(self.says) if name)

    @property
    def documentation(self) -> str:
        """The address of its section in the guide."""
        return f"{PAGE}#{self.code.lower()}"

    def result(self) -> dict[str, t.Any]:
        """The entry as plain data, for people who ask what a code means."""
        return {
            "code": self.code,
            "severity": self.severity,
            "title": self.title,
            "meaning": self.meaning,
            "fix": self.fix,
            "reference": self.reference,
            "documentation": self.documentation,
            "when": list(self.when),
            "explained_by": list(self.explained_by),
            "observed": self.observed,
        }


_NO_OPERATOR = ("PF101", "PF102", "PF103", "PF106", "PF107")
# An instance that does not run, or not in the form that the inventory describes.
_NOT_RECONCILED = (*_NO_OPERATOR, "PF202", "PF203", "PF206", "PF231")
# What keeps a central Prometheus from making a target of a source's address.
_NO_TARGET = (
    "PF212",
    "PF235",
    "PF301",
    "PF302",
    "PF310",
    "PF311",
    "PF312",
    "PF313",
    "PF314",
    "PF315",
    "PF316",
    "PF319",
    "PF384",
)
# What closes the way from the central Prometheus to the source, seen on either side.
_CLOSED = (
    "PF201", "PF202", "PF208", "PF240", "PF307", "PF310", "PF311", "PF314", "PF316", "PF319", "PF320", "PF321",
    "PF322", "PF323", "PF324", "PF326", "PF328", "PF329", "PF381",
)  # fmt: skip
# Reasons why a scrape fails.
_DOWN = (
    "PF304", "PF360", "PF361", "PF362", "PF363", "PF364", "PF365", "PF366", "PF367", "PF368", "PF369", "PF370",
    "PF371", "PF372", "PF374",
)  # fmt: skip
# Why there are no series of a source.
_NO_DATA = (
    *_NOT_RECONCILED, *_NO_TARGET, *_DOWN, "PF207", "PF233", "PF241", "PF303", "PF305", "PF325", "PF373", "PF380",
    "PF381",
)  # fmt: skip

CODES: dict[str, Code] = {
    entry.code: entry
    for entry in (
        Code(
            code="PF001",
            severity="error",
            title="The API server does not answer",
            says="{reason}; not checked: {checks}",
            meaning="The API server cannot be reached, or it refuses the credentials: the state is unknown.",
            fix="find the reason, then run again",
            reference=_DEBUG_SERVICE,
            when=("before", "after"),
            observed=False,
        ),
        Code(
            code="PF002",
            severity="error",
            title="The API server refused a read",
            says="{reason}; not checked: {checks}",
            meaning=(
                "The account lacks a permission to read this, or the API server answered with an error. The state of "
                "the object is unknown."
            ),
            fix="grant the account the permissions of docs/rights, or find out why the API server refuses",
            reference=_RBAC,
            when=("before", "after"),
            explained_by=("PF001",),
            observed=False,
        ),
        Code(
            code="PF003",
            severity="error",
            title="Prometheus cannot be reached through the API server",
            says=(
                "Prometheus cannot be reached through the API server (network policy?): {reason}; not checked: {checks}"
            ),
            meaning=(
                "Prometheus is asked through the API server's proxy, and no pod behind its Service answered. A "
                "time-out means that a network policy or a firewall drops the packets. A refused connection means that "
                "nothing listens there, or that a policy rejects it. No endpoints means that no pod is ready."
            ),
            fix=(
                "is a pod of {namespace}/{name} ready, and does the network policy there let the API server in? The "
                "option api_server_sources of team_monitoring does that, see docs/teams.md; then look at firewalls "
                "between the control plane and the nodes"
            ),
            reference=_REACH,
            when=("after",),
            explained_by=(
                "PF001",
                *_NO_OPERATOR,
                "PF007",
                "PF201",
                "PF202",
                "PF206",
                "PF208",
                "PF320",
                "PF321",
                "PF322",
                "PF323",
                "PF230",
                "PF240",
                "PF241",
            ),
            observed=False,
        ),
        Code(
            code="PF004",
            severity="error",
            title="The time limit was over before this was known",
            says="not known when the time limit of {limit} s was over; not checked: {checks}",
            meaning="Requests to other servers took all of the run's time.",
            fix="repair what does not answer, or raise the time limit (wait_timeout)",
            reference=f"{PAGE}#pf004",
            when=("before", "after"),
            explained_by=("PF001",),
            observed=False,
        ),
        Code(
            code="PF005",
            severity="error",
            title="An object has a form that was not expected",
            says="it cannot be judged: {reason}; not checked: {checks}",
            meaning="A server's answer does not have the form of its API. This may be a fault of this collection.",
            fix="look at the object, and report it with its YAML if nothing is wrong with it",
            reference=f"{PAGE}#pf005",
            when=("before", "after"),
            observed=False,
        ),
        Code(
            code="PF006",
            severity="error",
            title="Prometheus gave no usable answer",
            says="Prometheus gave no usable answer: {reason}; not checked: {checks}",
            meaning=(
                "The request was answered with an error: the Service does not exist, Prometheus is still starting, or "
                "the server that answers is not Prometheus."
            ),
            fix="does the Service of {name} exist in {namespace}, and what do the logs of its pods say?",
            reference=_PROXY,
            when=("after",),
            explained_by=(
                "PF001",
                *_NO_OPERATOR,
                "PF201",
                "PF202",
                "PF206",
                "PF208",
                "PF320",
                "PF321",
                "PF322",
                "PF323",
                "PF230",
                "PF240",
                "PF241",
            ),
            observed=False,
        ),
        Code(
            code="PF007",
            severity="error",
            title="The API server cannot reach the Prometheus instances of a cluster",
            says=(
                "{unreached} of {asked} Prometheus instances cannot be reached through the API server (network "
                "policy?), all for the same reason: {reason}"
            ),
            meaning=(
                "Several instances cannot be reached for one reason, so it is not a fault of each. The likely causes, "
                "in this order: the network policies of the instances do not let the API server in; a firewall or "
                "security group between the control plane and the nodes drops the packets; the tunnel from the control "
                "plane into the cluster (konnectivity) is down."
            ),
            fix=(
                "set the option api_server_sources of team_monitoring to where the API server comes from (docs/teams.md"
                " says how to find that); then look at firewalls, and at the pods of konnectivity-agent"
            ),
            reference=_REACH,
            when=("after",),
            explained_by=("PF001",),
        ),
        Code(
            code="PF008",
            severity="error",
            title="Another cluster's side was not observed",
            says="its side was not observed: {reason}; not checked: {checks}",
            meaning=(
                "A source is judged on both sides. This run has no facts of the worker: it was left out, could "
                "not be reached, or its part of the doctor failed."
            ),
            fix="run the doctor for all hosts; if the worker cannot be reached, repair that first",
            reference=f"{PAGE}#pf008",
            when=("before", "after"),
            observed=False,
        ),
        Code(
            code="PF009",
            severity="info",
            title="Known only after the apply",
            says="only the cluster can show this, once all is applied; not checked: {checks}",
            meaning=(
                "The network, certificates as they are presented, the configuration that Prometheus runs with, pods "
                "and samples can be judged only where everything is applied. Before that, nothing is said of these "
                "checks: they are neither well nor faulty."
            ),
            fix="run the doctor again after the apply, without a mode",
            reference=f"{PAGE.removesuffix('findings.md')}doctor.md#before-the-apply",
            when=("before",),
            observed=False,
        ),
        Code(
            code="PF101",
            severity="error",
            title="Custom resources of the operator are not served",
            says="the API server does not serve {kinds}",
            meaning="The CRDs of Prometheus Operator are missing, or not all of them are established.",
            fix="run the playbook promfleet.monitoring.operator: it installs the CRDs",
            reference=_OPERATOR,
            when=("before", "after"),
            explained_by=("PF109",),
        ),
        Code(
            code="PF102",
            severity="error",
            title="The operator is not installed",
            says="the Deployment does not exist",
            meaning="Nothing turns Prometheus, Alertmanager and monitors into running configuration.",
            fix="run the playbook promfleet.monitoring.operator",
            reference=_OPERATOR,
            when=("before", "after"),
            explained_by=("PF109",),
        ),
        Code(
            code="PF103",
            severity="error",
            title="The operator is not ready",
            says="{reason}",
            meaning="The operator's pods do not run in the desired generation, so changes have no effect yet.",
            fix="look at its pods and events: kubectl -n {namespace} describe pods",
            reference=_TROUBLESHOOTING,
            when=("after",),
            explained_by=("PF106", "PF109", "PF111"),
        ),
        Code(
            code="PF104",
            severity="error",
            title="Another operator reconciles instances of this collection",
            says="{operator} ({owner}) reconciles {instances}, too",
            meaning=(
                "Two operators write the StatefulSets of these instances in turns, so that pods end and start for "
                "ever. The other one is recognised by what its account may do, and by its arguments."
            ),
            fix="stop {operator} (docs/moving.md), or restrict it by its flags (docs/other-operators.md)",
            reference=_OPERATOR,
            when=("before", "after"),
            identity=("operator",),
        ),
        Code(
            code="PF105",
            severity="error",
            title="The operator reconciles instances of another operator",
            says="this operator reconciles {instances} of {operator} ({owner}), too",
            meaning=(
                "The operator of this collection watches all namespaces. Two operators write the StatefulSets of "
                "these instances in turns, so that pods end and start for ever."
            ),
            fix=(
                "stop {operator} to move its instances to this operator (docs/moving.md), or give it a --controller-id "
                "and its instances the annotation for it (docs/other-operators.md)"
            ),
            reference=_OPERATOR,
            when=("before", "after"),
            identity=("operator",),
        ),
        Code(
            code="PF106",
            severity="info",
            title="The operator is being changed",
            says="a rollout is going on: {reason}",
            meaning=(
                "The Deployment rolls out a change, such as another release. Kubernetes gives it ten minutes by "
                "default (progressDeadlineSeconds); after that the operator counts as not ready."
            ),
            fix="wait for its end: kubectl -n {namespace} rollout status deployment {name}",
            reference=_OPERATOR,
            when=("after",),
            excuse=True,
        ),
        Code(
            code="PF107",
            severity="error",
            title="The operator is stopped",
            says="it is scaled to zero: no operator runs",
            meaning="Instances run on as they are, and changes of them have no effect until the operator runs again.",
            fix="find out who stopped it, then: kubectl -n {namespace} scale deployment {name} --replicas=1",
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
            explained_by=("PF109",),
        ),
        Code(
            code="PF108",
            severity="error",
            title="Instances have no operator",
            says="no running operator reconciles {instances} (controller id: {controller_id})",
            meaning=(
                "Changes of these instances, their monitors and their rules have no effect, and their status stays as "
                "it was: it may say that all is well. An operator with a controller id has the instances whose "
                "annotation operator.prometheus.io/controller-id is the same, one without has those without; and its "
                "selectors for instances must match their labels."
            ),
            fix=(
                "run the playbooks promfleet.monitoring.operator and teams for instances of this collection; give "
                "others the annotation with the id of an operator that runs, and the label that it selects by, or take "
                "both away"
            ),
            reference=_TIERS,
            when=("after",),
            identity=("controller_id",),
            explained_by=("PF102", "PF107", "PF109"),
        ),
        Code(
            code="PF109",
            severity="error",
            title="The platform is not supported",
            says="{reason}",
            meaning="On this platform nothing is installed: the playbooks leave the cluster out.",
            fix="take the cluster out of the inventory, or use the platform's own monitoring there",
            reference=_PLATFORMS,
            when=("before", "after"),
        ),
        Code(
            code="PF110",
            severity="error",
            title="A CRD is being deleted",
            says="it is being deleted since {since}, and all objects of its kind with it: {held}. To end that, {steps}",
            meaning=(
                "The API server takes no new objects of this kind, and it deletes the CRD once the last object of the "
                "kind is gone. An object whose finalizers are not removed by their controller holds it for ever."
            ),
            fix="do that, then run the playbook promfleet.monitoring.operator, which installs the CRD again",
            reference=_FINALIZERS,
            when=("before", "after"),
        ),
        Code(
            code="PF111",
            severity="error",
            title="A webhook that must allow writes cannot be called",
            says=(
                "its webhook {webhook} is called for {matches}, and its Service {service} {reason}; it belongs to: "
                "{owner}"
            ),
            meaning=(
                "The API server refuses every write that this webhook matches, because its failurePolicy is Fail. Runs "
                "of this collection stop there, and the operator and controllers cannot make what an instance needs."
            ),
            fix=(
                "repair the Service {service} and its pods; if what it belonged to was removed: "
                "kubectl delete {kind} {name}, after asking its owner"
            ),
            reference=_WEBHOOKS,
            when=("before", "after"),
            identity=("webhook",),
        ),
        Code(
            code="PF112",
            severity="info",
            title="Webhook configurations may not be listed",
            says="whether a webhook is in the way is not known: {reason}",
            meaning=(
                "The account may not list webhook configurations. Nothing else depends on that: a webhook that cannot "
                "be called shows in the first write that it refuses."
            ),
            fix=(
                "grant the account list on mutatingwebhookconfigurations and validatingwebhookconfigurations "
                "(docs/rights), or suppress this finding"
            ),
            reference=_RBAC,
            when=("before", "after"),
        ),
        Code(
            code="PF113",
            severity="warning",
            title="No policy engine was recognised",
            says=(
                "nothing was recognised that enforces network policies, and they are the only guard of what is exposed "
                "of: {sources}"
            ),
            meaning=(
                "Kubernetes stores a NetworkPolicy also where no network plugin enforces it. Then allowed_sources has "
                "no effect: every address that reaches the nodes can read all series of these sources."
            ),
            fix=(
                "install a network plugin that enforces policies, or guard the sources by proxy (client certificates); "
                "if an engine runs that is not known here, suppress this finding with that reason"
            ),
            reference=f"{PAGE.removesuffix('findings.md')}federation.md",
            when=("before", "after"),
        ),
        Code(
            code="PF120",
            severity="error",
            title="The account may not do what a run needs",
            says="the run of {run} needs rights that the account does not have: {missing}",
            meaning=(
                "A run asks for all that it needs before its first write, and is refused where a right is missing. The "
                "account that judges is taken for the one that will write."
            ),
            fix="grant the account the permissions of docs/rights, or judge with the account that will write",
            reference=_RBAC,
            when=("before",),
            identity=("run",),
        ),
        Code(
            code="PF121",
            severity="error",
            title="A run would be refused",
            says="the run of {run} would be refused before its first write: {reason}",
            meaning="Something in the cluster would be harmed, or would not work beside what the run makes.",
            fix="follow the reason; docs/troubleshooting.md has what runs are refused for",
            reference=f"{PAGE.removesuffix('findings.md')}troubleshooting.md",
            when=("before",),
            identity=("run",),
            explained_by=("PF104", "PF105", "PF109", "PF110", "PF111", "PF123"),
        ),
        Code(
            code="PF122",
            severity="info",
            title="A CRD is older than the objects",
            says="it does not know fields of the objects to come: {fields}",
            meaning="The API server would drop these fields. The playbook site upgrades the CRDs before it writes.",
            fix="run the playbook promfleet.monitoring.operator first, or upgrade the CRDs where others manage them",
            reference=f"{PAGE.removesuffix('findings.md')}crds.md",
            when=("before",),
        ),
        Code(
            code="PF123",
            severity="error",
            title="The certificate of a source's proxy or sidecar is for another name",
            says="the central side reads it as {wanted}, and the certificate has the names {names}",
            meaning="The central Prometheus compares the name with the certificate, and would refuse the connection.",
            fix="give a certificate with this name (subjectAltName), or tls_config.server_name",
            reference=_FEDERATION,
            when=("before",),
            identity=("wanted",),
        ),
        Code(
            code="PF201",
            severity="error",
            title="An instance does not exist",
            says="it does not exist",
            meaning="The input describes this instance, and the cluster does not have its object.",
            fix="run the playbook promfleet.monitoring.teams",
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
            explained_by=("PF101", "PF110", "PF111", "PF213"),
        ),
        Code(
            code="PF202",
            severity="error",
            title="An instance is not available",
            says="{reason}",
            meaning="The operator has not reconciled the object in its current generation, or its pods are not ready.",
            fix="kubectl -n {namespace} describe {kind} {name}; then look at its pods and events",
            reference=_TROUBLESHOOTING,
            when=("after",),
            explained_by=(
                *_NO_OPERATOR,
                "PF110",
                "PF111",
                "PF206",
                "PF208",
                "PF210",
                "PF211",
                "PF213",
                "PF215",
                "PF230",
                "PF231",
                "PF240",
                "PF241",
            ),
        ),
        Code(
            code="PF203",
            severity="error",
            title="Prometheus did not load its configuration",
            says="the last reload of the configuration failed",
            meaning="Prometheus still runs with an older configuration: later changes have no effect.",
            fix="kubectl -n {namespace} logs prometheus-{name}-0 -c prometheus",
            reference=_CONFIGURATION,
            when=("after",),
        ),
        Code(
            code="PF204",
            severity="error",
            title="Prometheus does not scrape itself",
            says="it has no target in its own namespace",
            meaning="Its own monitor is missing or not selected, or its Service lacks the label that this selects.",
            fix="run the playbook promfleet.monitoring.teams; if that changes nothing, see its page /service-discovery",
            reference=_TROUBLESHOOTING,
            when=("after",),
            explained_by=(*_NO_OPERATOR, "PF202", "PF203", "PF206", "PF208", "PF212", "PF235", "PF241"),
        ),
        Code(
            code="PF205",
            severity="error",
            title="The own targets of Prometheus are down",
            says="none of its {targets} own targets is up: {errors}",
            meaning="Prometheus found targets in its own namespace, and scraping each of them fails.",
            fix="does a network policy in {namespace} close the port, and do the pods listen on it?",
            reference=_TROUBLESHOOTING,
            when=("after",),
            explained_by=("PF206", "PF208", "PF230", "PF234", "PF240", "PF241"),
        ),
        Code(
            code="PF206",
            severity="info",
            title="The pods of an instance are being replaced",
            says="{change} {seconds} s ago: for up to {limit} s after that it explains what does not work yet",
            meaning=(
                "A pod starts, loads its data, is found, and is scraped at the next interval. Until then it may not "
                "answer, and others may have no fresh samples of it. After ten scrape intervals, at least a minute, "
                "this no longer excuses anything."
            ),
            fix="wait, then run the doctor again; kubectl -n {namespace} get pods shows how far it is",
            reference=_TROUBLESHOOTING,
            when=("after",),
            excuse=True,
        ),
        Code(
            code="PF207",
            severity="info",
            title="A change of the federation may not be loaded yet",
            says="{objects} changed {seconds} s ago: Prometheus has the change after up to {limit} s",
            meaning=(
                "The operator writes the configuration into a Secret at once, and the kubelet brings that into the pod "
                "within two minutes. Then the targets are scraped at the next interval."
            ),
            fix="wait, then run the doctor again",
            reference=_FEDERATION,
            when=("after",),
            excuse=True,
        ),
        Code(
            code="PF208",
            severity="info",
            title="The pods of a source are being replaced",
            says="{change} {seconds} s ago: for up to {limit} s after that it explains what does not work yet",
            meaning=(
                "The same as PF206, of an instance on another cluster that is federated: until its new pod is scraped "
                "again, the central side cannot read it."
            ),
            fix="wait, then run the doctor again; kubectl -n {namespace} get pods on {cluster} shows how far it is",
            reference=_TROUBLESHOOTING,
            when=("after",),
            excuse=True,
        ),
        Code(
            code="PF210",
            severity="error",
            title="A quota demands what the pods do not set",
            says="quota {quota} demands {resources} of every container, so its pods are refused: {reason}",
            meaning=(
                "A ResourceQuota on a resource refuses every pod of which a container does not set it. Containers of "
                "an instance set requests of CPU and memory and a limit of memory; a limit of CPU only if it is given."
            ),
            fix=(
                "for limits.cpu give the team's prometheus and alertmanager the option resources.cpu_limit; for others "
                "let a LimitRange in {namespace} set a default, or take {resources} out of quota {quota}"
            ),
            reference="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
            when=("after",),
        ),
        Code(
            code="PF211",
            severity="error",
            title="The pods of an instance are refused",
            says="its pods are refused: {reason}",
            meaning=(
                "The API server refuses the pods that the StatefulSet controller makes for the instance: a quota is "
                "used up, or Pod Security, a policy or a webhook does not allow them."
            ),
            fix="repair what the reason names; kubectl -n {namespace} get events --field-selector reason=FailedCreate",
            reference=_TROUBLESHOOTING,
            when=("after",),
            explained_by=("PF111", "PF213"),
        ),
        Code(
            code="PF212",
            severity="error",
            title="A namespace does not have its team's label",
            says="it belongs to team {team}, and {has}: {label}",
            meaning=(
                "Instances select namespaces by this label. Without it the team's Prometheus and Alertmanager select "
                "nothing in the namespace, and network policies do not let it in; with another value another team's do."
            ),
            fix="run the playbook promfleet.monitoring.teams, and find out which tool changes the labels of {name}",
            reference="https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/",
            when=("before", "after"),
        ),
        Code(
            code="PF213",
            severity="error",
            title="A team's namespace is being deleted",
            says="the namespace of team {team} is being deleted since {since}: {held}",
            meaning="Nothing can be made in it, and all that it holds is deleted with it.",
            fix=(
                "let what holds it end: see kubectl get namespace {name} -o yaml; when it is gone, run the playbook "
                "promfleet.monitoring.teams, which makes it again"
            ),
            reference=_FINALIZERS,
            when=("before", "after"),
        ),
        Code(
            code="PF214",
            severity="error",
            title="A namespace of a team does not exist",
            says="the input gives it to team {team}, and it does not exist",
            meaning="The team keeps its monitors and rules in this namespace, which the playbook makes.",
            fix="run the playbook promfleet.monitoring.teams",
            reference=f"{PAGE}#pf214",
            when=("before", "after"),
        ),
        Code(
            code="PF215",
            severity="error",
            title="A pod of an instance does not run",
            says="pod {pod}: {reason}",
            meaning=(
                "The pod is there, and it is not ready: no node takes it, a container cannot start or ends again and "
                "again, or its node does not report. OOMKilled, with exit code 137, means that the memory limit does "
                "not suffice."
            ),
            fix=(
                "repair what the reason names; kubectl -n {namespace} describe pod {pod}, and its log with "
                "kubectl -n {namespace} logs {pod} --all-containers --previous; for OOMKilled give the team's instance "
                "more memory"
            ),
            reference="https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/",
            when=("after",),
            identity=("pod",),
            explained_by=("PF206", "PF208", "PF213", "PF230", "PF240", "PF241"),
        ),
        Code(
            code="PF220",
            severity="error",
            title="A volume claim does not grow",
            says=(
                "{instance} asks for {size}, and this volume claim of it still for {requested}; its StorageClass "
                "{storage_class} can expand volumes"
            ),
            meaning=(
                "Kubernetes does not change the claims of a StatefulSet, and neither does the operator: only new "
                "replicas get the new size."
            ),
            fix=(
                "kubectl -n {namespace} patch pvc {name} -p $'spec:\\n  resources:\\n    requests:\\n      "
                "storage: {size}'"
            ),
            reference=_RESIZING,
            when=("after",),
        ),
        Code(
            code="PF221",
            severity="error",
            title="A volume claim cannot grow",
            says=(
                "{instance} asks for {size}, and this volume claim of it has {requested}; its StorageClass "
                "{storage_class} does not expand volumes"
            ),
            meaning="The claim keeps its size: its StorageClass does not allow volumes to be expanded, or is missing.",
            fix=(
                "if its driver can expand volumes, set allowVolumeExpansion: true in StorageClass {storage_class}, and "
                "then the claim's request; else delete this claim and its pod, one replica after the other, which "
                "loses the data of this replica, or set the size back to {requested}"
            ),
            reference=_RESIZING,
            when=("before", "after"),
        ),
        Code(
            code="PF222",
            severity="info",
            title="A volume is growing",
            says="{instance} asks for {size}, and the volume still has {capacity}: {progress}",
            meaning="The claim asks for the new size, and the storage driver has not finished.",
            fix="wait; if nothing changes, look at its events: kubectl -n {namespace} describe pvc {name}",
            reference=_RESIZING,
            when=("after",),
        ),
        Code(
            code="PF223",
            severity="error",
            title="Growing a volume failed",
            says="{instance} asks for {size}, and the volume still has {capacity}: {reason}",
            meaning="The storage driver, or the node, could not expand the volume, and tries again.",
            fix="look at its events: kubectl -n {namespace} describe pvc {name}",
            reference=_RESIZING,
            when=("after",),
        ),
        Code(
            code="PF230",
            severity="warning",
            title="An instance is not as the inventory describes it",
            says="{fields}",
            meaning=(
                "The object was changed after the last run, or the inventory was. The next run of the playbook "
                "gives it the described form."
            ),
            fix=f"{_APPLY_TEAMS}, or change the inventory",
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
        ),
        Code(
            code="PF231",
            severity="error",
            title="An instance is paused",
            says="its object is paused: the operator changes nothing of it",
            meaning=(
                "Somebody set paused. Monitors, rules and settings that change have no effect until it is taken away."
            ),
            fix="take spec.paused away: kubectl -n {namespace} edit {kind} {name}",
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
        ),
        Code(
            code="PF232",
            severity="error",
            title="An instance has other external labels",
            says="{fields}",
            meaning=(
                "External labels say which cluster and team a series is of. Series and alerts that leave the "
                "instance carry the wrong ones."
            ),
            fix=_APPLY_TEAMS,
            reference=_CONFIGURATION,
            when=("before", "after"),
        ),
        Code(
            code="PF233",
            severity="error",
            title="An instance ignores honorLabels",
            says="{fields}",
            meaning=(
                "With overrideHonorLabels Prometheus renames the labels that a source gives its series: cluster "
                "and job become exported_cluster and exported_job."
            ),
            fix=f"{_APPLY_TEAMS}: it does not set overrideHonorLabels",
            reference=_CONFIGURATION,
            when=("before", "after"),
        ),
        Code(
            code="PF234",
            severity="warning",
            title="An instance enforces limits or labels that the inventory does not describe",
            says="{fields}",
            meaning=(
                "What an instance enforces holds for federation, too: a limit that is too low fails every scrape,"
                " and an enforced namespace label replaces the one that series come with."
            ),
            fix=f"{_APPLY_TEAMS}, or raise the limit above what the source gives",
            reference=_CONFIGURATION,
            when=("before", "after"),
        ),
        Code(
            code="PF235",
            severity="error",
            title="An instance selects other monitors or rules",
            says="{fields}",
            meaning=(
                "The selectors of the object were changed: monitors, rules or namespaces that it is to have are "
                "left out without an error."
            ),
            fix=_APPLY_TEAMS,
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
        ),
        Code(
            code="PF236",
            severity="info",
            title="Alerts of an instance reach no receiver",
            says="{which} reach no receiver: no AlertmanagerConfig is beside this Alertmanager",
            meaning=(
                "Its alerts are on its page and in Prometheus, and no receiver is notified of them. An "
                "AlertmanagerConfig in a namespace of the team receives only alerts of that namespace."
            ),
            fix=(
                "give the team receivers (alertmanager.receivers), or all teams (default_receivers of "
                "team_monitoring), and run the playbook promfleet.monitoring.teams"
            ),
            reference=f"{PAGE.removesuffix('findings.md')}teams.md#receivers",
            when=("before", "after"),
        ),
        Code(
            code="PF237",
            severity="info",
            title="An instance is paused by the inventory",
            says="the inventory has state: paused for team {team}: the operator changes nothing of its instance",
            meaning="Its pods go on. Monitors, rules and settings that change have an effect when it is active again.",
            fix="set state: active for team {team}, and run the playbook promfleet.monitoring.teams",
            reference=_LIFECYCLE,
            when=("before", "after"),
        ),
        Code(
            code="PF238",
            severity="info",
            title="An instance is archived by the inventory",
            says=(
                "the inventory has state: archived for team {team}: its instance has no pods, and {claims} volume "
                "claims are kept (archived since: {since})"
            ),
            meaning="Nothing is scraped, and no alert is sent. The samples until then are in the volume claims.",
            fix="set state: active for team {team}, and run the playbook promfleet.monitoring.teams to have it back",
            reference=_LIFECYCLE,
            when=("before", "after"),
        ),
        Code(
            code="PF239",
            severity="warning",
            title="An archived instance lacks volume claims",
            says="team {team} is archived, and {claims} of {wanted} volume claims of this part are marked as archived",
            meaning=(
                "A claim was deleted, or has lost the label promfleet.monitoring/archived, or the instance never ran. "
                "What is not there cannot be restored."
            ),
            fix=(
                "see kubectl -n {namespace} get pvc --show-labels; the next run of the playbook "
                "promfleet.monitoring.teams marks the claims that are there"
            ),
            reference=_LIFECYCLE,
            when=("before", "after"),
        ),
        Code(
            code="PF240",
            severity="warning",
            title="An instance answers otherwise than the inventory describes",
            says="{fields}",
            meaning=(
                "Fields were changed that say where and how Prometheus answers: its address and port, its path, TLS. "
                "Who reads it, such as a central Prometheus, finds nothing there, or is refused."
            ),
            fix=f"{_APPLY_TEAMS}; fields that the collection does not set are taken away by hand: "
            "kubectl -n {namespace} edit {kind} {name}",
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
        ),
        Code(
            code="PF241",
            severity="warning",
            title="An instance scrapes otherwise than the inventory describes",
            says="{fields}",
            meaning=(
                "Fields were changed that hold for every scrape, or that say who scrapes: shards, limits, scrape "
                "classes, names of hosts, containers. Targets are down, dropped or scraped elsewhere."
            ),
            fix=f"{_APPLY_TEAMS}; fields that the collection does not set are taken away by hand: "
            "kubectl -n {namespace} edit {kind} {name}",
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
        ),
        Code(
            code="PF301",
            severity="error",
            title="An object of the federation is missing",
            says="federation of {source}: it does not exist",
            meaning=(
                "One of the objects that let the central Prometheus scrape this source, or that let it in, is not"
                " there."
            ),
            fix="run the playbook promfleet.monitoring.federation",
            reference=_FEDERATION,
            when=("before", "after"),
            explained_by=("PF101",),
        ),
        Code(
            code="PF302",
            severity="error",
            title="The monitor does not select its Service",
            says=(
                "federation of {source}: the ServiceMonitor selects {wanted}, which its Service does not carry: the "
                "target is dropped without an error"
            ),
            meaning="The selector of the monitor or the labels of its Service were changed by hand.",
            fix=_APPLY_FEDERATION,
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
        ),
        Code(
            code="PF303",
            severity="error",
            title="A federated source is not scraped",
            says="federation of {source}: the central Prometheus has {found} of {expected} targets of job {job}",
            meaning="The central Prometheus has no target for at least one address of the source.",
            fix=(
                "does the central Prometheus select monitors of namespace {namespace}? See its page "
                "/service-discovery, which also lists dropped targets"
            ),
            reference=_TROUBLESHOOTING,
            when=("after",),
            explained_by=("PF207", *_NOT_RECONCILED, *_NO_TARGET, "PF241", "PF380", "PF381", "PF382", "PF383"),
        ),
        Code(
            code="PF304",
            severity="error",
            title="A federated target is down",
            says="federation of {source}: {address}: {error}",
            meaning="The central Prometheus knows the source's address, and scraping it fails.",
            fix="is the worker's exposed address reachable from this cluster, and its network policy open for it?",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF305",
            severity="error",
            title="A federated source returns no series",
            says="federation of {source}: a target is up, but its answer is empty",
            meaning="None of the match[] selectors matches a series on the source.",
            fix=(
                "open the source's /federate address with the same match[]: recorded series need rules, and the base "
                "rules need base_rules: true"
            ),
            reference=_FEDERATION,
            when=("after",),
            explained_by=("PF207", "PF241", "PF310", "PF327", "PF381"),
            across=("PF327",),
        ),
        Code(
            code="PF306",
            severity="error",
            title="No series of a federated source",
            says=(
                "federation of {source}: no series carries cluster={label!r}; samples in the last scrape: {samples}; "
                "unknown clusters: {others}"
            ),
            meaning=(
                "The central Prometheus has no series with the source's label `cluster`. If samples arrive, the worker "
                "gives them another label, or relabeling drops them."
            ),
            fix="does the worker's external label `cluster` have this name, and is nothing dropped by relabeling?",
            reference=_FEDERATION,
            when=("after",),
            explained_by=_NO_DATA,
            across=("PF325",),
        ),
        Code(
            code="PF307",
            severity="error",
            title="Network policies do not let a Prometheus connect to a source",
            says="federation of {source}: no network policy lets its pods connect to {places}; {policies} select them",
            meaning=(
                "The pods of the Prometheus that reads the source are selected by network policies for what they "
                "connect to, and none of these allows the source's address. Where policies are enforced, every scrape "
                "times out or is refused."
            ),
            fix=(
                "run the playbook promfleet.monitoring.federation, whose policy allows the addresses of all sources; "
                "if the team's network_policy is false, let one of the named policies allow them"
            ),
            reference="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
            when=("before", "after"),
            explained_by=("PF301",),
        ),
        Code(
            code="PF310",
            severity="warning",
            title="An object of the federation is not as the inventory describes it",
            says="federation of {source}: {fields}",
            meaning=(
                "The object was changed after the last run, or the inventory was. The next run of the playbook "
                "gives it the described form."
            ),
            fix=f"{_APPLY_FEDERATION}, or change the inventory",
            reference=_FEDERATION,
            when=("before", "after"),
        ),
        Code(
            code="PF311",
            severity="error",
            title="The Service of a federated source selects pods",
            says="federation of {source}: the Service has the selector {selector}, and is to have none",
            meaning=(
                "With a selector Kubernetes makes slices of its own for the Service, of pods of the central "
                "cluster: Prometheus scrapes these as if they were the source."
            ),
            fix="take spec.selector away: kubectl -n {namespace} edit {kind} {name}",
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
        ),
        Code(
            code="PF312",
            severity="error",
            title="An EndpointSlice does not belong to its Service",
            says="federation of {source}: the slice is to belong to the Service {service}, and belongs to {has}",
            meaning=(
                "The label kubernetes.io/service-name says whose addresses a slice has. Prometheus finds the "
                "Service without an address, and drops the target without an error."
            ),
            fix=_APPLY_FEDERATION,
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
        ),
        Code(
            code="PF313",
            severity="error",
            title="The monitor scrapes a port that the slice does not have",
            says=(
                "federation of {source}: the monitor scrapes the port {ports}, and the ports of this slice are "
                "called {has}"
            ),
            meaning=(
                "Ports are found by their names, here in the EndpointSlice. With another name the target is "
                "dropped without an error."
            ),
            fix=_APPLY_FEDERATION,
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
        ),
        Code(
            code="PF314",
            severity="error",
            title="The central side has another address than the source",
            says="federation of {source}: the source is at {expected}, and this slice has {found}",
            meaning=(
                "The source moved, such as to another node, node port or load balancer, and the central side was "
                "not told; or the slice was changed."
            ),
            fix=_APPLY_FEDERATION,
            reference=_FEDERATION,
            when=("before", "after"),
        ),
        Code(
            code="PF315",
            severity="error",
            title="The central Prometheus does not select the monitor",
            says="federation of {source}: Prometheus {prometheus} selects {wanted}, which this object does not have",
            meaning=(
                "The labels of the monitor and the selector of the instance do not fit, so nothing is scraped, "
                "without an error."
            ),
            fix="run the playbook promfleet.monitoring.federation",
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
            explained_by=("PF235",),
        ),
        Code(
            code="PF316",
            severity="error",
            title="A foreign EndpointSlice gives the Service more addresses",
            says="federation of {source}: this slice belongs to the Service {service}, too, and has {places}",
            meaning=(
                "Prometheus scrapes all addresses of the Service as if they were the source. Kubernetes makes such a "
                "slice and Endpoints for a Service with a selector, leaves both there when the selector is taken away, "
                "and then makes a new slice of the Endpoints whenever one is deleted."
            ),
            fix="kubectl -n {namespace} delete endpoints {service}, then {kind} {name}, after asking who made them",
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
            explained_by=("PF311",),
        ),
        Code(
            code="PF317",
            severity="error",
            title="The monitor of a source selects another Service, too",
            says="federation of {source}: this Service has the labels by which the ServiceMonitor finds its own",
            meaning=(
                "Prometheus scrapes the addresses of both Services as if they were the source. Most often somebody "
                "made a copy of the Service, with its labels."
            ),
            fix="delete the Service {name}, or take the label app.kubernetes.io/instance away from it",
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
            explained_by=("PF302", "PF310"),
        ),
        Code(
            code="PF318",
            severity="warning",
            title="The central side reads a cluster that is not in the inventory",
            says="federation of {source}: {left} is not in the inventory, and the central Prometheus still reads it",
            meaning=(
                "The worker left the inventory, or got another name, and no run has removed its objects since: its "
                "targets are down, or it goes on to fill dashboards and alerts."
            ),
            fix="run the playbook promfleet.monitoring.federation, which removes it, or list {left} again",
            reference=_FEDERATION,
            when=("after",),
        ),
        Code(
            code="PF319",
            severity="error",
            title="An EndpointSlice has addresses of another family",
            says="federation of {source}: the slice is of family {family}, and has {addresses}",
            meaning="The addresses of a slice are all of its addressType. Prometheus drops or misreads others.",
            fix="run the playbook promfleet.monitoring.federation",
            reference=_FEDERATION,
            when=("before", "after"),
        ),
        Code(
            code="PF320",
            severity="error",
            title="The Service that exposes a source is missing",
            says="federation of {source}: it does not exist",
            meaning="Without it nothing outside of the worker can reach this replica.",
            fix="run the playbook promfleet.monitoring.federation for the worker",
            reference=_FEDERATION,
            when=("before", "after"),
            explained_by=("PF213",),
        ),
        Code(
            code="PF321",
            severity="error",
            title="The Service that exposes a source does not select its pod",
            says="federation of {source}: it selects {selector}, which pod {pod} does not have",
            meaning="The selector of the Service was changed, so it leads nowhere, or to another replica.",
            fix=_APPLY_FEDERATION,
            reference=_DEBUG_SERVICE,
            when=("before", "after"),
        ),
        Code(
            code="PF322",
            severity="error",
            title="The Service that exposes a source leads to a wrong port",
            says="federation of {source}: it leads to port {port}, and Prometheus in pod {pod} listens on {has}",
            meaning="The target port of the Service is none on which Prometheus listens: connections are refused.",
            fix=_APPLY_FEDERATION,
            reference=_DEBUG_SERVICE,
            when=("before", "after"),
            explained_by=("PF240",),
        ),
        Code(
            code="PF323",
            severity="error",
            title="The Service that exposes a source has no ready endpoint",
            says="federation of {source}: no pod behind it is ready",
            meaning="Connections from outside are refused or dropped, because there is nothing to send them to.",
            fix="look at the pods of {namespace} and their events",
            reference=_DEBUG_SERVICE,
            when=("after",),
            explained_by=("PF206", "PF208", "PF201", "PF202", "PF231", "PF320", "PF321", "PF322", "PF230", "PF240"),
        ),
        Code(
            code="PF324",
            severity="error",
            title="A source has no address",
            says="federation of {source}: the worker has no address for replica {replica}",
            meaning=(
                "The worker's side knows no place at which the replica could be reached: its Service or pod is "
                "missing, or a load balancer gave no address."
            ),
            fix="run the playbook promfleet.monitoring.federation for the worker",
            reference=_FEDERATION,
            when=("after",),
            identity=("replica",),
            explained_by=("PF201", "PF202", "PF320", "PF328", "PF329", "PF230", "PF323"),
        ),
        Code(
            code="PF325",
            severity="error",
            title="A source runs with the labels of another",
            says="federation of {source}: {labels}",
            meaning=(
                "The external labels in the running configuration say which cluster and team a series is of. On "
                "the central side this source's series are taken for another's."
            ),
            fix="run the playbook promfleet.monitoring.teams for the worker",
            reference=_FEDERATION,
            when=("after",),
            explained_by=("PF206", "PF208", *_NO_OPERATOR, "PF202", "PF203", "PF231", "PF232"),
        ),
        Code(
            code="PF326",
            severity="error",
            title="No policy lets the central side in",
            says="federation of {source}: network policies keep out {networks}",
            meaning=(
                "The pods are selected by network policies, and none of these lets the allowed sources reach "
                "Prometheus' port. Where policies are enforced, every scrape times out."
            ),
            fix=_APPLY_FEDERATION,
            reference="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
            when=("before", "after"),
            explained_by=("PF301",),
        ),
        Code(
            code="PF327",
            severity="error",
            title="A source has no series for the central side",
            says="federation of {source}: the replica has no series for any of {match}",
            meaning=(
                "The selectors of match[] find nothing in the source itself: rules are missing or not evaluated, "
                "or it scrapes nothing."
            ),
            fix=(
                "recorded series need rules, and the base rules need base_rules: true; then look at the source's "
                "pages /rules and /targets"
            ),
            reference=_FEDERATION,
            when=("after",),
            explained_by=("PF206", "PF208", "PF203", "PF204", "PF205", "PF212", "PF235", "PF241", "PF396"),
        ),
        Code(
            code="PF328",
            severity="error",
            title="The Service that exposes a source has another type",
            says="federation of {source}: it is of type {has}, not {wanted}",
            meaning="Only the described type has the address that the central side uses.",
            fix=_APPLY_FEDERATION,
            reference=_FEDERATION,
            when=("before", "after"),
        ),
        Code(
            code="PF329",
            severity="error",
            title="A load balancer gave no address",
            says="federation of {source}: the Service waits for an address",
            meaning="The cluster has no load-balancer controller, or that controller cannot give an address.",
            fix="kubectl -n {namespace} describe service {name}; expose: NodePort needs no load balancer",
            reference=_FEDERATION,
            when=("after",),
        ),
        Code(
            code="PF330",
            severity="error",
            title="A selector is not understood",
            says="match[]: {reason}",
            meaning=(
                "The text does not parse as PromQL. Prometheus refuses a whole request for one selector that it cannot"
                " parse, and a source with such a selector gives nothing. The parser of this collection can lag behind"
                " Prometheus; promtool is the judge."
            ),
            fix="write one selector, with balanced braces and quotes; promtool shows what Prometheus says about it",
            reference=_SYNTAX,
            when=("before",),
            identity=("reason",),
        ),
        Code(
            code="PF331",
            severity="error",
            title="A selector is URL-encoded",
            says="match[]: {reason}",
            meaning=(
                "Prometheus encodes match[] itself when it scrapes. What is encoded already is encoded twice, and the "
                "source cannot parse it."
            ),
            fix="write the selector plainly",
            reference=_FEDERATION,
            when=("before",),
            identity=("reason",),
        ),
        Code(
            code="PF332",
            severity="error",
            title="What is given is not a plain selector",
            says="match[]: {reason}",
            meaning=(
                "The federation takes selectors only: no functions, operators, ranges, offsets, and no or between "
                "matchers."
            ),
            fix="record the expression by a rule on the source, and select what it records",
            reference=_FEDERATION,
            when=("before",),
            identity=("reason",),
        ),
        Code(
            code="PF333",
            severity="error",
            title="Prometheus refuses a selector without a condition",
            says="match[]: {reason}",
            meaning=(
                "Each matcher of the selector also matches the empty text, so that it has no condition. Prometheus "
                "refuses the whole request."
            ),
            fix="name what the central side needs by a matcher that does not match the empty text",
            reference=_SYNTAX,
            when=("before",),
            identity=("reason",),
        ),
        Code(
            code="PF334",
            severity="error",
            title="A selector looks like an environment variable",
            says="match[]: {reason}",
            meaning=(
                "The config reloader of the operator replaces $(NAME) in the configuration by an environment variable "
                "of the pod, and fails where there is none."
            ),
            fix="write the selector without $(...): in a regular expression [$] is the same as \\$",
            reference=_TROUBLESHOOTING,
            when=("before",),
            identity=("reason",),
        ),
        Code(
            code="PF335",
            severity="error",
            title="A selector selects everything",
            says="match[] {selector} selects every scraped series",
            meaning=(
                "Each series has what the selector asks for. The central Prometheus would hold a copy of the whole "
                "source, with everything that the source itself federated."
            ),
            fix="name what the central side needs: recorded series have a colon in their names, raw ones have none",
            reference=_FEDERATION,
            when=("before",),
            identity=("selector",),
        ),
        Code(
            code="PF336",
            severity="error",
            title="A selector can never match",
            says="match[] {selector}: no value of {label} satisfies {matchers}",
            meaning="The matchers of one label contradict each other.",
            fix="write one selector for each of the cases: entries of match[] are joined by or",
            reference=_SELECTORS,
            when=("before",),
            identity=("selector",),
        ),
        Code(
            code="PF337",
            severity="error",
            title="A selector asks for a label that the source adds only afterwards",
            says="match[] {selector}: series have no {label} where match[] is applied",
            meaning=(
                "The labels cluster, prometheus and prometheus_replica are external labels: /federate adds them to "
                "series that were selected already. A selector that asks for one of them selects nothing, or only "
                "series of a target that sets this label itself. A source that federates others, as the central "
                "cluster of a region does, has their series with these labels: there such a selector is right."
            ),
            fix="remove the matcher of {label}; a source has series of its own cluster only",
            reference=_EXTERNAL,
            when=("before",),
            identity=("selector",),
        ),
        Code(
            code="PF338",
            severity="warning",
            title="A selector only excludes",
            says="match[] {selector} selects all but what {matchers} exclude",
            meaning=(
                "No matcher names what is wanted. A new exporter or a new version of one adds series to the "
                "federation, and no change of the configuration shows it."
            ),
            fix="name what the central side needs",
            reference=_SELECTORS,
            when=("before",),
            identity=("selector",),
        ),
        Code(
            code="PF339",
            severity="warning",
            title="Two selectors select the same",
            says="match[] {selector} selects the same series as {other}",
            meaning="The source looks them up twice; the answer has them once.",
            fix="remove one of them",
            reference=_SELECTORS,
            when=("before",),
            identity=("selector", "other"),
        ),
        Code(
            code="PF340",
            severity="warning",
            title="A selector is contained in another one",
            says="match[] {selector}: {other} selects all of its series",
            meaning="The source looks them up twice; the answer has them once.",
            fix="remove {selector}, or make the other one narrower",
            reference=_SELECTORS,
            when=("before",),
            identity=("selector", "other"),
        ),
        Code(
            code="PF341",
            severity="warning",
            title="A selector asks for a label that can hold personal data",
            says="match[] {selector} selects by {labels}",
            meaning=(
                "Labels of this name usually hold names, addresses or what people typed. With the federation such "
                "values leave the source, and each value is a series of its own."
            ),
            fix=(
                "aggregate the label away by a rule on the source, and federate what it records; or suppress this "
                "finding with the reason why the data may leave"
            ),
            reference=_NAMING,
            when=("before",),
            identity=("selector",),
        ),
        Code(
            code="PF342",
            severity="warning",
            title="Raw buckets of a histogram are selected",
            says="match[] {selector} selects the buckets of a histogram as they were scraped",
            meaning=(
                "A histogram has a series for each bucket and each instance: often most of what is federated. The "
                "central side needs them summed, or only quantiles."
            ),
            fix="record sum by (le, ...) (rate(...)) by a rule on the source, and select what it records",
            reference=_PRACTICES,
            when=("before",),
            identity=("selector",),
        ),
        Code(
            code="PF343",
            severity="warning",
            title="The federation of the source itself is selected",
            says="match[] {selector} selects the scrape health of what the source federates",
            meaning=(
                "Series with a job federation/... tell how the source reads its own sources. On the central side they "
                "look like its own federation, and its alerts count them as such."
            ),
            fix="remove it, or record what the central side needs under another name",
            reference=_FEDERATION,
            when=("before",),
            identity=("selector",),
        ),
        Code(
            code="PF344",
            severity="info",
            title="A matcher has no effect",
            says="match[] {selector} selects the same without {matcher}",
            meaning="Every series that satisfies the other matchers satisfies this one too.",
            fix="remove {matcher}",
            reference=_SELECTORS,
            when=("before",),
            identity=("selector", "matcher"),
        ),
        Code(
            code="PF345",
            severity="info",
            title="A regular expression has anchors",
            says="match[] {selector}: {matcher} has ^ or $ at an end",
            meaning="Prometheus anchors every regular expression at both ends.",
            fix="remove the anchors",
            reference=_SYNTAX,
            when=("before",),
            identity=("selector", "matcher"),
        ),
        Code(
            code="PF346",
            severity="info",
            title="A regular expression means one text",
            says="match[] {selector}: {matcher} means {instead}",
            meaning="The regular expression matches exactly one text.",
            fix="write {instead}",
            reference=_SYNTAX,
            when=("before",),
            identity=("selector", "matcher"),
        ),
        Code(
            code="PF347",
            severity="info",
            title="An alternative adds nothing",
            says="match[] {selector}: in {matcher} other alternatives cover {alternatives}",
            meaning="What the alternative matches is matched by another one as well.",
            fix="remove {alternatives}",
            reference=_SYNTAX,
            when=("before",),
            identity=("selector", "matcher"),
        ),
        Code(
            code="PF348",
            severity="warning",
            title="A selector asks for an external label",
            says="match[] {selector}: {label} is an external label of the source, added after match[] is applied",
            meaning=(
                "The selector selects only series that have a label of this name themselves, such as alerts whose "
                "rules set it. Series that get it as an external label are not selected."
            ),
            fix="remove the matcher of {label} unless the series have it themselves",
            reference=_EXTERNAL,
            when=("before",),
            identity=("selector",),
        ),
        Code(
            code="PF349",
            severity="error",
            title="The source refuses a selector",
            says="match[] {selector}: {reason}",
            meaning=(
                "The Prometheus of the source was asked, and does not take the selector. It answers a scrape with such "
                "a selector by an error, and gives nothing."
            ),
            fix="write what this version of Prometheus understands",
            reference=_SYNTAX,
            when=("before", "after"),
            identity=("selector",),
        ),
        Code(
            code="PF350",
            severity="warning",
            title="A selector selects nothing now",
            says="match[] {selector}: the source has no such series now",
            meaning=(
                "No series of the source has what the selector asks for. A name or a value is misspelt, what exposes "
                "or records the series does not run, or there is no such case now, as with alerts."
            ),
            fix="ask the source for the name alone, then add the matchers one by one",
            reference=_SELECTORS,
            when=("before", "after"),
            identity=("selector",),
        ),
        Code(
            code="PF351",
            severity="warning",
            title="Names in a selector select nothing now",
            says="match[] {selector}: the source has no series of {names} now",
            meaning="The regular expression lists names of metrics, and some of them do not exist on the source.",
            fix="remove {names}, or look why the source does not have them",
            reference=_SELECTORS,
            when=("before", "after"),
            identity=("selector",),
        ),
        Code(
            code="PF352",
            severity="error",
            title="More series are selected than the budget allows",
            says=(
                "match[] selects {series} series, the budget is {limit}; bodies were not fetched; most series have "
                "{largest}"
            ),
            meaning=(
                "The series of all selectors together are more than max_series. To keep the measuring harmless, only "
                "the count was asked."
            ),
            fix="federate aggregates of {largest} that rules of the source record, or raise max_series",
            reference=_SELECTORS,
            when=("before", "after"),
        ),
        Code(
            code="PF353",
            severity="error",
            title="An answer of the source is larger than the budget allows",
            says="/federate returns {size} bytes for all of match[], the budget is {limit}; most series have {largest}",
            meaning="What one scrape returns as text, before it is compressed, is more than max_bytes.",
            fix="federate aggregates of {largest} that rules of the source record, or raise max_bytes",
            reference=_SELECTORS,
            when=("before", "after"),
        ),
        Code(
            code="PF354",
            severity="error",
            title="The source takes longer than the budget allows",
            says="/federate took {seconds} s for all of match[], the budget is {limit} s; most series have {largest}",
            meaning=(
                "One request for all selectors took longer than max_seconds, by default the time-out of a scrape. A "
                "scrape that takes longer than its time-out gives nothing. The way through the API server is included."
            ),
            fix=(
                "federate aggregates of {largest} that rules of the source record, or raise the time-out, and the "
                "interval with it"
            ),
            reference=_SELECTORS,
            when=("before", "after"),
        ),
        Code(
            code="PF355",
            severity="warning",
            title="Federated series carry labels that can hold personal data",
            says="match[] {selector}: its series have {labels}",
            meaning=(
                "Labels of this name usually hold names, addresses or what people typed. With the federation such "
                "values leave the source, and each value is a series of its own."
            ),
            fix=(
                "aggregate the labels away by a rule on the source, and federate what it records; or suppress this "
                "finding with the reason why the data may leave"
            ),
            reference=_NAMING,
            when=("before", "after"),
            identity=("selector",),
        ),
        Code(
            code="PF360",
            severity="error",
            title="A federated target refuses connections",
            says="federation of {source}: {address}: {error}",
            meaning="Nothing listens at the address, or a policy or firewall rejects the connection.",
            fix="does the Service on the worker have a ready endpoint, and is the port the one that it has now?",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF361",
            severity="error",
            title="A federated target does not answer in time",
            says="federation of {source}: {address}: {error}",
            meaning=(
                "Packets are dropped on the way (network policy, firewall, wrong address), or the source takes "
                "longer than the scrape time-out."
            ),
            fix=(
                "look at policies and firewalls between the clusters; a source that is slow needs fewer series in"
                " match[] or a longer timeout"
            ),
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF362",
            severity="error",
            title="A federated target has no route or no name",
            says="federation of {source}: {address}: {error}",
            meaning=(
                "The name of the target cannot be resolved, or its network cannot be reached from the central pod. A "
                "firewall that rejects packets by ICMP looks like a route that is missing."
            ),
            fix=(
                "check the address of the source, DNS on the central cluster, routes between the clusters, and "
                "firewalls on the way, the one of the worker's node too"
            ),
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF363",
            severity="error",
            title="The certificate of a federated target is of an unknown authority",
            says="federation of {source}: {address}: {error}",
            meaning="The central Prometheus does not trust who signed the certificate.",
            fix="give the central side the CA of the source",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF364",
            severity="error",
            title="The certificate of a federated target is for another name",
            says="federation of {source}: {address}: {error}",
            meaning="The certificate does not name the address that is scraped.",
            fix="issue a certificate for the address, or set the server name",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF365",
            severity="error",
            title="The certificate of a federated target is not valid now",
            says="federation of {source}: {address}: {error}",
            meaning="It is expired, or not valid yet; a wrong clock looks the same.",
            fix="renew the certificate of the source, and check the clocks",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF366",
            severity="error",
            title="A federated target speaks another protocol",
            says="federation of {source}: {address}: {error}",
            meaning="One side uses TLS and the other does not, or what answers does not speak HTTP.",
            fix="set scheme of the source to what it serves",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF367",
            severity="error",
            title="A federated target refuses the credentials",
            says="federation of {source}: {address}: {error}",
            meaning="The source, or a proxy before it, wants other credentials.",
            fix="check the credentials of the central side for this source",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF368",
            severity="error",
            title="A federated target has no such page",
            says="federation of {source}: {address}: {error}",
            meaning="/federate is not at this path: a path prefix, another program, or a redirect.",
            fix="check the path of the monitor, and what listens at the address",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF369",
            severity="error",
            title="A federated target refuses the request",
            says="federation of {source}: {address}: {error}",
            meaning="The source does not understand match[], or a proxy before it refuses the request.",
            fix="check the selectors of match on a page /graph of the source",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF370",
            severity="error",
            title="A federated target gives more than a limit allows",
            says="federation of {source}: {address}: {error}",
            meaning="The answer has more samples or labels than a limit of the monitor or of the instance.",
            fix="raise the limit, or select less with match",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF234", "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF371",
            severity="error",
            title="The answer of a federated target is too large",
            says="federation of {source}: {address}: {error}",
            meaning="The answer has more bytes than a limit of the monitor or of the instance.",
            fix="raise the limit, or select less with match",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF234", "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF372",
            severity="error",
            title="A federated target answers with an error",
            says="federation of {source}: {address}: {error}",
            meaning=(
                "The source, or what is before it, is not able to answer: it starts, stops, or is overloaded. A "
                "PrometheusAgent has no /federate and always answers so."
            ),
            fix="look at the log of the source; an agent can write (transport: remote_write)",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF373",
            severity="error",
            title="Everything of a federated source is dropped",
            says=(
                "federation of {source}: its targets gave {samples} samples, and relabeling of metrics dropped "
                "all of them"
            ),
            meaning="metricRelabelings of the monitor drop or reject every sample.",
            fix="run the playbook promfleet.monitoring.federation",
            reference=_CONFIGURATION,
            when=("after",),
            explained_by=("PF207", "PF241", "PF310", "PF381"),
        ),
        Code(
            code="PF374",
            severity="error",
            title="A federated target gives no metrics",
            says="federation of {source}: {address}: {error}",
            meaning="What answers is not the text format of Prometheus.",
            fix="check what listens at the address and path",
            reference=_FEDERATION,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF375",
            severity="error",
            title="The data of a federated source is stale",
            says=(
                "federation of {source}: none of its {series} series has a sample of the last {limit} s, although "
                "targets are up"
            ),
            meaning=(
                "The source does not take new samples (its rules are not evaluated, or it scrapes nothing), or "
                "the clocks of the two clusters differ."
            ),
            fix="look at the source's pages /rules and /targets, and compare the clocks",
            reference=_FEDERATION,
            when=("after",),
            explained_by=("PF206", "PF208", "PF241", "PF310", "PF381", "PF390"),
            across=("PF208",),
        ),
        Code(
            code="PF376",
            severity="error",
            title="A federated source is scraped too rarely",
            says=(
                "federation of {source}: it is scraped every {interval}, which is not less than queries look back (5m)"
            ),
            meaning="Between two scrapes its series are gone: queries and alerts see gaps.",
            fix="make the interval of the source shorter than 5m",
            reference=_CONFIGURATION,
            when=("after",),
            identity=("interval",),
            explained_by=("PF241", "PF310", "PF381"),
        ),
        Code(
            code="PF377",
            severity="error",
            title="A federated source is scraped twice",
            says="federation of {source}: {pool} scrapes {addresses}, too",
            meaning=(
                "Two monitors read one source. Sums over its series are too large, or samples are rejected as "
                "duplicates."
            ),
            fix="remove the other monitor, or make it scrape something else",
            reference=_FEDERATION,
            when=("after",),
            identity=("pool",),
        ),
        Code(
            code="PF378",
            severity="error",
            title="The targets of a federated source have other labels",
            says="federation of {source}: {labels}",
            meaning="up and scrape_* of the targets, and alerts about them, are found by these labels.",
            fix="run the playbook promfleet.monitoring.federation",
            reference=_FEDERATION,
            when=("after",),
            explained_by=("PF207", "PF234", "PF241", "PF310", "PF381"),
        ),
        Code(
            code="PF379",
            severity="error",
            title="Replicas of a source look alike",
            says="federation of {source}: replicas {replicas} have the same external labels",
            meaning=(
                "The central side takes the series of the replicas for one series, and rejects samples of it as "
                "duplicates."
            ),
            fix="run the playbook promfleet.monitoring.teams for the worker",
            reference=_FEDERATION,
            when=("after",),
            explained_by=("PF232",),
            across=("PF232",),
        ),
        Code(
            code="PF380",
            severity="error",
            title="Prometheus has not loaded the job of a source",
            says="federation of {source}: the running configuration has no job {job}",
            meaning=(
                "The objects do not make it into the configuration that Prometheus runs with: the operator does "
                "not select or not accept the monitor, it does not reconcile, or the reload failed."
            ),
            fix="look at the log of the operator, and at the conditions of the instance",
            reference=_TROUBLESHOOTING,
            when=("after",),
            identity=("job",),
            explained_by=("PF207", *_NOT_RECONCILED, "PF230", "PF212", "PF235", "PF301", "PF310", "PF315"),
        ),
        Code(
            code="PF381",
            severity="error",
            title="Prometheus runs with another job than the inventory describes",
            says="federation of {source}: in job {job} {fields}",
            meaning=(
                "The running configuration differs from what is described: the monitor was changed, the instance "
                "overrides it, or the operator does not reconcile."
            ),
            fix="run the playbook promfleet.monitoring.federation",
            reference=_CONFIGURATION,
            when=("after",),
            identity=("job",),
            explained_by=("PF207", *_NOT_RECONCILED, "PF233", "PF234", "PF241", "PF310"),
        ),
        Code(
            code="PF382",
            severity="error",
            title="Prometheus drops the targets of a source",
            says="federation of {source}: {pool} discovers {found} targets and keeps none",
            meaning=(
                "Relabeling keeps only what belongs to the Service and the port of the monitor, and no address does."
            ),
            fix="compare on its page /service-discovery why they are dropped",
            reference=_TROUBLESHOOTING,
            when=("after",),
            identity=("pool",),
            explained_by=(
                "PF207",
                *_NOT_RECONCILED,
                "PF212",
                "PF235",
                "PF241",
                "PF315",
                "PF380",
                "PF301",
                "PF302",
                "PF310",
                "PF312",
                "PF313",
                "PF314",
                "PF384",
            ),
        ),
        Code(
            code="PF383",
            severity="error",
            title="Prometheus discovers nothing",
            says="federation of {source}: {pool} discovers no address at all",
            meaning="Prometheus may not list Services or EndpointSlices of the namespace, or the namespace has none.",
            fix=(
                "run the playbook promfleet.monitoring.teams, which grants discovery; the log of Prometheus names"
                " what is forbidden"
            ),
            reference=_RBAC,
            when=("after",),
            identity=("pool",),
            explained_by=("PF207", *_NOT_RECONCILED, "PF212", "PF235", "PF241", "PF315", "PF380", "PF301", "PF384"),
        ),
        Code(
            code="PF384",
            severity="error",
            title="The monitor looks in other namespaces",
            says="federation of {source}: it selects Services of {namespaces} only",
            meaning=(
                "The namespaceSelector of the monitor leaves out its own namespace, where the Service of the source is."
            ),
            fix=_APPLY_FEDERATION,
            reference=_TROUBLESHOOTING,
            when=("before", "after"),
        ),
        Code(
            code="PF385",
            severity="info",
            title="An object of the federation has other labels",
            says="federation of {source}: {fields}",
            meaning="Labels by which people and tools find the object were changed. No link of the chain reads them.",
            fix="run the playbook promfleet.monitoring.federation",
            reference=_FEDERATION,
            when=("before", "after"),
        ),
        Code(
            code="PF386",
            severity="warning",
            title="Series of a source claim to be of another",
            says="federation of {source}: series of it claim {claims}",
            meaning=(
                "The source gives series with another cluster or team than its own: a metric or rule of an application "
                "names one, or its external labels are wrong. The central side keeps the claim in labels of its own."
            ),
            fix="find the metrics by their label claimed_cluster or claimed_team, and what exposes or records them",
            reference=_FEDERATION,
            when=("after",),
            explained_by=("PF232", "PF310", "PF311", "PF314", "PF316", "PF317", "PF325", "PF377", "PF387"),
            across=("PF232", "PF325"),
        ),
        Code(
            code="PF387",
            severity="error",
            title="The monitor of a source reads other addresses",
            says="federation of {source}: {addresses} are read as the source, and are not its addresses",
            meaning=(
                "Prometheus reads everything that the monitor selects as this source: series of something else are "
                "taken for it, or targets are down that are none."
            ),
            fix=(
                "find what has these addresses: kubectl -n {namespace} get endpointslices; its Service must not have "
                "the labels by which the monitor finds its own"
            ),
            reference=_TROUBLESHOOTING,
            when=("after",),
            explained_by=("PF207", "PF241", "PF310", "PF311", "PF314", "PF316", "PF317", "PF319", "PF381"),
        ),
        Code(
            code="PF388",
            severity="warning",
            title="A selector of a source finds nothing",
            says="federation of {source}: the replica has no series for {match}, and has some for its other selectors",
            meaning=(
                "What the selector names is not there: rules are missing, are called otherwise, or fail, or what "
                "exposes the series does not run. The central side lacks these series, without an error."
            ),
            fix=(
                "look at the source's pages /rules and /targets; a selector that is not for this source belongs into "
                "match of other sources only"
            ),
            reference=_FEDERATION,
            when=("after",),
            explained_by=("PF206", "PF208", "PF203", "PF204", "PF205", "PF212", "PF235", "PF241", "PF396"),
        ),
        Code(
            code="PF389",
            severity="warning",
            title="A federated target is up only now and then",
            says=(
                "federation of {source}: {targets} went up or down {changes} times in the last {seconds} s, and is up "
                "now"
            ),
            meaning=(
                "Some scrapes succeed and others fail: the way loses packets, one of several addresses or paths does "
                "not work, or the source takes about as long as the scrape time-out. Each failed scrape ends the "
                "series, so graphs have gaps and alerts start again."
            ),
            fix=(
                "look at up and scrape_duration_seconds of the target on the central Prometheus: near the time-out the "
                "source needs fewer series in match or a longer timeout, else look at the network between the clusters"
            ),
            reference=_FEDERATION,
            when=("after",),
            explained_by=(*_CLOSED, "PF206", "PF207", "PF241"),
            across=_CLOSED,
        ),
        Code(
            code="PF390",
            severity="warning",
            title="The clocks of two clusters differ",
            says="federation of {source}: the clocks differ by {seconds} s",
            meaning=(
                "Samples carry the time of the worker. With clocks that differ, fresh samples look stale or lie "
                "in the future, and are rejected."
            ),
            fix="synchronise the clocks of the nodes (NTP)",
            reference=f"{PAGE}#pf390",
            when=("after",),
        ),
        Code(
            code="PF391",
            severity="error",
            title="Two sources have one identity",
            says="federation of {source}: {other} runs with the same external labels: {labels}",
            meaning=(
                "The central side cannot tell their series apart: values are mixed, and samples are rejected as "
                "duplicates."
            ),
            fix="run the playbook promfleet.monitoring.teams for both workers",
            reference=_FEDERATION,
            when=("after",),
            identity=("other",),
            explained_by=("PF232", "PF325"),
            across=("PF232", "PF325"),
        ),
        Code(
            code="PF392",
            severity="error",
            title="A source writes, and its central Prometheus does not receive",
            says="federation of {source}: this Prometheus does not take what others write",
            meaning=(
                "The source has transport: remote_write. Without enableRemoteWriteReceiver the central Prometheus "
                "answers each request with status 404, and the source drops what it sent."
            ),
            fix="run the playbook promfleet.monitoring.teams for the central cluster",
            reference=_REMOTE_WRITE,
            when=("before", "after"),
            identity=("source",),
            explained_by=("PF201", "PF202"),
        ),
        Code(
            code="PF393",
            severity="error",
            title="A source that writes sends too little",
            says=(
                "federation of {source}: series of {found} of {expected} replicas have arrived in the last {limit} s"
            ),
            meaning=(
                "The source has transport: remote_write, and each of its replicas sends prometheus_build_info and "
                "team:up:count always. Where they are missing, the replica does not write, or does not reach the "
                "receiver: nothing else of it arrives, alerts included."
            ),
            fix=(
                "does the source's Prometheus have remoteWrite (playbook promfleet.monitoring.teams on its cluster), "
                "and what do its log and prometheus_remote_storage_samples_failed_total say?"
            ),
            reference=_REMOTE_WRITE,
            when=("after",),
            explained_by=(*_NOT_RECONCILED, "PF207", "PF232", "PF392"),
        ),
        Code(
            code="PF394",
            severity="error",
            title="Thanos Query gets no answer of a source",
            says="federation of {source}: Query gets no answer of the sidecar at {address}: {error}",
            meaning=(
                "The source has transport: thanos, and Query says at /api/v1/stores that it cannot ask this sidecar. "
                "Answers lack its series; they come with a warning, and not with an error. Certificates that do not "
                "fit on either side, a way that is closed, and a sidecar that does not run look like this."
            ),
            fix=(
                "does the sidecar run (container thanos-sidecar of the source's Prometheus), is the way to its "
                "address open, has its certificate the name by which Query asks (tls_config.server_name, else the "
                "address), and is each side's certificate of the authority that the other side has? Where Query does "
                "not list the address, run the playbook promfleet.monitoring.federation"
            ),
            reference=_THANOS_QUERY,
            when=("after",),
            identity=("address",),
            explained_by=(*_CLOSED, *_NOT_RECONCILED, "PF123", "PF207"),
            across=_CLOSED,
        ),
        Code(
            code="PF395",
            severity="error",
            title="A sidecar says that its series are those of another source",
            says="federation of {source}: the sidecar at {address} has {labels}",
            meaning=(
                "The source has transport: thanos. Query takes cluster and team of a series from the external labels "
                "of the instance. The address is that of another instance, or the instance runs with other labels."
            ),
            fix=(
                "does the address lead to the source's own instance, and what externalLabels has its Prometheus "
                "(playbook promfleet.monitoring.teams on its cluster)?"
            ),
            reference=_THANOS_QUERY,
            when=("after",),
            identity=("address",),
            explained_by=("PF325", *_NOT_RECONCILED),
            across=("PF325",),
        ),
        Code(
            code="PF396",
            severity="warning",
            title="Rules of a source fail",
            says="federation of {source}: evaluations of rules failed in the last {seconds} s, of the groups {groups}",
            meaning=(
                "The source's Prometheus cannot evaluate some of its rules. What they record is missing in the source "
                "and on the central side, and their alerts cannot fire."
            ),
            fix="open the source's page /rules: it shows the error of each rule",
            reference="https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/",
            when=("after",),
            explained_by=("PF206", "PF208"),
        ),
        Code(
            code="PF401",
            severity="error",
            title="An object would not pass a policy",
            says="{place}: the policy {policy} ({enforcement}) of team {team}: {said}",
            meaning=(
                "The object is written, or about to be written, in a form that a policy of the platform does not let "
                "pass. With the enforcement deny, the API server refuses the next change of it."
            ),
            fix="change the field as the message says, or ask the platform for an exemption",
            reference=_POLICIES,
            when=("before", "after"),
            identity=("policy",),
        ),
        Code(
            code="PF402",
            severity="warning",
            title="An object does not follow a policy about quality",
            says="{place}: the policy {policy} ({enforcement}) of team {team}: {said}",
            meaning="A policy whose severity is warning would not let the object pass.",
            fix="change the field as the message says, or ask the platform for an exemption",
            reference=_POLICIES,
            when=("before", "after"),
            identity=("policy",),
        ),
        Code(
            code="PF403",
            severity="info",
            title="An object does not follow a recommendation",
            says="{place}: the policy {policy} ({enforcement}) of team {team}: {said}",
            meaning="A policy whose severity is info would not let the object pass.",
            fix="change the field as the message says, or ask the platform for an exemption",
            reference=_POLICIES,
            when=("before", "after"),
            identity=("policy",),
        ),
        Code(
            code="PF404",
            severity="error",
            title="An object cannot be judged by policies without a cluster",
            says="{place}: {reason}; not checked: {checks}",
            meaning=(
                "The expressions of a policy could not be evaluated on the object as the API server would: the library "
                "is missing, the schema of the kind is not known, or the object holds what the library reads "
                "differently. Whether it passes is not known."
            ),
            fix="install cel-expr-python where modules run, give the CRDs, or let the API server judge it",
            reference=_POLICIES,
            when=("before", "after"),
            observed=False,
        ),
        Code(
            code="PF405",
            severity="error",
            title="A file that should be judged cannot be read",
            says="{reason}; not checked: {checks}",
            meaning="The file is not YAML or JSON as kubectl reads it, so the objects in it were not judged.",
            fix="correct the file; render templates first",
            reference=_POLICIES,
            when=("before", "after"),
            observed=False,
        ),
        Code(
            code="PF406",
            severity="warning",
            title="An exemption from a policy is over",
            says="{path}: the exemption of {glob} from the policy {policy} ended with {until} (owner: {owner})",
            meaning="The time that was given is over: the exemption is left out, and the objects are judged again.",
            fix="remove {path} when the objects pass, or set a new date",
            reference=_POLICIES,
            when=("before", "after"),
        ),
        Code(
            code="PF501",
            severity="error",
            title="The monitor of a workload does not exist",
            says="workload {workload} of team {team}: it does not exist",
            meaning=(
                "The inventory names this workload, and the monitor by which the instance finds its targets is missing."
            ),
            fix="run the playbook promfleet.monitoring.workload_monitors",
            reference=_WORKLOADS,
            when=("before", "after"),
            explained_by=("PF214",),
        ),
        Code(
            code="PF502",
            severity="error",
            title="Prometheus does not have the monitor of a workload",
            says="workload {workload} of team {team}: the monitor exists, and Prometheus has no job of it",
            meaning=(
                "The instance does not select the monitor, the operator rejects it, or Prometheus still runs with an "
                "older configuration."
            ),
            fix=(
                "kubectl -n {namespace} describe {kind} {name} shows why the operator rejects it; a Secret that the "
                "monitor names may be missing"
            ),
            reference=_TROUBLESHOOTING,
            when=("after",),
            explained_by=(*_NOT_RECONCILED, "PF201", "PF212", "PF235", "PF501"),
        ),
        Code(
            code="PF503",
            severity="error",
            title="A workload has no target",
            says="workload {workload} of team {team}: Prometheus finds no target with the job {job}",
            meaning=(
                "No pod or Service has the labels that the monitor selects and a port of its name, or Prometheus may "
                "not list them in these namespaces."
            ),
            fix=(
                "compare the selector and the port of the monitor with kubectl get pods --show-labels; give others in "
                "parts of the workload, or its namespaces"
            ),
            reference=_WORKLOADS,
            when=("after",),
            identity=("workload", "job"),
            explained_by=("PF201", "PF202", "PF203", "PF206", "PF212", "PF235", "PF501", "PF502"),
        ),
        Code(
            code="PF504",
            severity="error",
            title="Targets of a workload are down",
            says="workload {workload} of team {team}: {down} of {targets} targets of the job {job} are down: {errors}",
            meaning="Prometheus found the targets, and scraping them fails.",
            fix=(
                "does a network policy close the port, and does the target want TLS or a token (tls_config, "
                "bearer_token, basic_auth of the workload)?"
            ),
            reference=_WORKLOADS,
            when=("after",),
            identity=("workload", "job"),
            explained_by=("PF206",),
        ),
        Code(
            code="PF505",
            severity="warning",
            title="A workload lacks metrics that it should have",
            says="workload {workload} of team {team}: targets of the job {job} do not have {metrics}",
            meaning=(
                "The targets answer, and metrics that rules, alerts and panels read are not there: another version, an "
                "option of the program that is off, another program at this port, or a step that drops them."
            ),
            fix=(
                "look for them at /metrics of the target; the entry of the workload says which versions it was proved "
                "with, and drop of the workload may be too broad"
            ),
            reference=_WORKLOADS,
            when=("after",),
            identity=("workload", "job"),
            explained_by=("PF503", "PF504"),
        ),
        Code(
            code="PF506",
            severity="error",
            title="Rules of a workload are not evaluated",
            says="workload {workload} of team {team}: {rules}",
            meaning="Prometheus does not have the rules, or cannot evaluate them; their alerts cannot fire.",
            fix="run the playbook promfleet.monitoring.workload_monitors; then see the page /rules of the Prometheus",
            reference=_WORKLOADS,
            when=("after",),
            explained_by=(*_NOT_RECONCILED, "PF201", "PF235"),
        ),
        Code(
            code="PF507",
            severity="warning",
            title="A target of a workload has too many series",
            says="workload {workload} of team {team}: {series} series of the job {job}, the budget is {budget}",
            meaning="Memory and queries of the Prometheus become more expensive with each series.",
            fix="use profile: minimal, name metrics in drop, or raise budget of the part",
            reference=_WORKLOADS,
            when=("after",),
            identity=("workload", "job"),
        ),
        Code(
            code="PF508",
            severity="error",
            title="The targets of a workload are scraped twice",
            says="workload {workload} of team {team}: the targets of the job {job} are scraped by {others}, too",
            meaning="Each series is there twice: sums are doubled, and so is what the Prometheus needs for them. A "
            "kubelet is scraped twice, for example, where a ServiceMonitor reads the Service that an operator keeps "
            "by its argument --kubelet-service.",
            fix="delete the other monitor, or disable this workload",
            reference=_WORKLOADS,
            when=("after",),
            identity=("workload", "job"),
        ),
        Code(
            code="PF601",
            severity="error",
            title="A team's attack succeeded",
            says="{title}: {seen}; none of these guards stopped it: {guards}",
            meaning="A team can do this to other teams, to the platform or to the operator. It was tried with two "
            "throwaway teams, and its effect was measured.",
            fix="put one of the guards in place, better all of them: {guards}",
            reference=_ISOLATION,
            when=("after",),
        ),
        Code(
            code="PF602",
            severity="warning",
            title="A policy let an attack pass that another guard stopped",
            says="{title}: the API server stored the objects; only {stopped_by} stopped it, and not {guards}",
            meaning="The door has several guards, and one of them does not deny: the policy is not installed, or it "
            "only audits or warns.",
            fix="set the enforcement of the policy to deny once its audit finds nothing on this cluster",
            reference=_ISOLATION,
            when=("after",),
        ),
        Code(
            code="PF603",
            severity="error",
            title="A team cannot do what it must be able to do",
            says="{title}: {reason}; seen: {seen}",
            meaning="A guard is too strict, or the way that monitors, rules and alerts take does not work.",
            fix="look at what refused it; where nothing did, run the playbook promfleet.monitoring.doctor",
            reference=_ISOLATION,
            when=("after",),
        ),
        Code(
            code="PF604",
            severity="error",
            title="An attack could not be judged",
            says="{title}: {reason}; not checked: {checks}",
            meaning="Neither the effect of the attack was seen, nor a guard that stopped it. It does not count as "
            "denied.",
            fix="fix the reason, then run again",
            reference=_ISOLATION,
            when=("after",),
            explained_by=("PF603", "PF606"),
            observed=False,
        ),
        Code(
            code="PF605",
            severity="error",
            title="An account of the stack may reach others",
            says="{title}: allowed outside of their own namespaces to {accounts}",
            meaning="A pod that is taken over has the permissions of its account. This one reaches beyond its own "
            "namespace.",
            fix="find the binding with: kubectl auth can-i --list --as=system:serviceaccount:NAMESPACE:NAME; remove it",
            reference=_ISOLATION,
            when=("before", "after"),
        ),
        Code(
            code="PF606",
            severity="error",
            title="The throwaway teams did not come up",
            says="{reason}; not checked: {checks}",
            meaning="Without both teams no attack can be tried: the state of isolation is unknown.",
            fix="fix the reason, then run again; the teams of this run are removed",
            reference=_ISOLATION,
            when=("after",),
            observed=False,
        ),
        Code(
            code="PF607",
            severity="warning",
            title="The throwaway teams are still there",
            says="{reason}",
            meaning="What a run of the isolation matrix makes is removed at its end. This time it was not, or not all.",
            fix="run it again, it removes what is left; or delete the namespaces that the message names",
            reference=_ISOLATION,
            when=("after",),
        ),
        Code(
            code="PF701",
            severity="error",
            title="An upgrade would break something",
            says="{title}: {places}. {breaks} Before the upgrade: {todo}",
            meaning=(
                "The table of risks has a row about these versions, and objects of the cluster are exposed to it. The "
                "row names the upstream change that it comes from."
            ),
            fix="do that, or suppress the finding for {cluster}/Risk/{name} with a reason",
            reference=_UPGRADES,
            when=("before",),
        ),
        Code(
            code="PF702",
            severity="error",
            title="It is not known whether an upgrade would break something",
            says="{title}: {places}. {breaks} Before the upgrade: {todo}; not known: {checks}",
            meaning=(
                "The table of risks has a row about these versions, or about versions that could not be read, and what "
                "could be read does not decide whether the cluster is exposed."
            ),
            fix=(
                "do that, suppress the finding for {cluster}/Risk/{name} with a reason, or set allow_unknown for all "
                "unknown risks"
            ),
            reference=_UPGRADES,
            # A row about something that no object shows would block for ever, if it could not be allowed.
            when=("before", "after"),
            observed=False,
        ),
        Code(
            code="PF703",
            severity="info",
            title="An upgrade may break something, and the run allows it",
            says="{title}: {places}. {breaks} Before the upgrade: {todo}",
            meaning="It is not known whether the cluster is exposed to a risk, and unknown risks are allowed.",
            fix="do that",
            reference=_UPGRADES,
            when=("before",),
        ),
        Code(
            code="PF704",
            severity="error",
            title="A step of the upgrade would be refused",
            says="{step}: {reason}",
            meaning="The run would end at this step, before it writes anything of it. The reason names the way out.",
            fix="do what the reason says, then plan again",
            reference=_UPGRADES,
            when=("before",),
        ),
        Code(
            code="PF705",
            severity="error",
            title="What a step of the upgrade would do is not known",
            says="{step}: {reason}; not known: {checks}",
            meaning="The account of the run lacks rights, or the API server gave an error, so the plan is not whole.",
            fix="plan with the account that will write, see docs/rights.md",
            reference=_UPGRADES,
            when=("before", "after"),
            observed=False,
        ),
        Code(
            code="PF706",
            severity="error",
            title="A gate of an upgrade failed",
            says="the gate {gate} failed: {item}: before {before}, after {after}",
            meaning=(
                "What the gate compares is not as it was before the upgrade. The cluster is rolled back, and no other "
                "cluster begins until somebody lifts the freeze."
            ),
            fix="find out why. If the change is wanted, name it in known_changes. Then lift the freeze, and run again",
            reference=_UPGRADES,
            when=("after",),
            identity=("gate", "item"),
        ),
        Code(
            code="PF707",
            severity="error",
            title="After a rollback a gate still fails",
            says="after the rollback the gate {gate} still fails: {item}: before {before}, after {after}",
            meaning="The objects are as they were before the upgrade, and what the gate compares is not.",
            fix="look at the cluster with verify and doctor: this needs a person",
            reference=_UPGRADES,
            when=("after",),
            identity=("gate", "item"),
        ),
        Code(
            code="PF708",
            severity="error",
            title="A gate of an upgrade cannot be measured",
            says="the gate {gate} cannot be measured before the upgrade: {item}: {before}; not known: {checks}",
            meaning="Without a value from before, the gate would decide nothing. The upgrade does not begin.",
            fix="let the instance answer, or correct the query of the SLI",
            reference=_UPGRADES,
            when=("before", "after"),
            observed=False,
            identity=("gate", "item"),
        ),
        Code(
            code="PF801",
            severity="error",
            title="An audit entry was changed",
            says="entry {entries} of the audit trail was changed: {how}",
            meaning=(
                "Each entry names the digest of the one before it. The bytes of this one are no longer those that "
                "were written."
            ),
            fix=_FORGED,
            reference=_AUDIT,
            when=("after",),
            identity=("entries",),
        ),
        Code(
            code="PF802",
            severity="error",
            title="Audit entries are missing",
            says="entry {entries} of the audit trail is missing: {how}",
            meaning=(
                "Entries are numbered without gaps; the oldest ones go only when the ring of ConfigMaps is full. "
                "These were deleted."
            ),
            fix=_FORGED,
            reference=_AUDIT,
            when=("after",),
            identity=("entries",),
        ),
        Code(
            code="PF803",
            severity="error",
            title="Audit entries were moved",
            says="entry {entries} of the audit trail was moved: {how}",
            meaning="The number in an entry is not the number under which it is kept.",
            fix=_FORGED,
            reference=_AUDIT,
            when=("after",),
            identity=("entries",),
        ),
        Code(
            code="PF804",
            severity="error",
            title="An audit entry cannot be read",
            says="entry {entries} of the audit trail cannot be read: {how}",
            meaning="What is kept under its number was not written by this collection.",
            fix=_FORGED,
            reference=_AUDIT,
            when=("after",),
            identity=("entries",),
        ),
        Code(
            code="PF805",
            severity="error",
            title="An audit entry is unlike its copy",
            says="entry {entries} of the audit trail is unlike its copy: {how}",
            meaning=(
                "An account that may write the ConfigMaps can compute all digests of the chain again, but it has no "
                "access to the copies."
            ),
            fix=_FORGED,
            reference=_AUDIT,
            when=("after",),
            identity=("entries",),
        ),
        Code(
            code="PF901",
            severity="warning",
            title="A suppression has no reason",
            says="{path}: the suppression of {suppressed_code} for {glob} gives no reason, so it is not followed",
            meaning="Without a reason a later reader cannot know whether the suppression is still right.",
            fix="write a reason into {path}",
            reference=_SUPPRESSIONS,
            when=("before", "after"),
        ),
        Code(
            code="PF902",
            severity="warning",
            title="A suppression is expired",
            says="{path}: the suppression of {suppressed_code} for {glob} ended with {until} (owner: {owner})",
            meaning="The time that was given for fixing the fault is over.",
            fix="fix the fault and remove {path}, or set a new date",
            reference=_SUPPRESSIONS,
            when=("before", "after"),
        ),
        Code(
            code="PF903",
            severity="info",
            title="A suppression has nothing to suppress",
            says="{path}: no finding is covered by the suppression of {suppressed_code} for {glob} (owner: {owner})",
            meaning="The fault is gone, or the code or the object in the suppression is wrong.",
            fix="remove {path}, or correct its object",
            reference=_SUPPRESSIONS,
            when=("before", "after"),
        ),
    )
}

# Codes that were given up, with what they meant. They are never used again.
RETIRED: dict[str, str] = {}


_LOOK_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "Z": "2", "S": "5", "B": "8"})


def code_named(name: str, *, path: str) -> Code:
    """The entry of a code, in capitals or not; raises InputError with the nearest one, or what a retired one was."""
    wanted = name.strip().upper()
    if wanted in RETIRED:
        raise InputError(path, f"{wanted} is retired: {RETIRED[wanted]}")
    if wanted not in CODES:
        # Letters that look like digits first: all codes are about as close to each other.
        close = difflib.get_close_matches(wanted[:2] + wanted[2:].translate(_LOOK_ALIKE), CODES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(CODES)}"
        raise InputError(path, f"{name!r} is not a code of a finding; {hint}")
    return CODES[wanted]
