"""What the lab remembers of each cluster that it makes: without a record a cluster is somebody else's."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from promlab.choice import EngineName
from promlab.errors import LabError
from promlab.settings import Lab

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")


def check_name(name: str) -> str:
    """Refuse what kind, host names or file names would not take."""
    if not NAME.fullmatch(name):
        raise LabError(f"{name!r} is no name of a cluster: lower-case letters, digits and inner dashes, up to 42.")
    return name


def path_of(lab: Lab, name: str) -> Path:
    """The file of a record."""
    return lab.records / f"{name}.json"


def read(lab: Lab, name: str) -> Record | None:
    """The record of a cluster, if the lab made it."""
    try:
        raw = json.loads(path_of(lab, name).read_text())
        return Record(
            name=name,
            engine="docker" if raw["engine"] == "docker" else "podman",
            image=str(raw["image"]),
            complete=bool(raw["complete"]),
            loaded={str(key): str(value) for key, value in raw["loaded"].items()},
            workers=int(raw.get("workers", 0)),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, AttributeError):
        # A record that cannot be read still says that the cluster is ours; `up` replaces it.
        return Record(name=name, engine="podman", image="", complete=False)


def write(lab: Lab, record: Record) -> Record:
    """Remember."""
    path = path_of(lab, record.name)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(record), indent=2) + "\n")
    partial.replace(path)
    return record


def update(lab: Lab, record: Record, *, complete: bool | None = None, loaded: dict[str, str] | None = None) -> Record:
    """Remember what changed."""
    return write(
        lab,
        replace(
            record,
            complete=record.complete if complete is None else complete,
            loaded=record.loaded if loaded is None else {**record.loaded, **loaded},
        ),
    )


def forget(lab: Lab, name: str) -> None:
    """Drop the record."""
    path_of(lab, name).unlink(missing_ok=True)


def names(lab: Lab) -> list[str]:
    """The clusters that the lab made."""
    return sorted(path.stem for path in lab.records.glob("*.json"))


@dataclass(frozen=True, kw_only=True)
class Record:
    """One cluster; `loaded` names the archive (by the digest in its file name) that each image came from.

    `workers`: how many nodes it has beside the control plane.
    """

    name: str
    engine: EngineName
    image: str
    complete: bool = False
    loaded: dict[str, str] = field(default_factory=dict)
    workers: int = 0
