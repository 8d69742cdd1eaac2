# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Option groups that modules share: the connection, writing, the state. Pure."""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.connection import AUTH_ARG_SPEC

Spec = dict[str, t.Any]

CONNECTION_OPTIONS: Spec = {
    "in_cluster": {"type": "bool", "default": False},
    "use_environment": {"type": "bool", "default": False},
    "login_timeout": {"type": "int", "default": 60},
    "progress_file": {"type": "path"},
}
# Also for modules that only read what runs noted there.
RECORDS_OPTION: Spec = {"records_namespace": {"type": "str"}}
# Where what a run changed is written down, and what it says of itself there.
AUDIT_OPTION: Spec = {
    "audit": {
        "type": "dict",
        "default": {},
        "options": {
            "enabled": {"type": "bool", "default": True},
            "slots": {"type": "int", "default": 8},
            "cluster": {"type": "str"},
            "run": {"type": "str"},
            "job": {"type": "str"},
            "user": {"type": "str"},
            "template": {"type": "str"},
            "folder": {"type": "path"},
            "url": {"type": "str"},
            "token_file": {"type": "path", "no_log": False},
        },
    },
}
# Of modules that change a cluster.
CHANGE_OPTIONS: Spec = {
    **RECORDS_OPTION,
    **AUDIT_OPTION,
    "result_file": {"type": "path"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
    "lock_timeout": {"type": "int", "default": 60},
}
# Of those of them that keep a set of objects.
SET_OPTIONS: Spec = {
    "fleet": {"type": "str", "default": "default"},
    "force_conflicts": {"type": "bool", "default": False},
    "adopt_managers": {"type": "list", "elements": "str", "default": []},
    "claim_managers": {"type": "list", "elements": "str", "default": []},
    "shared_namespaces": {"type": "list", "elements": "str", "default": []},
    "disposable_objects": {"type": "list", "elements": "str", "default": []},
    "crds_to_come": {
        "type": "dict",
        "options": {"version": {"type": "str"}, "source": {"type": "str"}, "checksum": {"type": "str"}},
    },
    "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
}


def cluster_options(own: Spec, *shared: Spec) -> Spec:
    """The options of a module that talks to a cluster: its *own*, authentication, and the groups that it shares."""
    result: Spec = {}
    for group in (AUTH_ARG_SPEC, CONNECTION_OPTIONS, *shared, own):
        result |= copy.deepcopy(group)
    return result
