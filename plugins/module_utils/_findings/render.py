# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Renderings of a report: a table for people, JSON, JUnit XML, and Prometheus' text exposition. Pure."""

from __future__ import annotations

import json
import re
import typing as t
from xml.etree import ElementTree as ET

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import by_root
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Report

JsonObject = dict[str, t.Any]

# Of the form of the JSON. It grows by one where a reader of the former one would fail.
SCHEMA_VERSION = 1
# A message shows so many root causes; the result has all.
TABLE_ROOTS = 10
# Outside of XML 1.0's Char production, even as a reference.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Prometheus' parser takes any UTF-8 but NUL; the other control characters are useless to readers.
_NOT_EXPOSITION = re.compile("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def headline(report: Report) -> str:
    """How many findings of which sort there are: ``3 findings in 20 checks: 2 error, 1 not observed``."""
    counts = report.summary
    sorts = [f"{counts[name]} {name.replace('_', ' ')}" for name in ("error", "warning", "info", "not_observed")]
    listed = ", ".join(text for text in sorts if not text.startswith("0 "))
    more = f"; {counts['suppressed']} suppressed" if counts["suppressed"] else ""
    number = len(report.findings)
    what = f"{number} finding{'' if number == 1 else 's'} in {counts['checks']} checks"
    return f"{what}: {listed}{more}" if listed else f"{what}{more}"


def table(report: Report) -> str:
    """The shown findings as text: one line for each root cause, with its fix, and the codes that follow from it."""
    roots = by_root(report.shown)
    lines = []
    for finding, caused in roots[:TABLE_ROOTS]:
        sort = finding.severity if finding.observed else "not observed"
        line = f"{finding.code} {sort}: {finding.object}: {finding.message} -> {finding.fix}"
        codes = ", ".join(sorted({one.code for one in caused}))
        lines.append(_one_line(f"{line} [causes {len(caused)} more: {codes}]" if caused else line))
    if len(roots) > TABLE_ROOTS:
        lines.append(f"and {len(roots) - TABLE_ROOTS} more, see findings in the result")
    return "\n".join(lines)


def as_data(report: Report) -> JsonObject:
    """The report as plain data; docs/findings.schema.json is its schema."""
    suppressed = [{**entry.finding.result(), "suppression": entry.suppression.result()} for entry in report.suppressed]
    return {
        "schema_version": SCHEMA_VERSION,
        "cluster": report.cluster,
        "cluster_uid": report.cluster_uid,
        "failed": bool(report.failing),
        "summary": report.summary,
        "findings": [finding.result() for finding in report.shown],
        "suppressed": suppressed,
        "checks": [link.result() for link in report.links],
    }


def as_json(report: Report) -> str:
    """The report as JSON text, in ASCII: any reader takes it."""
    return json.dumps(as_data(report), indent=2) + "\n"


def as_junit(report: Report) -> str:
    """The report as JUnit XML: a test case for each check; a failure makes the task fail, too.

    What was found below the threshold is ``system-out``, what is suppressed or follows from that is ``skipped``, what
    could not be observed is an ``error``.
    """
    failing = {finding.fingerprint for finding in report.failing}
    suppressed = {entry.finding.fingerprint: entry for entry in report.suppressed}
    suite = ET.Element("testsuite", name=_xml(f"promfleet {report.cluster}"))
    counts = dict.fromkeys(("failure", "error", "skipped"), 0)
    for link in report.links:
        case = ET.SubElement(suite, "testcase", classname=_xml(str(link.object)), name=_xml(link.check))
        finding = link.finding
        if finding is None:
            continue
        text = f"{finding.message}\n{finding.fix}\n{finding.entry.documentation}"
        if finding.fingerprint in suppressed:
            outcome = "skipped"
            text = suppressed[finding.fingerprint].suppression.reason
        elif finding.fingerprint not in failing:
            ET.SubElement(case, "system-out").text = _xml(f"{finding.code} {finding.severity}: {text}")
            continue
        else:
            outcome = "failure" if finding.observed else "error"
        counts[outcome] += 1
        told = ET.SubElement(case, outcome, type=finding.code, message=_xml(f"{finding.code}: {finding.message}"))
        told.text = _xml(text)
    suite.attrib |= {
        "tests": str(len(report.links)),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
    }
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def as_exposition(report: Report) -> str:
    """The report as Prometheus' text format, for a textfile collector: a series for each finding, and the counts."""
    lines = [
        "# HELP promfleet_finding A fault or a failed observation; root is false if it follows from another.",
        "# TYPE promfleet_finding gauge",
    ]
    for finding in report.shown:
        labels = {
            "code": finding.code,
            "severity": finding.severity,
            "observed": str(finding.observed).lower(),
            "root": str(not finding.caused_by).lower(),
            **finding.object.result(),
            "fingerprint": finding.fingerprint,
        }
        lines.append(f"promfleet_finding{_labels(labels)} 1")
    lines += [
        "# HELP promfleet_checks Checks of the last look at a cluster, by their result.",
        "# TYPE promfleet_checks gauge",
    ]
    counts = report.summary
    for result, number in (("ok", counts["ok"]), ("not_ok", counts["checks"] - counts["ok"])):
        lines.append(f"promfleet_checks{_labels({'cluster': report.cluster, 'result': result})} {number}")
    return "\n".join(lines) + "\n"


# The file of a report that can be read again.
FINDINGS_FILE = "findings.json"
# Names of the files in a folder of results.
FILES: dict[str, t.Callable[[Report], str]] = {
    FINDINGS_FILE: as_json,
    "findings.junit.xml": as_junit,
    "findings.prom": as_exposition,
}


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _xml(text: str) -> str:
    return _NOT_XML.sub(_REPLACEMENT, text)


def _labels(labels: t.Mapping[str, str]) -> str:
    escape = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
    pairs = (f'{name}="{_NOT_EXPOSITION.sub(_REPLACEMENT, value).translate(escape)}"' for name, value in labels.items())
    return "{" + ",".join(pairs) + "}"
