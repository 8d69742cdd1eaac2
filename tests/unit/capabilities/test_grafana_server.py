"""Grafanas of our own, and the objects of grafana-operator: what is made of the input, and what is wrong in it."""

from __future__ import annotations

import configparser
import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import GRAFANA as VERSION
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import model_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.capability import (
    GRAFANA,
    policy,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.model import OF_THE_PLATFORM
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.settings import (
    FIXED,
    ini_of,
    parse_settings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import inventory_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.upstream import upstream_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

from tests.tools import dashboards
from tests.unit.capabilities.builders import CLUSTERS, JsonObject, keys, objects_of_grafana, only

ADMIN: JsonObject = {"admin": {"secret": "admin"}}
TEAMS: list[JsonObject] = [
    {"name": "payments", "namespaces": ["payments"]},
    {"name": "search", "alertmanager": {"enabled": False}},
    {"name": "elsewhere", "clusters": ["edge"]},
    {"name": "off", "enabled": False},
    {"name": "alerts", "prometheus": {"enabled": False}},
    {
        "name": "sender",
        "prometheus": {"mode": "agent", "remote_write": [{"name": "a", "url": "https://a.example"}]},
        "alertmanager": {"enabled": False},
    },
]
SHIPPED = {f"{name}.json": "{}" for name in ("team-overview", "kuberay", *sorted(OF_THE_PLATFORM))}


def made(**given: t.Any) -> list[JsonObject]:
    """The objects of Grafanas in a fleet with these teams."""
    return objects_of_grafana(**{"teams": TEAMS, "shipped": SHIPPED, **given})


def own(**server: t.Any) -> list[JsonObject]:
    """Those of a Grafana of the platform."""
    return made(namespace="grafana", install=True, server={**ADMIN, **server})


def of_team(name: str, **entry: t.Any) -> list[JsonObject]:
    """Those of a team's Grafana."""
    return made(team_grafanas=[{"team": name, **ADMIN, **entry}])


def errors_of(**given: t.Any) -> list[str]:
    """What is wrong with the input, as users read it."""
    with pytest.raises(InputError) as raised:
        made(**given)
    return [str(error) for error in raised.value.errors]


def pod_of(objects: list[JsonObject]) -> JsonObject:
    return t.cast(JsonObject, only(objects, "Deployment")["spec"]["template"]["spec"])


def container_of(objects: list[JsonObject]) -> JsonObject:
    (container,) = pod_of(objects)["containers"]
    return t.cast(JsonObject, container)


def ini(objects: list[JsonObject], name: str = "grafana-platform") -> configparser.RawConfigParser:
    """grafana.ini, as another program reads it."""
    parser = configparser.RawConfigParser()
    parser.read_string(only(objects, "ConfigMap", name=name)["data"]["grafana.ini"])
    return parser


def sources(objects: list[JsonObject], name: str) -> list[JsonObject]:
    found: list[JsonObject] = json.loads(only(objects, "ConfigMap", name=name)["data"]["promfleet.yaml"])["datasources"]
    return found


# -- the Grafana of the platform ----------------------------------------------------------------------------------


def test_an_own_grafana_is_all_that_is_needed() -> None:
    assert keys(own()) >= {
        ("Namespace", None, "grafana"),
        *((kind, "grafana", "grafana-platform") for kind in ("ConfigMap", "Deployment", "NetworkPolicy", "Service")),
        ("ConfigMap", "grafana", "promfleet-datasources"),
    }
    assert {obj["kind"] for obj in own()} == {"ConfigMap", "Deployment", "Namespace", "NetworkPolicy", "Service"}


def test_the_same_config_maps_are_mounted() -> None:
    objects = own()
    mounted = {
        source["configMap"]["name"]
        for volume in pod_of(objects)["volumes"]
        for source in (volume, *volume.get("projected", {}).get("sources", ()))
        if "configMap" in source
    }
    assert mounted == {name for kind, _place, name in keys(objects) if kind == "ConfigMap"}
    boards = [obj for obj in objects if obj["metadata"]["name"].startswith("promfleet-dashboard-")]
    assert boards == [obj for obj in made(namespace="grafana") if obj["metadata"]["name"] != "promfleet-datasources"]


def test_sources_that_are_no_longer_named_are_deleted_where_no_other_file_has_them() -> None:
    def file(objects: list[JsonObject], name: str) -> JsonObject:
        found: JsonObject = json.loads(only(objects, "ConfigMap", name=name)["data"]["promfleet.yaml"])
        return found

    assert file(own(), "promfleet-datasources")["prune"] is True
    assert file(of_team("payments"), "grafana-payments.datasources")["prune"] is True
    # The sidecar puts the files of others beside it.
    assert "prune" not in file(made(namespace="grafana"), "promfleet-datasources")


def test_its_files_are_only_read_but_where_it_writes() -> None:
    container = container_of(own())
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/tmp", "/var/lib/grafana", "/var/log/grafana"}
    paths = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert len(set(paths)) == len(paths)


def test_the_administrator_is_a_reference() -> None:
    env = {one["name"]: one for one in container_of(own())["env"]}
    reference = {"name": "admin", "key": "admin-password"}
    assert env["GF_SECURITY_ADMIN_PASSWORD"] == {
        "name": "GF_SECURITY_ADMIN_PASSWORD",
        "valueFrom": {"secretKeyRef": reference},
    }
    assert env["GF_SECURITY_ADMIN_USER"]["valueFrom"]["secretKeyRef"]["key"] == "admin-user"


IMAGES = [
    ({}, f"docker.io/grafana/grafana:{VERSION}"),
    # The fleet has no registry of its own.
    ({"image_registry": "quay.io"}, f"docker.io/grafana/grafana:{VERSION}"),
    ({"image_registry": "registry.example.com/x"}, f"registry.example.com/x/grafana/grafana:{VERSION}"),
]


@pytest.mark.parametrize(("pods", "image"), IMAGES)
def test_the_image_is_where_those_of_the_fleet_are(pods: JsonObject, image: str) -> None:
    found = made(namespace="grafana", install=True, server=ADMIN, pods={**pods, "image_pull_secrets": ["login"]})
    assert container_of(found)["image"] == image
    assert pod_of(found)["imagePullSecrets"] == [{"name": "login"}]


@pytest.mark.parametrize(("pods", "image"), IMAGES)
def test_its_image_is_in_the_inventory_and_known_by_where_it_is_published(pods: JsonObject, image: str) -> None:
    found = inventory_of(made(namespace="grafana", install=True, server=ADMIN, pods=pods))
    assert list(found.images) == [image]
    assert str(upstream_of(image)) == f"docker.io/grafana/grafana:{VERSION}"


def test_the_platform_may_choose_the_user() -> None:
    found = made(namespace="grafana", install=True, server=ADMIN, pods={"run_as": "platform"})
    assert "runAsUser" not in pod_of(found)["securityContext"]
    assert pod_of(own())["securityContext"]["runAsUser"] == 472


def test_nothing_is_sent_and_every_visitor_is_known() -> None:
    parser = ini(own(root_url="https://grafana.example.com/"))
    for section, values in FIXED.items():
        assert {key: parser[section][key] for key in values} == values
    assert parser["server"]["root_url"] == "https://grafana.example.com/"


def test_settings_are_sections_of_its_file() -> None:
    settings = {"auth.generic_oauth": {"enabled": True, "scopes": "openid email"}, "news": {"news_feed_enabled": True}}
    parser = ini(own(settings=settings))
    assert dict(parser["auth.generic_oauth"]) == {"enabled": "true", "scopes": "openid email"}
    assert parser["news"]["news_feed_enabled"] == "true"


def test_what_ini_would_read_otherwise_is_quoted() -> None:
    text = ini_of({"a": {"plain": "x y", "comment": "a;b # c", "space": " a ", "number": "1"}}, root_url="")
    section = text.partition("[a]\n")[2].partition("\n\n")[0]
    assert section.splitlines() == [
        'comment = """a;b # c"""',
        "number = 1",
        "plain = x y",
        'space = """ a """',
    ]


def digest(objects: list[JsonObject]) -> str:
    annotations = only(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    return str(annotations["promfleet.monitoring/config-digest"])


def test_only_what_is_read_at_its_start_restarts_it() -> None:
    before = digest(own())
    assert digest(own(settings={"log": {"level": "debug"}})) != before
    assert digest(made(namespace="grafana", install=True, server=ADMIN, folder="Other")) != before
    more = {"source_teams": ["platform", "payments"], "shared_sources": True}
    assert digest(made(namespace="grafana", install=True, server=ADMIN, **more)) != before
    changed = dict.fromkeys(SHIPPED, '{"a": 1}')
    assert digest(made(namespace="grafana", install=True, server=ADMIN, shipped=changed)) == before


def test_its_network_is_closed_but_for_what_it_needs() -> None:
    spec = only(own(), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    (prometheus, dns) = spec["egress"]
    (peer,) = prometheus["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring-platform"}
    assert prometheus["ports"] == [{"port": 9090, "protocol": "TCP"}]
    assert {port["port"] for port in dns["ports"]} == {53, 5353}
    opened = own(gateway={"namespace": "ingress"}, readers=["tools"], egress=[{"cidr": "192.0.2.0/24", "ports": [443]}])
    spec = only(opened, "NetworkPolicy")["spec"]
    assert len(spec["ingress"][0]["from"]) == 2
    assert spec["ingress"][0]["ports"] == [{"port": 3000, "protocol": "TCP"}]
    assert spec["egress"][-1]["to"] == [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
    assert "NetworkPolicy" not in {obj["kind"] for obj in own(network_policy=False)}


def test_the_platforms_label_lets_it_reach_the_instances() -> None:
    labels = only(own(), "Namespace")["metadata"]["labels"]
    assert labels["promfleet.monitoring/team"] == "platform"
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


# -- Grafanas of teams --------------------------------------------------------------------------------------------


def test_a_team_has_its_own_instance_as_a_source_and_no_other() -> None:
    objects = of_team("payments")
    assert {place for _kind, place, _name in keys(objects)} == {"monitoring-payments"}
    assert [(one["type"], one["url"]) for one in sources(objects, "grafana-payments.datasources")] == [
        ("prometheus", "http://prometheus-payments.monitoring-payments.svc:9090"),
        ("alertmanager", "http://alertmanager-payments.monitoring-payments.svc:9093"),
    ]
    (ingress,) = only(objects, "NetworkPolicy")["spec"]["ingress"]
    assert ingress["from"] == [{"namespaceSelector": {"matchLabels": {"promfleet.monitoring/team": "payments"}}}]
    assert [one["type"] for one in sources(of_team("search"), "grafana-search.datasources")] == ["prometheus"]


def test_the_sidecar_of_another_grafana_does_not_find_what_is_a_teams() -> None:
    for obj in of_team("payments"):
        assert not {"grafana_dashboard", "grafana_datasource"} & obj["metadata"]["labels"].keys()


def test_a_team_has_dashboards_of_its_own_series() -> None:
    def boards(objects: list[JsonObject]) -> set[str]:
        return {name for obj in objects if obj["kind"] == "ConfigMap" for name in obj["data"] if name.endswith(".json")}

    assert boards(of_team("payments")) == {"promfleet-team-overview.json", "promfleet-kuberay.json"}
    assert boards(of_team("platform")) == {f"promfleet-{name}" for name in SHIPPED}
    assert boards(of_team("payments", dashboards=["coredns"])) == {"promfleet-coredns.json"}


def test_the_dashboards_that_no_team_gets_are_shipped() -> None:
    assert {path.stem for path in dashboards.FOLDER.glob("*.json")} >= OF_THE_PLATFORM


@pytest.mark.parametrize("name", ["elsewhere", "off"])
def test_a_team_that_has_no_instance_here_has_no_grafana_here(name: str) -> None:
    assert of_team(name) == []


def test_there_may_be_one_for_the_platform_and_one_for_each_team() -> None:
    entries = [{"team": name, **ADMIN} for name in ("search", "payments")]
    both = made(namespace="grafana", install=True, server=ADMIN, team_grafanas=entries)
    assert both == made(namespace="grafana", install=True, server=ADMIN, team_grafanas=entries[::-1])
    names = [obj["metadata"]["name"] for obj in both if obj["kind"] == "Deployment"]
    assert names == ["grafana-platform", "grafana-payments", "grafana-search"]


# -- grafana-operator ---------------------------------------------------------------------------------------------


def test_grafana_operator_chooses_grafanas_by_their_labels() -> None:
    operated: JsonObject = {"namespace": "grafana", "form": "grafana_operator", "instance_labels": {"a": "b"}}
    objects = made(**operated)
    assert {obj["kind"] for obj in objects} == {"GrafanaDashboard", "GrafanaDatasource"}
    for obj in objects:
        assert obj["spec"]["instanceSelector"] == {"matchLabels": {"a": "b"}}
        assert "allowCrossNamespaceImport" not in obj["spec"]
    for obj in made(**operated, cross_namespace=True):
        assert obj["spec"]["allowCrossNamespaceImport"] is True


# -- what is wrong ------------------------------------------------------------------------------------------------

SECRET = (
    "is a secret, and grafana.ini is in a ConfigMap: write $__env{NAME}, and in env_secrets the Secret that the "
    "variable comes from"
)
MISSING = (
    "is required: without it Grafana's administrator has a password that everybody knows. Give secret, the name of a "
    "Secret in the namespace of the Grafana with the keys admin-user and admin-password"
)
SHARED = (
    "several teams in one Grafana see each other's series, and folders do not keep them apart: set shared_sources: "
    "true if they may, or give each team a Grafana in team_grafanas"
)
OF_GRAFANA = (
    "would be a setting, which counts more than all others; give it another name, and write $__env{NAME} in settings"
)
WRONG: list[tuple[JsonObject, list[str]]] = [
    ({"install": True, "namespace": "grafana"}, [f"server.admin: {MISSING}"]),
    ({"team_grafanas": [{"team": "payments"}]}, [f"team_grafanas[0].admin: {MISSING}"]),
    (
        {"install": True, "server": ADMIN},
        ["namespace: is required where install is true: the Grafana is made in it"],
    ),
    (
        {"install": True, "server": ADMIN, "namespace": "monitoring-payments"},
        ["namespace: 'monitoring-payments' is a namespace of a team; give the Grafana one of its own"],
    ),
    (
        {"install": True, "server": ADMIN, "namespace": "payments"},
        ["namespace: 'payments' is a namespace of a team; give the Grafana one of its own"],
    ),
    (
        {"form": "grafana_operator"},
        [
            "namespace: is required where form is grafana_operator: that of the objects",
            "instance_labels: is required where form is grafana_operator: the labels of the Grafanas that are meant",
        ],
    ),
    (
        {"install": True, "server": ADMIN, "namespace": "grafana", "source_teams": ["payments", "search"]},
        [f"source_teams: {SHARED}"],
    ),
    (
        {"team_grafanas": [{"team": "paymnts", **ADMIN}]},
        ["team_grafanas[0].team: unknown team 'paymnts'; did you mean 'payments'?"],
    ),
    (
        {"team_grafanas": [{"team": "payments", **ADMIN}, {"team": "payments", **ADMIN}]},
        ["team_grafanas[1].team: 'payments' has team_grafanas[0] already"],
    ),
    (
        {"team_grafanas": [{"team": name, **ADMIN} for name in ("alerts", "sender")]},
        [
            "team_grafanas[0].team: 'alerts' has no Prometheus in this cluster that answers queries",
            "team_grafanas[1].team: 'sender' has no Prometheus in this cluster that answers queries",
        ],
    ),
    (
        {"team_grafanas": [{"team": "payments", **ADMIN, "network_policy": False}]},
        [
            "team_grafanas[0].network_policy: must be true where the team has network_policy, which closes the "  # noqa: ISC004
            "namespace for each pod that no other policy opens"
        ],
    ),
    (
        {"team_grafanas": [{"team": "payments", **ADMIN, "dashboards": ["cordns"]}]},
        ["team_grafanas[0].dashboards[0]: unknown dashboard 'cordns'; did you mean 'coredns'?"],
    ),
    # Also of a Grafana that is switched off.
    (
        {"server": {"admin": {"secret": "A B"}}},
        ["server.admin.secret: must be the name of a Secret beside the Grafana"],
    ),
    (
        {"server": {"root_url": "grafana"}},
        ["server.root_url: 'grafana' is not a URL such as https://prometheus.example.com/payments"],
    ),
]


@pytest.mark.parametrize(("given", "expected"), WRONG)
def test_what_is_wrong_is_said_with_its_place(given: JsonObject, expected: list[str]) -> None:
    assert errors_of(**given) == expected


PLACES: list[tuple[JsonObject, str]] = [
    ({"readers": ["A"]}, "readers[0]"),
    ({"version": "latest"}, "version"),
    ({"resources": {"memory": "much"}}, "resources.memory"),
    ({"egress": [{"cidr": "192.0.2.0/24", "ports": [0]}]}, "egress[0].ports[0]"),
    ({"gateway": {"namespace": "A"}}, "gateway.namespace"),
    ({"scheduling": {"tolerations": [{"operator": "Equal"}]}}, "scheduling.tolerations[0].key"),
    ({"setings": {}}, "setings"),
]


@pytest.mark.parametrize(("server", "place"), PLACES)
def test_what_other_capabilities_check_too_has_its_place(server: JsonObject, place: str) -> None:
    (found,) = errors_of(server=server)
    assert found.startswith(f"server.{place}: ")


PLACE = "server.settings"
SETTINGS: list[tuple[JsonObject, list[str]]] = [
    ({"auth.generic_oauth": {"client_secret": "open"}}, [f"{PLACE}.auth.generic_oauth.client_secret: {SECRET}"]),
    ({"smtp": {"password": 12345}}, [f"{PLACE}.smtp.password: {SECRET}"]),
    ({"database": {"password": "$__env{PW}tail"}}, [f"{PLACE}.database.password: {SECRET}"]),
    ({"database": {"url": "postgres://grafana:open@db/grafana"}}, [f"{PLACE}.database.url: {SECRET}"]),
    (
        {"smtp": {"password": "$__env{OTHER}"}},
        [f"{PLACE}.smtp.password: the environment variable 'OTHER' is not in env_secrets"],
    ),
    (
        {"auth.anonymous": {"enabled": True}},
        [f"{PLACE}.auth.anonymous.enabled: cannot be set: it is false in every Grafana of this collection"],
    ),
    (
        {"users": {"allow_sign_up": "True"}},
        [f"{PLACE}.users.allow_sign_up: cannot be set: it is false in every Grafana of this collection"],
    ),
    (
        {"security": {"admin_password": "$__env{PW}"}},
        [f"{PLACE}.security.admin_password: is what the option admin says"],
    ),
    ({"server": {"root_url": "https://a"}}, [f"{PLACE}.server.root_url: is what the option root_url says"]),
    ({"paths": {"data": "/x"}}, [f"{PLACE}.paths: cannot be given: what the pod mounts decides it"]),
    ({"a b": {}}, [f"{PLACE}.a b: 'a b' is not the name of a section of grafana.ini"]),
    ({"smtp": "x"}, [f"{PLACE}.smtp: must be a mapping, the keys of a section of grafana.ini with their values"]),
    ({"smtp": {"host": ["a"]}}, [f"{PLACE}.smtp.host: must be text, a number, true or false"]),
    ({"smtp": {"host": "a\n[auth]"}}, [f'{PLACE}.smtp.host: must be one line of text without """']),
    ({"smtp": {"ho st": "a"}}, [f"{PLACE}.smtp.ho st: 'ho st' is not a key of grafana.ini"]),
]


@pytest.mark.parametrize(("settings", "expected"), SETTINGS)
def test_settings_that_cannot_be(settings: JsonObject, expected: list[str]) -> None:
    variables = [{"name": "PW", "secret": "pw", "key": "pw"}]
    found = errors_of(
        namespace="grafana", install=True, server={**ADMIN, "settings": settings, "env_secrets": variables}
    )
    assert found == expected
    assert "open" not in str(found)


GOOD: list[JsonObject] = [
    {"smtp": {"password": "$__env{PW}"}},
    {"smtp": {"password": "$__file{/etc/secrets/mail}"}},
    {"database": {"url": "postgres://grafana:$__env{PW}@db/grafana"}},
    {"auth.generic_oauth": {"use_refresh_token": True, "token_url": "https://idp.example.com/token"}},
    {"auth": {"signout_redirect_url": "https://idp.example.com/logout?redirect_uri=https://grafana.example.com"}},
    {"auth.anonymous": {"enabled": False}},
    {"server": {"domain": "${HOSTNAME}"}},
]


@pytest.mark.parametrize("settings", GOOD)
def test_settings_that_can_be(settings: JsonObject) -> None:
    errors = Errors()
    parse_settings(settings, names={"PW"}, path="settings", errors=errors)
    errors.require_none()


ENV_SECRETS = [
    ({"name": "A-B", "secret": "a", "key": "b"}, "name: 'A-B' is not the name of an environment variable"),
    (
        {"name": "GF_SMTP_HOST", "secret": "a", "key": "b"},
        f"name: 'GF_SMTP_HOST' {OF_GRAFANA}",
    ),
    (
        {"name": "A", "secret": "pass word", "key": "b"},
        "secret: must be the name of a Secret in the namespace of the Grafana",
    ),
    (
        {"name": "A", "secret": "a", "key": "pass word"},
        "key: must be the name of a key in the Secret, of letters, digits, '-', '_' and '.'",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "expected"), ENV_SECRETS)
def test_variables_that_cannot_be(variable: JsonObject, expected: str) -> None:
    assert errors_of(server={"env_secrets": [variable]}) == [f"server.env_secrets[0].{expected}"]


def test_a_variable_is_in_the_list_once() -> None:
    variable = {"name": "A", "secret": "a", "key": "b"}
    assert errors_of(server={"env_secrets": [variable, variable]}) == [
        "server.env_secrets[1].name: 'A' is in the list already, as server.env_secrets[0]"
    ]


# -- teams that share a Grafana -----------------------------------------------------------------------------------

SHARING: list[tuple[JsonObject, bool]] = [
    ({"source_teams": ["payments", "search"]}, True),
    ({"source_teams": ["payments", "search"], "shared_sources": True}, False),
    ({"source_teams": ["payments"]}, False),
    ({}, False),
]


@pytest.mark.parametrize(("given", "warned"), SHARING)
def test_teams_that_see_each_others_series_are_warned_about(given: JsonObject, *, warned: bool) -> None:
    raw = {"cluster": "hub", "clusters": CLUSTERS, "teams": TEAMS, "namespace": "grafana", **given}
    model = model_of(GRAFANA, validate_mapping(raw, GRAFANA.options, path=""))
    request = Request(owner=SetId(fleet="any", capability="grafana"), desired=(), kinds=())
    situation: t.Any = None
    warnings = policy(request, model, situation).guards
    assert bool(warnings) is warned
    plan: t.Any = None
    assert all("payments, search: folders do not keep teams apart" in guard(plan)[0] for guard in warnings)  # type: ignore[index]
