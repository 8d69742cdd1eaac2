# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all parts of the model share: the dictionary, the inventory, the objects made so far, and names. Pure."""

from __future__ import annotations

import posixpath
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.objects import Desired, JsonObject, Key, key
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors

PATH = "promfleet_awx"
# The content of a file that the dictionary names; raises ValueError with the reason where it cannot be read.
ReadFile = t.Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What the inventory says, as far as AWX's objects are made of it.

    *variables* are the argument specs of all roles by variable; *given* are the variables that the inventory sets;
    *teams* are those that it describes, None where that is not known; *regions* are those of its groups.
    """

    name: str
    workers: int
    variables: t.Mapping[str, t.Mapping[str, t.Any]]
    given: frozenset[str] = frozenset()
    teams: frozenset[str] | None = None
    regions: frozenset[str] = frozenset()


def server_url_without_login(text: str) -> str | None:
    """Check the URL of a server whose credentials are given apart. The message does not repeat it: it may hold some."""
    try:
        parts = urlsplit(text)
        number = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must be a URL that begins with https:// or http://"
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        return "must not hold credentials or a query; give credentials in files"
    return None if number is None else grammar.port(number)


class Making:
    """A model while it is made: the checked dictionary *given*, the *rows* of templates, and the objects so far."""

    def __init__(
        self, *, given: JsonObject, rows: dict[str, JsonObject], fleet: Fleet, read: ReadFile, errors: Errors
    ) -> None:
        self.given, self.rows, self.fleet, self.read, self.errors = given, rows, fleet, read, errors
        self.prefix = given["name_prefix"]
        self.organization = key("organization", given["organization"])
        self.not_asked: dict[str, str] = {}
        self.objects: dict[Key, Desired] = {}
        self.project = key("project", self.prefix)
        self.environment = key("execution_environment", self.prefix)
        self.inventory = key("inventory", self.prefix)
        self.settings = {entry["name"]: entry for entry in given["templates"]}
        self.of_regions = {name for region in given["regions"] for name in region["credentials"] or ()}

    def name(self, text: str) -> str:
        """The name of an object in AWX."""
        return f"{self.prefix}: {text}"

    def add(self, desired: Desired) -> Key:
        """Note an object, once, and return its key."""
        if desired.key in self.objects and desired != self.objects[desired.key]:
            self.errors.add(f"{PATH}.name_prefix", f"two objects would be called {desired.key}; give one another name")
        self.objects.setdefault(desired.key, desired)
        return desired.key

    def existing(self, kind: str, name: str, *, place: str) -> Key:
        """Note an object that must exist in AWX and is not written; the dictionary names it at *place*."""
        return self.add(Desired(key=key(kind, name), is_given=True, place=place))

    def setting(self, row: str, option: str, *, default: t.Any = None) -> t.Any:
        """What the dictionary says of a template, else the default."""
        found = self.settings.get(row, {}).get(option)
        return default if found is None else found

    def content(self, path: str | None, *, place: str) -> str:
        """The content of a file that the dictionary names at *place*; what is wrong with it is noted."""
        if not path:
            return ""
        try:
            content = self.read(path)
        except ValueError as error:
            self.errors.add(place, str(error))
            return ""
        if not content.strip():
            self.errors.add(place, f"{path} is empty")
        return content

    def credential(self, entry: JsonObject) -> Key:
        """The key of a credential."""
        return key("credential", entry["name"] if entry["existing"] else self.name(entry["name"]))

    def told(self, row: str, event: str) -> tuple[Key, ...]:
        """The notifications about an event of a template, or of the workflow."""
        return tuple(
            sorted(
                key("notification_template", self.name(entry["name"]))
                for entry in self.given["notifications"]
                if event in entry["events"] and (entry["templates"] is None or row in entry["templates"])
            )
        )

    def playbook(self, row: JsonObject) -> str:
        """The path of a row's playbook in the repository."""
        return posixpath.join(self.given["project"]["playbooks"], f"{row['playbook']}.yml").lstrip("/")

    def awx_team(self, name: str) -> Key:
        """A team in AWX, which is created if it does not exist."""
        return self.add(Desired(key=key("team", name), fields={"organization": self.organization}))
