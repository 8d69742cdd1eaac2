"""A fleet in AWX, as far as that can be had without one: what the collection keeps there, and jobs as AWX runs them.

The module awx writes job templates, credentials and surveys into the fake AWX, and the playbooks into a project. A
launch goes through AWX's own rules, and what they leave of it is run by ansible-runner: the template's playbook of the
project, its variables and the answers, its credentials as their types inject them, and the inventory as AWX has it.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml

from tests.integration.support.awx import TOKEN, FakeAwx
from tests.integration.support.awx_job import EVENT_BYTES, Job, run_job
from tests.integration.support.awx_keeper import rows, variables
from tests.integration.support.inprocess import run_module
from tests.integration.support.playbook import environment

JsonObject = dict[str, t.Any]
CREDENTIAL = "clusters"


class AwxFleet:
    """The jobs of one fleet; *folder* must be one that other users may look into."""

    def __init__(
        self, fake: FakeAwx, *, inventory: JsonObject, kubeconfig: Path, folder: Path, **definition: t.Any
    ) -> None:
        self.fake, self._folder, self._kubeconfig = fake, folder, kubeconfig
        self._numbers = itertools.count(1)
        self.project = folder / "project"
        self.project.mkdir()
        (self.project / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        (folder / "token").write_text(TOKEN, encoding="utf-8")
        given = inventory["all"]["vars"]
        self._options: JsonObject = {
            "definition": {
                "controller": {"host": fake.url, "token_file": str(folder / "token")},
                "execution_environment": {"image": "registry.example.com/promfleet-ee:1"},
                "credentials": [{"name": CREDENTIAL, "kubeconfig_file": str(kubeconfig)}],
                "project": {"url": "https://git.example.com/fleet.git", "checkout": str(self.project)},
                **definition,
            },
            "variables": variables(),
            "templates": rows(),
            "fleet": given.get("promfleet_fleet", "default"),
            "workers": len(inventory["all"]["children"]["promfleet_workers"]["hosts"]),
            "given": sorted(set(given) & set(variables())),
            "teams": [team["name"] for team in given["team_monitoring_teams"]],
        }
        kept = self.keep()
        assert kept["failure"] is None
        self._inventory = self._imported()

    def keep(self) -> JsonObject:
        """Bring AWX to what the dictionary says; what the module returns."""
        return run_module("awx", **self._options)

    def _imported(self) -> JsonObject:
        """The inventory as AWX has it after the sync of its source, which takes variables as they are written."""
        command = [str(Path(sys.prefix) / "bin/ansible-inventory"), "-i", "inventory.yml", "--list", "--export"]
        done = subprocess.run(
            command, cwd=self.project, env=environment(Path(sys.prefix)), capture_output=True, text=True, check=True
        )
        found: JsonObject = json.loads(done.stdout)
        return found

    def refused(self, name: str, answers: JsonObject) -> str:
        """What AWX says to a launch that it does not start."""
        status, answer = self._post(name, {"extra_vars": answers})
        assert status == 400, answer
        return json.dumps(answer)

    def launch(self, name: str, answers: JsonObject | None = None, *, part: int = 0, **more: t.Any) -> Job:
        """Start a template with the *answers* to its survey, and with what *more* a launch sends; what became of it.

        *part* is the number of one of two slices, each of which gets a part of the hosts.
        """
        title = f"Monitoring: {name}"
        status, answer = self._post(title, {"extra_vars": answers or {}, **more})
        assert status == 201, answer
        launched = self.fake.launched[-1]
        template = self.fake.named("job_templates", title)
        fixed = {one: value for one, value in launched["extra_vars"].items() if one not in launched["answers"]}
        arguments = [
            *(["--check"] if template["job_type"] == "check" else []),
            *(["--diff"] if template["diff_mode"] else []),
            *(["--limit", launched["limit"]] if launched["limit"] else []),
        ]
        folder = self._folder / f"job-{next(self._numbers)}"
        folder.mkdir()
        job = run_job(
            template["playbook"], folder=folder, project=self.project, inventory=self._slice(part),
            fixed=fixed, answers=launched["answers"], files=self._credentials(template["id"]),
            arguments=" ".join(arguments),
            # So that short waits show it, too.
            env={"PROMFLEET_PROGRESS_SECONDS": "0.5"},
        )  # fmt: skip
        assert job.largest < EVENT_BYTES
        for secret in self._secrets():
            assert secret not in job.text
        return job

    def _post(self, title: str, data: JsonObject) -> tuple[int, JsonObject]:
        identity = self.fake.named("job_templates", title)["id"]
        path = f"/api/v2/job_templates/{identity}/launch/"
        status, answer, _retry = self.fake.handle("POST", path, json.dumps(data).encode(), f"Bearer {TOKEN}")
        return status, answer

    def _credentials(self, template: int) -> dict[str, str]:
        """The files of a template's credentials, by the variables that their injectors put them into."""
        files: dict[str, str] = {}
        for identity in self.fake.links.get(("job_templates", template, "credentials"), []):
            credential = self.fake.objects["credentials"][identity]
            injectors = self.fake.objects["credential_types"][credential["credential_type"]]["injectors"]
            for variable, path in injectors["extra_vars"].items():
                # AWX's names for the file of one injector, and for the input that is its content.
                label = path.strip("{} ").removeprefix("tower.filename.")
                content = injectors["file"][f"template.{label}"].strip("{} ")
                files[variable] = credential["inputs"][content]
        return files

    def _slice(self, part: int) -> JsonObject:
        """The inventory, or what one of two slices gets of it: every second host."""
        if not part:
            return self._inventory
        hosts = sorted({host for group in self._inventory.values() for host in group.get("hosts", ())})[part - 1 :: 2]
        return {
            name: {**group, "hosts": [host for host in group["hosts"] if host in hosts]} if "hosts" in group else group
            for name, group in self._inventory.items()
        }

    def _secrets(self) -> list[str]:
        """What no event may hold: every token and key of the kubeconfig, and the token for AWX."""
        users = yaml.safe_load(self._kubeconfig.read_text(encoding="utf-8"))["users"]
        values = [
            value for user in users for name, value in user["user"].items() if name in ("token", "client-key-data")
        ]
        assert values
        return [*values, TOKEN]
