"""Runs ansible-playbook as a user would and returns everything that there is to judge: results, recap, output."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
CALLBACKS = CHECKOUT / "tests/integration/callbacks"
COLLECTION = "promfleet.monitoring"
# .venv-new is not built where the machine's Python allows no newer ansible-core; make venv says so.
ENVIRONMENTS = [
    path for path in (CHECKOUT / ".venv", CHECKOUT / ".venv-new") if (path / "bin/ansible-playbook").exists()
]

JsonObject = dict[str, t.Any]
Inventory = Mapping[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one task gave on one host."""

    status: str
    host: str
    task: str
    action: str
    data: JsonObject

    @property
    def changed(self) -> bool:
        return bool(self.data.get("changed"))

    @property
    def message(self) -> str:
        return str(self.data.get("msg") or "")

    @property
    def objects(self) -> list[str]:
        """The changed objects: `created Service ns/name`."""
        return [
            f"{entry['action']} {entry['kind']} " + "/".join(filter(None, (entry.get("namespace"), entry["name"])))
            for entry in self.data.get("objects") or ()
        ]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of ansible-playbook."""

    status: int
    output: str
    results: tuple[Result, ...]
    recap: Mapping[str, Mapping[str, int]]

    def require_success(self) -> Run:
        """Itself, where all went well."""
        assert self.status == 0, f"exit {self.status}\n{self.output}"
        return self

    def require_failure(self) -> Run:
        """Itself, where it ended with an error."""
        assert self.status != 0, f"exit 0, an error was expected\n{self.output}"
        return self

    def of(self, module: str, *, host: str | None = None) -> list[Result]:
        """The results of one of the collection's modules, those that ran."""
        return [
            result
            for result in self.results
            if result.action == f"{COLLECTION}.{module}" and result.status != "skipped" and host in (None, result.host)
        ]

    @property
    def failures(self) -> list[Result]:
        return [result for result in self.results if result.status == "failed"]

    def changed(self) -> dict[str, int]:
        """`changed` of each host in the recap."""
        return {host: counts["changed"] for host, counts in self.recap.items()}

    def objects(self, *, host: str | None = None) -> list[str]:
        """All changed objects of the run, with their action."""
        return [entry for result in self.results if host in (None, result.host) for entry in result.objects]

    @property
    def warnings(self) -> list[str]:
        """Every warning that Ansible printed."""
        return re.findall(r"^\[(?:DEPRECATION )?WARNING\].*$", self.output, re.MULTILINE)


def environment(prefix: Path, **extra: str) -> dict[str, str]:
    """A clean environment for the Ansible in the virtual environment *prefix*, with the collections made for it."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "K8S_AUTH_", "PYTEST_", "MOLECULE_"))
    }
    path = os.pathsep.join([str(prefix / "bin"), os.environ.get("PATH", os.defpath)])
    return {
        **inherited,
        "PATH": path,
        "ANSIBLE_COLLECTIONS_PATH": str(prefix / "collections"),
        # By default ~/.ansible_async: who writes there takes HOME for ~, who reads the account's own home.
        "ANSIBLE_ASYNC_DIR": str(prefix / "ansible-async"),
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        **extra,
    }


def run_playbook(
    playbook: str | Sequence[JsonObject],
    *,
    inventory: Inventory,
    folder: Path,
    arguments: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    prefix: Path = Path(sys.prefix),
    live: bool = False,
    watch: Callable[[str], None] | None = None,
) -> Run:
    """Runs a playbook of the collection (by name) or a list of plays; *folder* takes the files that this needs.

    *live* shows the output on the terminal while it comes, instead of keeping it; *watch* gets each line as it comes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # JSON is YAML; so nothing has to be quoted by hand.
    (folder / "inventory.yml").write_text(json.dumps(inventory), encoding="utf-8")
    if isinstance(playbook, str):
        target = f"{COLLECTION}.{playbook}"
    else:
        target = str(folder / "play.yml")
        Path(target).write_text(json.dumps(playbook), encoding="utf-8")
    record = folder / "record.jsonl"
    record.unlink(missing_ok=True)
    record.touch()
    variables = {
        "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
        "PROMFLEET_RECORD": str(record),
        **(env or {}),
    }
    command = ["ansible-playbook", "-i", str(folder / "inventory.yml"), target, *arguments]
    lines: list[str] = []
    with subprocess.Popen(
        [str(prefix / "bin" / command[0]), *command[1:]],
        env=environment(prefix, **variables),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=None if live else subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            if watch:
                watch(line)
    return _read(record, status=process.returncode, output=f"$ {' '.join(command)}\n{''.join(lines)}")


def _read(record: Path, *, status: int, output: str) -> Run:
    results: list[Result] = []
    recap: Mapping[str, Mapping[str, int]] = {}
    for line in record.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "recap" in entry:
            recap = entry["recap"]
        else:
            data = entry.pop("result")
            results.append(Result(data=data, **entry))
    return Run(status=status, output=output, results=tuple(results), recap=recap)
