# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the headers of an API server's answer say. Pure."""

from __future__ import annotations

import email.utils
import re
import typing as t

# warn-code, warn-agent and warn-text of RFC 7234, section 5.5; a date may follow. API servers send the code 299 and the
# agent "-" (k8s.io/apimachinery/pkg/util/net, NewWarningHeader). One line may hold several, separated by commas.
_WARNING = re.compile(r'(?:^|,)\s*(\d{3})\s+(\S+)\s+"((?:[^"\\]|\\.)*)"(?:\s+"[^"]*")?')
_MISCELLANEOUS = "299"
# The API server cuts texts, but what stands between may not.
LONGEST = 2000


def warning_texts(headers: t.Iterable[str]) -> tuple[str, ...]:
    """The texts of all warnings in these ``Warning`` headers, in their order; what is none is left out."""
    found = (match for header in headers for match in _WARNING.finditer(header))
    return tuple(
        text
        for code, _agent, quoted in (match.groups() for match in found)
        if code == _MISCELLANEOUS
        if (text := _plain(quoted))
    )


def seconds_ahead(date: str | None, *, now: float) -> float | None:
    """How many seconds a server's clock is ahead of *now*, by the ``Date`` of its answer (RFC 9110, section 6.6.1).

    None if the header is missing or no date. It has whole seconds, so the result is right to a second.
    """
    try:
        return email.utils.parsedate_to_datetime(date or "").timestamp() - now
    except ValueError:
        return None


def _plain(quoted: str) -> str:
    """A quoted string without its escapes and control characters, in one line of bounded length."""
    text = re.sub(r"\\(.)", r"\1", quoted)
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:LONGEST]
