# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies of entries outside of the cluster: lines of a file on the machine that runs the module, and a webhook."""

from __future__ import annotations

import os
from http.client import HTTPException
from pathlib import Path

from ansible.module_utils.urls import open_url
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.ring import Appended

# Seconds in which a webhook must answer.
TIMEOUT = 10


class NotShippedError(Exception):
    """A copy could not be made; the text says which and why."""


def to_folder(folder: Path, appended: Appended, *, fleet: str, cluster: str) -> None:
    """Append an entry to the file of its *cluster* in *folder*, as a line of JSON; raises NotShippedError.

    One write of the whole line, so that two runs at once do not mix theirs. Only its owner can read the file.
    """
    target = folder / f"{fleet}.{cluster}.jsonl"
    line = b'{"digest":"%s","entry":%s}\n' % (appended.digest.encode(), appended.data)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise NotShippedError(f"{target} could not be written: {error}") from error


def to_webhook(url: str, appended: Appended, *, token_file: Path | None) -> None:
    """POST an entry to *url*, with the bearer token of a file where one is given; raises NotShippedError.

    The body is the entry's canonical bytes, whose SHA-256 is the header ``Promfleet-Digest``. No redirect is followed:
    it could carry the token elsewhere.
    """
    headers = {"Content-Type": "application/json", "Promfleet-Digest": appended.digest}
    try:
        if token_file is not None:
            headers["Authorization"] = f"Bearer {token_file.read_text().strip()}"
        open_url(url, data=appended.data, headers=headers, method="POST", timeout=TIMEOUT, follow_redirects="none")
    except (OSError, ValueError, HTTPException) as error:
        # An answer of 300 and above is an error of urllib's, which is an OSError.
        status = getattr(error, "code", None)
        told = f"HTTP {status}" if status else str(error)
        raise NotShippedError(f"{url} did not take it: {told}") from error
