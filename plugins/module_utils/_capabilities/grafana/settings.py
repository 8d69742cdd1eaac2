# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The configuration of a Grafana of our own: grafana.ini, of what is always so and of what users set. Pure.

Its text is in a ConfigMap, which many may read. So a secret value in it is refused, and references are allowed, which
Grafana itself fills in: to an environment variable, ``$__env{NAME}``, and to a file, ``$__file{PATH}``.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import names_a_secret, secret_values

Settings = dict[str, dict[str, str]]

PORT = 3000
# What cannot be set otherwise: each visitor is known, no visitor makes an account, and nothing is sent to grafana.com
# (conf/defaults.ini of Grafana).
FIXED: t.Mapping[str, t.Mapping[str, str]] = {
    "analytics": {
        "check_for_plugin_updates": "false",
        "check_for_updates": "false",
        "feedback_links_enabled": "false",
        "reporting_enabled": "false",
    },
    "auth.anonymous": {"enabled": "false"},
    "server": {"http_port": str(PORT), "protocol": "http"},
    "users": {"allow_sign_up": "false"},
}
# The same, as long as users set nothing else.
DEFAULTS: t.Mapping[str, t.Mapping[str, str]] = {
    "news": {"news_feed_enabled": "false"},
    "plugins": {
        "plugin_admin_enabled": "false",
        "preinstall_disabled": "true",
        "public_key_retrieval_disabled": "true",
    },
    "security": {"disable_gravatar": "true"},
    "snapshots": {"external_enabled": "false"},
}
# What other options say, or the Deployment.
_ELSEWHERE: t.Mapping[tuple[str, str], str] = {
    ("security", "admin_password"): "admin",
    ("security", "admin_user"): "admin",
    ("server", "root_url"): "root_url",
}
_MOUNTED = "paths"
_SECTION = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_KEY = re.compile(r"[A-Za-z0-9_.-]+")
_REFERENCE = re.compile(r"\$__(?:env|file)\{[^{}]+\}")
# Both forms are filled in from the environment (pkg/setting/expanders.go of Grafana).
_ENV = re.compile(r"\$(?:__env)?\{([^{}]*)\}")
# Every container has it.
_ALWAYS = frozenset({"HOSTNAME"})
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Variables with this beginning are settings too, and count more than those of the file.
_OF_GRAFANA = "GF_"

ENV_SECRETS_OPTION: dict[str, t.Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "no_log": False,
    "options": {
        "name": {"type": "str", "required": True},
        "secret": {"type": "str", "required": True, "no_log": False},
        "key": {"type": "str", "required": True, "no_log": False},
    },
}


@dataclass(frozen=True, kw_only=True, order=True)
class EnvSecret:
    """An environment variable whose value is a key of a Secret beside the Grafana."""

    name: str
    secret: str
    key: str


def parse_env_secrets(items: t.Sequence[Values], *, path: str, errors: Errors) -> tuple[EnvSecret, ...]:
    """The variables of validated *items* (ENV_SECRETS_OPTION), sorted.

    Messages do not repeat what was given as a name of a Secret or key: it can be the secret itself, by mistake.
    """
    found: dict[str, str] = {}
    for number, values in enumerate(items):
        place, name = f"{path}[{number}]", values["name"]
        if not _NAME.fullmatch(name):
            errors.add(f"{place}.name", f"{name!r} is not the name of an environment variable")
        elif name.startswith(_OF_GRAFANA):
            errors.add(
                f"{place}.name",
                f"{name!r} would be a setting, which counts more than all others; give it another name, and write "
                "$__env{NAME} in settings",
            )
        elif name in found:
            errors.add(f"{place}.name", f"{name!r} is in the list already, as ", Place(found[name]))
        found.setdefault(name, place)
        if grammar.dns_subdomain(values["secret"]) is not None:
            errors.add(f"{place}.secret", "must be the name of a Secret in the namespace of the Grafana")
        if grammar.data_key(values["key"]) is not None:
            errors.add(f"{place}.key", "must be the name of a key in the Secret, of letters, digits, '-', '_' and '.'")
    return tuple(sorted(EnvSecret(**{name: values[name] for name in ("name", "secret", "key")}) for values in items))


def parse_settings(
    raw: t.Mapping[str, t.Any], *, names: t.Collection[str], path: str, errors: Errors
) -> t.Mapping[str, t.Mapping[str, str]]:
    """Sections of grafana.ini from a mapping of mappings; *names* are those of environment variables from Secrets."""
    found: Settings = {}
    for section in sorted(raw, key=str):
        place, values = f"{path}.{section}", raw[section]
        if not _SECTION.fullmatch(str(section)):
            errors.add(place, f"{section!r} is not the name of a section of grafana.ini")
        elif section == _MOUNTED:
            errors.add(place, "cannot be given: what the pod mounts decides it")
        elif not isinstance(values, t.Mapping):
            errors.add(place, "must be a mapping, the keys of a section of grafana.ini with their values")
        else:
            for key in sorted(values, key=str):
                text = _value(str(section), str(key), values[key], names=names, path=f"{place}.{key}", errors=errors)
                found.setdefault(str(section), {})[str(key)] = text
    return found


def _value(section: str, key: str, value: object, *, names: t.Collection[str], path: str, errors: Errors) -> str:
    """One value as text; what is wrong with it is noted, without the value where that can be a secret."""
    if not _KEY.fullmatch(key):
        errors.add(path, f"{key!r} is not a key of grafana.ini")
    if (section, key) in _ELSEWHERE:
        errors.add(path, f"is what the option {_ELSEWHERE[section, key]} says")
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, (str, int, float)):
        text = str(value)
    else:
        errors.add(path, "must be text, a number, true or false")
        return ""
    fixed = FIXED.get(section, {}).get(key)
    if fixed is not None and text.strip().lower() != fixed:
        errors.add(path, f"cannot be set: it is {fixed} in every Grafana of this collection")
    if any(ord(one) < 32 or ord(one) == 127 for one in text) or '"""' in text:
        errors.add(path, 'must be one line of text without """')
    without = _REFERENCE.sub("", text)
    if text.lower() not in ("true", "false", "") and (
        (names_a_secret(key) and without) or any(secret_values({"kind": "", section: {key: without}}))
    ):
        errors.add(
            path,
            "is a secret, and grafana.ini is in a ConfigMap: write $__env{NAME}, and in env_secrets the Secret that "
            "the variable comes from",
        )
    for name in _ENV.findall(text):
        if name not in names and name not in _ALWAYS:
            errors.add(path, f"the environment variable {name!r} is not in env_secrets")
    return text


def ini_of(settings: t.Mapping[str, t.Mapping[str, str]], *, root_url: str) -> str:
    """grafana.ini of parsed *settings* with all that is always so; the same bytes for the same settings."""
    own = {"server": {"root_url": root_url}} if root_url else {}
    found: Settings = {}
    for layer in (DEFAULTS, settings, FIXED, own):
        for section, values in layer.items():
            found.setdefault(section, {}).update(values)
    lines: list[str] = []
    for section in sorted(found):
        lines.append(f"[{section}]")
        lines += [f"{key} = {_quoted(text)}".rstrip() for key, text in sorted(found[section].items())]
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def _quoted(text: str) -> str:
    """A value as go-ini reads it again: a comment could begin in it, or it could lose its quotes or spaces."""
    return f'"""{text}"""' if text != text.strip() or re.search(r"[#;`'\"\\]", text) else text
