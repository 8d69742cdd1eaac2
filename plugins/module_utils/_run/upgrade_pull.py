# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module upgrade_pull does: the nodes of a cluster pull the images that its input will make them need."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import set_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_info import INPUT, objects_of_cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import (
    CHANGE_OPTIONS,
    RECORDS_OPTION,
    SET_OPTIONS,
    cluster_options,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run, records_namespace
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.pull import pull
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.pulls import PULL, pulls_of

OPTIONS: JsonObject = cluster_options(
    {
        **INPUT,
        **RECORDS_OPTION,
        "fleet": SET_OPTIONS["fleet"],
        "lock_timeout": CHANGE_OPTIONS["lock_timeout"],
        "timeout": {"type": "int", "default": 600},
    }
)


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params: t.Mapping[str, t.Any] = run.params
    with Collecting(None) as errors:
        require(grammar.label_value, params["cluster"], path="cluster", errors=errors)
        if params["timeout"] < 1:
            errors.add("timeout", f"must be at least 1 second, found {params['timeout']}")
    owner = set_of(params["fleet"], capability=PULL)
    pulls = pulls_of(objects_of_cluster(params["capabilities"]))
    if run.check:
        return {"images": sorted({image for one in pulls for image in one.images}), "nodes": []}
    options = Options(
        progress=run.progress,
        lock_timeout=float(params["lock_timeout"]),
        records_namespace=records_namespace(params["records_namespace"]),
    )
    done = pull(run.cluster, pulls, fleet=owner.fleet, timeout=float(params["timeout"]), options=options)
    return {
        "images": done.images,
        "nodes": done.nodes,
        "warnings": [f"{params['cluster']}: {warning}" for warning in done.warnings],
    }


DEFINITION = Definition(name="upgrade_pull", options=OPTIONS, work=work, needs_promql=True)
