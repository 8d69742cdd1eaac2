# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module promises about check mode, diff mode and repetition.

Private to the collection: it may change with any release.
"""

from __future__ import annotations


class ModuleDocFragment:
    # Modules that write.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - The prediction is what the run does, also on an empty cluster. The server is asked by dry run where possible.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), in diff mode.
    support: full
    details:
      - Shows the desired fields of each changed object before and after. Contents of Secrets are never shown.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
    support: full
"""

    # Modules that write files on the machine where they run.
    FILES = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Reports the same files, and the same errors, as the run.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), in diff mode.
    support: full
    details:
      - Shows the text of each changed file before and after, as far as there is room in the result.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
    support: full
"""

    # The module that writes into AWX.
    AWX = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Reports the same changes as the run, field by field. AWX is only read.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), in diff mode.
    support: full
    details:
      - Shows the fields of each changed object before and after. Secrets are never shown.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
    support: full
"""

    # Modules that only read.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - This module never changes anything.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), in diff mode.
    support: N/A
    details:
      - This module never changes anything.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
    support: full
    details:
      - This module never changes anything.
"""

    # Modules that note in a record where an upgrade is.
    RECORDS = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - Notes nothing.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), in diff mode.
    support: none
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
    support: full
    details:
      - A stage that follows another one is refused where that is not the last one.
"""
