"""Random fleets of the kinds that the collection makes, as hypothesis strategies: small alphabets, so that states meet.

A fleet is a dictionary from slot to object; two fleets that share a slot hold two states of one object.
"""

from __future__ import annotations

import base64
import typing as t

from hypothesis import strategies as st

JsonObject = dict[str, t.Any]
Strategy = st.SearchStrategy[JsonObject]

RBAC = "rbac.authorization.k8s.io"
MONITORING = "monitoring.coreos.com"
LABELS = {"app": "a", "tier": "b"}

short = st.sampled_from(["a", "b", "c"])
number = st.integers(min_value=1, max_value=3)
# As people write them; the server answers with its own form of most.
quantities = st.sampled_from(["1", "1000m", "500m", "0.5", "1Gi", "1024Mi", "0.5Gi", "1500Mi", "1e3", "1k", 2, "2.0"])
labels = st.dictionaries(st.sampled_from(["app", "tier", "ours"]), short, max_size=2)
selectors: Strategy = st.one_of(st.just({}), st.fixed_dictionaries({"matchLabels": st.just(LABELS)}))


def optional(strategy: st.SearchStrategy[t.Any]) -> st.SearchStrategy[t.Any]:
    """The value or None: a field with None is left out, as the collection's manifests do."""
    return st.one_of(st.none(), strategy)


def fields(**parts: st.SearchStrategy[t.Any]) -> Strategy:
    """A map whose fields are there or not."""
    return st.fixed_dictionaries(parts).map(
        lambda value: {name: item for name, item in value.items() if item is not None}
    )


def listed(items: st.SearchStrategy[t.Any], *, by: str | None = None, least: int = 1) -> st.SearchStrategy[t.Any]:
    """A short list; no two items have the same value of the field *by*."""
    key = (lambda item: item[by]) if by else str
    return st.lists(items, min_size=least, max_size=3, unique_by=key)


def ports() -> st.SearchStrategy[t.Any]:
    return listed(
        st.builds(
            lambda name, protocol: {
                "name": name,
                "port": 80 + ord(name[-1]),
                **({"protocol": protocol} if protocol else {}),
                "targetPort": name,
            },
            short,
            optional(st.just("TCP")),
        ),
        by="name",
    )


def rules() -> st.SearchStrategy[t.Any]:
    rule = st.builds(lambda name: {"record": f"job:{name}", "expr": "vector(1)"}, short)
    return listed(st.fixed_dictionaries({"name": short, "rules": st.lists(rule, min_size=1, max_size=2)}), by="name")


def containers() -> st.SearchStrategy[t.Any]:
    env = listed(st.fixed_dictionaries({"name": st.sampled_from(["A", "B", "C"]), "value": short}), by="name", least=0)
    resources = fields(
        limits=optional(st.fixed_dictionaries({"memory": quantities})),
        requests=optional(st.fixed_dictionaries({"cpu": st.sampled_from(["1", "1000m", "0.1"])})),
    )
    return listed(
        st.builds(
            lambda name, env, resources: {"name": name, "image": "none", "env": env, "resources": resources},
            short,
            env.filter(bool),
            resources.filter(bool),
        ),
        by="name",
    )


def spec(strategy: st.SearchStrategy[t.Any]) -> Strategy:
    """A body with nothing but a spec.

    It must hold a field: one that an apply empties becomes null on the server, which its own schema then refuses.
    """
    return st.fixed_dictionaries({"spec": strategy})


def binding(role: str) -> JsonObject:
    return {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}


def endpoints(family: str) -> JsonObject:
    address = {"IPv4": "192.0.2.7", "IPv6": "2001:db8::7", "FQDN": "edge.example.com"}[family]
    return {"addressType": family, "endpoints": [{"addresses": [address]}]}


accounts = fields(automountServiceAccountToken=optional(st.booleans()))
roles = st.fixed_dictionaries(
    {
        "rules": st.lists(
            st.builds(
                lambda resources, verbs: {"apiGroups": [""], "resources": resources, "verbs": verbs},
                listed(st.sampled_from(["pods", "services", "endpoints"])),
                listed(st.sampled_from(["get", "list", "watch"])),
            ),
            max_size=2,
        )
    }
)
bindings = fields(
    roleRef=st.sampled_from(["view", "edit"]).map(binding),
    subjects=optional(listed(st.builds(lambda name: {"apiGroup": RBAC, "kind": "Group", "name": name}, short))),
)
quotas = spec(
    fields(
        hard=st.dictionaries(
            st.sampled_from(["requests.cpu", "limits.memory", "limits.cpu"]), quantities, min_size=1, max_size=3
        )
    )
)
policies = spec(
    fields(
        podSelector=selectors,
        policyTypes=st.just(["Ingress"]),
        ingress=optional(
            st.lists(
                fields(
                    ports=optional(
                        st.lists(st.builds(lambda port: {"port": port, "protocol": "TCP"}, number), max_size=2)
                    )
                ),
                max_size=2,
            )
        ),
    )
)
services = spec(
    fields(
        ports=ports(),
        selector=optional(st.sampled_from([{"app": "a"}, {"app": "a", "tier": "b"}])),
        clusterIP=optional(st.just("None")),
        publishNotReadyAddresses=optional(st.booleans()),
        sessionAffinity=optional(st.just("None")),
        # Without it a headless Service without a selector becomes one of two stacks, and can never get a selector.
        ipFamilyPolicy=st.just("SingleStack"),
    )
)
config_maps = fields(data=optional(st.dictionaries(short, short, max_size=3)))
secrets = fields(
    stringData=optional(st.dictionaries(short, short, min_size=1, max_size=2)),
    data=optional(st.dictionaries(short, short.map(lambda text: base64.b64encode(text.encode()).decode()), max_size=2)),
)
deployments = st.builds(
    lambda containers, match: {
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": match},
            "template": {"metadata": {"labels": LABELS}, "spec": {"containers": containers}},
        }
    },
    containers(),
    st.sampled_from([{"app": "a"}, {"app": "a", "tier": "b"}]),
)
slices = st.builds(
    lambda body, ports: {**body, "ports": ports},
    st.sampled_from(["IPv4", "IPv6", "FQDN"]).map(endpoints),
    listed(st.builds(lambda name: {"name": name, "port": 9090, "protocol": "TCP"}, short), by="name"),
)
storage = st.builds(
    lambda size: {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": size}}}}},
    st.sampled_from(["1Gi", "1024Mi"]),
)
prometheuses = spec(
    fields(
        replicas=number,
        retention=optional(st.sampled_from(["1d", "2d"])),
        enableFeatures=optional(listed(short)),
        externalLabels=optional(st.dictionaries(short, short, max_size=2)),
        ruleSelector=optional(selectors),
        serviceMonitorSelector=optional(selectors),
        nodeSelector=optional(st.dictionaries(short, short, max_size=2)),
        resources=optional(st.fixed_dictionaries({"requests": st.fixed_dictionaries({"memory": quantities})})),
        storage=optional(storage),
        additionalScrapeConfigs=optional(st.builds(lambda name: {"name": name, "key": "k"}, short)),
        tolerations=optional(st.lists(st.builds(lambda key: {"key": key, "operator": "Exists"}, short), max_size=2)),
    )
)
alertmanagers = spec(
    fields(
        replicas=number,
        retention=optional(st.sampled_from(["120h", "24h"])),
        alertmanagerConfigSelector=optional(selectors),
        configSecret=optional(short),
    )
)
monitors = spec(
    fields(
        selector=selectors,
        endpoints=listed(st.builds(lambda port: {"port": port, "interval": "30s"}, short)),
        namespaceSelector=optional(st.sampled_from([{"any": True}, {"matchNames": ["a"]}, {"matchNames": ["b", "a"]}])),
        jobLabel=optional(short),
    )
)
prometheus_rules = spec(fields(groups=rules()))
scrapes = spec(
    fields(
        staticConfigs=optional(
            st.lists(
                st.builds(lambda host, extra: {"targets": [f"{host}:9090"], "labels": extra}, short, labels), max_size=2
            )
        ),
        honorLabels=optional(st.booleans()),
        params=optional(st.just({"match[]": ["up"]})),
        scrapeInterval=st.sampled_from(["30s", "1m"]),
    )
)

KINDS: dict[str, tuple[str, Strategy]] = {
    "ServiceAccount": ("v1", accounts),
    "Role": (f"{RBAC}/v1", roles),
    "RoleBinding": (f"{RBAC}/v1", bindings),
    "ResourceQuota": ("v1", quotas),
    "NetworkPolicy": ("networking.k8s.io/v1", policies),
    "Service": ("v1", services),
    "ConfigMap": ("v1", config_maps),
    "Secret": ("v1", secrets),
    "Deployment": ("apps/v1", deployments),
    "EndpointSlice": ("discovery.k8s.io/v1", slices),
    "Prometheus": (f"{MONITORING}/v1", prometheuses),
    "Alertmanager": (f"{MONITORING}/v1", alertmanagers),
    "ServiceMonitor": (f"{MONITORING}/v1", monitors),
    "PrometheusRule": (f"{MONITORING}/v1", prometheus_rules),
    "ScrapeConfig": (f"{MONITORING}/v1alpha1", scrapes),
}
STATUS = frozenset({"ResourceQuota", "Service", "Deployment", "Prometheus", "Alertmanager", "ServiceMonitor"})


def objects(kind: str, *, namespace: str, name: str) -> Strategy:
    """States of one object."""
    version, bodies = KINDS[kind]
    metadata = st.builds(
        lambda labels, annotations: {
            "name": name,
            "namespace": namespace,
            **({"labels": labels} if labels is not None else {}),
            **({"annotations": annotations} if annotations else {}),
        },
        optional(labels),
        optional(st.dictionaries(st.just("note"), short)),
    )
    return st.builds(
        lambda metadata, body: {"apiVersion": version, "kind": kind, "metadata": metadata, **body}, metadata, bodies
    )


def namespaces(name: str) -> Strategy:
    """States of one namespace."""
    return st.builds(
        lambda labels: {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, labels
    )


def fleets(*, present: str, coming: str) -> st.SearchStrategy[list[JsonObject]]:
    """Objects of all kinds in a namespace that is *present*, and sometimes in one that is *coming* with the fleet."""
    there = st.tuples(*(optional(objects(kind, namespace=present, name="one")) for kind in KINDS))
    adopted = optional(namespaces(present))
    new = st.one_of(
        st.just(()),
        st.just(()),
        st.just(()),
        st.tuples(
            namespaces(coming),
            *(optional(objects(kind, namespace=coming, name="two")) for kind in ("ConfigMap", "Service", "Prometheus")),
        ),
    )
    return st.builds(
        lambda *parts: [obj for part in parts for obj in part if obj is not None],
        there,
        new,
        adopted.map(lambda one: (one,)),
    )
