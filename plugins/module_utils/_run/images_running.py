# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module images_running does: the images of a cluster's pods against those that its input makes it pull."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import inventory_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import (
    digest_problem,
    reference_problem,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.running import (
    compare_running,
    own_pods,
    places_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_info import INPUT, objects_of_cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import SET_OPTIONS, cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run, shared_namespaces

JsonObject = dict[str, t.Any]

OPTIONS: JsonObject = cluster_options(
    {
        **INPUT,
        "digests": {"type": "dict", "default": {}},
        "shared_namespaces": SET_OPTIONS["shared_namespaces"],
    }
)


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    with Collecting(None) as errors:
        require(grammar.label_value, params["cluster"], path="cluster", errors=errors)
        for image, digest in params["digests"].items():
            require(reference_problem, str(image), path=f"digests.{image}", errors=errors)
            if digest:
                require(digest_problem, str(digest), path=f"digests.{image}", errors=errors)
    objects = objects_of_cluster(params["capabilities"])
    shared = shared_namespaces(params["shared_namespaces"])
    resource = run.cluster.resource("v1", "Pod")
    if resource is None:
        raise InputError("cluster", "the API server has no pods")
    run.progress.step("reading pods")
    pods: list[JsonObject] = []
    for namespace, labels in sorted(places_of(objects).items()):
        found = run.cluster.list_objects(resource, namespace=namespace)
        pods += own_pods(found, labels, shared=namespace in shared)
    inventory = inventory_of(objects)
    compared = compare_running(inventory.images, pods, params["digests"])
    return {
        "missing": compared.missing,
        "unexpected": [{"image": image, "pods": places} for image, places in compared.unexpected.items()],
        "different": compared.different,
        "pods": len(pods),
        "failure": _failure(params["cluster"], compared.lines()),
        "warnings": inventory.warnings,
    }


def _failure(cluster: str, lines: list[str]) -> str | None:
    return f"{cluster}: the pods have other images than expected: {first_of(lines, separator='; ')}" if lines else None


DEFINITION = Definition(name="images_running", options=OPTIONS, work=work, needs_promql=True)
