"""Control planes of a test module's own."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from promlab.controlplane import ControlPlane, control_plane
from tests.integration.support.cluster import Cluster


@contextmanager
def started(request: pytest.FixtureRequest, *names: str, **options: t.Any) -> Iterator[list[ControlPlane]]:
    """Control planes with these names, for the time of a with block; what building them says is shown."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with ExitStack() as stack:
        with capture.global_and_fixture_disabled():
            planes = [stack.enter_context(control_plane(name, **options)) for name in names]
        yield planes


def with_policy_engine(plane: ControlPlane) -> ControlPlane:
    """The same control plane, where the DaemonSet of a policy engine is found: without one the doctor warns."""
    labels = {"app": "kube-router"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "kube-router", "image": "kube-router"}]},
    }
    Cluster(kubeconfig=plane.kubeconfig, context=plane.context).apply(
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "kube-router", "namespace": "kube-system"},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }
    )
    return plane
