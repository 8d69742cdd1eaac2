"""The long proofs: what each shows, in which part of `make prove` it runs, how, and what it depends on."""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from tests.suite import scenarios
from tests.suite.in_full import VARIABLE
from tests.suite.stages import CHECKOUT, tracked_files

# No part takes longer, so that one fits between two other things; and no proof may.
PART_MINUTES = 60
PYTHON = ".venv/bin/python"
# Stands in commands for the file that takes the figures.
FIGURES = "FIGURES"
LAB = "tests/lab/lab"
CLUSTER = "test-hub"

# What every proof depends on: the versions of Ansible, of the libraries, and of all that the lab builds.
VERSIONS = ("tests/tools/requirements/*.txt", "tests/lab/modules/*", "tests/lab/promlab/pins.py")
COLLECTION = ("plugins/*", "roles/*", "playbooks/*", "meta/*", "galaxy.yml")
# Where the modules that Python files import are: the first part of the name, and the folder that has the rest.
ROOTS = {
    "ansible_collections.promfleet.monitoring.plugins.": "plugins/",
    "tests.": "tests/",
    "promlab.": "tests/lab/promlab/",
}


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One proof.

    *minutes* is about what it takes on two cores. *inputs* are patterns of paths; a Python file that is named in full
    brings all files of the project that it imports. *on_lab* says that it uses the clusters that tests use.
    """

    name: str
    part: str
    shows: str
    minutes: int
    commands: tuple[tuple[str, ...], ...]
    inputs: tuple[str, ...]
    on_lab: bool = False


def _bench(topic: str, *, part: str, shows: str, minutes: int, rounds: int | None, inputs: Iterable[str] = ()) -> Proof:
    counted = () if rounds is None else ("--rounds", str(rounds))
    return Proof(
        name=topic,
        part=part,
        shows=shows,
        minutes=minutes,
        commands=((PYTHON, "-m", "tests.bench.main", topic, *counted, "--output", FIGURES),),
        inputs=(f"tests/bench/{topic}.py", *inputs, *VERSIONS),
    )


_BENCHES = (
    _bench(
        "truth",
        part="truth",
        shows="Verdicts, predictions and third runs are what the API server does, in 500 random histories",
        minutes=30,
        rounds=500,
    ),
    _bench(
        "interrupt",
        part="interrupt",
        shows="After a run that was killed at any request, 200 times, the next run converges and nothing is left",
        minutes=30,
        rounds=200,
    ),
    _bench(
        "concurrency",
        part="engine",
        shows="Of two runs of one set at once, 50 times, one waits and one wins as a whole",
        minutes=15,
        rounds=50,
    ),
    _bench(
        "foreign",
        part="engine",
        shows="5,000 objects of others beside ours are neither touched nor in the way",
        minutes=10,
        rounds=5,
    ),
    _bench(
        "rights",
        part="rights",
        shows="Each right of the shipped ClusterRoles is needed: without it a run is refused before its first write",
        minutes=40,
        rounds=1000,
        inputs=(*COLLECTION, "docs/rights/*"),
    ),
    _bench(
        "crd_releases",
        part="crds",
        shows="The CRD guard judges every pair of operator releases since 0.60, and 40 changes on a server",
        minutes=30,
        rounds=40,
    ),
    _bench(
        "proxy",
        part="exposure",
        shows="Through kube-rbac-proxy named clients read /federate and health only; 5 rotations miss no scrape",
        minutes=15,
        rounds=5,
    ),
    _bench(
        "thanos",
        part="thanos",
        shows="Thanos Query asks sidecars by mutual TLS; no series claims another identity; what a question costs",
        minutes=15,
        rounds=7,
        inputs=(*COLLECTION, "tests/bench/proxy.py"),
    ),
    _bench(
        "doctor",
        part="doctor-figures",
        shows="The doctor looks at 50 sources in 8 s, in 12 s where one takes 10 s; at 24 clusters in 10 s and 150 MiB",
        minutes=15,
        rounds=3,
        inputs=(*COLLECTION,),
    ),
    _bench(
        "federation",
        part="federation",
        shows="A central side reads 1,000 sources: objects in 1 s, configuration below 1 MiB, 200 sources are scraped",
        minutes=10,
        rounds=1000,
        inputs=(*COLLECTION,),
    ),
    _bench(
        "policy",
        part="policy",
        shows="A policy costs the API server 0.3 ms on average and 10 ms at most; 12,000 objects are judged in 2 s",
        minutes=10,
        rounds=200,
        inputs=(*COLLECTION, "tests/integration/support/*"),
    ),
    _bench(
        "render",
        part="render",
        shows="1,000 teams are written as files in 3 s, and 12,000 objects in two folders are compared in 3 s",
        minutes=10,
        rounds=5,
        inputs=(*COLLECTION, "tests/integration/support/*"),
    ),
    _bench(
        "sizing",
        part="sizing",
        shows="The highest working set of a Prometheus is predicted within 25 % for three loads not used to fit it",
        minutes=10,
        rounds=6,
        inputs=("plugins/module_utils/_prometheus/memory.py",),
    ),
    _bench(
        "audit",
        part="audit",
        shows="The audit trail takes 5 % of a creation; who changed an object in 20,000 runs is known in 2 s",
        minutes=5,
        rounds=20,
        inputs=(*COLLECTION,),
    ),
    _bench(
        "capacity",
        part="capacity",
        shows="What the operator needs for large rules and many monitors of teams, as its peak of memory",
        minutes=15,
        rounds=5,
        inputs=COLLECTION,
    ),
    _bench(
        "fleet",
        part="fleet",
        shows="One operator at its limits has 200 teams in 10 min, a change in 60 s; three share the CPU of a start",
        minutes=30,
        rounds=200,
        inputs=COLLECTION,
    ),
    _bench(
        "speed",
        part="speed",
        shows="1,000 teams of 16 objects: no change, first creation and one changed team, against peers and the floor",
        minutes=50,
        rounds=None,
        inputs=COLLECTION,
    ),
)
_SOAK = Proof(
    name="soak",
    part="lab",
    shows="Services of a cluster answer for 45 minutes with 10 restarts of kube-proxy",
    minutes=50,
    commands=(
        (LAB, "up", CLUSTER),
        (LAB, "soak", CLUSTER, "--minutes", "45", "--restarts", "10", "--log", f"{FIGURES}.log"),
    ),
    inputs=("tests/lab/*",),
    on_lab=True,
)


def _on_clusters(name: str, *, part: str, shows: str, minutes: int, program: str, group: str = "") -> Proof:
    """A program below tests/prove that brings up two clusters; *group* is its part of what it can show."""
    module = f"tests.prove.{program.replace('/', '.')}"
    return Proof(
        name=name,
        part=part,
        shows=shows,
        minutes=minutes,
        commands=((PYTHON, "-m", module, *([group] if group else []), "--output", FIGURES),),
        inputs=(*COLLECTION, f"tests/prove/{program}.py", *VERSIONS, "tests/lab/*"),
        on_lab=True,
    )


_DOCTOR = (
    *(
        _on_clusters(
            f"doctor {side}",
            part=f"doctor-{side}",
            shows=f"Each of many faults {where}, made on two clusters, is the doctor's root and first, and then silent",
            minutes=55,
            program="doctor/main",
            group=side,
        )
        for side, where in (
            ("central", "in the objects of the central side"),
            ("worker", "of the instances, of the worker, and on the way"),
            ("described", "in what the inventory describes, and in rights"),
        )
    ),
    *(
        _on_clusters(
            f"doctor pairs {number}",
            part=f"doctor-pairs-{number}",
            shows=f"Of two faults at once on two clusters the doctor names both as roots: third {number} of 66 pairs",
            minutes=50,
            program="doctor/main",
            group=f"pairs-{number}",
        )
        for number in (1, 2, 3)
    ),
)
_ISOLATION = tuple(
    _on_clusters(
        f"isolation {group}",
        part=f"isolation-{group}",
        shows=shows,
        minutes=minutes,
        program="isolation/main",
        group=group,
    )
    for group, shows, minutes in (
        ("without", "Every attack of the isolation matrix has its effect where its guards are taken away", 15),
        ("policy", "Each admission policy alone denies the attacks that name it", 15),
        ("rights", "What is not granted denies alone, to people and to accounts of instances", 15),
        ("operator", "Each field of an instance that the operator enforces denies alone", 20),
        ("network", "Each NetworkPolicy alone denies, on two nodes where policies are enforced", 20),
        ("some", "One guard of each kind alone denies an attack that has its effect without any", 15),
    )
)
_ENFORCING = _on_clusters(
    "enforced policies",
    part="enforcing",
    shows="Where policies are enforced the central node gets in, other addresses do not; changes disturb no scrape",
    minutes=20,
    program="enforcing/main",
)
_EGRESS = _on_clusters(
    "closed instances",
    part="enforcing",
    shows="Where policies are enforced the pods of an instance reach what they need and nothing else; alerts arrive",
    minutes=10,
    program="enforcing/egress",
)
_RESTARTING = _on_clusters(
    "rolling restart",
    part="restarting",
    shows="A rolling restart of a source with two replicas leaves no gap, with and without volumes",
    minutes=20,
    program="restarting/main",
)
_TIERS = _on_clusters(
    "tiers",
    part="tiers",
    shows="20 scraped instances go from one operator to three and back: same pods, no gap, each has an operator",
    minutes=20,
    program="tiers/main",
)
_LIFECYCLE = _on_clusters(
    "lifecycle",
    part="lifecycle",
    shows="A scraped instance is paused, archived and restored: same claims, its oldest sample, no fault is found",
    minutes=6,
    program="lifecycle/main",
)
_ALERTS = _on_clusters(
    "alerts",
    part="alerts",
    shows="Alerts about operator, instances, exporters and CoreDNS fire for a fault on a cluster, and resolve after it",
    minutes=40,
    program="alerts/main",
)
_WORKLOADS = _on_clusters(
    "workloads",
    part="workloads",
    shows="KubeRay, Ray and cert-manager are watched: no series twice, all panels, each alert fires and resolves",
    minutes=20,
    program="workloads/main",
)
_NEIGHBOURS = replace(
    _on_clusters(
        "neighbours",
        part="neighbours",
        shows="A team fills its quotas, or is invalid: the operator goes on, and the next team's change counts in 60 s",
        minutes=15,
        program="neighbours/main",
    ),
    # It has a cluster of its own.
    on_lab=False,
)
_REPLACING = replace(
    _on_clusters(
        "replaced operator",
        part="replacing",
        shows="An operator is soon back when it is killed, or its node drained or lost; its webhook judges meanwhile",
        minutes=15,
        program="replacing/main",
    ),
    # It has a cluster of its own.
    on_lab=False,
)
_BALANCED = replace(
    _on_clusters(
        "balanced",
        part="balanced",
        shows="At MetalLB's addresses certificates (also cert-manager's), authorities and a password change unnoticed",
        minutes=15,
        program="balanced/main",
    ),
    # It has clusters of its own.
    on_lab=False,
)
_LAYERS = replace(
    _on_clusters(
        "regions on clusters",
        part="regions",
        shows="Of worker, region and global cluster a broken link is named alone; a region ends without a gap",
        minutes=20,
        program="regions/main",
    ),
    # It has clusters of its own.
    on_lab=False,
)
_HEALTHY = _on_clusters(
    "doctor healthy",
    part="doctor-healthy",
    shows="In 1,000 looks at two healthy clusters, many of them during changes, the doctor finds no fault",
    minutes=55,
    program="doctor/healthy",
)
_SELECTORS = Proof(
    name="selectors",
    part="selectors",
    shows="What the lint says about selectors is what Prometheus does, for 300 made-up sets of each kind",
    minutes=20,
    commands=(
        ("env", "PROMFLEET_SETS=300", PYTHON, "-m", "pytest", "-q", "tests/integration/test_selector_semantics.py"),
    ),
    inputs=("tests/integration/test_selector_semantics.py", *VERSIONS),
)


_CORPUS = Proof(
    name="policy corpus",
    part="policy",
    shows="API server, cel-expr-python and OPA give equal verdicts for more than 1,000 requests",
    minutes=20,
    commands=(("env", "PROMFLEET_CORPUS=1", PYTHON, "-m", "pytest", "-q", "tests/integration/test_policy_corpus.py"),),
    inputs=(*COLLECTION, "tests/integration/test_policy_corpus.py", "tests/integration/support/*", *VERSIONS),
)


def _in_full(
    name: str, *, test: str, shows: str, minutes: int, inputs: Iterable[str] = (), part: str = "runs"
) -> Proof:
    """All of a test file of which `make test` takes a representative part (tests/suite/in_full.py)."""
    return Proof(
        name=name,
        part=part,
        shows=shows,
        minutes=minutes,
        commands=(("env", f"{VARIABLE}=1", PYTHON, "-m", "pytest", "-q", test),),
        inputs=(*COLLECTION, test, *inputs, *VERSIONS),
    )


_RUNS = (
    _in_full(
        "sanity",
        test="tests/suite/test_sanity.py",
        shows="ansible-test sanity passes on the oldest supported ansible-core and on the newest, with nothing ignored",
        minutes=25,
    ),
    _in_full(
        "guide to GitOps",
        test="tests/integration/test_gitops_guide.py",
        shows="Every command of the guide to GitOps does what the guide says, on a real API server",
        minutes=10,
        inputs=("docs/gitops.md",),
    ),
    _in_full(
        "platforms",
        test="tests/integration/test_platforms.py",
        shows="Every playbook that needs a platform leaves OpenShift out, and CRDs of platforms never change",
        minutes=10,
    ),
    _in_full(
        "regions",
        test="tests/integration/test_regions.py",
        shows="A region is read in two steps; runs of a part leave the rest; without it the global cluster reads all",
        minutes=10,
    ),
)
_UPGRADES = _in_full(
    "upgrade",
    part="upgrades",
    test="tests/integration/test_upgrade_waves.py",
    shows="Gates, rollback and freeze on an API server; of 50 upgrades that were killed each ends as if it was not",
    minutes=40,
)
_CORES = (
    _in_full(
        "upgrade on both ansible-cores",
        part="cores",
        test="tests/integration/test_upgrade.py",
        shows="After an upgrade from an earlier commit nothing changes, on the oldest ansible-core and on the newest",
        minutes=25,
    ),
    _in_full(
        "secrets on both ansible-cores",
        part="cores",
        test="tests/integration/test_secrets.py",
        shows="No canary of a secret is in logs, output or syslog, on the oldest ansible-core and on the newest",
        minutes=15,
    ),
)
_DOORS = (
    _in_full(
        "both doors on both ansible-cores",
        part="doors",
        test="tests/integration/test_direct.py",
        shows="A module answers the same inside the task's process and in its own, on both ansible-cores",
        minutes=10,
    ),
    _in_full(
        "connections on both ansible-cores",
        part="doors",
        test="tests/integration/test_connections.py",
        shows="No setting of the surroundings leads a request to another cluster, on both ansible-cores",
        minutes=12,
    ),
    _in_full(
        "doctor on both ansible-cores",
        part="doors",
        test="tests/integration/test_doctor_modes.py",
        shows="Every mode of the playbook doctor, on both ansible-cores",
        minutes=10,
    ),
    _in_full(
        "flips",
        part="flips",
        test="tests/integration/test_flag_flips.py",
        shows="After 100 flips of a team's flag the operator runs on, and no object of another team was written",
        minutes=10,
    ),
)
_GUIDES = (
    dataclasses.replace(
        _in_full(
            "guide to a first federation",
            part="guides",
            test="tests/integration/test_first_federation.py",
            shows="Every command of the guide to a first federation does what the guide says, on two clusters",
            minutes=15,
            inputs=("docs/first-federation.md",),
        ),
        on_lab=True,
    ),
)
_JOBS = _in_full(
    "jobs of AWX",
    part="awx",
    test="tests/integration/test_awx_jobs.py",
    shows="Jobs over 12,000 objects, run as AWX runs them: each event below 700,000 bytes, and no secret in any",
    minutes=10,
)
_ENVIRONMENT = Proof(
    name="execution environment",
    part="awx",
    shows="In a new environment with the collection's Python requirements alone every plugin is imported and runs",
    minutes=5,
    commands=((PYTHON, "-m", "tests.prove.environment.main", "--output", FIGURES),),
    inputs=(*COLLECTION, "tests/prove/environment/main.py", *VERSIONS),
)


# What scenarios use beside their own folder.
_BESIDE = {
    "awx": ("molecule/site/*", "tests/integration/fleet_jobs.py", "docs/rights/*"),
    "upgrade": ("tests/integration/fleet_upgrade.py", "docs/rights/*"),
}


def _scenario(name: str) -> Proof:
    return Proof(
        name=f"molecule {name}",
        part=f"molecule-{name}",
        shows=f"The molecule scenario {name}",
        minutes=30,
        commands=(("molecule", "test", "--scenario-name", name),),
        inputs=(
            *COLLECTION,
            f"molecule/{name}/*",
            "molecule/shared/*",
            "tests/integration/support/*",
            "tests/lab/*",
            *_BESIDE.get(name, ()),
        ),
        on_lab=True,
    )


_SITE = dataclasses.replace(
    _scenario("site"),
    name="site in full",
    part="site",
    shows="The molecule scenario site with all its rules: runs with a limit, and with a cluster that cannot be reached",
    commands=(("env", f"{VARIABLE}=1", "molecule", "test", "--scenario-name", "site"),),
)


def all_proofs() -> tuple[Proof, ...]:
    """Every proof, those of molecule's scenarios that declare `prove` among them."""
    return (
        *_BENCHES,
        _SOAK,
        *_DOCTOR,
        _HEALTHY,
        *_ISOLATION,
        _ENFORCING,
        _EGRESS,
        _RESTARTING,
        _TIERS,
        _LIFECYCLE,
        _ALERTS,
        _WORKLOADS,
        _NEIGHBOURS,
        _REPLACING,
        _BALANCED,
        _LAYERS,
        _SELECTORS,
        _CORPUS,
        _JOBS,
        _ENVIRONMENT,
        *_RUNS,
        _SITE,
        *_CORES,
        *_DOORS,
        *_GUIDES,
        _UPGRADES,
        *map(_scenario, scenarios.names("prove")),
    )


def of_part(part: str) -> tuple[Proof, ...]:
    """The proofs of a part, in their order; `all` has all of them. Raises ValueError for a part that there is not."""
    proofs = all_proofs()
    parts = list(dict.fromkeys(proof.part for proof in proofs))
    if part != "all" and part not in parts:
        raise ValueError(f"no part {part!r}; expected one of {', '.join(parts)}, or all")
    return tuple(proof for proof in proofs if part in ("all", proof.part))


# -- inputs -------------------------------------------------------------------------------------------------------


def project_files() -> dict[str, bytes]:
    """Every file of the project by its path, with its content."""
    return {path.relative_to(CHECKOUT).as_posix(): path.read_bytes() for path in tracked_files()}


def inputs_of(proof: Proof, files: Mapping[str, bytes]) -> list[str]:
    """The paths that *proof* depends on, sorted. Raises ValueError for a pattern that no file fits. Pure."""
    found: set[str] = set()
    for pattern in proof.inputs:
        fitting = {path for path in files if fnmatchcase(path, pattern)}
        if not fitting:
            raise ValueError(f"{proof.name}: no file fits the input {pattern!r}")
        found |= imported_from(pattern, files) if pattern.endswith(".py") else fitting
    return sorted(found)


def imported_from(path: str, files: Mapping[str, bytes]) -> set[str]:
    """*path*, and all files of the project that it imports, directly or through others. Pure."""
    found: set[str] = set()
    todo = [path]
    while todo:
        current = todo.pop()
        if current not in found:
            found.add(current)
            todo += [other for other in _imports(files[current]) if other in files]
    return found


@functools.cache
def _imports(source: bytes) -> tuple[str, ...]:
    """The paths that a Python file's imports may mean: `from a import b` means a.py, or b.py in the folder a."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            for prefix, folder in ROOTS.items():
                if name.startswith(prefix):
                    path = folder + name.removeprefix(prefix).replace(".", "/")
                    found += [f"{path}.py", f"{path}/__init__.py"]
    return tuple(found)


def digest_of(proof: Proof, files: Mapping[str, bytes]) -> str:
    """A digest of everything that decides how *proof* ends: its commands, and the content of its inputs. Pure."""
    digest = hashlib.sha256(json.dumps(proof.commands).encode())
    for path in inputs_of(proof, files):
        digest.update(f"\0{path}\0{hashlib.sha256(files[path]).hexdigest()}".encode())
    return digest.hexdigest()[:16]


def here(path: str) -> Path:
    """A path of the project on this machine."""
    return CHECKOUT / path
