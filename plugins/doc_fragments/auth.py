# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How modules reach a cluster. The options themselves are kubernetes.core's: modules list its k8s_auth_options as well.

Private to the collection: it may change with any release.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  in_cluster:
    description:
      - Whether to manage the cluster in which the task's pod runs, with the pod's service account.
      - Without it a connection must be named, by O(kubeconfig) with O(context) or by O(host) with credentials. There is
        no silent fallback, because in a pod of an automation controller it would lead to the controller's own cluster.
    type: bool
    default: false
  use_environment:
    description:
      - Whether the variables C(K8S_AUTH_*) and C(KUBECONFIG) of the environment in which the module runs name the
        connection. An automation controller injects its credential in this way.
      - By default they are ignored, unlike in other collections. If it is true and options name a cluster too, the task
        fails with the names of both.
      - C(HTTPS_PROXY), C(HTTP_PROXY) and C(NO_PROXY) always count, as for kubectl, unless O(proxy) or the kubeconfig
        names a proxy.
    type: bool
    default: false
  login_timeout:
    description:
      - How many seconds a login helper (C(exec) of the kubeconfig's user) may take. It must not ask questions, because
        its input is closed. What it writes to stderr is shown when it fails.
    type: int
    default: 60
  progress_file:
    description:
      - A file on the machine that runs the module. While it runs, the module overwrites its first line with its
        progress.
      - If the task runs on the control host, the line is shown every five seconds without this option.
    type: path
requirements:
  - python >= 3.11
  - cel-expr-python >= 0.1.3
  - cryptography >= 41.0.7
  - kubernetes >= 31.0.0
  - promql-parser >= 0.8.1
  - python-dateutil >= 2.8.2
  - PyYAML >= 6.0.1
  - urllib3 >= 2.0.2
attributes:
  action_group:
    description: Use C(group/promfleet.monitoring.all) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - promfleet.monitoring.all
"""
