#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: support_bundle
short_description: Pack what the doctor saw of a fleet into one archive without secrets
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Packs what M(promfleet.monitoring.federation_doctor) wrote with its option C(bundle) for each cluster into one
    archive (C(.tar.gz)). With it others can judge the same facts again, without access to the clusters.
  - The archive has the findings, the facts that the checks read, and the versions. Of objects and answers only what is
    on an allow-list is in the facts. Other files of the folders are left out.
  - The same facts give the same bytes. Only the owner of the archive can read it.
  - Asks no cluster.
options:
  folders:
    description: The folders that M(promfleet.monitoring.federation_doctor) wrote to, one for each cluster.
    type: list
    elements: path
    required: true
  path:
    description: The archive to write.
    type: path
    required: true
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - In check mode the archive is made, and not written.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), in diff mode.
    support: none
    details:
      - The archive is one file, and a change of it is not shown.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
    support: full
    details:
      - The same folders give the same archive.
"""

EXAMPLES = r"""
---
- name: Pack what the doctor saw of two clusters
  promfleet.monitoring.support_bundle:
    folders:
      - /var/log/promfleet/hub
      - /var/log/promfleet/edge
    path: /var/log/promfleet/support-bundle.tar.gz
"""

RETURN = r"""
---
path:
  description: The archive.
  returned: success
  type: str
  sample: /var/log/promfleet/support-bundle.tar.gz
clusters:
  description: The clusters that are in it, each with a folder of its name.
  returned: success
  type: list
  elements: str
  sample: [edge, hub]
bytes:
  description: The size of the archive.
  returned: success
  type: int
  sample: 18231
sha256:
  description: The checksum of the archive.
  returned: success
  type: str
  sample: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
"""

from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.bundling import pack
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

OPTIONS = {
    "folders": {"type": "list", "elements": "path", "required": True},
    "path": {"type": "path", "required": True},
}


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    return pack(run.params["folders"], Path(run.params["path"]), check=run.check)


DEFINITION = Definition(name="support_bundle", options=OPTIONS, work=work, needs_cluster=False)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
