#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cluster_info
short_description: Return which cluster a connection leads to
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - >-
    Returns the identity of the cluster: the UID of its C(kube-system) namespace, and its version.
  - Tells clusters of a platform that this collection does not support. Any account may ask this.
  - If a cluster cannot be reached or refuses the credentials, the module returns this as a result and does not fail.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: Read the identity of the cluster
  promfleet.monitoring.cluster_info:
    kubeconfig: ~/.kube/config
    context: kind-hub
  register: cluster
"""

RETURN = r"""
---
reachable:
  description: Whether the API server answers this connection.
  returned: success
  type: bool
  sample: true
reason:
  description: Why it is not reachable; empty if it is.
  returned: success
  type: str
  sample: ""
uid:
  description: The UID of the namespace C(kube-system), the same for every way into one cluster; empty if it
    is not reachable.
  returned: success
  type: str
  sample: 5f0e3c56-6fd5-4a44-8ae1-2a2c4b8d7a01
kubernetes_version:
  description: The API server's version; empty if it is not reachable.
  returned: success
  type: str
  sample: v1.36.3
platform:
  description: The platform that the cluster is, if it is one that this collection does not support; else empty.
  returned: success
  type: str
  sample: openshift
platform_evidence:
  description: By what it was recognised.
  returned: success
  type: str
  sample: it serves the kind SecurityContextConstraints of security.openshift.io
unsupported:
  description: Why the collection does not work on this platform, and what to use instead; empty if it does.
  returned: success
  type: str
  sample: ""
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.platforms import platform_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run


def work(run: Run) -> dict[str, object]:
    supported = {"platform": "", "platform_evidence": "", "unsupported": ""}
    nothing = {"reachable": False, "uid": "", "kubernetes_version": "", **supported}
    try:
        cluster = run.cluster
        namespace = cluster.find("/api/v1/namespaces/kube-system") or {}
        version = cluster.request("GET", "/version")[1]
        platform = platform_of(cluster)
    except ApiError as error:
        return {**nothing, "reason": f"the API server refused: {error.server_message}"}
    except ClusterError as error:
        return {**nothing, "reason": str(error)}
    found = {
        "reachable": True,
        "reason": "",
        "uid": namespace.get("metadata", {}).get("uid", ""),
        "kubernetes_version": version.get("gitVersion", ""),
    }
    if platform is None:
        return {**found, **supported}
    return {
        **found,
        "platform": platform.name,
        "platform_evidence": platform.evidence,
        "unsupported": platform.reason,
    }


DEFINITION = Definition(name="cluster_info", options=cluster_options({}), work=work)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
