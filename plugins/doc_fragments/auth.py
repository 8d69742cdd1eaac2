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
      - Whether the cluster is the one in whose pod the task runs, reached as the pod's service account.
      - Without it a connection must be named by O(kubeconfig), O(context), O(host), or their environment variables.
        There is no silent fallback, because in a pod of an automation controller it would lead to the controller's
        own cluster.
    type: bool
    default: false
  progress_file:
    description:
      - A file on the machine that runs the module. While it runs, the module overwrites its first line with how far the
        work is.
      - Where the task runs on the control host, that line is shown every five seconds, and this need not be given.
    type: path
requirements:
  - python >= 3.11
  - kubernetes >= 31.0.0
  - promql-parser >= 0.8.1
  - PyYAML >= 6.0.1
  - urllib3 >= 2.0.2
attributes:
  action_group:
    description: Use C(group/promfleet.monitoring.all) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - promfleet.monitoring.all
"""
