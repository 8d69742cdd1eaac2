"""Writes every task result and the recap of a run to a file, one JSON object a line: what the tests look at."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: notification
short_description: Record task results for the integration tests
description:
  - Writes results as callbacks get them, so with secrets already removed.
"""


class CallbackModule(CallbackBase):
    """Records results."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "record"

    def _write(self, entry: dict[str, t.Any]) -> None:
        with open(os.environ["PROMFLEET_RECORD"], "a", encoding="utf-8") as file:  # noqa: PTH123 - runs inside Ansible
            file.write(json.dumps(entry, default=str) + "\n")

    def _result(self, status: str, result: t.Any) -> None:
        data = dict(result.result)
        self._write(
            {
                "status": status,
                "host": result.host.get_name(),
                "task": result.task_name,
                "action": result.task.resolved_action or result.task.action,
                "result": data,
            }
        )

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._result("ok", result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:  # noqa: FBT002 - the interface
        self._result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._result("unreachable", result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._result("skipped", result)

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        hosts = sorted(stats.processed)
        self._write({"recap": {host: stats.summarize(host) for host in hosts}})
