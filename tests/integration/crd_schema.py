"""Custom resources against the OpenAPI schemas of the operator's CRDs, as strictly as server-side apply does.

Run it with a directory of CRD files (``example/prometheus-operator-crd`` of an operator release)::

    python tests/integration/crd_schema.py DIRECTORY < objects.json
"""

from __future__ import annotations

import json
import re
import sys
import typing as t
from pathlib import Path

import yaml

JsonObject = dict[str, t.Any]
Schema = t.Mapping[str, t.Any]


class _Loader(yaml.SafeLoader):
    """YAML 1.1 has a type for a bare ``=``, which the CRDs mean as text."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _loader, node: node.value)


def load_schemas(directory: Path) -> dict[tuple[str, str], Schema]:
    """The schemas of all served versions, by apiVersion and kind."""
    schemas: dict[tuple[str, str], Schema] = {}
    for path in sorted(directory.glob("*.yaml")):
        crd = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
        spec = crd["spec"]
        for version in spec["versions"]:
            if version["served"]:
                key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                schemas[key] = version["schema"]["openAPIV3Schema"]
    return schemas


def check_objects(objects: t.Iterable[JsonObject], directory: Path) -> list[str]:
    """What the API server would refuse, and what it would add inside lists that it replaces as a whole.

    Kinds without a CRD in *directory* are passed over. Rules in CEL (x-kubernetes-validations) are not evaluated.
    """
    schemas = load_schemas(directory)
    problems: list[str] = []
    for obj in objects:
        schema = schemas.get((obj["apiVersion"], obj["kind"]))
        if schema is not None:
            where = f"{obj['kind']} {obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"
            body = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind", "metadata")}
            rest = {"type": "object", "properties": schema["properties"], "required": schema.get("required", [])}
            problems += [f"{where}: {problem}" for problem in _check(body, rest, path="", atomic=False)]
    return problems


def _check(value: t.Any, schema: Schema, *, path: str, atomic: bool) -> t.Iterator[str]:
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        kind = "integer" if isinstance(value, int) else "string"
    if kind is not None and not _has_type(value, kind):
        yield f"{path}: {value!r} is no {kind}"
    elif kind == "object":
        yield from _check_object(value, schema, path=path, atomic=atomic)
    elif kind == "array":
        yield from _check_array(value, schema, path=path)
    elif kind == "string":
        yield from _check_text(value, schema, path=path)
    elif kind in ("integer", "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path}: {value} is out of range"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"


def _has_type(value: t.Any, kind: str) -> bool:
    shapes: dict[str, tuple[type, ...]] = {
        "object": (dict,),
        "array": (list,),
        "string": (str,),
        "boolean": (bool,),
        "integer": (int,),
        "number": (int, float),
    }
    return isinstance(value, shapes[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _check_object(value: JsonObject, schema: Schema, *, path: str, atomic: bool) -> t.Iterator[str]:
    properties = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value and "default" not in properties.get(name, {}):
            yield f"{path}.{name}: is required"
    for name, sub in properties.items():
        if atomic and name not in value and "default" in sub:
            yield f"{path}.{name}: would be defaulted to {sub['default']!r} inside an atomic list"
    for name, item in value.items():
        if name in properties:
            yield from _check(item, properties[name], path=f"{path}.{name}", atomic=atomic)
        elif isinstance(extra, dict):
            yield from _check(item, extra, path=f"{path}.{name}", atomic=atomic)
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name}: field not declared in schema"


def _check_array(value: list[t.Any], schema: Schema, *, path: str) -> t.Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{path}: has {len(value)} items"
    form = schema.get("x-kubernetes-list-type", "atomic")
    keys = schema.get("x-kubernetes-list-map-keys", ())
    identities = [json.dumps([item.get(key) for key in keys] if form == "map" else item) for item in value]
    if form in ("map", "set") and len(set(identities)) != len(identities):
        yield f"{path}: has an item twice"
    for index, item in enumerate(value):
        yield from _check(item, schema["items"], path=f"{path}[{index}]", atomic=form == "atomic")


def _check_text(value: str, schema: Schema, *, path: str) -> t.Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{path}: {value!r} has {len(value)} characters"
    pattern = schema.get("pattern")
    # Go takes flags in the middle of an expression; Python wants them in front.
    flags = re.IGNORECASE if pattern and "(?i)" in pattern else re.NOFLAG
    if pattern and not re.search(pattern.replace("(?i)", ""), value, flags):
        yield f"{path}: {value!r} does not match {pattern}"


def main(arguments: t.Sequence[str]) -> int:
    """Check the JSON list of objects on standard input; the number of problems decides the exit status."""
    problems = check_objects(json.load(sys.stdin), Path(arguments[0]))
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
