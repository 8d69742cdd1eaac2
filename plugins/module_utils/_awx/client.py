# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWX's HTTP API: one request, lists with pages, retries with a bound.

Connections are kept: a run sends one request for each survey, and ansible.module_utils.urls would make a connection
and read all certificates for each of them (80 ms of work instead of 1).
"""

from __future__ import annotations

import json
import random
import ssl
import time
import traceback
import typing as t
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import Patience, pause_before
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side

try:
    import urllib3

    IMPORT_ERROR: str | None = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

JsonObject = dict[str, t.Any]
Result = t.TypeVar("Result")
Item = t.TypeVar("Item")

CONNECTIONS = 8
# The longest page that AWX gives (MAX_PAGE_SIZE).
PAGE = 200
# Not now (429), or something before or behind AWX broke: the request was perhaps carried out.
BROKEN = frozenset({500, 502, 503, 504})
PATIENCE = Patience(attempts=6, pause=0.5)


class AwxError(Exception):
    """AWX refused a request or gave no usable answer; the text says what was asked and what came back."""

    def __init__(self, text: str, *, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


class KeptBack(AwxError):
    """Something else, which this needs, could not be written."""


class Unclear(AwxError):
    """A request may have been carried out or not: its answer was lost."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """Where AWX is and who asks. Either *token*, or *username* and *password*."""

    host: str
    api_path: str = "/api/v2"
    token: str = ""
    username: str = ""
    password: str = ""
    validate_certs: bool = True
    ca_file: str | None = None
    timeout: int = 30


class Awx:
    """One AWX. Requests are counted by method in *requests*; each may be used by several threads."""

    def __init__(self, login: Login) -> None:
        if IMPORT_ERROR is not None:
            raise AwxError("the Python library urllib3 is missing where modules run; install it there")
        self._login = login
        self._patience = PATIENCE
        self._pool = _pool(login)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if login.token:
            self._headers["Authorization"] = f"Bearer {login.token}"
        else:
            self._headers |= urllib3.make_headers(basic_auth=f"{login.username}:{login.password}")
        self.requests: list[str] = []

    def each(self, do: t.Callable[[Item], Result], items: t.Sequence[Item]) -> list[Result]:
        """*do* for each item over a bounded number of connections: the results in their order, or the first error."""
        return side_by_side(do, items, workers=CONNECTIONS)

    def list(self, path: str, **filters: t.Any) -> list[JsonObject]:
        """All objects of a list, page by page."""
        found: list[JsonObject] = []
        following: str | None = f"{self._login.api_path}/{path}/?{urlencode({**filters, 'page_size': PAGE})}"
        while following:
            page = self.send("GET", following)
            if not isinstance(page.get("results"), list):
                raise AwxError(f"GET {following}: the answer is not a list of AWX; is {self._login.host} AWX?")
            found += page["results"]
            following = page.get("next")
        return found

    def get(self, path: str) -> JsonObject:
        """One object, or what an endpoint of one object says."""
        return self.send("GET", f"{self._login.api_path}/{path}/")

    def post(self, path: str, body: JsonObject) -> JsonObject:
        """Send what can be sent twice, such as an association; for what makes something see create."""
        return self.send("POST", f"{self._login.api_path}/{path}/", body)

    def create(self, path: str, body: JsonObject) -> JsonObject:
        """Make an object; raises Unclear where it is not known whether it was made."""
        return self.send("POST", f"{self._login.api_path}/{path}/", body, once=True)

    def patch(self, path: str, body: JsonObject) -> JsonObject:
        """Change fields of an object."""
        return self.send("PATCH", f"{self._login.api_path}/{path}/", body)

    def delete(self, path: str) -> None:
        """Delete an object; one that does not exist is deleted."""
        try:
            self.send("DELETE", f"{self._login.api_path}/{path}/")
        except AwxError as error:
            if error.status != 404:
                raise

    def send(self, method: str, path: str, body: JsonObject | None = None, *, once: bool = False) -> JsonObject:
        """The answer to one request, repeated while AWX says "not now" and, unless *once*, when an answer is lost."""
        for attempt in range(1, self._patience.attempts + 1):
            last = attempt == self._patience.attempts
            try:
                return self._once(method, path, body)
            except _Refused as refused:
                conflict = refused.status == 409 and method == "DELETE"
                again = refused.status == 429 or conflict or (refused.status in BROKEN and not once)
                text = (
                    f"{method} {path}: HTTP {refused.status}: {refused.text}{_advice(refused, host=self._login.host)}"
                )
                if refused.status in BROKEN and once:
                    raise Unclear(text, status=refused.status) from refused
                if not again or last:
                    raise AwxError(text, status=refused.status) from refused
                pause = pause_before(
                    attempt, patience=self._patience, retry_after=refused.retry_after, spread=_spread()
                )
            except _NotJson as error:
                text = f"{method} {path}: the answer is not JSON; is {self._login.host} AWX, or a page before it?"
                raise (Unclear(text) if once else AwxError(text)) from error
            except (OSError, urllib3.exceptions.HTTPError) as error:
                text = f"{method} {path}: {self._login.host} gave no usable answer: {error}"
                if isinstance(error, (ssl.SSLCertVerificationError, urllib3.exceptions.SSLError)):
                    raise AwxError(f"{text}; name the certificates of who issued it in controller.ca_file") from error
                if once:
                    raise Unclear(text) from error
                if last:
                    raise AwxError(text) from error
                pause = pause_before(attempt, patience=self._patience, spread=_spread())
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, method: str, path: str, body: JsonObject | None) -> JsonObject:
        self.requests.append(f"{method} {path}")
        answer = self._pool.request(
            method,
            f"{self._login.host.rstrip('/')}{_local(path)}",
            body=None if body is None else json.dumps(body).encode(),
            headers=self._headers,
            timeout=self._login.timeout,
            # A redirect could carry the token elsewhere; when to ask again is decided here.
            redirect=False,
            retries=False,
        )
        if not 200 <= answer.status < 300:
            raise _Refused(answer.status, _readable(answer.data), answer.headers)
        try:
            found = json.loads(answer.data) if answer.data else {}
        except ValueError as error:
            raise _NotJson from error
        return found if isinstance(found, dict) else {}


def _pool(login: Login) -> urllib3.PoolManager:
    """The connections to AWX, through the proxy that the environment names for its address."""
    common: dict[str, t.Any] = {"maxsize": CONNECTIONS, "block": True}
    if not login.validate_certs:
        common |= {"cert_reqs": "CERT_NONE", "assert_hostname": False}
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    elif login.ca_file:
        common |= {"ca_certs": login.ca_file}
    address = urlsplit(login.host)
    proxy = urllib.request.getproxies().get(address.scheme)
    if proxy and not urllib.request.proxy_bypass(address.hostname or ""):
        return urllib3.ProxyManager(proxy, **common)
    return urllib3.PoolManager(**common)


class _Refused(Exception):
    """An answer that is not one of success."""

    def __init__(self, status: int, text: str, headers: t.Mapping[str, str]) -> None:
        super().__init__(text)
        self.status, self.text = status, text
        self.retry_after, self.location = headers.get("Retry-After"), headers.get("Location")


class _NotJson(Exception):
    """An answer of success that did not come from AWX."""


def _advice(refused: _Refused, *, host: str) -> str:
    """What to do about an answer, where that is known."""
    if refused.location:
        return f"; {host} sends to {refused.location}: give that one's address in controller.host"
    return {
        401: "; is the token or password in the file of controller the right one, and not expired?",
        403: "; the user of the token must administer the organization, and may need to be a system administrator",
        404: "; is controller.api_path right (/api/controller/v2 with Automation Platform 2.5), and AWX 24.6 or newer?",
    }.get(refused.status, "")


def _local(path: str) -> str:
    """A path, also where AWX names a page by its whole address, which may be one that only it knows."""
    parts = urlsplit(path)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _readable(data: bytes) -> str:
    """What AWX says about an error, without the page of a proxy."""
    try:
        return json.dumps(json.loads(data))[:1000]
    except ValueError:
        return "an answer that is not JSON"


def _spread() -> float:
    return random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
