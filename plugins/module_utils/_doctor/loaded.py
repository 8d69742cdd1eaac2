# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration that a Prometheus runs with, as ``/api/v1/status/config`` shows it. Pure.

A configuration can have a megabyte, of which a few jobs matter here: only their blocks are parsed. Prometheus writes
its configuration itself, so the blocks always begin alike; and it hides secrets.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar

JsonObject = dict[str, t.Any]

_JOBS = re.compile(r"^scrape_configs:\n(.*?)(?=^\w|\Z)", re.MULTILINE | re.DOTALL)
_JOB = re.compile(r"^- job_name: (.*?)\n(.*?)(?=^- job_name: |\Z)", re.MULTILINE | re.DOTALL)
_GLOBAL = re.compile(r"^global:\n(.*?)(?=^\w|\Z)", re.MULTILINE | re.DOTALL)


def loaded_jobs(text: str, *, wanted: t.Callable[[str], bool]) -> dict[str, JsonObject]:
    """The scrape configurations of a configuration by their names, of those that are *wanted*."""
    section = _JOBS.search(text)
    jobs = {}
    for name, block in _JOB.findall(section[1]) if section else ():
        plain = str(_read(name))
        if wanted(plain):
            jobs[plain] = _read(block) or {}
    return jobs


def external_labels(text: str) -> dict[str, str]:
    """The labels that this Prometheus adds to all that leaves it."""
    section = _GLOBAL.search(text)
    values = (_read(section[0]) or {}).get("global") if section else {}
    return {str(name): str(value) for name, value in ((values or {}).get("external_labels") or {}).items()}


def job_names(monitor: JsonObject) -> list[tuple[str, JsonObject]]:
    """The jobs that the operator makes of a ServiceMonitor or ScrapeConfig, each with what describes it.

    pkg/prometheus/promcfg.go of the operator names them so.
    """
    place = f"{monitor['metadata']['namespace']}/{monitor['metadata']['name']}"
    if monitor["kind"] == "ScrapeConfig":
        return [(f"scrapeConfig/{place}", monitor["spec"])]
    return [
        (f"serviceMonitor/{place}/{number}", endpoint) for number, endpoint in enumerate(monitor["spec"]["endpoints"])
    ]


def loaded_drift(wanted: JsonObject, job: JsonObject) -> tuple[str, ...]:
    """What a loaded job has other than the endpoint or ScrapeConfig *wanted* describes."""
    interval = wanted.get("interval") or wanted.get("scrapeInterval")
    timeout = wanted.get("scrapeTimeout")
    pairs: list[tuple[str, object, object]] = [
        ("honor_labels", bool(wanted.get("honorLabels")), bool(job.get("honor_labels"))),
        ("honor_timestamps", wanted.get("honorTimestamps", True), job.get("honor_timestamps", True)),
        ("metrics_path", wanted.get("path") or wanted.get("metricsPath"), job.get("metrics_path", "/metrics")),
        ("params", wanted.get("params") or {}, job.get("params") or {}),
        ("scheme", str(wanted.get("scheme", "http")).lower(), job.get("scheme", "http")),
        ("scrape_interval", _length(interval), _length(job.get("scrape_interval"))),
        ("scrape_timeout", _length(timeout), _length(job.get("scrape_timeout"))),
    ]
    return tuple(f"{name} is {has!r}, not {want!r}" for name, want, has in pairs if want is not None and want != has)


def _length(text: object) -> object:
    """A duration as a number, so that 60s is 1m."""
    found = grammar.milliseconds(str(text)) if text is not None else None
    return None if found is None else f"{found / 1000:g}s"


def _read(text: str) -> t.Any:
    """The one document of a YAML text, None if it has none."""
    return next(iter(parse(text)), None)
