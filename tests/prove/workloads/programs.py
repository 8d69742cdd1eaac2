"""KubeRay, Ray and cert-manager on a cluster of the lab: the programs themselves, with their own CRDs."""

from __future__ import annotations

import functools
import subprocess
import sys
import typing as t

import yaml

from promlab import pins
from promlab.gobuild import module_folder
from promlab.images import PROOF_IMAGES
from promlab.programs import PROGRAMS
from promlab.progress import Progress
from promlab.ray import RAY_REFERENCE
from promlab.settings import from_environment
from promlab.toolchain import find_go
from tests.integration.support import lab
from tests.integration.support.cluster import ApiError, Cluster

JsonObject = dict[str, t.Any]

CLUSTER = "workloads"
KUBERAY, CERT_MANAGER = "kuberay-system", "cert-manager"
# Ray's clusters are in two namespaces, cert-manager's certificates in a third.
FIRST, SECOND, SHOP = "ray-one", "ray-two", "shop"
RAY_API, CERT_API = "ray.io/v1", "cert-manager.io/v1"
IMAGES = {image.name: image.reference for image in PROOF_IMAGES if image.name in ("kuberay-operator", "cert-manager")}
READY = 300.0
# Where cert-manager's webhook listens by default; its Helm chart chooses another port.
WEBHOOK_PORT = 6443
# What runs on Ray: an application of Ray Serve, and the programs of RayJobs.
FILES = {
    "shop.py": """from ray import serve


@serve.deployment
class Shop:
    def __call__(self, request):
        return "open"


app = Shop.bind()
""",
    "good.py": "import ray\n\nray.init()\n",
    "bad.py": "raise SystemExit(1)\n",
    # Takes all but a fortieth of what its container may have, for some minutes.
    "fill.py": """import pathlib
import time

folder = pathlib.Path("/sys/fs/cgroup")
used, most = folder / "memory.current", folder / "memory.max"
if not used.exists():
    used, most = folder / "memory/memory.usage_in_bytes", folder / "memory/memory.limit_in_bytes"
kept = []
while int(used.read_text()) < 0.975 * int(most.read_text()):
    kept.append(b"x" * 2**24)
time.sleep(240)
""",
}


def up() -> Cluster:
    """Bring the cluster up, with the images of the programs."""
    lab.up(CLUSTER)
    made = [f"--made={name}" for name in (*IMAGES, "ray")]
    subprocess.run([lab.LAB, "load", CLUSTER, *made], stdin=subprocess.DEVNULL, check=True)
    return lab.cluster(CLUSTER)


def install(cluster: Cluster) -> None:
    """Install KubeRay and cert-manager, with the namespaces of what they keep, and wait until they run."""
    for name in (FIRST, SECOND, SHOP):
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    program = "kuberay-operator"
    _start(
        cluster, program, "github.com/ray-project/kuberay/ray-operator", "config/crd/bases", group=RAY_API,
        namespace=KUBERAY, objects=_kuberay(), deployments=(program,),
    )  # fmt: skip
    install_cert_manager(cluster)


def install_cert_manager(cluster: Cluster) -> None:
    """Install cert-manager, and wait until it runs and judges certificates."""
    _start(
        cluster, "cert-manager", "github.com/cert-manager/cert-manager", "deploy/crds", group=CERT_API,
        namespace=CERT_MANAGER, objects=_cert_manager(),
        deployments=("cert-manager", "cert-manager-webhook", "cert-manager-cainjector"),
    )  # fmt: skip
    what = "cainjector gave the API server the webhook's authority"
    cluster.wait_until(lambda: _has_authority(cluster), what, timeout=READY)
    cluster.wait_until(lambda: _judges(cluster), "cert-manager's webhook answers", timeout=READY)


def _start(
    cluster: Cluster,
    program: str,
    module: str,
    folder: str,
    *,
    group: str,
    namespace: str,
    objects: t.Iterable[JsonObject],
    deployments: t.Iterable[str],
) -> None:
    """Install the CRDs of a Go module and a program that serves them."""
    go = find_go(from_environment(), Progress(out=sys.stderr))
    for path in sorted((module_folder(go, folder=PROGRAMS[program].folder, module=module) / folder).glob("*.yaml")):
        cluster.apply(yaml.safe_load(path.read_text()), manager=program, force=True)
    cluster.wait_until(functools.partial(_served, cluster, group), f"{group} is served", timeout=READY)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for obj in objects:
        cluster.apply(obj, force=True)
    for name in deployments:
        cluster.wait_until(functools.partial(available, cluster, namespace, name), f"{name} runs", timeout=READY)


def _served(cluster: Cluster, group: str) -> bool:
    return any(kind.api_version == group for kind in cluster.kinds())


def available(cluster: Cluster, namespace: str, name: str) -> bool:
    """Whether a Deployment has all of its pods."""
    status = cluster.get("apps/v1", "Deployment", name, namespace).get("status", {})
    return bool(status.get("availableReplicas")) and not status.get("unavailableReplicas")


def _has_authority(cluster: Cluster) -> bool:
    found = [
        cluster.get("admissionregistration.k8s.io/v1", f"{kind}WebhookConfiguration", "cert-manager-webhook")
        for kind in ("Mutating", "Validating")
    ]
    return all(one["webhooks"][0]["clientConfig"].get("caBundle") for one in found)


def _judges(cluster: Cluster) -> bool:
    """Whether the API server reaches the webhook: it judges an issuer that is not kept."""
    body = issuer("any", CERT_MANAGER)
    try:
        path = cluster.kind(CERT_API, "Issuer").path(CERT_MANAGER)
        cluster.request("POST", path, query={"dryRun": "All"}, body=body)
    except ApiError as error:
        if error.status >= 500:
            return False
        raise
    return True


# -- the programs -------------------------------------------------------------------------------------------------


def _account(name: str, namespace: str) -> list[JsonObject]:
    """An account that may do everything: what these programs may do is not what is proved."""
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"lab-{name}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


def _deployment(
    name: str,
    namespace: str,
    *,
    account: str,
    image: str,
    labels: JsonObject,
    ports: t.Mapping[str, int],
    arguments: t.Sequence[str],
) -> JsonObject:
    container = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(arguments),
        "ports": [{"name": one, "containerPort": port} for one, port in ports.items()],
        "env": [{"name": "POD_NAMESPACE", "value": namespace}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "strategy": {"type": "Recreate"},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"serviceAccountName": account, "containers": [container]},
            },
        },
    }


def _kuberay() -> list[JsonObject]:
    name = "kuberay-operator"
    return [
        *_account(name, KUBERAY),
        _deployment(
            name,
            KUBERAY,
            account=name,
            image=IMAGES[name],
            # Those of the manifests in its module; its Helm chart has another name and the same component.
            labels={"app.kubernetes.io/name": "kuberay", "app.kubernetes.io/component": name},
            ports={"http": 8080},
            arguments=["--enable-metrics", "--enable-leader-election=false"],
        ),
    ]


def _cert_manager() -> list[JsonObject]:
    parts = {"controller": "cert-manager", "webhook": "cert-manager-webhook", "cainjector": "cert-manager-cainjector"}
    ports = {"http-metrics": 9402}
    programs = [
        _deployment(
            name,
            CERT_MANAGER,
            account="cert-manager",
            image=IMAGES["cert-manager"],
            labels={
                "app.kubernetes.io/name": name.removeprefix("cert-manager-"),
                "app.kubernetes.io/component": part,
            },
            ports={**ports, "https": WEBHOOK_PORT} if part == "webhook" else ports,
            arguments=[part],
        )
        for part, name in parts.items()
    ]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "cert-manager-webhook", "namespace": CERT_MANAGER},
        "spec": {
            "selector": {"app.kubernetes.io/component": "webhook"},
            "ports": [{"name": "https", "port": 443, "targetPort": "https"}],
        },
    }
    # The first notes on each request for a certificate who made it, which the second requires.
    webhooks = [
        _webhook("MutatingWebhookConfiguration", "/mutate", groups=["cert-manager.io"], resource="certificaterequests"),
        _webhook(
            "ValidatingWebhookConfiguration",
            "/validate",
            groups=["cert-manager.io", "acme.cert-manager.io"],
            resource="*/*",
        ),
    ]
    return [*_account("cert-manager", CERT_MANAGER), *programs, service, *webhooks]


def _webhook(kind: str, path: str, *, groups: list[str], resource: str) -> JsonObject:
    name = "cert-manager-webhook"
    rule = {"apiGroups": groups, "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "annotations": {"cert-manager.io/inject-ca-from-secret": f"{CERT_MANAGER}/{name}-ca"},
        },
        "webhooks": [
            {
                "name": "webhook.cert-manager.io",
                "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "rules": [rule],
                "clientConfig": {"service": {"name": name, "namespace": CERT_MANAGER, "path": path}},
            }
        ],
    }


# -- what runs on Ray ---------------------------------------------------------------------------------------------


def _pod(role: str, *, memory: str, mark: str, requests: str = "256Mi") -> JsonObject:
    container = {
        "name": f"ray-{role}",
        "image": RAY_REFERENCE,
        "imagePullPolicy": "IfNotPresent",
        "env": [
            {"name": "MARK", "value": mark},
            {"name": "PYTHONPATH", "value": "/home/ray/app"},
            # Ray would end what takes the memory for which an alert is proved.
            {"name": "RAY_memory_monitor_refresh_ms", "value": "0"},
        ],
        "resources": {"limits": {"memory": memory}, "requests": {"cpu": "50m", "memory": requests}},
        "volumeMounts": [{"name": "app", "mountPath": "/home/ray/app"}],
    }
    volume = {"name": "app", "configMap": {"name": "app", "optional": True}}
    return {"spec": {"containers": [container], "volumes": [volume], "terminationGracePeriodSeconds": 5}}


def ray_spec(
    *, workers: int, memory: str = "3Gi", mark: str = "", requests: str = "256Mi", store: int = 100_000_000
) -> JsonObject:
    """The specification of a RayCluster: a head and *workers*.

    *requests* is the memory that the head asks for, *store* the bytes of each node's object store.
    """
    parameters = {"num-cpus": "1", "object-store-memory": str(store)}
    groups = [
        {
            "groupName": "small",
            "replicas": workers,
            "minReplicas": workers,
            "maxReplicas": workers,
            "rayStartParams": parameters,
            "template": _pod("worker", memory="2Gi", mark=mark),
        }
    ]
    return {
        "rayVersion": pins.RAY,
        "headGroupSpec": {
            "rayStartParams": parameters,
            "template": _pod("head", memory=memory, mark=mark, requests=requests),
        },
        "workerGroupSpecs": groups if workers else [],
    }


def ray_cluster(name: str, namespace: str, **changes: t.Any) -> JsonObject:
    """A RayCluster."""
    return {
        "apiVersion": RAY_API,
        "kind": "RayCluster",
        "metadata": {"name": name, "namespace": namespace},
        "spec": ray_spec(**changes),
    }


def ray_service(name: str, namespace: str, **changes: t.Any) -> JsonObject:
    """A RayService with an application of one deployment."""
    config = {"applications": [{"name": "shop", "import_path": "shop:app", "route_prefix": "/"}]}
    return {
        "apiVersion": RAY_API,
        "kind": "RayService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"serveConfigV2": yaml.safe_dump(config), "rayClusterConfig": ray_spec(workers=0, **changes)},
    }


def ray_job(name: str, namespace: str, *, on: str, entrypoint: str) -> JsonObject:
    """A RayJob on a RayCluster that runs."""
    submitter = {
        "name": "submitter",
        "image": RAY_REFERENCE,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    }
    return {
        "apiVersion": RAY_API,
        "kind": "RayJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "entrypoint": entrypoint,
            "clusterSelector": {"ray.io/cluster": on},
            "backoffLimit": 0,
            "submitterPodTemplate": {"spec": {"restartPolicy": "Never", "containers": [submitter]}},
        },
    }


def files(namespace: str) -> JsonObject:
    """What runs on Ray, as files for all of its pods."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "app", "namespace": namespace},
        "data": FILES,
    }


# -- certificates -------------------------------------------------------------------------------------------------


def issuer(name: str, namespace: str = SHOP, /, **spec: t.Any) -> JsonObject:
    """An Issuer, a self-signed one without *spec*."""
    return {
        "apiVersion": CERT_API,
        "kind": "Issuer",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec or {"selfSigned": {}},
    }


def certificate(name: str, *, by: str, namespace: str = SHOP, **spec: t.Any) -> JsonObject:
    """A Certificate of an issuer."""
    return {
        "apiVersion": CERT_API,
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"secretName": name, "dnsNames": [f"{name}.example.com"], "issuerRef": {"name": by}, **spec},
    }
