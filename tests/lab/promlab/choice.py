"""Which engine runs the nodes, and whether images are pulled or built here: found out once, then remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from promlab import pins
from promlab.errors import LabError
from promlab.shell import capture, find_program

EngineName = Literal["docker", "podman"]
Images = Literal["stock", "built"]

# Small, and from two of the registries that a cluster pulls from.
PROBE_IMAGE = f"registry.k8s.io/pause:{pins.PAUSE}"
PROBE_MANIFEST = f"quay.io/prometheus/prometheus:v{pins.PROMETHEUS}"
PROBE_SECONDS = 30.0


def docker_answers() -> bool:
    """Whether a Docker daemon is there (a `docker` that is Podman's imitation is none)."""
    done = capture(["docker", "version", "--format", "{{.Server.Platform.Name}}"], timeout=10)
    return done.returncode == 0 and "podman" not in done.stdout.lower()


def can_pull(engine: str) -> bool:
    """Whether the engine can pull images, by trying."""
    pulled = capture([engine, "pull", "--quiet", PROBE_IMAGE], timeout=PROBE_SECONDS)
    if pulled.returncode != 0:
        return False
    capture([engine, "rmi", PROBE_IMAGE])
    return capture([engine, "manifest", "inspect", PROBE_MANIFEST], timeout=PROBE_SECONDS).returncode == 0


def choose(
    *,
    docker: bool,
    podman: bool,
    cap_sys_resource: bool,
    pulls: Callable[[EngineName], bool],
    wanted_engine: EngineName | None = None,
    wanted_images: Images | None = None,
) -> Choice:
    """Decide from what is there.

    An engine that can pull wins, Docker first. Without pulls Docker is used only with CAP_SYS_RESOURCE (its runtime
    fails without: "unable to apply caps"), else Podman, which is then installed where it is missing.
    """
    present: dict[EngineName, bool] = {"docker": docker, "podman": podman}
    candidates = [name for name, there in present.items() if there and wanted_engine in (None, name)]
    if wanted_images != "built":
        for name in candidates:
            if wanted_images == "stock" or pulls(name):
                return Choice(engine=name, images="stock", reason="asked for" if wanted_images else "pulling works")
        if wanted_images == "stock":
            raise LabError("Stock images were asked for, but neither a Docker daemon nor podman is there.")
    reason = "asked for" if wanted_images else f"pulling {PROBE_IMAGE} or asking for {PROBE_MANIFEST} failed"
    if wanted_engine:
        return Choice(engine=wanted_engine, images="built", reason=reason)
    return Choice(engine="docker" if docker and cap_sys_resource else "podman", images="built", reason=reason)


def wishes(environment: Mapping[str, str]) -> tuple[EngineName | None, Images | None]:
    """What PROMFLEET_LAB_ENGINE and PROMFLEET_LAB_IMAGES ask for."""
    engine, images = environment.get("PROMFLEET_LAB_ENGINE"), environment.get("PROMFLEET_LAB_IMAGES")
    if engine not in (None, "", "docker", "podman"):
        raise LabError(f"PROMFLEET_LAB_ENGINE is {engine!r}: docker or podman is understood.")
    if images not in (None, "", "stock", "built"):
        raise LabError(f"PROMFLEET_LAB_IMAGES is {images!r}: stock or built is understood.")
    wanted_engine: EngineName | None = "docker" if engine == "docker" else "podman" if engine == "podman" else None
    wanted_images: Images | None = "stock" if images == "stock" else "built" if images == "built" else None
    return wanted_engine, wanted_images


def parse_choice(text: str) -> Choice | None:
    """The remembered answer, or None where the text is none."""
    try:
        raw = json.loads(text)
        engine, images, reason = raw["engine"], raw["images"], str(raw["reason"])
    except (ValueError, TypeError, KeyError):
        return None
    if engine not in ("docker", "podman") or images not in ("stock", "built"):
        return None
    return Choice(engine=engine, images=images, reason=reason)


def remembered_or_found(path: Path, *, environment: Mapping[str, str], cap_sys_resource: bool) -> Choice:
    """The answer for this machine; only one that was found without wishes is remembered."""
    wanted_engine, wanted_images = wishes(environment)
    free = wanted_engine is None and wanted_images is None
    if free and path.exists():
        known = parse_choice(path.read_text())
        if known and find_program(known.engine):
            return known
    choice = choose(
        docker=docker_answers(),
        podman=find_program("podman") is not None,
        cap_sys_resource=cap_sys_resource,
        pulls=can_pull,
        wanted_engine=wanted_engine,
        wanted_images=wanted_images,
    )
    if free:
        path.write_text(json.dumps(asdict(choice), indent=2) + "\n")
    return choice


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The answer, and why."""

    engine: EngineName
    images: Images
    reason: str
