# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to one API server, made from its own options alone; the one adapter to the Kubernetes libraries.

The option names are kubernetes.core's, the rules of a kubeconfig are client-go's. kubernetes.core's own client is not
used: it reads K8S_AUTH_* for each absent option and copies the default configuration of the process, in which a lookup
or an earlier task may have left another cluster's server and token.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import os
import ssl
import sys
import tempfile
import threading
import traceback
import typing as t
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC as _CORE_AUTH_ARG_SPEC
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Unreachable
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kubeconfig import Kubeconfig, read
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.login import Credential, log_in
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.proxies import proxy_for

try:
    import urllib3
    from kubernetes import config as kubernetes_config
    from kubernetes.client import Configuration

    IMPORT_ERROR: str | None = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

JsonObject = dict[str, t.Any]
Headers = dict[str, str]

# The path of a kubeconfig is not a secret and must be shown in messages; its content is refused before a module runs.
AUTH_ARG_SPEC: JsonObject = {**_CORE_AUTH_ARG_SPEC, "kubeconfig": {"type": "raw", "no_log": False}}

# Connections to one server that are kept open.
CONNECTIONS = 16
# Seconds after which a token's file is read again; it is replaced while the old token still holds.
TOKEN_FILE_SECONDS = 60.0
PYSOCKS = "PySocks"


class Connection:
    """How to reach one API server, and who we are there. Safe to use from several threads.

    *host* is its URL. *pool* sends requests and never follows a redirect by itself.
    """

    def __init__(
        self, *, host: str, pool: t.Any, static: t.Sequence[tuple[str, str]], login: t.Callable[[], Headers]
    ) -> None:
        self.host = host.rstrip("/")
        self.pool = pool
        self._static = tuple(static)
        self._login = login

    def headers(self) -> t.Any:
        """The headers that every request has: who we are, and as whom we act. A name may come several times."""
        headers = urllib3.HTTPHeaderDict(self._login())
        for name, value in self._static:
            headers.add(name, value)
        return headers


def open_connection(
    options: t.Mapping[str, t.Any], *, environ: t.Mapping[str, str], login_timeout: float
) -> Connection:
    """The connection for *options*, as `_input.connection.resolve` gives them; sends nothing to the API server.

    *environ* counts for proxies only (HTTPS_PROXY, HTTP_PROXY, NO_PROXY). A login helper has *login_timeout* seconds.
    Raises Unreachable with the fault and its fix: this cluster cannot be used, others can.
    """
    file = None if "kubeconfig" not in options else read(str(options["kubeconfig"]), context=str(options["context"]))
    account = _in_cluster() if options.get("in_cluster") else None
    cluster = file.cluster if file is not None else {}
    host = str(account.host if account is not None else options.get("host") or cluster["server"])
    login = _Login(options, file=file, account=account, timeout=login_timeout)
    proxy = options.get("proxy") or cluster.get("proxy-url") or _from_environment(host, options, environ=environ)
    verify = options.get("validate_certs")
    tls = None
    if host.startswith("https://"):
        tls = _tls(
            authority=_authority(options, cluster=cluster, account=account),
            identity=login.certificate(),
            verify=not cluster.get("insecure-skip-tls-verify") if verify is None else bool(verify),
        )
    pool = _pool(
        proxy=None if proxy is None else str(proxy),
        proxy_headers=options.get("proxy_headers") or {},
        tls=tls,
        server_name=cluster.get("tls-server-name"),
    )
    static = [("Impersonate-User", str(options["impersonate_user"]))] if options.get("impersonate_user") else []
    static += [("Impersonate-Group", str(group)) for group in options.get("impersonate_groups") or ()]
    return Connection(host=host, pool=pool, static=static, login=login.headers)


def _from_environment(host: str, options: t.Mapping[str, t.Any], *, environ: t.Mapping[str, str]) -> str | None:
    excepted = {"NO_PROXY": str(options["no_proxy"])} if options.get("no_proxy") else {}
    return proxy_for(host, environ={**environ, **excepted})


# -- who we are -----------------------------------------------------------------------------------------------------


class _Login:
    """The credentials of one connection: options first, then what the kubeconfig's user says."""

    def __init__(
        self, options: t.Mapping[str, t.Any], *, file: Kubeconfig | None, account: t.Any, timeout: float
    ) -> None:
        self._options = options
        self._file = file
        self._user = file.user if file is not None else {}
        self._account = account
        self._timeout = timeout
        self._lock = threading.Lock()
        self._credential: Credential | None = None
        self._token: tuple[str, float] = ("", 0.0)
        self._provider = None
        if self._user.get("auth-provider") and file is not None and not self._has_own():
            self._provider = _by_provider(file, timeout=timeout)
        elif self._needs_helper():
            self._log_in()

    def _has_own(self) -> bool:
        """Whether options say who we are."""
        return any(self._options.get(name) for name in ("api_key", "username", "client_cert"))

    def _needs_helper(self) -> bool:
        return bool(self._user.get("exec")) and not (
            self._has_own() or self._user.get("token") or self._user.get("tokenFile")
        )

    def _log_in(self) -> Credential:
        if self._file is None:
            raise AssertionError("only a kubeconfig names a helper")
        self._credential = log_in(
            self._user["exec"], cluster=self._file.cluster, folder=self._file.folder, timeout=self._timeout
        )
        return self._credential

    def headers(self) -> Headers:
        """The header that says who we are; renewed where the credential has ended."""
        with self._lock:
            value = self._authorization()
        return {"Authorization": value} if value else {}

    def _authorization(self) -> str | None:
        if self._has_own():
            return self._own()
        for carrier in (self._account, self._provider):
            if carrier is not None:
                return str(carrier.auth_settings().get("BearerToken", {}).get("value") or "") or None
        token = self._held_token()
        if token:
            return f"Bearer {token}"
        username = self._user.get("username") if self._credential is None else None
        return _basic(str(username), str(self._user.get("password") or "")) if username else None

    def _own(self) -> str | None:
        """What the options say; a client certificate needs no header."""
        if self._options.get("api_key"):
            return f"Bearer {self._options['api_key']}"
        username = self._options.get("username")
        return _basic(str(username), str(self._options.get("password") or "")) if username else None

    def _held_token(self) -> str | None:
        """The token of the kubeconfig's user: from its file, as it stands there, or from the login helper."""
        if self._user.get("tokenFile"):
            return self._file_token()
        if self._user.get("token"):
            return str(self._user["token"])
        if self._credential is None:
            return None
        fresh = self._credential.is_fresh(dt.datetime.now(tz=dt.UTC))
        return (self._credential if fresh else self._log_in()).token

    def _file_token(self) -> str:
        path = Path(self._user["tokenFile"])
        now = dt.datetime.now(tz=dt.UTC).timestamp()
        if now - self._token[1] > TOKEN_FILE_SECONDS:
            try:
                self._token = (path.read_text(encoding="utf-8").strip(), now)
            except (OSError, ValueError) as error:
                raise Unreachable(
                    f"the token file {path} of the kubeconfig cannot be read: {_reason(error)}"
                ) from error
        return self._token[0]

    def certificate(self) -> tuple[str | bytes, str | bytes] | None:
        """The client certificate and its key, each the path of a file or PEM as bytes; None if there is none."""
        if self._options.get("client_cert"):
            return str(self._options["client_cert"]), str(self._options.get("client_key") or "")
        if self._has_own():
            return None
        if self._credential is not None and self._credential.certificate and self._credential.key:
            return self._credential.certificate.encode(), self._credential.key.encode()
        found = [
            _data(self._user[f"{name}-data"], name=f"{name}-data")
            if self._user.get(f"{name}-data")
            else self._user.get(name)
            for name in ("client-certificate", "client-key")
        ]
        return (found[0], found[1]) if found[0] and found[1] else None


def _basic(username: str, password: str) -> str:
    return str(urllib3.make_headers(basic_auth=f"{username}:{password}")["authorization"])


def _data(text: t.Any, *, name: str) -> bytes:
    try:
        return base64.b64decode(str(text), validate=False)
    except (binascii.Error, ValueError) as error:
        raise Unreachable(f"{name} of the kubeconfig is not base64") from error


def _in_cluster() -> t.Any:
    """The account of the pod that this runs in, in a configuration of its own."""
    account = Configuration(host="https://localhost")
    try:
        kubernetes_config.load_incluster_config(client_configuration=account)
    except (kubernetes_config.ConfigException, OSError) as error:
        raise Unreachable(
            f"in_cluster is true, but this does not run in a pod with a service account: {error}"
        ) from error
    return account


def _by_provider(file: Kubeconfig, *, timeout: float) -> t.Any:
    """The token of a kubeconfig's auth-provider (oidc, gcp), in a configuration of its own; the library renews it."""
    carrier = Configuration(host=file.cluster["server"])
    document = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "clusters": [{"name": "one", "cluster": {"server": file.cluster["server"]}}],
        "users": [{"name": "one", "user": {"auth-provider": file.user["auth-provider"]}}],
    }
    problems: list[BaseException] = []

    def load() -> None:
        try:
            kubernetes_config.load_kube_config_from_dict(document, client_configuration=carrier, persist_config=False)
        except Exception as error:  # noqa: BLE001 - if the provider's library raises anything, this cluster cannot be used
            problems.append(error)

    name = str((file.user["auth-provider"] or {}).get("name"))
    thread = threading.Thread(target=load, name="auth-provider", daemon=True)
    thread.start()
    thread.join(timeout)
    if thread.is_alive():
        raise Unreachable(f"the auth-provider {name!r} of the kubeconfig did not answer within {timeout:g} s")
    if problems or not carrier.auth_settings():
        words = f": {problems[0]}" if problems else ": it gave no token"
        raise Unreachable(f"the auth-provider {name!r} of the kubeconfig failed{words}. Log in again")
    return carrier


# -- how to get there -----------------------------------------------------------------------------------------------


def _authority(options: t.Mapping[str, t.Any], *, cluster: JsonObject, account: t.Any) -> str | bytes | None:
    """The CA certificates: the path of a file, or PEM as bytes; None for the system's own."""
    if options.get("ca_cert"):
        return str(options["ca_cert"])
    if account is not None:
        return str(account.ssl_ca_cert)
    if cluster.get("certificate-authority-data"):
        return _data(cluster["certificate-authority-data"], name="certificate-authority-data")
    return cluster.get("certificate-authority")


def _tls(
    *, authority: str | bytes | None, identity: tuple[str | bytes, str | bytes] | None, verify: bool
) -> ssl.SSLContext:
    try:
        if isinstance(authority, bytes):
            context = ssl.create_default_context(cadata=authority.decode("ascii", errors="replace"))
        else:
            context = ssl.create_default_context(cafile=authority)
    except (OSError, ValueError) as error:
        what = (
            "certificate-authority-data of the kubeconfig"
            if isinstance(authority, bytes)
            else f"the CA file {authority}"
        )
        raise Unreachable(f"{what} cannot be used: {_reason(error)}") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if identity is not None:
        _load_identity(context, *identity)
    return context


def _load_identity(context: ssl.SSLContext, certificate: str | bytes, key: str | bytes) -> None:
    """Load a client certificate. The ssl module takes files only: those that we write are gone when this returns."""
    try:
        with tempfile.TemporaryDirectory(prefix="promfleet-") as folder:
            paths = []
            for name, given in (("certificate", certificate), ("key", key)):
                path = Path(folder) / name
                if isinstance(given, bytes):
                    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                    with os.fdopen(descriptor, "wb") as file:
                        file.write(given)
                paths.append(str(path) if isinstance(given, bytes) else given)
            context.load_cert_chain(paths[0], paths[1] or None)
    except (OSError, ValueError) as error:
        named = [str(given) for given in (certificate, key) if isinstance(given, str)]
        what = f" ({', '.join(named)})" if named else " of the kubeconfig"
        raise Unreachable(f"the client certificate and its key{what} cannot be used: {_reason(error)}") from error


def _pool(
    *, proxy: str | None, proxy_headers: JsonObject, tls: ssl.SSLContext | None, server_name: str | None
) -> t.Any:
    common: JsonObject = {"num_pools": 2, "maxsize": CONNECTIONS}
    if tls is not None:
        common["ssl_context"] = tls
        if server_name:
            common |= {"server_hostname": server_name, "assert_hostname": server_name if tls.check_hostname else False}
        elif not tls.check_hostname:
            common["assert_hostname"] = False
    if proxy is None:
        return urllib3.PoolManager(**common)
    scheme = urlsplit(proxy).scheme.lower()
    if scheme in ("socks5", "socks5h"):
        return _socks(proxy, common)
    if scheme not in ("http", "https"):
        raise Unreachable(f"its proxy {_without_password(proxy)} must be http, https or socks5")
    parts = urlsplit(proxy)
    given: JsonObject = {name: str(value) for name, value in proxy_headers.items() if value}
    if parts.username and "proxy_basic_auth" not in given:
        given["proxy_basic_auth"] = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return urllib3.ProxyManager(proxy, proxy_headers=urllib3.make_headers(**given), **common)


def _socks(proxy: str, common: JsonObject) -> t.Any:
    try:
        from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415 - warns where its library is missing
    except ImportError as error:
        raise Unreachable(
            f"its proxy {_without_password(proxy)} needs the Python library {PYSOCKS} where modules run; install it "
            f"with: {sys.executable} -m pip install {PYSOCKS}"
        ) from error
    # As for kubectl the proxy looks up names: that is what a tunnel into a private network is for.
    return SOCKSProxyManager(proxy.replace("socks5://", "socks5h://", 1), **common)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)
