"""Brings the lab's clusters up and tells how to reach them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.support import account
from tests.integration.support.cluster import Cluster

CHECKOUT = Path(__file__).resolve().parents[3]
LAB = CHECKOUT / "tests/lab/lab"
HUB = "test-hub"
EDGE = "test-edge"


def up(*names: str) -> None:
    """Brings clusters up, with the lab's own progress; those that are up already take no time.

    PROMFLEET_TEST_KUBECONFIG names clusters of another making instead, with the lab's names for their contexts.
    """
    if not os.environ.get("PROMFLEET_TEST_KUBECONFIG"):
        # On stderr: a worker of pytest-xdist has no stdout.
        subprocess.run([LAB, "up", *names], stdin=subprocess.DEVNULL, stdout=sys.__stderr__, check=True)


def down(*names: str) -> None:
    """Removes clusters; those of another making stay."""
    if not os.environ.get("PROMFLEET_TEST_KUBECONFIG"):
        subprocess.run([LAB, "down", *names], stdin=subprocess.DEVNULL, stdout=sys.__stderr__, check=True)


def kubeconfig() -> Path:
    """The file with the contexts of the clusters, for what tests look at and prepare: it may do everything."""
    if given := os.environ.get("PROMFLEET_TEST_KUBECONFIG"):
        return Path(given)
    shown = subprocess.run([LAB, "env"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    line = next(line for line in shown.splitlines() if "KUBECONFIG=" in line)
    return Path(line.split("KUBECONFIG=", 1)[1].strip().strip("'\""))


def account_kubeconfig() -> Path:
    """The file for runs of the collection: the same contexts, with the rights that the collection ships."""
    return account.path_beside(kubeconfig())


def provide_account(*names: str) -> None:
    """Makes the account of the runs in these clusters."""
    account.provide(kubeconfig(), contexts=[f"kind-{name}" for name in names])


def cluster(name: str) -> Cluster:
    """A cluster that is up, for an administrator."""
    return Cluster(kubeconfig=kubeconfig(), context=f"kind-{name}")
