"""Runs the module awx in this process, with a dictionary that has some of everything."""

from __future__ import annotations

import functools
import typing as t
from pathlib import Path

import yaml

from tests.integration.support.awx import TOKEN, FakeAwx
from tests.integration.support.inprocess import run_module
from tests.integration.support.playbook import CHECKOUT

JsonObject = dict[str, t.Any]
NIGHTLY = "DTSTART:20260101T030000Z RRULE:FREQ=DAILY;INTERVAL=1"
KUBECONFIG = "apiVersion: v1\nkind: Config\nusers: [{name: a, user: {token: hidden-in-the-kubeconfig}}]\n"


@functools.cache
def variables() -> JsonObject:
    found: JsonObject = {}
    for path in CHECKOUT.glob("roles/*/meta/argument_specs.yml"):
        found |= yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["variables"]["options"]
    return found


def rows() -> list[JsonObject]:
    table: list[JsonObject] = yaml.safe_load((CHECKOUT / "roles/promfleet/files/awx_templates.yml").read_text())
    return table


class Keeper:
    """Runs the module with one dictionary."""

    def __init__(self, fake: FakeAwx, folder: Path) -> None:
        self.fake, self.folder = fake, folder
        (folder / "kubeconfig").write_text(KUBECONFIG)
        (folder / "token").write_text(TOKEN)
        (folder / "slack").write_text("hidden-token-of-slack")
        self.definition: JsonObject = {
            "controller": {"host": fake.url, "token_file": str(folder / "token")},
            "execution_environment": {"image": "registry.example.com/promfleet-ee:1"},
            "credentials": [{"name": "clusters", "kubeconfig_file": str(folder / "kubeconfig")}],
            "project": {"url": "https://git.example.com/fleet.git"},
            "teams": [{"name": "payments"}, {"name": "search", "awx_team": "Search people"}],
            "notifications": [
                {
                    "name": "chat", "type": "slack", "configuration": {"channels": ["#monitoring"]},
                    "secret_files": {"token": str(folder / "slack")},
                }
            ],
            "schedules": [
                {"name": "nightly", "template": "doctor", "rrule": NIGHTLY}
            ],
            "workflow": {"approvers": ["Platform"]},
        }  # fmt: skip

    def run(self, *, check: bool = False, **changes: t.Any) -> JsonObject:
        before = len(self.fake.requests)
        result = self.elsewhere(check=check, **changes)
        assert result["requests"] == len(self.fake.requests) - before
        return result

    def elsewhere(self, *, check: bool = False, **changes: t.Any) -> JsonObject:
        """The same with another AWX than the fake."""
        options: JsonObject = {
            "definition": {**self.definition, **changes.pop("definition", {})},
            "variables": variables(), "templates": rows(), "fleet": "default", "workers": 3,
            "teams": ["payments", "search"], **changes,
        }  # fmt: skip
        return run_module("awx", check=check, **options)

    def ok(self, **changes: t.Any) -> JsonObject:
        result = self.run(**changes)
        assert result["failure"] is None
        return result
