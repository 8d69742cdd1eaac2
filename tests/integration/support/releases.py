"""The CRDs of real operator releases, from the Go module of each; fetched where they are not there yet."""

from __future__ import annotations

import functools
import json
import subprocess
import tempfile
import typing as t
from pathlib import Path

import yaml

from promlab.progress import Progress
from promlab.settings import from_environment
from promlab.shell import capture
from promlab.toolchain import find_go

JsonObject = dict[str, t.Any]

MODULE = "github.com/prometheus-operator/prometheus-operator"
GROUP = "monitoring.coreos.com"


_BASE: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc, valid-type]  # libyaml's loader where there is one, ten times as fast
    """YAML 1.1 has a type for a bare ``=``, which the CRDs mean as text."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _loader, node: node.value)


# Holds the parts of releases for as long as the tests run.
_PARTS = tempfile.TemporaryDirectory(prefix="promfleet-crds-")


@functools.cache
def crd_folder(version: str, *, only: tuple[str, ...] = ()) -> Path:
    """The folder with the CRD files of a release; *only* names plurals: nothing but these, as far as it has them."""
    if only:
        whole = crd_folder(version)
        part = Path(tempfile.mkdtemp(dir=_PARTS.name))
        for plural in only:
            for file in whole.glob(f"{GROUP}_{plural}.yaml"):
                (part / file.name).write_bytes(file.read_bytes())
        return part
    return module_folder(MODULE, version) / "example/prometheus-operator-crd"


@functools.cache
def module_folder(module: str, version: str) -> Path:
    """The folder of a release of a Go module."""
    go = find_go(from_environment(), Progress())
    done = capture([go.program, "mod", "download", "-json", f"{module}@v{version}"], env=go.environment, cwd=Path("/"))
    found = json.loads(done.stdout or "{}")
    assert "Dir" in found, f"release {version} cannot be fetched: {found.get('Error') or done.stderr}"
    return Path(found["Dir"])


@functools.cache
def crds_of(version: str, *, only: tuple[str, ...] = ()) -> dict[str, JsonObject]:
    """The CRDs of a release by name, as its files have them."""
    files = sorted(crd_folder(version, only=only).glob("*.yaml"))
    loaded = [yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader) for file in files]  # noqa: S506
    return {crd["metadata"]["name"]: crd for crd in loaded}


def differences(live: t.Mapping[str, JsonObject], version: str, *, only: tuple[str, ...] = ()) -> list[str]:
    """Where the operator's CRDs in a cluster are not exactly those of a release, told independently of the collection.

    What a server adds by itself (names that follow from the kind, the strategy of conversion) does not count.
    """
    wanted = crds_of(version, only=only)
    found = [f"{name}: missing" for name in wanted.keys() - live.keys()]
    found += [f"{name}: not of {version}" for name in live.keys() - wanted.keys()]
    for name in wanted.keys() & live.keys():
        ours, theirs = wanted[name], live[name]
        for part in ours["spec"].keys() | theirs["spec"].keys() - {"conversion"}:
            one, other = ours["spec"].get(part), theirs["spec"].get(part)
            if one != other and not (part == "preserveUnknownFields" and not one and not other):
                found.append(f"{name}: spec.{part}")
        mark = "operator.prometheus.io/version"
        one, other = (crd["metadata"].get("annotations", {}).get(mark) for crd in (ours, theirs))
        if one != other:
            found.append(f"{name}: says {other}, the release {one}")
        stored = set(theirs["status"]["storedVersions"])
        if not stored <= {item["name"] for item in theirs["spec"]["versions"]}:
            found.append(f"{name}: stores {sorted(stored)}")
    return sorted(found)


def kubectl(kubeconfig: Path, *arguments: str, text: str | None = None) -> str:
    """Runs the lab's own kubectl."""
    program = from_environment().bin / "kubectl"
    command = [str(program), f"--kubeconfig={kubeconfig}", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
