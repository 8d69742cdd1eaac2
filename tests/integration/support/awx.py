"""A stateful fake of AWX: a real HTTP server on loopback with the endpoints that the collection uses.

Its rules are those of awx_rules.py; what it does not know it answers with 501. It keeps all requests, and makes faults
on demand: an answer that is lost after the work was done, 429, 409, 502.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
import threading
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode, urlsplit

import yaml
from dateutil.rrule import rrulestr

from tests.integration.support import awx_rules as rules
from tests.integration.support.awx_surveys import job_variables, launched, survey_error

JsonObject = dict[str, t.Any]
API = "/api/v2"
TOKEN = "token-of-the-fake"
ENCRYPTED = "$encrypted$"


class Answer(Exception):
    """An answer that ends the work on a request."""

    def __init__(self, status: int, body: JsonObject | None = None) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body or {}


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with requests that match: *times* of them get *status*, with *done* after their work was done."""

    method: str
    path: str
    status: int
    times: int = 1
    done: bool = False
    retry_after: str | None = None


class FakeAwx:
    """The state of one AWX, and its server while it is started."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._at_once = 0
        self.most_at_once = 0
        self.objects: dict[str, dict[int, JsonObject]] = {path: {} for path in rules.ENDPOINTS}
        self.links: dict[tuple[str, int, str], list[int]] = {}
        self.surveys: dict[int, JsonObject] = {}
        self.running: set[int] = set()
        self.launched: list[JsonObject] = []
        self.requests: list[str] = []
        self.unknown: list[str] = []
        self.faults: list[Fault] = []
        self.url = ""
        self.add("organizations", name="Default")
        for kind in rules.OWN_TYPES:
            self.add("credential_types", **kind)
        for role in rules.ROLES:
            self.add("role_definitions", name=role)
        self.add("instance_groups", name="default")

    # -- for tests -------------------------------------------------------------------------------------------------

    def add(self, path: str, **values: t.Any) -> int:
        """Put an object there, as if it had always been; returns its ID."""
        identity = next(self._ids)
        self.objects[path][identity] = {**copy.deepcopy(dict(rules.ENDPOINTS[path].fields)), **values, "id": identity}
        return identity

    def named(self, path: str, name: str) -> JsonObject:
        """The one object of a name, with its secrets."""
        (found,) = [one for one in self.objects[path].values() if one.get("name", one.get("identifier")) == name]
        return found

    def names(self, path: str) -> list[str]:
        return sorted(one.get("name") or one.get("identifier") or "" for one in self.objects[path].values())

    @contextmanager
    def started(self) -> Iterator[FakeAwx]:
        """Answers while a with block runs."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Else head and body of an answer are sent 40 ms apart.
            wbufsize = -1
            disable_nagle_algorithm = True

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, found, retry = fake.handle(self.command, self.path, body, self.headers.get("Authorization"))
                data = b"" if status == 204 else json.dumps(found).encode()
                self.send_response(status)
                for name, value in (("X-API-Product-Name", "AWX"), ("X-API-Product-Version", "24.6.1")):
                    self.send_header(name, value)
                if retry is not None:
                    self.send_header("Retry-After", retry)
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = do_PUT = _any  # noqa: N815 - the names of http.server

            def log_message(self, *_arguments: object) -> None:
                """Requests are kept, not printed."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    # -- one request -----------------------------------------------------------------------------------------------

    def handle(self, method: str, path: str, body: bytes, auth: str | None) -> tuple[int, JsonObject, str | None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            with self._lock:
                self.requests.append(f"{method} {path}")
                fault = self._fault(method, path)
                if fault and not fault.done:
                    return fault.status, {"detail": "a fault"}, fault.retry_after
                answer = self._answer(method, path, body, auth)
                if answer[0] == 501:
                    self.unknown.append(f"{method} {path}")
                if fault:
                    return fault.status, {"detail": "a fault after the work"}, fault.retry_after
                return (*answer, None)
        finally:
            with self._lock:
                self._at_once -= 1

    def _fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.times and fault.method == method and re.search(fault.path, path):
                fault.times -= 1
                return fault
        return None

    def _answer(self, method: str, path: str, body: bytes, auth: str | None) -> tuple[int, JsonObject]:
        parts = urlsplit(path)
        names = parts.path.strip("/").split("/")
        if names[:2] != ["api", "v2"]:
            return 501, {"detail": f"the fake does not know {parts.path}"}
        if auth != f"Bearer {TOKEN}":
            return 401, {"detail": "Authentication credentials were not provided."}
        try:
            data = json.loads(body) if body and method not in ("GET", "DELETE") else {}
            return self._dispatch(method, names[2:], dict(parse_qsl(parts.query, keep_blank_values=True)), data)
        except Answer as answer:
            return answer.status, answer.body

    def _dispatch(  # noqa: C901 - one branch for each form of a request
        self, method: str, names: list[str], query: dict[str, str], data: JsonObject
    ) -> tuple[int, JsonObject]:
        path = names[0] if names else ""
        if names == ["unified_job_templates"] and method == "GET":
            # Used by awx.awx only, which looks for one template of any kind.
            kinds = ("job_templates", "workflow_job_templates", "projects", "inventory_sources")
            found = [one for kind in kinds for one in self._list(kind, {**query})["results"]]
            return 200, {"count": len(found), "next": None, "previous": None, "results": found}
        if path not in self.objects or len(names) > 3:
            raise Answer(501, {"detail": f"the fake does not know {'/'.join(names)}"})
        if len(names) == 1:
            if method == "GET":
                return 200, self._list(path, query)
            if method == "POST" and not rules.ENDPOINTS[path].readonly:
                return 201, self.show(path, self._create(path, data))
            raise Answer(405)
        if not names[1].isdigit() or int(names[1]) not in self.objects[path]:
            raise Answer(404, {"detail": "Not found."})
        identity = int(names[1])
        if len(names) == 3:
            return self._part(method, (path, identity, names[2]), data, query)
        if method in ("GET", "PATCH"):
            if method == "PATCH":
                self._update(path, identity, data)
            return 200, self.show(path, identity)
        if method == "DELETE":
            if identity in self.running:
                raise Answer(409, {"error": "Resource is being used by running jobs.", "active_jobs": []})
            self.remove(path, identity)
            return (202 if path == "inventories" else 204), {}
        raise Answer(405)

    # -- lists -----------------------------------------------------------------------------------------------------

    def _list(self, path: str, query: dict[str, str], among: list[int] | None = None) -> JsonObject:
        size = min(int(query.pop("page_size", 25)), 200)
        page = int(query.pop("page", 1))
        ids = sorted(self.objects[path] if among is None else among)
        either = {name[4:]: value for name, value in query.items() if name.startswith("or__")}
        every = {name: value for name, value in query.items() if not name.startswith("or__")}
        ids = [one for one in ids if all(self._fits(path, one, name, value) for name, value in every.items())]
        if either:
            ids = [one for one in ids if any(self._fits(path, one, name, value) for name, value in either.items())]
        start = (page - 1) * size
        if start and start >= len(ids):
            raise Answer(404, {"detail": "Invalid page."})
        more = start + size < len(ids)
        following = urlencode({**query, "page_size": size, "page": page + 1})
        return {
            "count": len(ids),
            "next": f"{API}/{path}/?{following}" if more else None,
            "previous": None,
            "results": [self.show(path, one) for one in ids[start : start + size]],
        }

    def _fits(self, path: str, identity: int, name: str, value: str) -> bool:
        found = self.objects[path][identity]
        plain = name.removesuffix("__id")
        if (path, plain) in rules.ASSOCIATIONS:
            return int(value) in self.links.get((path, identity, plain), [])
        known = {*rules.ENDPOINTS[path].fields, "id", "organization"}
        if plain not in known:
            raise Answer(400, {"detail": f"{path} has no field named '{plain}'"})
        return str(found.get(plain)) == value

    # -- what is shown ---------------------------------------------------------------------------------------------

    def show(self, path: str, identity: int) -> JsonObject:  # noqa: C901 - one branch for each rule
        """An object as AWX shows it."""
        found = copy.deepcopy(self.objects[path][identity])
        found["type"] = rules.ENDPOINTS[path].type
        if path in rules.MANAGED:
            found.setdefault("managed", False)
        found["url"] = f"{API}/{path}/{identity}/"
        parts = [name for owner, name in rules.ASSOCIATIONS if owner == path] + rules.PARTS.get(path, [])
        found["related"] = {name: f"{API}/{path}/{identity}/{name}/" for name in parts}
        found["summary_fields"] = {}
        for name, (to, other) in self._named_in(path, found).items():
            if other is not None and other in self.objects.get(to, {}):
                found["related"][name] = f"{API}/{to}/{other}/"
                found["summary_fields"][name] = {
                    "id": other, "name": self.objects[to][other]["name"],
                    "description": self.objects[to][other].get("description", ""),
                }  # fmt: skip
        for owner, name in rules.SHOWN:
            if owner == path:
                found[name] = list(self.links.get((path, identity, name), []))
        for name in ("inputs", "notification_configuration"):
            for secret in self._secret_fields(path, found) if name in found else ():
                if found[name].get(secret):
                    found[name][secret] = ENCRYPTED
        if path == "job_templates":
            ids = self.links.get((path, identity, "credentials"), [])
            found["summary_fields"]["credentials"] = [
                {"id": one, "name": self.objects["credentials"][one]["name"]} for one in ids
            ]
            if self.surveys.get(identity):
                asked = self.surveys[identity]
                found["summary_fields"]["survey"] = {"title": asked["name"], "description": asked["description"]}
        if path == "workflow_job_template_nodes":
            self._show_template(found)
        if path == "role_team_assignments":
            found["content_type"] = f"awx.{rules.ENDPOINTS[self._owner(int(found['object_id']))].type.replace('_', '')}"
        return found

    def _show_template(self, node: JsonObject) -> None:
        template = node["unified_job_template"]
        if template is None:
            return
        path = self._owner(template)
        types = {"job_templates": "job", "workflow_approval_templates": "workflow_approval"}
        shown = {
            "id": template, "name": self.objects[path][template]["name"],
            "description": self.objects[path][template].get("description", ""),
            "unified_job_type": types.get(path, path.removesuffix("_templates").removesuffix("s")),
        }  # fmt: skip
        if path == "workflow_approval_templates":
            shown["timeout"] = self.objects[path][template]["timeout"]
        node["summary_fields"]["unified_job_template"] = shown
        node["related"]["unified_job_template"] = f"{API}/{path}/{template}/"

    def _named_in(self, path: str, found: JsonObject) -> dict[str, tuple[str, t.Any]]:
        return {
            name: (to, found.get(name)) for name, to in {**rules.ENDPOINTS[path].refs, **rules.ORGANIZATION}.items()
        }

    def _owner(self, identity: int) -> str:
        return next(path for path in rules.TEMPLATES if identity in self.objects[path])

    def _secret_fields(self, path: str, found: JsonObject) -> list[str]:
        if path == "credentials":
            fields = self.objects["credential_types"][found["credential_type"]]["inputs"].get("fields", [])
            return [one["id"] for one in fields if one.get("secret")]
        if path == "notification_templates":
            fields = rules.NOTIFICATION_FIELDS.get(found["notification_type"], {})
            return [name for name, kind in fields.items() if kind == "password"]
        return []

    # -- writing ---------------------------------------------------------------------------------------------------

    def _create(self, path: str, data: JsonObject) -> int:
        endpoint = rules.ENDPOINTS[path]
        missing = {name: ["This field is required."] for name in endpoint.required if data.get(name) in (None, "")}
        if missing:
            raise Answer(400, missing)
        values = {
            **copy.deepcopy(dict(endpoint.fields)),
            **{name: data[name] for name in endpoint.fields if name in data},
        }
        if path == "workflow_job_template_nodes" and not values["identifier"]:
            values["identifier"] = f"node-{next(self._ids)}"
        self._check(path, values, None)
        identity = next(self._ids)
        self.objects[path][identity] = {**values, "id": identity}
        return identity

    def _update(self, path: str, identity: int, data: JsonObject) -> None:
        old = self.objects[path][identity]
        if old.get("managed"):
            raise Answer(403, {"detail": "Modifications not allowed for managed credential types"})
        fields = [name for name in rules.ENDPOINTS[path].fields if name in data]
        if path == "workflow_job_template_nodes":
            fields = [name for name in fields if name != "workflow_job_template"]
        values = {**copy.deepcopy(old), **{name: copy.deepcopy(data[name]) for name in fields}}
        self._check(path, values, old)
        self.objects[path][identity] = values

    def _check(self, path: str, values: JsonObject, old: JsonObject | None) -> None:
        endpoint = rules.ENDPOINTS[path]
        for name, to in endpoint.refs.items():
            value = values.get(name)
            among = rules.TEMPLATES if to == "unified_job_templates" else (to,)
            if value is not None and not any(value in self.objects[one] for one in among):
                raise Answer(400, {name: [f'Invalid pk "{value}" - object does not exist.']})
        check = getattr(self, f"_check_{path}", None)
        if check is not None:
            check(values, old)
        for other in self.objects[path].values():
            same = endpoint.unique and all(other.get(name) == values.get(name) for name in endpoint.unique)
            if same and (old is None or other["id"] != old["id"]):
                raise Answer(
                    400, {"__all__": [f"{endpoint.type} with this {', '.join(endpoint.unique)} already exists."]}
                )

    def _check_credentials(self, values: JsonObject, old: JsonObject | None) -> None:
        kind = self.objects["credential_types"][values["credential_type"]]
        self._keep_secrets("inputs", "credentials", values, old)
        known = {one["id"] for one in kind["inputs"].get("fields", [])}
        wrong = set(values["inputs"]) - known
        if wrong:
            raise Answer(400, {"inputs": [f"Additional properties are not allowed ({sorted(wrong)})"]})
        missing = [name for name in kind["inputs"].get("required", []) if not values["inputs"].get(name)]
        if missing:
            raise Answer(400, {"inputs": {name: ["required for this credential type"] for name in missing}})

    def _check_credential_types(self, values: JsonObject, old: JsonObject | None) -> None:
        if values["kind"] not in ("cloud", "net"):
            raise Answer(400, {"kind": [f"Must be 'cloud' or 'net', not {values['kind']}"]})
        used = old and any(one["credential_type"] == old["id"] for one in self.objects["credentials"].values())
        if used and old and old["inputs"] != values["inputs"]:
            raise Answer(
                403, {"detail": "Modifications to inputs are not allowed for credential types that are in use"}
            )

    def _check_notification_templates(self, values: JsonObject, old: JsonObject | None) -> None:
        fields = rules.NOTIFICATION_FIELDS.get(values["notification_type"])
        if fields is None:
            raise Answer(400, {"notification_type": [f'"{values["notification_type"]}" is not a valid choice.']})
        given = values["notification_configuration"]
        for name, default in rules.NOTIFICATION_DEFAULTS.get(values["notification_type"], {}).items():
            given.setdefault(name, default)
        missing = [name for name in fields if name not in given]
        wrong = [
            name for name in fields if name in given and type(given[name]) is not rules.NOTIFICATION_TYPES[fields[name]]
        ]
        empty = [name for name in fields if fields[name] == "list" and not given.get(name)]
        method = given.get("http_method", "POST") if "http_method" in fields else "POST"
        if missing or wrong or empty or method.lower() not in ("put", "post"):
            raise Answer(400, {"notification_configuration": [f"missing {missing}, incorrect type {wrong + empty}"]})
        self._keep_secrets("notification_configuration", "notification_templates", values, old)

    def _keep_secrets(self, name: str, path: str, values: JsonObject, old: JsonObject | None) -> None:
        for secret in self._secret_fields(path, values):
            if values[name].get(secret) == ENCRYPTED:
                if old is None or not old[name].get(secret):
                    raise Answer(400, {name: [f"{ENCRYPTED} is a reserved keyword"]})
                values[name][secret] = old[name][secret]

    def _check_inventories(self, values: JsonObject, _old: JsonObject | None) -> None:
        self._check_text("variables", values)

    def _check_job_templates(self, values: JsonObject, _old: JsonObject | None) -> None:
        self._check_text("extra_vars", values)
        if values["project"] is None:
            raise Answer(400, {"project": ["Job Templates must have a project assigned."]})
        if values["inventory"] is None and not values["ask_inventory_on_launch"]:
            raise Answer(400, {"inventory": ["An inventory must be assigned."]})
        values["organization"] = self.objects["projects"][values["project"]]["organization"]

    def _check_text(self, name: str, values: JsonObject) -> None:
        try:
            found = yaml.safe_load(values[name] or "") or {}
        except yaml.YAMLError as error:
            raise Answer(400, {name: ["Cannot parse as JSON or YAML."]}) from error
        if not isinstance(found, dict):
            raise Answer(400, {name: ["must be a mapping"]})

    def _check_schedules(self, values: JsonObject, _old: JsonObject | None) -> None:
        text = values["rrule"]
        starts = re.findall(r".*?(DTSTART(;[^:]+)?\:[0-9]+T[0-9]+Z?)", text)
        problems = [] if len(starts) == 1 else ["Valid DTSTART required in rrule."]
        found = re.findall(r".*?(RULE\:[^\s]*)", text)
        if not found or any("INTERVAL" not in rule or "SECONDLY" in rule for rule in found):
            problems.append("INTERVAL required in rrule")
        if not problems:
            try:
                rrulestr(text, forceset=True)
            except (ValueError, AttributeError, OverflowError) as error:
                problems.append(f"rrule parsing failed validation: {error}")
        if problems:
            raise Answer(400, {"rrule": problems})

    def _check_role_team_assignments(self, values: JsonObject, _old: JsonObject | None) -> None:
        values["object_id"] = str(values["object_id"])
        path = self._owner(int(values["object_id"]))
        role = self.objects["role_definitions"][values["role_definition"]]["name"]
        if role.partition(" ")[0].lower() != rules.ENDPOINTS[path].type.replace("_", ""):
            raise Answer(400, {"object_id": ["Object type does not match the role's"]})

    def remove(self, path: str, identity: int) -> None:  # noqa: C901 - one branch for each rule
        """Delete an object with all that belongs to it."""
        gone = self.objects[path].pop(identity)
        self.surveys.pop(identity, None)
        for other, name in rules.ENDPOINTS[path].cascade.items():
            for one in [found for found in self.objects[other].values() if found.get(name) == identity]:
                self.remove(other, one["id"])
        for other, endpoint in rules.ENDPOINTS.items():
            for name, to in endpoint.refs.items():
                for found in self.objects[other].values():
                    same = to == path or (to == "unified_job_templates" and path in rules.TEMPLATES)
                    if same and found.get(name) == identity:
                        found[name] = None
        for place, ids in list(self.links.items()):
            if place[:2] == (path, identity):
                del self.links[place]
            elif rules.ASSOCIATIONS[place[0], place[2]] == path and identity in ids:
                ids.remove(identity)
        approval = gone.get("unified_job_template")
        if path == "workflow_job_template_nodes" and approval in self.objects["workflow_approval_templates"]:
            del self.objects["workflow_approval_templates"][approval]
        assigned = self.objects["role_team_assignments"]
        for one in [found["id"] for found in assigned.values() if found["object_id"] == str(identity)]:
            del assigned[one]

    # -- parts of an object ----------------------------------------------------------------------------------------

    def _part(
        self, method: str, place: tuple[str, int, str], data: JsonObject, query: dict[str, str]
    ) -> tuple[int, JsonObject]:
        path, identity, name = place
        if (path, name) in rules.ASSOCIATIONS:
            return self._association(method, place, data, query)
        if name == "survey_spec" and path == "job_templates":
            return self._survey(method, identity, data)
        if name == "launch" and path == "job_templates" and method == "POST":
            return self._launch(identity, data)
        if name == "create_approval_template" and method == "POST":
            if not data.get("name"):
                raise Answer(400, {"name": ["This field is required."]})
            values = {"name": data["name"], "description": data.get("description", "")}
            made = self.add("workflow_approval_templates", **values, timeout=data.get("timeout") or 0)
            self.objects[path][identity]["unified_job_template"] = made
            return 201, self.show("workflow_approval_templates", made)
        raise Answer(501, {"detail": f"the fake does not know {path}/N/{name}"})

    def _association(
        self, method: str, place: tuple[str, int, str], data: JsonObject, query: dict[str, str]
    ) -> tuple[int, JsonObject]:
        path, _identity, name = place
        to = rules.ASSOCIATIONS[path, name]
        ids = self.links.setdefault(place, [])
        if method == "GET":
            return 200, self._list(to, query, among=list(ids))
        other = data.get("id")
        if method != "POST" or not isinstance(other, int) or other not in self.objects[to]:
            raise Answer(400, {"msg": '"id" field must be the ID of an object.'})
        if data.get("disassociate"):
            if other in ids:
                ids.remove(other)
            return 204, {}
        if name == "credentials" and other not in ids:
            kinds = {self.objects[to][one]["credential_type"] for one in ids}
            if self.objects[to][other]["credential_type"] in kinds:
                raise Answer(400, {"error": "Cannot assign multiple credentials of a type."})
        if other not in ids:
            ids.append(other)
        return 204, {}

    def _survey(self, method: str, identity: int, data: JsonObject) -> tuple[int, JsonObject]:
        if method == "GET":
            shown = copy.deepcopy(self.surveys.get(identity, {}))
            for asked in shown.get("spec", []):
                if asked["type"] == "password" and asked.get("default"):
                    asked["default"] = ENCRYPTED
            return 200, shown
        if method == "DELETE":
            self.surveys[identity] = {}
            return 200, {}
        problem = survey_error(data)
        if problem:
            raise Answer(400, {"error": problem})
        self.surveys[identity] = copy.deepcopy(data)
        return 200, {}

    def _launch(self, identity: int, data: JsonObject) -> tuple[int, JsonObject]:
        template = self.objects["job_templates"][identity]
        survey = self.surveys.get(identity) or {}
        accepted, ignored, errors = launched(template, survey, data)
        if errors:
            raise Answer(400, errors)
        variables = job_variables(template, survey if template["survey_enabled"] else {}, accepted)
        self.launched.append(
            {
                "template": template["name"],
                "limit": template["limit"],
                "extra_vars": variables,
                # A job gets these as text that is no template, what else it gets are the variables of its template.
                "answers": {name: variables[name] for name in accepted},
            }
        )
        return 201, {"job": next(self._ids), "ignored_fields": ignored}
