# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module awx does: the plan for AWX, carried out or only shown."""

from __future__ import annotations

import functools
import json
import os
import ssl
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import Unreadable, parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import apply, model, plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import read as reading
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.client import Awx, AwxError, Login
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.making import (
    PATH,
    Fleet,
    ReadFile,
    server_url_without_login,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_private
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, Room
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

JsonObject = dict[str, t.Any]

OPTIONS: JsonObject = {
    "definition": {"type": "dict", "required": True},
    "variables": {"type": "dict", "required": True},
    "templates": {"type": "list", "elements": "dict", "required": True},
    "fleet": {"type": "str", "required": True},
    "workers": {"type": "int", "required": True},
    "given": {"type": "list", "elements": "str", "default": []},
    "teams": {"type": "list", "elements": "str"},
    "regions": {"type": "list", "elements": "str", "default": []},
    "folder": {"type": "path"},
}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
# What AWX puts into the environment of a job with a credential for AWX itself.
ENVIRONMENT = {
    "host": "CONTROLLER_HOST",
    "token": "CONTROLLER_OAUTH_TOKEN",
    "username": "CONTROLLER_USERNAME",
    "password": "CONTROLLER_PASSWORD",
}


def login(
    given: JsonObject, *, read: ReadFile, folder: str | None, environ: t.Mapping[str, str], errors: Errors
) -> Login | None:
    """Where AWX is, from *given*, the checked ``controller``; None where that is not known, which is noted."""
    found = {name: environ.get(variable, "") for name, variable in ENVIRONMENT.items() if given["use_environment"]}
    found.update({name: given[name] for name in ("host", "username") if given[name]})
    for name in ("token", "password"):
        if given[f"{name}_file"]:
            found[name] = errors.attempt(lambda: _secret(given, name, read)) or ""  # noqa: B023 - called at once
    place = f"{PATH}.controller"
    if not found.get("host"):
        errors.add(f"{place}.host", "is required, or use_environment with CONTROLLER_HOST")
    else:
        require(server_url_without_login, found["host"], path=f"{place}.host", errors=errors)
    if errors.is_good(place) and not found.get("token") and not (found.get("username") and found.get("password")):
        errors.add(place, "needs token_file, or username and password_file, or use_environment")
    for name in ("token", "password"):
        if found.get(name) and not (found[name].isascii() and found[name].isprintable()):
            errors.add(f"{place}.{name}_file", f"must hold the {name} alone, in one line")
    authority = str(place_of(given["ca_file"], folder=folder)) if given["ca_file"] else None
    if authority:
        _trusted(authority, place=f"{place}.ca_file", errors=errors)
    if given["timeout"] < 1:
        errors.add(f"{place}.timeout", f"must be 1 or more, found {given['timeout']}")
    if not errors.is_good(place):
        return None
    return Login(
        host=found["host"],
        token=found.get("token", ""),
        username=found.get("username", ""),
        password=found.get("password", ""),
        api_path="/" + given["api_path"].strip("/"),
        validate_certs=given["validate_certs"],
        timeout=given["timeout"],
        ca_file=authority,
    )


def _secret(given: JsonObject, name: str, read: ReadFile) -> str:
    try:
        return read(given[f"{name}_file"]).strip()
    except ValueError as error:
        raise InputError(f"{PATH}.controller.{name}_file", str(error)) from error


def _trusted(path: str, *, place: str, errors: Errors) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        errors.add(place, f"{path} holds no certificates in PEM")
    except OSError as error:
        errors.add(place, f"{path} cannot be read: {error.strerror or error}")


def place_of(path: str, *, folder: str | None) -> Path:
    """The place of a file that the input names, seen from *folder*."""
    return Path(folder or ".") / Path(path).expanduser()


def read_file(path: str, *, folder: str | None) -> str:
    """The text of a file that the input names; raises ValueError with the reason where it cannot be read."""
    try:
        return place_of(path, folder=folder).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8") from error
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error


def read_text(text: str) -> t.Any:
    """Variables that AWX keeps as text; raises ValueError for what is neither JSON nor YAML."""
    try:
        documents = parse(text)
    except Unreadable as error:
        raise ValueError(str(error)) from error
    return documents[0] if documents else {}


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    spec = (params["variables"].get(PATH) or {}).get("options")
    if not spec:
        raise InputError("variables", f"must have the argument specification of {PATH}, as those of all roles have")
    fleet = Fleet(
        name=params["fleet"],
        workers=params["workers"],
        variables=params["variables"],
        given=frozenset(params["given"]),
        teams=None if params["teams"] is None else frozenset(params["teams"]),
        regions=frozenset(params["regions"]),
    )
    read = functools.partial(read_file, folder=params["folder"])
    with Collecting(None) as errors:
        made = model.make(
            params["definition"], spec=spec, rows=params["templates"], fleet=fleet, read=read, errors=errors
        )
        where = login(made.given["controller"], read=read, folder=params["folder"], environ=os.environ, errors=errors)
    reached = t.cast("Login", where)
    warnings = (
        []
        if _is_private(reached.host)
        else [f"{PATH}.controller.host: {reached.host} is not https, so that others can read the token and the secrets"]
    )
    try:
        awx = Awx(reached)
    except AwxError as error:
        return {"requests": 0, "failure": str(error)}
    try:
        return {**_with(awx, made, run=run), "warnings": warnings}
    except AwxError as error:
        return {"requests": len(awx.requests), "failure": str(error), "warnings": warnings}


def _is_private(host: str) -> bool:
    """Whether what is sent there cannot be read on the way."""
    address = urlsplit(host)
    return address.scheme == "https" or (address.hostname or "") in LOOPBACK


def _with(awx: Awx, made: model.Model, *, run: Run) -> JsonObject:
    fleet, given = run.params["fleet"], made.given
    desired = made.objects if given["state"] == "present" else ()
    live = reading.read(awx, desired, fleet=fleet)
    with Collecting(None) as errors:
        planned = plan.make(desired, live, fleet=fleet, adopt=given["adopt"], read_text=read_text, errors=errors)
    files = _files(made, folder=run.params["folder"], check=run.check) if given["state"] == "present" else []
    if run.check:
        return _result(awx, made, planned, list(planned.changes), files=files, failures=[], kept_back=[])
    done = apply.apply(awx, planned, live, fleet=fleet)
    return _result(awx, made, planned, done.changes, files=files, failures=done.failures, kept_back=done.kept_back)


def _result(
    awx: Awx,
    made: model.Model,
    planned: plan.Plan,
    changes: list[plan.Change],
    *,
    files: list[str],
    failures: list[str],
    kept_back: list[str],
) -> JsonObject:
    room = Room(RESULT_BYTES)
    changes = sorted(changes, key=lambda change: change.key)
    objects = room.take(change.result() for change in changes)
    left_out = len(changes) - len(objects)
    counts = {action: sum(change.action == action for change in changes) for action in plan.ACTIONS}
    return {
        "changed": bool(changes or files),
        "counts": {**counts, "unchanged": planned.unchanged},
        "objects": objects,
        **({"truncated": left_out} if left_out else {}),
        "files": files,
        "not_asked": dict(made.not_asked),
        "requests": len(awx.requests),
        "diff": lambda: room.take((_diff(change) for change in changes), printed=True),
        "failure": _failure(failures, kept_back),
    }


def _failure(failures: list[str], kept_back: list[str]) -> str | None:
    if not failures:
        return None
    text = first_of(failures, separator="; ")
    return f"{text}; not written, because they need it: {first_of(kept_back, most=5)}" if kept_back else text


def _diff(change: plan.Change) -> JsonObject:
    header = f"{change.key} ({change.action})"
    before = {one.name: one.before for one in change.fields if one.before is not None}
    after = {one.name: one.after for one in change.fields if one.after is not None}
    return {
        "before_header": header,
        "after_header": header,
        "before": _lines(before) or ("present\n" if change.action == plan.DELETED else ""),
        "after": _lines(after),
    }


def _lines(values: JsonObject) -> str:
    return json.dumps(values, indent=2, sort_keys=True) + "\n" if values else ""


def _files(made: model.Model, *, folder: str | None, check: bool) -> list[str]:
    """Write the files that the repository needs into its checkout, and return the paths of those that differ.

    A file that exists is left as it is: people may have written more into it.
    """
    checkout = made.given["project"]["checkout"]
    if not checkout:
        return []
    root = place_of(checkout, folder=folder)
    if not root.is_dir():
        raise InputError(f"{PATH}.project.checkout", f"{checkout} is not a folder")
    missing = [path for path in sorted(made.files) if not (root / path).exists()]
    for path in missing if not check else ():
        write_private(root / path, made.files[path])
        (root / path).chmod(0o644)
    return missing


DEFINITION = Definition(name="awx", options=OPTIONS, work=work, needs_cluster=False)
