"""A lookup that loads another cluster's kubeconfig, as a lookup for a token does: for tests of what that leaves."""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.lookup import LookupBase
from kubernetes import client, config

DOCUMENTATION = r"""
name: other_cluster
short_description: Load a kubeconfig into the process, and return a token
description:
  - Afterwards the Kubernetes library's default configuration leads to that cluster.
options:
  _terms:
    description: The path of the kubeconfig, and the token to return.
    required: true
"""


class LookupModule(LookupBase):
    """Leaves in the process whatever could lead a later connection astray."""

    def run(self, terms: list[str], *_variables: t.Any, **_named: t.Any) -> list[str]:
        path, token = terms
        config.load_kube_config(config_file=path)
        client.Configuration.set_default(client.Configuration.get_default_copy())
        os.environ.update({"K8S_AUTH_HOST": "http://127.0.0.1:9", "K8S_AUTH_API_KEY": "poison", "KUBECONFIG": path})
        return [token]
