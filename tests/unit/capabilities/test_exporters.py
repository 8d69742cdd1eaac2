"""The exporters of a cluster: what they may do, and what is wrong in their input."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    KUBE_STATE_METRICS,
    NODE_EXPORTER,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.known import (
    COLLECTORS,
    DEFAULT_ARGUMENTS,
    DEFAULT_OBJECTS,
    GROUPS,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.workloads import catalogue
from tests.unit.capabilities.builders import JsonObject, keys, objects_of_exporters, only

BOTH: JsonObject = {"node_exporter": {"enabled": True}, "kube_state_metrics": {"enabled": True}}
PODS = {"node-exporter": "DaemonSet", "kube-state-metrics": "Deployment"}


def nodes(**options: t.Any) -> list[JsonObject]:
    """What node_exporter gets."""
    return objects_of_exporters({"node_exporter": {"enabled": True, **options}})


def states(**options: t.Any) -> list[JsonObject]:
    """What kube-state-metrics gets."""
    return objects_of_exporters({"kube_state_metrics": {"enabled": True, **options}})


def pod_of(objects: list[JsonObject], kind: str) -> JsonObject:
    """The pod that a workload makes."""
    pod: JsonObject = only(objects, kind)["spec"]["template"]["spec"]
    return pod


def arguments(objects: list[JsonObject], kind: str) -> list[str]:
    """The arguments of its only container."""
    (container,) = pod_of(objects, kind)["containers"]
    found: list[str] = container["args"]
    return found


def messages(raw: JsonObject) -> list[str]:
    """What is wrong with an input."""
    with pytest.raises(InputError) as raised:
        objects_of_exporters(raw)
    return [str(error) for error in raised.value.errors]


# -- the kubelets -------------------------------------------------------------------------------------------------


def test_the_platforms_prometheus_may_find_nodes_and_read_their_metrics_and_nothing_else() -> None:
    objects = objects_of_exporters({"kubelet": {"enabled": True}, "platform_namespace": "infra"})
    assert keys(objects) == {
        ("ClusterRole", None, "promfleet-kubelet"),
        ("ClusterRoleBinding", None, "promfleet-kubelet"),
    }
    assert only(objects, "ClusterRole")["rules"] == [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    ]
    (account,) = only(objects, "ClusterRoleBinding")["subjects"]
    assert account == {"kind": "ServiceAccount", "name": "prometheus-platform", "namespace": "infra"}


# -- both ---------------------------------------------------------------------------------------------------------


def test_nothing_is_switched_on_by_default() -> None:
    assert objects_of_exporters({}) == []


@pytest.mark.parametrize("kind", PODS.values())
def test_a_container_is_confined(kind: str) -> None:
    pod = pod_of(objects_of_exporters(BOTH), kind)
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert container["resources"]["limits"].keys() == {"memory"}


@pytest.mark.parametrize(("entry", "kind"), PODS.items())
def test_the_catalogue_finds_the_pods_without_further_input(entry: str, kind: str) -> None:
    workload = only(objects_of_exporters(BOTH), kind)
    (part,) = catalogue()[entry].parts
    template = workload["spec"]["template"]
    assert part.selector["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert workload["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert part.port in [port["name"] for port in template["spec"]["containers"][0]["ports"]]
    assert catalogue()[entry].namespaces == (workload["metadata"]["namespace"],)


def test_images_come_from_upstream_or_from_the_given_registry() -> None:
    def images(raw: JsonObject) -> list[str]:
        objects = objects_of_exporters({**BOTH, **raw})
        return [pod_of(objects, kind)["containers"][0]["image"] for kind in PODS.values()]

    assert images({}) == [
        f"quay.io/prometheus/node-exporter:v{NODE_EXPORTER}",
        f"registry.k8s.io/kube-state-metrics/kube-state-metrics:v{KUBE_STATE_METRICS}",
    ]
    # What a fleet has that names no registry: kube-state-metrics is not published there.
    assert images({"image_registry": "quay.io"}) == images({})
    assert images({"image_registry": "registry.example.com/mirror"}) == [
        f"registry.example.com/mirror/prometheus/node-exporter:v{NODE_EXPORTER}",
        f"registry.example.com/mirror/kube-state-metrics/kube-state-metrics:v{KUBE_STATE_METRICS}",
    ]


def test_pull_secrets_are_those_of_both() -> None:
    objects = objects_of_exporters({**BOTH, "image_pull_secrets": ["b", "a"]})
    for kind in PODS.values():
        assert pod_of(objects, kind)["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]


def test_a_quota_admits_pods_of_the_priority_and_goes_with_it() -> None:
    quota = only(nodes(), "ResourceQuota")
    (scope,) = quota["spec"]["scopeSelector"]["matchExpressions"]
    assert scope["values"] == [pod_of(nodes(), "DaemonSet")["priorityClassName"]] == ["system-node-critical"]
    without = nodes(priority_class="")
    assert "ResourceQuota" not in {obj["kind"] for obj in without}
    assert "priorityClassName" not in pod_of(without, "DaemonSet")


# -- node_exporter ------------------------------------------------------------------------------------------------


def test_node_exporter_has_of_the_node_what_it_needs_and_nothing_else() -> None:
    objects = nodes()
    pod = pod_of(objects, "DaemonSet")
    assert pod["hostNetwork"] is True
    assert not {"hostPID", "hostIPC"} & pod.keys()
    assert pod["automountServiceAccountToken"] is False
    assert pod["volumes"] == [{"name": "root", "hostPath": {"path": "/", "type": ""}}]
    (mount,) = pod["containers"][0]["volumeMounts"]
    assert mount["readOnly"] is True
    assert pod["tolerations"] == [{"operator": "Exists"}]


def test_only_the_namespace_of_node_exporter_is_privileged() -> None:
    enforced = {
        obj["metadata"]["name"]: obj["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for obj in objects_of_exporters(BOTH)
        if obj["kind"] == "Namespace"
    }
    assert enforced == {"promfleet-node-exporter": "privileged", "promfleet-kube-state-metrics": "restricted"}


def test_no_policy_pretends_to_guard_the_network_of_a_node() -> None:
    assert "NetworkPolicy" not in {obj["kind"] for obj in nodes()}


@pytest.mark.parametrize(("address", "expected"), [("node", "[$(NODE_ADDRESS)]:9200"), ("all", ":9200")])
def test_node_exporter_listens_where_it_is_asked_to(address: str, expected: str) -> None:
    objects = nodes(address=address, port=9200)
    assert f"--web.listen-address={expected}" in arguments(objects, "DaemonSet")
    (port,) = pod_of(objects, "DaemonSet")["containers"][0]["ports"]
    assert port["containerPort"] == port["hostPort"] == 9200


def test_collectors_and_arguments_are_flags() -> None:
    found = arguments(
        nodes(
            collectors={"enabled": ["processes"], "disabled": ["xfs", "zfs"]},
            arguments={"collector.netdev.device-include": "eth.*", "collector.vmstat.fields": "^pg"},
        ),
        "DaemonSet",
    )
    assert {"--collector.processes", "--no-collector.xfs", "--no-collector.zfs"} <= set(found)
    assert {"--collector.netdev.device-include=eth.*", "--collector.vmstat.fields=^pg"} <= set(found)
    # The program refuses both of a pair.
    assert not [one for one in found if one.startswith("--collector.netdev.device-exclude")]
    name = "collector.filesystem.mount-points-exclude"
    assert f"--{name}={DEFAULT_ARGUMENTS[name]}" in found


# -- kube-state-metrics -------------------------------------------------------------------------------------------


def granted(objects: list[JsonObject]) -> set[tuple[str, str, str]]:
    """Each group, resource and verb of its ClusterRole."""
    return {
        (group, resource, verb)
        for rule in only(objects, "ClusterRole")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@given(st.lists(st.sampled_from(sorted(GROUPS)), min_size=1, unique=True))
def test_it_may_read_what_it_is_asked_for_and_nothing_else(kinds: list[str]) -> None:
    objects = states(objects=kinds, monitoring_conditions=False)
    assert granted(objects) == {(GROUPS[kind], kind, verb) for kind in kinds for verb in ("list", "watch")}
    assert f"--resources={','.join(sorted(kinds))}" in arguments(objects, "Deployment")


def test_by_default_it_may_read_neither_secrets_nor_config_maps() -> None:
    assert not {"secrets", "configmaps"} & {resource for _group, resource, _verb in granted(states())}
    assert set(DEFAULT_OBJECTS) <= GROUPS.keys()


def test_the_conditions_of_the_operators_instances_are_metrics() -> None:
    (argument,) = [one for one in arguments(states(), "Deployment") if one.startswith("--custom-resource-state-config")]
    config = json.loads(argument.partition("=")[2])
    kinds = {one["groupVersionKind"]["kind"]: one for one in config["spec"]["resources"]}
    assert kinds.keys() == {"Alertmanager", "Prometheus", "PrometheusAgent", "ThanosRuler"}
    for one in kinds.values():
        metrics = {f"{one['metricNamePrefix']}_{metric['name']}": metric["each"] for metric in one["metrics"]}
        assert metrics["promfleet_monitoring_condition"]["stateSet"]["list"] == ["True", "False", "Unknown", "Degraded"]
    plurals = {resource for group, resource, _verb in granted(states()) if group == "monitoring.coreos.com"}
    assert plurals == {"alertmanagers", "prometheuses", "prometheusagents", "thanosrulers"}


def test_without_the_conditions_it_does_not_read_the_operators_kinds() -> None:
    objects = states(monitoring_conditions=False)
    assert not [one for one in arguments(objects, "Deployment") if "custom-resource" in one]
    assert not {"monitoring.coreos.com", "apiextensions.k8s.io"} & {group for group, *_rest in granted(objects)}


def test_metrics_and_labels_are_chosen() -> None:
    found = arguments(
        states(metrics={"deny": ["kube_.+_created"]}, labels={"pods": ["team", "app"], "nodes": []}), "Deployment"
    )
    assert "--metric-denylist=kube_.+_created" in found
    assert "--metric-labels-allowlist=pods=[app,team]" in found
    allowed = {"allow": ["kube_pod_info"]}
    found = arguments(states(metrics=allowed, monitoring_conditions=False), "Deployment")
    assert "--metric-allowlist=kube_pod_info" in found
    # What was asked for by another option is not denied by this one.
    found = arguments(states(metrics=allowed), "Deployment")
    assert "--metric-allowlist=kube_pod_info,promfleet_monitoring_.+" in found


def test_only_the_platforms_prometheus_and_readers_may_reach_it() -> None:
    (rule,) = only(states(readers=["watch"]), "NetworkPolicy")["spec"]["ingress"]
    names = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["from"]]
    assert names == ["monitoring-platform", "watch"]
    assert rule["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "prometheus"
    assert "NetworkPolicy" not in {kind for kind, *_rest in keys(states(network_policy=False))}


# -- bad input ----------------------------------------------------------------------------------------------------


def test_mistakes_have_their_places() -> None:
    assert messages(
        {
            "node_exporter": {
                "port": 70000,
                "version": "1.0.0",
                "collectors": {"enabled": ["proceses"], "disabled": ["zfs", "zfs"]},
                "arguments": {
                    "collector.vmstat.field": "x",
                    "collector.vmstat.fields": "(",
                    "collector.netstat.fields": 1,
                },
                "resources": {"memory": "much"},
            },
            "kube_state_metrics": {
                "objects": ["pod"],
                "metrics": {"allow": ["a,b"], "deny": ["c"]},
                "readers": ["A"],
                "priority_class": "A_b",
            },
            "image_registry": "https://registry",
        }
    ) == [
        (
            "image_registry: 'https://registry' is not a registry; write host[:port][/path], without a scheme "
            "and without a slash at the end"
        ),
        "node_exporter.version: '1.0.0' is too old; this collection needs 1.9.0 or newer",
        "node_exporter.port: 70000 is not a port; ports go from 1 to 65535",
        (
            "node_exporter.resources.memory: 'much' is not a quantity; write a number with a unit, such as 500m, "
            "2, 400Mi or 10Gi"
        ),
        "node_exporter.collectors.enabled[0]: unknown collector 'proceses'; did you mean 'processes'?",
        ("node_exporter.collectors.disabled[1]: 'zfs' is in the list already, as node_exporter.collectors.disabled[0]"),
        "node_exporter.arguments.collector.netstat.fields: must be text, found 1",
        ("node_exporter.arguments.collector.vmstat.field: unknown argument; did you mean 'collector.vmstat.fields'?"),
        (
            "node_exporter.arguments.collector.vmstat.fields: '(' is not a regular expression: missing ), "
            "unterminated subpattern at position 0"
        ),
        "kube_state_metrics.objects[0]: unknown kind of objects 'pod'; did you mean 'pods'?",
        (
            "kube_state_metrics.metrics.allow[0]: 'a,b' must be the name of a metric or a regular expression, "
            "without a comma"
        ),
        (
            "kube_state_metrics.priority_class: 'A_b' must consist of lower case letters, digits, '-' and '.', "
            "as a DNS name does"
        ),
        (
            "kube_state_metrics.readers[0]: 'A' must consist of lower case letters, digits and '-', and begin "
            "and end with a letter or digit"
        ),
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            {"node_exporter": {"collectors": {"enabled": ["cpu"], "disabled": ["cpu"]}}},
            "node_exporter.collectors.disabled[0]: 'cpu' is in enabled, too",
        ),
        (
            {
                "node_exporter": {
                    "arguments": {"collector.netdev.device-include": "a", "collector.netdev.device-exclude": "b"}
                }
            },
            (
                "node_exporter.arguments.collector.netdev.device-exclude: cannot be given together with "
                "node_exporter.arguments.collector.netdev.device-include"
            ),
        ),
        (
            {"node_exporter": {"arguments": {"collector.vmstat.fields": "a$(b)"}}},
            (
                "node_exporter.arguments.collector.vmstat.fields: 'a$(b)' has '$(' or '$$' in it, which Kubernetes "
                "replaces in the arguments of a container"
            ),
        ),
        (
            {"kube_state_metrics": {"namespace": "promfleet-node-exporter"}},
            (
                "kube_state_metrics.namespace: 'promfleet-node-exporter' is node_exporter.namespace too, whose pods "
                "may do more than those of any other program should"
            ),
        ),
        (
            {"node_exporter": {"namespace": "monitoring-platform"}},
            "node_exporter.namespace: 'monitoring-platform' is the namespace of the platform's own instance",
        ),
        (
            {"kube_state_metrics": {"objects": []}},
            "kube_state_metrics.objects: must have at least one kind of objects, such as pods",
        ),
        (
            {"kube_state_metrics": {"objects": ["pods"], "labels": {"nodes": ["a"]}}},
            "kube_state_metrics.labels.nodes: 'nodes' is not in kube_state_metrics.objects",
        ),
        (
            {"node_exporter": {"address": "everywhere"}},
            "node_exporter.address: must be one of node, all, found 'everywhere'",
        ),
    ],
)
def test_a_mistake_has_its_place(raw: JsonObject, expected: str) -> None:
    assert messages(raw) == [expected]


def test_collectors_that_need_more_than_the_pod_has_cannot_be_enabled() -> None:
    assert not COLLECTORS & {"perf", "systemd", "logind", "ntp", "runit", "supervisord", "slabinfo"}
