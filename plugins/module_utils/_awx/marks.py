# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mark of our objects in AWX, and the fingerprint of their secrets: both end the description of an object. Pure.

AWX has no labels that all kinds of objects can carry, and shows no secret again. A description ends with
``[promfleet:FLEET]``, of an object with secrets with ``[promfleet:FLEET:SALT:DIGEST]``. The digest is slow to make, so
that a short password cannot be guessed from it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import typing as t
from dataclasses import dataclass

# What OWASP asks of PBKDF2 with SHA-256; 0.2 s for each object with secrets.
ROUNDS = 600_000
SALT_BYTES = 8
_MARK = re.compile(r"\s*\[promfleet:(?P<fleet>[^\s:\[\]]+)(?::(?P<salt>[0-9a-f]+):(?P<digest>[0-9a-f]+))?\]\s*$")


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a description says about its object: its *text*, and the *fleet* that made it, None for one of others."""

    text: str
    fleet: str | None = None
    salt: str = ""
    digest: str = ""

    def proves(self, secrets: t.Mapping[str, str]) -> bool:
        """Whether *secrets* are those that the object was written with."""
        return bool(self.digest) and hmac.compare_digest(self.digest, fingerprint(secrets, salt=self.salt))


def read(description: str | None) -> Mark:
    """The mark at the end of a description."""
    text = description or ""
    found = _MARK.search(text)
    if found is None:
        return Mark(text=text)
    return Mark(
        text=text[: found.start()], fleet=found["fleet"], salt=found["salt"] or "", digest=found["digest"] or ""
    )


def write(text: str, *, fleet: str, salt: str = "", secrets: t.Mapping[str, str] | None = None) -> str:
    """The description *text* with the mark of *fleet*, and with the fingerprint of *secrets* where there are some."""
    proof = f":{salt}:{fingerprint(secrets, salt=salt)}" if secrets else ""
    return f"{text} [promfleet:{fleet}{proof}]".strip()


def fingerprint(secrets: t.Mapping[str, str], *, salt: str) -> str:
    """A digest of *secrets* from which they cannot be guessed; *salt* is in hexadecimal digits."""
    data = json.dumps(dict(secrets), sort_keys=True).encode()
    return hashlib.pbkdf2_hmac("sha256", data, bytes.fromhex(salt), ROUNDS, dklen=16).hex()
