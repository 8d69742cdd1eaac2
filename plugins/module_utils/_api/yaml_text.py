# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing YAML texts that hold Kubernetes objects. Pure."""

from __future__ import annotations

import traceback
import typing as t

try:
    import yaml

    IMPORT_ERROR: str | None = None
    # What the parser raises, and what reading text that is no UTF-8 does.
    YAML_ERRORS: tuple[type[Exception], ...] = (yaml.YAMLError, ValueError)
except ImportError:
    IMPORT_ERROR = traceback.format_exc()
    YAML_ERRORS = (ValueError,)

JsonObject = dict[str, t.Any]


def parse(text: str) -> list[JsonObject]:
    """All documents of a YAML text, with PyYAML's fast loader where there is one.

    The AlertmanagerConfig CRD holds a bare ``=``, which YAML 1.1 reads as a type of its own and PyYAML refuses
    (yaml/pyyaml issue 89): here it is the string that was meant.
    """
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc, valid-type]  # the base is chosen at run time
        pass

    Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)
    return [document for document in yaml.load_all(text, Loader=Loader) if document]


def dump(objects: t.Iterable[JsonObject]) -> str:
    """Objects as one YAML text, one document each, keys sorted: the same objects give the same bytes."""
    base = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    class Dumper(base):  # type: ignore[misc, valid-type]  # the base is chosen at run time
        def ignore_aliases(self, _data: t.Any) -> bool:
            return True

    return str(yaml.dump_all(objects, Dumper=Dumper, explicit_start=True, sort_keys=True, allow_unicode=True))
