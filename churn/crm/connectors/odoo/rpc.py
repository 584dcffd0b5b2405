"""Speaks to an Odoo server: JSON-RPC for 14 to 18, /json/2 with an API key from 19 on; hands on answers or a fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import SecretStr

from churn.errors import AuthFailed, ConfigError, ConnectorError, RateLimited, Unreachable

if TYPE_CHECKING:
    import httpx

    from churn.config.connectors import OdooConnector
    from churn.crm.http import Http

JSON2_SINCE = 19
# No chatter messages, archived records too, and instants as they are: in UTC.
CONTEXT = {"tracking_disable": True, "active_test": False, "tz": "UTC"}
_BUSY_WORDS = ("could not serialize access", "deadlock detected", "could not obtain lock", "connection pool is full")
_BUSY_NAMES = ("OperationalError", "TransactionRollbackError", "SerializationFailure", "LockNotAvailable", "PoolError")
_REQUEST_NAMES = ("builtins.KeyError", "builtins.AttributeError", "builtins.TypeError")


class OdooFault(Exception):
    """A refused request: the name of Odoo's exception and its message; always caught within the connector."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name, self.message = name, message

    @property
    def is_busy(self) -> bool:
        """Whether the same request may well succeed later."""
        return self.name.endswith(_BUSY_NAMES) or self.name.startswith("http_5") or is_busy(self.message)

    @property
    def is_of_request(self) -> bool:
        """Whether it is about the request as such, so that no row of it can pass."""
        return self.name in _REQUEST_NAMES


def is_busy(message: str) -> bool:
    """Return whether Odoo's words tell of a lock or a conflict rather than of the row."""
    return any(words in message.lower() for words in _BUSY_WORDS)


class OdooApi(Protocol):
    """One signed-in user of one database; methods are called by the names of their parameters."""

    def sign_in(self) -> None:
        """Raise AuthFailed when Odoo does not let us in."""

    def call(
        self, model: str, method: str, ids: Sequence[int] | None = None, *, is_write: bool = False, **params: Any
    ) -> Any:
        """Return what the method returns. Raises OdooFault, AuthFailed, RateLimited, Unreachable."""


class PatientHttp:
    """HTTP that waits for a moment itself where a proxy asks for one: a refused request has done nothing.

    A batch takes several requests, so that a limit of few a second would refuse the last of them every time.
    """

    TRIES = 3
    LONGEST = 10.0  # seconds; whoever asks for more is told to whoever pushes

    def __init__(self, http: Http, sleep: Callable[[float], None]) -> None:
        self._http, self._sleep = http, sleep
        self.where, self.clean, self.renew = http.where, http.clean, http.renew

    @property
    def secret(self) -> str:
        """The secret in use."""
        return self._http.secret

    def send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Return the answer; see Http.send. Raises RateLimited when waiting did not help."""
        for _ in range(self.TRIES - 1):
            try:
                return self._http.send(method, path, **request)
            except RateLimited as error:
                if error.retry_after is None or error.retry_after > self.LONGEST:
                    raise
                self._sleep(error.retry_after)
        return self._http.send(method, path, **request)


class RenewingApi:
    """The API that a server speaks; a secret that is refused is read anew, since keys end and passwords are changed."""

    def __init__(self, settings: OdooConnector, http: PatientHttp) -> None:
        self._settings, self._http = settings, http
        self._secret = http.secret
        self._api = open_api(settings, http, SecretStr(self._secret))

    def sign_in(self) -> None:
        """See OdooApi."""
        try:
            self._api.sign_in()
        except AuthFailed:
            if not self._renewed():
                raise
            self._api.sign_in()

    def call(
        self, model: str, method: str, ids: Sequence[int] | None = None, *, is_write: bool = False, **params: Any
    ) -> Any:
        """See OdooApi. Whoever is refused has written nothing, so that a write may be sent again."""
        try:
            return self._api.call(model, method, ids, is_write=is_write, **params)
        except AuthFailed:
            if not self._renewed():
                raise
        return self._api.call(model, method, ids, is_write=is_write, **params)

    def _renewed(self) -> bool:
        """Take up another secret; return whether there is one."""
        if not self._http.renew(self._secret):
            return False
        self._secret = self._http.secret
        self._api = open_api(self._settings, self._http, SecretStr(self._secret))
        return True


def open_api(settings: OdooConnector, http: PatientHttp, secret: SecretStr) -> OdooApi:
    """Return the API that the server speaks. Raises ConnectorError when it does not look like an Odoo."""
    protocol = settings.protocol
    if protocol == "auto":
        protocol = "json2" if _server_version(http) >= JSON2_SINCE else "jsonrpc"
    if protocol == "json2":
        return Json2Api(http, settings.database, secret)
    if not settings.user:
        raise ConfigError(
            "`user` is missing: this Odoo wants a login beside the secret",
            where=http.where,
            remedy='Add user = "..." to its section of churn.toml.',
        )
    return JsonRpcApi(http, settings.database, settings.user, secret)


def _server_version(http: PatientHttp) -> int:
    for method, path in (("POST", "web/webclient/version_info"), ("GET", "web/version")):
        answer = http.send(method, path, json={} if method == "POST" else None)
        body = _json(answer)
        if answer.status_code == 200 and isinstance(body, Mapping):
            versions = body.get("result", body)
            numbers = versions.get("server_version_info") or versions.get("version_info") or []
            if numbers:
                # A rolling release is called "saas~17".
                return int(str(numbers[0]).rpartition("~")[2])
    raise ConnectorError(
        "does not answer as an Odoo does",
        where=http.where,
        remedy="Look at `url`: it is the address of the sign-in page.",
    )


class JsonRpcApi:
    """/jsonrpc with `execute_kw`: errors come with status 200, and a method that returns None has no result."""

    def __init__(self, http: PatientHttp, database: str, user: str, secret: SecretStr) -> None:
        self._http, self._database, self._user, self._secret = http, database, user, secret
        self._uid: int | None = None

    def sign_in(self) -> None:
        """Ask for the user's id, which every later call carries."""
        try:
            uid = self._request("common", "login", [self._database, self._user, self._secret.get_secret_value()])
        except OdooFault as fault:
            if "does not exist" in fault.message:
                raise AuthFailed(
                    f"has no database {self._database}", where=self._http.where, remedy="Mend `database`."
                ) from fault
            raise _unexpected(self._http, fault) from fault
        if not uid:
            raise _refused(self._http, f"does not let {self._user} in")
        self._uid = int(uid)

    def call(
        self, model: str, method: str, ids: Sequence[int] | None = None, *, is_write: bool = False, **params: Any
    ) -> Any:
        """See OdooApi."""
        if self._uid is None:
            self.sign_in()
        positional = [] if ids is None else [list(ids)]
        if method == "create":  # looks at its first argument, so a name does not do
            positional.append(params.pop("vals_list"))
        named = params | {"context": CONTEXT | params.get("context", {})}
        arguments = [self._database, self._uid, self._secret.get_secret_value(), model, method, positional, named]
        return self._request("object", "execute_kw", arguments, is_write=is_write)

    def _request(self, service: str, method: str, arguments: list[Any], *, is_write: bool = False) -> Any:
        body = {"service": service, "method": method, "args": arguments}
        answer = self._http.send(
            "POST", "jsonrpc", json={"jsonrpc": "2.0", "method": "call", "params": body}, is_write=is_write
        )
        content = _json(answer)
        if answer.status_code != 200 or not isinstance(content, Mapping):
            raise _no_reason(self._http, answer)
        if (error := content.get("error")) is not None:
            if not isinstance(error, Mapping):
                raise _no_reason(self._http, answer)
            raise _fault(self._http, error.get("data") or {}, str(error.get("message", "")))
        return content.get("result")


class Json2Api:
    """/json/2/MODEL/METHOD with a bearer key: errors come with their own status and the exception as the body."""

    def __init__(self, http: PatientHttp, database: str, secret: SecretStr) -> None:
        self._http = http
        self._headers = {"Authorization": f"bearer {secret.get_secret_value()}", "X-Odoo-Database": database}

    def sign_in(self) -> None:
        """Ask who we are."""
        try:
            self.call("res.users", "context_get")
        except OdooFault as fault:
            raise _unexpected(self._http, fault) from fault

    def call(
        self, model: str, method: str, ids: Sequence[int] | None = None, *, is_write: bool = False, **params: Any
    ) -> Any:
        """See OdooApi."""
        body = params | {"context": CONTEXT | params.get("context", {})}
        if ids is not None:
            body["ids"] = list(ids)
        answer = self._http.send(
            "POST", f"json/2/{model}/{method}", json=body, headers=self._headers, is_write=is_write
        )
        content = _json(answer)
        if answer.status_code == 200 and (content is not None or answer.text.strip() == "null"):
            return content
        if not isinstance(content, Mapping) or "name" not in content:
            raise _no_reason(self._http, answer)
        raise _fault(self._http, content, "")


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _fault(http: PatientHttp, data: Mapping[str, Any], otherwise: str) -> OdooFault | AuthFailed:
    name = str(data.get("name", ""))
    if name.endswith(("AccessDenied", "Unauthorized")):
        return _refused(http, "refuses our credentials (AccessDenied)")
    # Drop PostgreSQL's detail, which repeats the whole row.
    message = str(data.get("message") or otherwise).partition("\nDETAIL:")[0].partition("\nLINE ")[0]
    return OdooFault(name, http.clean(message))


def _no_reason(http: PatientHttp, answer: httpx.Response) -> OdooFault | ConnectorError:
    if answer.is_success:
        return Unreachable(
            f"answers with what is not Odoo's: {http.clean(answer.text) or 'nothing'}",
            where=http.where,
            remedy="Look at `url`, and whether something stands between us and it.",
            is_unknown=True,
        )
    if answer.status_code in {301, 302, 303, 307, 308, 404, 405}:
        return ConnectorError(
            f"does not answer as an Odoo does (HTTP {answer.status_code})",
            where=http.where,
            remedy="Look at `url` and `protocol`.",
        )
    return OdooFault(
        f"http_{answer.status_code}",
        f"HTTP {answer.status_code} without a reason (a server of several databases hides it unless dbfilter is set)",
    )


def _refused(http: PatientHttp, what: str) -> AuthFailed:
    return AuthFailed(
        what, where=http.where, remedy="Look at `user`, and at the password or API key in the environment."
    )


def _unexpected(http: PatientHttp, fault: OdooFault) -> ConnectorError:
    return ConnectorError(f"{fault.message} ({fault.name})", where=http.where, remedy="Look into Odoo's log.")
