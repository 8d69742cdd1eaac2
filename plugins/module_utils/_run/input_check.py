# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What input_check does, in a module's process or in Ansible's own."""

from __future__ import annotations

import importlib.util
import sys
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import listed
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import find_errors, needs_promql

# The packages that modules import, and the distributions that bring them.
LIBRARIES = {"kubernetes": "kubernetes", "yaml": "PyYAML", "promql_parser": "promql-parser"}


def missing_libraries(params: t.Mapping[str, t.Any]) -> list[str]:
    """The distributions that this Python lacks, of those that *params* ask for or the check itself needs."""
    needed = set(LIBRARIES) if params["libraries"] else {"promql_parser"} if needs_promql(params) else set()
    return [LIBRARIES[name] for name in LIBRARIES if name in needed and importlib.util.find_spec(name) is None]


def check_input(params: t.Mapping[str, t.Any], *, environ: t.Mapping[str, str]) -> tuple[list[str], str | None]:
    """Every error in *params*, the parameters of input_check, and all of them as one message (None if all is well).

    *environ* is the environment that modules run with: connection options may come from it.
    """
    missing = " ".join(missing_libraries(params))
    if missing:
        install = f"{sys.executable} -m pip install {missing}"
        errors = [f"Python libraries are missing where modules run: {missing}. Install them with: {install}"]
    else:
        errors = find_errors(params, environ=environ)
    return errors, f"{params['role']}: {listed(errors)}" if errors else None
