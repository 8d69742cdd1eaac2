"""What an operator reconciles, by its arguments."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import (
    CONTROLLER_ID,
    Instance,
    matches,
    read_flags,
    scope_of,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operators.shapes import KUBE_PROMETHEUS_ARGS, JsonObject, workload

OURS = Instance(
    kind="Prometheus", namespace="monitoring-pay", name="pay", labels={"app.kubernetes.io/name": "prometheus-pay"}
)


def scope(*args: str, instance: Instance = OURS, **shape: t.Any) -> bool:
    """Whether an operator with these arguments, beside the usual ones, reconciles *instance*."""
    found = workload(args=[*KUBE_PROMETHEUS_ARGS, *args], **shape)
    return scope_of(found["spec"]["template"], namespace=found["metadata"]["namespace"]).reconciles(instance)


@pytest.mark.parametrize(
    ("args", "reconciles"),
    [
        ([], True),
        (["--namespaces=monitoring"], False),
        (["-namespaces=monitoring"], False),
        (["--namespaces", "monitoring"], False),
        (["-namespaces", "monitoring"], False),
        (["--namespaces=monitoring,monitoring-pay"], True),
        (["--namespaces=monitoring", "--namespaces=monitoring-pay"], True),
        # The release 0.17 had one namespace.
        (["--namespace=monitoring"], False),
        # An empty name stands for all of them.
        (["--namespaces="], True),
        (["--namespaces=,monitoring"], True),
        (["--deny-namespaces=monitoring-pay"], False),
        (["--deny-namespaces", "monitoring-pay,other"], False),
        (["--deny-namespaces=other"], True),
        (["--deny-namespaces="], True),
        (["--prometheus-instance-namespaces=monitoring"], False),
        (["--prometheus-instance-namespaces=monitoring-pay", "--namespaces=monitoring"], True),
        # The list of a kind comes before both others.
        (["--prometheus-instance-namespaces=monitoring-pay", "--deny-namespaces=monitoring-pay"], True),
        (["--alertmanager-instance-namespaces=monitoring"], True),
        (["--thanos-ruler-instance-namespaces=monitoring"], True),
        (["--prometheus-instance-selector=app.kubernetes.io/name=prometheus-pay"], True),
        (["--prometheus-instance-selector=app.kubernetes.io/name=other"], False),
        (["--prometheus-instance-selector=managed-by in (obo)"], False),
        (["--prometheus-instance-selector", "!app.kubernetes.io/name"], False),
        (["--prometheus-instance-selector=what is (this"], True),
        # The last one counts.
        (["--prometheus-instance-selector=a=b", "--prometheus-instance-selector="], True),
        (["--alertmanager-instance-selector=a=b"], True),
        (["--controller-id=theirs"], False),
        (["--controller-id", "theirs"], False),
        (["--controller-id="], True),
        (["--crd-apigroup=monitoring.example"], False),
        # What stands behind a word that is no flag, or behind two dashes, is not read.
        (["start", "--namespaces=monitoring"], True),
        (["--", "--namespaces=monitoring"], True),
        # A switch takes no argument: this one is the first word that is no flag.
        (["--web.enable-tls", "true", "--namespaces=monitoring"], True),
        (["--web.enable-tls=true", "--namespaces=monitoring"], False),
        (["--log-level", "debug", "--namespaces=monitoring"], False),
        # A value may look like a flag.
        (["--log-level", "--namespaces=monitoring"], True),
        # Whether a flag that we do not know takes the next argument cannot be told.
        (["--of-a-fork", "value", "--namespaces=monitoring"], True),
        (["--of-a-fork=value", "--namespaces=monitoring"], False),
        (["--of-a-fork", "--namespaces=monitoring"], False),
        (["--namespaces"], True),
        (["---namespaces=monitoring"], True),
    ],
)
def test_flags(args: list[str], *, reconciles: bool) -> None:
    assert scope(*args) is reconciles


@pytest.mark.parametrize(
    ("kind", "flag"),
    [
        ("Alertmanager", "alertmanager"),
        ("Prometheus", "prometheus"),
        ("PrometheusAgent", "prometheus"),
        ("ThanosRuler", "thanos-ruler"),
    ],
)
def test_each_kind_has_its_flags(kind: str, flag: str) -> None:
    instance = Instance(kind=kind, namespace="a", name="x", labels={"l": "1"})
    assert scope(instance=instance)
    assert not scope(f"--{flag}-instance-namespaces=b", instance=instance)
    assert not scope(f"--{flag}-instance-selector=l=2", instance=instance)


def test_an_id_is_for_instances_that_have_it() -> None:
    own = Instance(kind="Prometheus", namespace="monitoring", name="k8s", annotations={CONTROLLER_ID: "theirs"})
    assert scope("--controller-id=theirs", instance=own)
    assert not scope(instance=own)
    empty = Instance(kind="Prometheus", namespace="monitoring", name="k8s", annotations={CONTROLLER_ID: ""})
    assert scope(instance=empty)


def test_no_kind_but_instances_is_reconciled() -> None:
    assert not scope(instance=Instance(kind="ServiceMonitor", namespace="a", name="x"))


FIELD: JsonObject = {"fieldRef": {"fieldPath": "metadata.namespace"}}
TARGETS: JsonObject = {"fieldRef": {"fieldPath": "metadata.annotations['olm.targetNamespaces']"}}
SECRET: JsonObject = {"secretKeyRef": {"name": "x", "key": "y"}}


@pytest.mark.parametrize(
    ("env", "flag", "reconciles"),
    [
        ([{"name": "NS", "value": "monitoring"}], "--namespaces=$(NS)", False),
        ([{"name": "NS", "valueFrom": FIELD}], "--namespaces=$(NS)", False),
        ([{"name": "NS", "valueFrom": TARGETS}], "--namespaces=$(NS)", False),
        ([{"name": "A", "value": "moni"}, {"name": "NS", "value": "$(A)toring"}], "--namespaces=$(NS)", False),
        # Kubernetes leaves it as it is, so the operator watches a namespace that cannot exist.
        ([], "--namespaces=$(NS)", False),
        ([{"name": "NS", "value": "x"}], "--namespaces=$$(NS)", False),
        # Only the running pod knows these.
        ([{"name": "NS", "valueFrom": SECRET}], "--namespaces=$(NS)", True),
        ([{"name": "NS", "valueFrom": SECRET}], "--deny-namespaces=$(NS)", True),
        ([{"name": "NS", "valueFrom": SECRET}], "--controller-id=$(NS)", True),
        ([{"name": "NS", "valueFrom": SECRET}], "--prometheus-instance-selector=$(NS)", True),
        ([{"name": "NS", "valueFrom": SECRET}], "$(NS)", True),
        ([{"name": "NS", "valueFrom": SECRET}], "--alertmanager-instance-namespaces=$(NS)", True),
        # The operator itself takes nothing from its environment.
        ([{"name": "NAMESPACES", "value": "monitoring"}], "--log-level=info", True),
    ],
)
def test_variables(env: list[JsonObject], flag: str, *, reconciles: bool) -> None:
    found = workload(args=[*KUBE_PROMETHEUS_ARGS, flag], pod_annotations={"olm.targetNamespaces": "monitoring"})
    found["spec"]["template"]["spec"]["containers"][0]["env"] = env
    assert scope_of(found["spec"]["template"], namespace="monitoring").reconciles(OURS) is reconciles


def test_variables_that_come_from_elsewhere_as_a_whole() -> None:
    found = workload(args=["--namespaces=$(NS)"])
    found["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "x"}}]
    seen = scope_of(found["spec"]["template"], namespace="monitoring")
    assert seen.reconciles(OURS)
    assert "only its running pod knows the value of --namespaces" in str(seen)


@pytest.mark.parametrize(
    ("command", "args", "reconciles"),
    [
        (["/bin/operator", "--namespaces=monitoring"], [], False),
        (["/bin/operator"], ["--namespaces=monitoring"], False),
        (["/sbin/tini", "--", "/bin/operator"], ["--namespaces=monitoring"], False),
        (["/bin/x", "--namespaces=monitoring"], [], False),
        (["/bin/sh", "-c", "exec operator --namespaces=monitoring --controller-id=a"], [], True),
        (["sh", "-c"], ["operator --namespaces=monitoring --controller-id=a"], True),
    ],
)
def test_commands(command: list[str], args: list[str], *, reconciles: bool) -> None:
    found = workload(command=command, args=args)
    assert scope_of(found["spec"]["template"], namespace="monitoring").reconciles(OURS) is reconciles


def test_a_sidecar_restricts_nothing() -> None:
    proxy = {"name": "kube-rbac-proxy", "args": ["--secure-listen-address=:8443", "--namespaces=monitoring"]}
    assert scope(containers=[proxy])
    assert not scope("--namespaces=monitoring", containers=[proxy])


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([], "watches all namespaces"),
        (["--deny-namespaces=b,a"], "watches all namespaces but a, b"),
        (["--namespaces=b,a"], "watches the namespaces a, b"),
        (["--prometheus-instance-namespaces=a"], "watches the namespaces a and some kinds everywhere"),
        (["--controller-id=x"], "watches all namespaces; only instances of the controller id 'x'"),
        (["--fork", "x"], "watches all namespaces; its argument --fork is not known, nor what is read behind it, and"),
    ],
)
def test_words(args: list[str], text: str) -> None:
    found = workload(args=[*KUBE_PROMETHEUS_ARGS, *args])
    assert str(scope_of(found["spec"]["template"], namespace="monitoring")).startswith(text)


LABELS = {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", True),
        ("a", True),
        ("c", False),
        ("!a", False),
        ("!c", True),
        ("a=1", True),
        ("a==1", True),
        ("a = 1 , b=2", True),
        ("a=1,b=3", False),
        ("a!=1", False),
        ("c!=1", True),
        ("a in (1,2)", True),
        ("a in ( 3 )", False),
        ("a notin (1)", False),
        ("c notin (1)", True),
        ("c=", False),
        ("a>1", None),
        ("a in 1", None),
        ("a,", None),
        (",", None),
        ("a=1 b=2", None),
    ],
)
def test_label_selectors(selector: str, *, expected: bool | None) -> None:
    assert matches(selector, LABELS) is expected


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True)
LISTS = st.lists(NAMES, min_size=1, max_size=4)
WRITTEN = st.sampled_from(["--{0}={1}", "-{0}={1}", "--{0} {1}", "-{0} {1}"])


@given(LISTS, NAMES, WRITTEN, st.lists(st.sampled_from(KUBE_PROMETHEUS_ARGS), max_size=3))
def test_lists_hold_however_they_are_written(names: list[str], asked: str, form: str, before: list[str]) -> None:
    instance = Instance(kind="Prometheus", namespace=asked, name="x")

    def reconciles(flag: str) -> bool:
        args = [*before, *form.format(flag, ",".join(names)).split(" ")]
        return scope(*args, instance=instance)

    assert reconciles("namespaces") is (asked in names)
    assert reconciles("prometheus-instance-namespaces") is (asked in names)
    assert reconciles("deny-namespaces") is (asked not in names)


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_arguments_are_read_or_count_as_no_limit(args: list[str]) -> None:
    try:
        flags = read_flags([*KUBE_PROMETHEUS_ARGS, *args])
    except ValueError:
        assert scope(*args)
        return
    assert set(flags) >= {"kubelet-service", "prometheus-config-reloader"}
    if not {"namespace", "namespaces", "deny-namespaces", "prometheus-instance-namespaces"} & set(flags):
        assert scope(*args) or {"controller-id", "prometheus-instance-selector", "crd-apigroup"} & set(flags)
