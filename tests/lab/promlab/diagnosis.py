"""What is the matter with a cluster, and what to do about it. Pure: clusters.py asks and acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What `up` does with a cluster."""

    CREATE = "absent"
    KEEP = "ready"
    RESTART = "stopped"
    REPLACE = "broken"
    OUTDATED = "outdated"
    FOREIGN = "not made by this lab"


def diagnose(facts: Facts, *, wanted_image: str, wanted_workers: int = 0, restarted: bool = False) -> Finding:
    """Judge a cluster; `restarted` says that starting it again was tried."""
    states = ", ".join(f"{name} {state}" for name, state in sorted(facts.containers.items()))
    if not facts.containers:
        why = "its containers are gone" if facts.recorded_image is not None else "no such cluster"
        return Finding(verdict=Verdict.CREATE, why=why)
    if facts.recorded_image is None:
        return Finding(verdict=Verdict.FOREIGN, why=f"a kind cluster that this lab did not make ({states})")
    if not facts.complete:
        return Finding(verdict=Verdict.REPLACE, why="its creation was stopped half-way")
    if facts.recorded_image != wanted_image:
        return Finding(
            verdict=Verdict.OUTDATED, why=f"made from {short(facts.recorded_image)}, the pins say {short(wanted_image)}"
        )
    if facts.workers != wanted_workers:
        return Finding(verdict=Verdict.OUTDATED, why=f"it has {facts.workers} workers, wanted are {wanted_workers}")
    running = all(state.lower().startswith(("running", "up")) for state in facts.containers.values())
    return _judge_running(running=running, api_answers=facts.api_answers, states=states, restarted=restarted)


def short(image: str) -> str:
    """The tag of an image, enough to tell two node images apart."""
    return image.rpartition(":")[2]


def _judge_running(*, running: bool, api_answers: bool, states: str, restarted: bool) -> Finding:
    if running and api_answers:
        return Finding(verdict=Verdict.KEEP, why="API server answers")
    why = "the API server does not answer" if running else states
    if restarted:
        return Finding(verdict=Verdict.REPLACE, why=f"{why}, also after a restart")
    return Finding(verdict=Verdict.RESTART, why=why)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a cluster."""

    containers: Mapping[str, str]
    api_answers: bool
    # The node image that the lab's record names; None without a record.
    recorded_image: str | None
    complete: bool
    workers: int = 0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The verdict and the reason for it."""

    verdict: Verdict
    why: str
