# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the files of rules that teams name, on the control host and literally: templates in them are Prometheus'."""

from __future__ import annotations

import glob
import typing as t
from pathlib import Path

from ansible.parsing.dataloader import DataLoader

JsonObject = dict[str, t.Any]


def contents(
    options: t.Mapping[str, t.Any], *, loader: DataLoader, variables: t.Mapping[str, t.Any]
) -> dict[str, JsonObject]:
    """What the files are that *options* (teams and platform) name, by the path as it is written there.

    Each has ``files``, with ``file`` and ``text``, and ``searched``, the folders in which they were looked for. A path
    may have wildcards. One that is not absolute is looked for in the folder of the inventory, in the folder ``files``
    beside the playbook, beside it, and where Ansible was started; the first folder that has any counts.
    """
    return {pattern: _found(pattern, loader=loader, variables=variables) for pattern in sorted(_patterns(options))}


def _patterns(options: t.Mapping[str, t.Any]) -> set[str]:
    teams = options.get("teams")
    owners = [options.get("platform"), *(teams if isinstance(teams, (list, tuple)) else ())]
    entries = [
        entry
        for owner in owners
        if isinstance(owner, t.Mapping) and isinstance(owner.get("rules_files"), (list, tuple))
        for entry in owner["rules_files"]
    ]
    # What is wrong with them the check of the input says.
    return {str(entry["path"]) for entry in entries if isinstance(entry, t.Mapping) and entry.get("path")}


def _found(pattern: str, *, loader: DataLoader, variables: t.Mapping[str, t.Any]) -> JsonObject:
    path = Path(pattern).expanduser()
    folders = ["/"] if path.is_absolute() else _folders(variables)
    for folder in folders:
        files = [file for file in sorted(glob.glob(str(Path(folder) / path), recursive=True)) if Path(file).is_file()]  # noqa: PTH207 - a pattern, not a folder
        if files:
            return {"files": [{"file": file, "text": _text(file, loader)} for file in files], "searched": folders}
    return {"files": [], "searched": folders}


def _folders(variables: t.Mapping[str, t.Any]) -> list[str]:
    playbook = variables.get("playbook_dir")
    beside = [str(Path(str(playbook)) / "files"), str(playbook)] if playbook else []
    inventory = variables.get("inventory_dir")
    folders = [*([str(inventory)] if inventory else []), *beside, str(Path.cwd())]
    return list(dict.fromkeys(folders))


def _text(file: str, loader: DataLoader) -> str:
    """The text of a file, which may be encrypted with vault."""
    readable = loader.get_real_file(file)
    try:
        return Path(readable).read_text(encoding="utf-8", errors="replace")
    finally:
        if readable != file:
            loader.cleanup_tmp_file(readable)
