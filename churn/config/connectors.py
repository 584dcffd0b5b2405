"""The [connectors.NAME] sections: where campaigns are pushed to; `kind` says which keys a section has."""

from __future__ import annotations

import difflib
import re
import string
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from churn.config.sections import Section, Share

_IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_]*$"
OutcomeKind = Literal["contacted", "delivered", "accepted", "declined", "canceled", "unsubscribed", "lost", "won"]
Identifier = Annotated[str, Field(pattern=_IDENTIFIER)]


def secret_name(connector: str) -> str:
    """Return the environment variable that holds the secret of `connector`: `my-crm` -> CHURN_CONNECTOR_MY_CRM_SECRET."""
    return f"CHURN_CONNECTOR_{re.sub(r'[^A-Z0-9]', '_', connector.upper())}_SECRET"


class RiskListPush(Section):
    """[connectors.NAME.risk_list]: risk kept in step for every customer of some bands, campaign or not."""

    bands: list[Literal["low", "medium", "high", "critical"]] = Field(
        default=["high", "critical"], description="Whose records are kept in step."
    )
    mode: Literal["update", "upsert", "insert", "mirror"] = Field("update", description="What may be written.")
    on_leave: Literal["nothing", "clear", "band_none"] = Field(
        "band_none", description="When someone leaves the bands."
    )
    fields: dict[str, str] = Field(
        default_factory=dict, description="Ours = theirs; all but the campaign's own if left out."
    )


class ConnectorSection(Section):
    """Keys of every connector; the secret is never among them, it is CHURN_CONNECTOR_<NAME>_SECRET."""

    secret_file: str | None = Field(
        None,
        description="File with the secret, in place of the environment; in the home if relative, read at each sign-in.",
    )
    secret_command: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="Command that prints the secret, as a list of words; run at each sign-in, without a shell."
    )
    requests_per_second: Annotated[float, Field(gt=0, le=10_000)] | None = Field(
        None, description="Requests a second at most, for this credential; the kind's own pace if not given."
    )
    concurrency: int | None = Field(None, ge=1, le=64, description="Requests under way at once; the kind's own.")
    daily_budget: int | None = Field(
        None, ge=1, description="Requests a day at most (UTC), so that others sharing the quota get theirs."
    )
    timeout_seconds: float = Field(30.0, gt=0, le=600, description="Patience with one request.")
    batch_size: int | None = Field(None, ge=1, le=100_000, description="Rows per request; the kind's own if not given.")
    max_attempts: int = Field(5, ge=1, le=20, description="Times a busy system is asked before its rows are left.")
    max_wait_seconds: float = Field(60.0, gt=0, le=3600, description="Longest wait between two attempts.")
    probability_step: Share = Field(
        0.02, description="A churn probability that moved by less is not written, unless its risk band changed."
    )
    max_changed_share: Share = Field(
        0.5, description="A push that would change more of the records it wrote before stops, unless forced."
    )
    min_list_share: Share = Field(
        0.5, description="A list shorter than this share of the last one stops the push, unless forced."
    )
    max_rejected_share: Share = Field(0.1, description="A push with more rejected rows stops.")
    max_score_age_days: Annotated[int, Field(ge=1)] | None = Field(
        7, description="Scores older than this are not pushed, unless forced."
    )
    lookup_lag_seconds: float = Field(
        0.0,
        ge=0,
        le=86_400,
        description="How long its search may not show what was just made; what may have been made waits for a later run.",
    )
    risk_list: RiskListPush = Field(default_factory=RiskListPush)
    sample_size: int = Field(20, ge=0, le=1_000, description="Written records that are read back and compared.")

    @model_validator(mode="after")
    def _one_secret(self) -> ConnectorSection:
        if self.secret_file is not None and self.secret_command is not None:
            raise ValueError("`secret_file` and `secret_command` cannot both be set")
        return self


__all__ = [
    "ConnectorSection",
    "ConnectorSettings",
    "FileConnector",
    "HubspotConnector",
    "OdooConnector",
    "OtherConnector",
    "RestConnector",
    "RestOutcomes",
    "SalesforceConnector",
    "WebhookConnector",
    "connector_kinds",
    "secret_name",
]


class RemoteSection(ConnectorSection):
    """What the three have in common: an address, and the names that outcomes go by."""

    campaigns: dict[str, str] = Field(
        default_factory=dict, description="Their campaign = ours, where outcomes carry another name than the file's."
    )

    @field_validator("url", check_fields=False)
    @classmethod
    def _plain_address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("`url` must begin with http:// or https://")
        if "@" in value.split("//", 1)[1].split("/", 1)[0]:
            raise ValueError("`url` holds a name or password: secrets belong into CHURN_CONNECTOR_<NAME>_SECRET")
        return value.rstrip("/")


class OdooConnector(RemoteSection):
    """[connectors.NAME] with kind = "odoo": contacts of an Odoo 14 or later. The secret is a password or an API key."""

    kind: Literal["odoo"]
    url: str = Field(description="The server's address.")
    database: str = Field(description="The database's name, as its sign-in page shows it.")
    user: str = Field("", description="Login of the user whose secret it is; an Odoo 19 with an API key needs none.")
    protocol: Literal["auto", "jsonrpc", "json2"] = Field(
        "auto", description="json2 from Odoo 19, jsonrpc before; auto asks the server for its version."
    )
    model: str = Field("res.partner", pattern=r"^[a-z][a-z0-9_.]*$", description="What holds a customer.")
    key_field: Identifier | None = Field(
        None, description="Field with our customer_id, such as ref; external ids are used if not given."
    )
    external_id_module: str = Field(
        "churn",
        pattern=r"^\w+$",
        description="First part of the external ids; `__import__` for those of an Odoo import.",
    )
    name_format: str = Field("Customer {customer_id}", description="Name of a contact that we have to create.")
    create_fields: bool = Field(
        default=False,
        description="Make custom fields (x_...) that a campaign maps to and Odoo lacks; needs an administrator.",
    )
    stages: dict[str, OutcomeKind] = Field(
        default_factory=dict, description="Stage of a lead = what it means, such as Qualified = contacted."
    )
    outcome_days: int = Field(
        400, ge=1, le=3650, description="How far back leads are read when they are read for the first time."
    )

    @field_validator("name_format")
    @classmethod
    def _known_mark(cls, value: str) -> str:
        try:
            value.format(customer_id="C1")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError("`name_format` may hold {customer_id} and nothing else in braces") from error
        return value


class SalesforceConnector(RemoteSection):
    """[connectors.NAME] with kind = "salesforce": records matched by an external id.

    With `client_id` the secret is that client's secret, and tokens are fetched and renewed; without it, an access token.
    """

    kind: Literal["salesforce"]
    url: str = Field(
        description="The organisation's address, such as https://mycompany.my.salesforce.example (no path)."
    )
    client_id: str | None = Field(
        None,
        description="Consumer key of the application that signs in by client credentials; its secret is the secret.",
    )
    token_url: str | None = Field(
        None, description="Where tokens are given; services/oauth2/token of `url` if not set."
    )
    version: str = Field("62.0", pattern=r"^\d{2,3}\.0$", description="Version of the REST API.")
    object: Identifier = Field("Contact", description="What holds a customer.")
    key_field: Identifier = Field(
        "Ext_Id__c", description="Its field with our customer_id: marked External ID and Unique."
    )
    bulk_rows: int = Field(
        2_000, ge=1, description="From so many rows in a batch on, Bulk API 2.0 is used in place of collections."
    )
    poll_seconds: float = Field(2.0, gt=0, le=300, description="Pause between two looks at a bulk job.")
    max_usage_share: Share = Field(
        0.95, description="Share of the organisation's daily requests in use at which we stop, to leave others theirs."
    )
    create_values: dict[str, str] = Field(
        default={"LastName": "Customer {customer_id}"},
        description="Fields that a record must have to be created; {customer_id} is filled in.",
    )
    statuses: dict[str, OutcomeKind] = Field(
        default={"Sent": "contacted", "Responded": "accepted"},
        description="Status of a campaign member = what it means.",
    )


class HubspotConnector(RemoteSection):
    """[connectors.NAME] with kind = "hubspot": contacts matched by a unique property. The secret is an access token."""

    kind: Literal["hubspot"]
    url: str = Field(description="Where its API answers; the address is in HubSpot's own documentation.")
    version: str = Field(
        "2026-09",
        pattern=r"^20\d\d-\d\d$",
        description="Version of its API: the year and month of one of its releases.",
    )
    object: str = Field("contacts", pattern=r"^[a-zA-Z0-9_-]+$", description="What holds a customer.")
    key_field: str = Field(
        "customer_id", pattern=r"^[a-z][a-z0-9_]*$", description="Its property with our customer_id: unique values."
    )
    campaign_field: str = Field(
        "campaign", pattern=r"^[a-z][a-z0-9_]*$", description="Property of a deal that holds the campaign."
    )


class FileConnector(ConnectorSection):
    """[connectors.NAME] with kind = "file": lists as files in a folder, here or on an SFTP server."""

    kind: Literal["file"] = "file"
    path: str = Field(
        "lists", description="Folder (inside the home if relative), or sftp://user@host:port/folder; no password."
    )
    format: Literal["csv", "parquet"] = "csv"
    host_key: str | None = Field(
        None, description="The SFTP server's public key, as `ssh-keyscan` prints it: type and base64."
    )
    key_file: str | None = Field(
        None, description="Private key for SFTP; its passphrase is the secret. Without one the secret is a password."
    )
    key_field: str = Field("customer_id", description="Name of the column with our key.")
    max_score_age_days: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Scores older than this are not pushed, unless forced; a file of any age is a file."
    )


class WebhookConnector(ConnectorSection):
    """[connectors.NAME] with kind = "webhook": each batch posted as JSON, signed with HMAC-SHA256."""

    kind: Literal["webhook"]
    url: str = Field(description="Where batches are posted to.")
    headers: dict[str, str] = Field(default_factory=dict, description="Further headers; nothing secret.")
    silence_is_yes: bool = Field(
        default=False,
        description="A success without a word about a row means that the receiver took it; docs/crm.md has the words.",
    )

    @field_validator("url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        return without_password(value)


class RestOutcomes(Section):
    """[connectors.NAME.outcomes]: where what happened is read from, and under which names."""

    path: str = Field(
        description="Path of the list, with {cursor} where the last cursor goes; {page}, {offset} and {limit} where it has pages."
    )
    items_path: str = Field("", description="Where the list lies in the answer, such as data.items; empty: at the top.")
    cursor_path: str = Field("", description="Where the answer has the next cursor; empty: the newest occurred_at.")
    first_cursor: str = Field("", description="The cursor of the very first reading.")
    first_page: int = Field(1, description="Number of the first page; {page} in the path.")
    page_size: int = Field(100, ge=1, description="Rows that a page is asked for; {limit} in the path.")
    is_complete: bool = Field(
        default=False,
        description="No answer is ever cut, so that neither pages nor an order are needed to find the end.",
    )
    event_id: str = Field("id", description="Where an item has its id.")
    id_is_of_record: bool = Field(
        default=False, description="The id is a record's, such as a deal's, that may be lost, reopened and lost again."
    )
    customer_id: str = Field("customer_id", description="Where it has our key, if it has.")
    remote_id: str = Field("contact_id", description="Where it has the id of the record; one of the two is enough.")
    campaign: str = Field("campaign", description="Where it has the campaign's name.")
    event_kind: str = Field("kind", description="Where it says what happened.")
    occurred_at: str = Field("occurred_at", description="Where it says when: ISO 8601, or since 1970.")
    kinds: dict[str, str] = Field(
        default_factory=dict, description="Theirs = ours (contacted, delivered, accepted, declined, lost, ...)."
    )


class RestConnector(ConnectorSection):
    """[connectors.NAME] with kind = "rest": any CRM with a REST API, described by these keys alone.

    Paths may hold {id} (the remote id), {key} (our customer_id), {page} and {limit}; places in an answer are dotted,
    such as data.0.id.
    """

    kind: Literal["rest"]
    url: str = Field(description="The API's address; paths below are joined to it.")
    lookup_lag_seconds: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="How long its search may not show what was just made; what may have been made waits for a later run.",
    )
    auth_header: str = Field("Authorization", description="Header that carries the secret or token; empty: none does.")
    auth_format: str = Field("Bearer {secret}", description="Its content.")
    token_url: str | None = Field(
        None, description="Where OAuth client credentials get a token, which then takes the place of the secret."
    )
    client_id: str | None = Field(None, description="With token_url: the client, whose secret is the secret.")
    scope: str = Field("", description="With token_url: what the token shall be good for.")
    hmac_header: str = Field(
        "", description="Header that carries an HMAC-SHA256 of each request, made with the secret; empty: none."
    )
    hmac_format: str = Field("{signature}", description="Its content; {signature} is in hexadecimal digits.")
    hmac_payload: str = Field(
        "{timestamp}.{body}", description="What is signed: {method}, {path}, {timestamp} and {body} are filled in."
    )
    hmac_timestamp_header: str = Field(
        "X-Timestamp", description="With hmac_header: the header with the seconds since 1970 that were signed."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Further headers; nothing secret.")
    check_path: str = Field("", description="Asked to see whether we may sign in; empty: the lookup of nobody.")
    lookup_path: str = Field(description="Finds records by our key, such as contacts?ext_id={key}.")
    lookup_batch_path: str = Field(
        "", description="Finds the records of many keys at once, such as contacts?ext_id__in={keys}; empty: one by one."
    )
    lookup_batch_method: Literal["GET", "POST"] = Field("GET", description="With lookup_batch_path: how it is asked.")
    # A body is the API's own, so that its parts are whatever it wants.
    lookup_batch_body: dict[str, Any] = Field(
        default_factory=dict,
        description="What is sent with POST: a text that is {keys} becomes the list, {page} and {limit} numbers.",
    )
    keys_format: str = Field("{key}", description="How a key stands in {keys} of a path or text, such as '{key}'.")
    keys_separator: str = Field(",", description="What stands between two keys.")
    lookup_batch_keys: int = Field(50, ge=1, le=10_000, description="Keys that one request asks for at most.")
    address_bytes: int = Field(
        8_000, ge=500, description="Longest address that it takes; lists of keys are cut to fit."
    )
    items_path: str = Field("", description="Where an answer holds its list of records; empty: the answer itself.")
    id_path: str = Field("id", description="Where a record holds its id.")
    key_field: str = Field(description="Field of a record that holds our customer_id.")
    fields_path: str = Field("", description="Where a record holds its fields, such as attributes; empty: at the top.")
    field_prefix: str = Field("", description="Put before every field we write: custom fields often have one.")
    types: dict[str, Literal["text", "number", "integer", "boolean", "date", "datetime"]] = Field(
        default_factory=dict, description="Field = type it is sent as; otherwise JSON's own."
    )
    create_values: dict[str, str] = Field(
        default_factory=dict,
        description="Fields, by their whole names, that a record must have to be created; {customer_id} is filled in.",
    )
    omits_empty: bool = Field(
        default=False, description="Its records leave out fields that are empty, so that a field not shown may exist."
    )
    create_method: Literal["POST", "PUT"] = Field(
        "POST", description="How create_path is asked, and create_batch_path."
    )
    create_path: str = Field(description="Makes a record, such as contacts.")
    update_method: Literal["PATCH", "PUT", "POST"] = Field("PATCH", description="How update_path is asked.")
    update_path: str = Field(description="Changes a record, such as contacts/{id}.")
    create_batch_path: str = Field("", description="Makes many records at once; empty: one by one.")
    update_batch_path: str = Field("", description="Changes many records at once; empty: one by one.")
    batch_update_method: Literal["PATCH", "PUT", "POST"] = Field("PATCH", description="How update_batch_path is asked.")
    batch_rows: int = Field(50, ge=1, le=10_000, description="Records in one request to a batch path at most.")
    batch_wrap: str = Field(
        "", description="Key that the list of records is wrapped in when sent; empty: the list itself."
    )
    batch_id_field: str = Field("id", description="Where each record of update_batch_path has its id.")
    batch_results_path: str = Field(
        "", description="Where the answer has one result for each record, in order; empty: the answer itself."
    )
    batch_status_path: str = Field(
        "", description="Where a result has a status of its own, such as status: 400 and more refuse."
    )
    read_path: str = Field("", description="Reads one record back, such as contacts/{id}; empty: the update path.")
    wrap: str = Field("", description="Key that the fields are wrapped in when sent, such as contact.")
    created_id_path: str = Field("", description="Where the answer to a creation has the id; empty: as id_path.")
    conflict_id_path: str = Field("", description="Where a 409 names the record that is there already.")
    record_path: str = Field("", description="Where the answer to reading one record holds it; empty: as `wrap`.")
    null_is_empty: bool = Field(
        default=False, description="A lookup that finds nobody answers null in place of an empty list."
    )
    error_path: str = Field(
        "", description="Where an answer has the sentence of an error: a value there is a refusal at any status."
    )
    ok_path: str = Field("", description="Where an answer says that it worked, such as ok: nothing there is a refusal.")
    error_code_path: str = Field("", description="Where it has its code.")
    error_field_path: str = Field("", description="Where it names the field.")
    error_header: str = Field("", description="Response header with the reason, for systems that put it there.")
    auth_statuses: list[int] = Field(default=[401], description="Statuses that mean the secret is refused.")
    transient_statuses: list[int] = Field(
        default=[408, 409, 423, 425, 500, 502, 503, 504], description="Statuses after which a row may be sent again."
    )
    page_size: int = Field(100, ge=1, description="Records per page of a lookup; {limit} in a path.")
    first_page: int = Field(1, description="Number of the first page; {page} in a path.")
    schema_path: str = Field("", description="Lists the fields there are; empty: the system cannot be asked.")
    schema_items_path: str = Field("", description="Where its answer has the list of fields; empty: the answer itself.")
    schema_name: str = Field("name", description="Where an entry of the schema has the field's name.")
    schema_type: str = Field("type", description="Where it has the type.")
    schema_read_only: str = Field("", description="Where it says that a field is read-only.")
    schema_required: str = Field("", description="Where it says that a new record must have the field.")
    schema_options: str = Field("", description="Where it lists the allowed values.")
    schema_length: str = Field("", description="Where it has the greatest length.")
    schema_types: dict[str, str] = Field(
        default_factory=dict, description="Their type = ours (text, number, integer, boolean, date, datetime, choice)."
    )
    outcomes: RestOutcomes | None = Field(None, description="Where outcomes are read; without it none are.")

    @field_validator("url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        return without_password(value)

    @model_validator(mode="after")
    def _known_marks_of_batches(self) -> RestConnector:
        if self.lookup_batch_path and "{keys}" not in f"{self.lookup_batch_path}{self.lookup_batch_body}":
            raise ValueError("`lookup_batch_path` or `lookup_batch_body` must hold {keys}")
        if self.keys_format.count("{key}") != 1 or self.keys_format.replace("{key}", "").strip("{}") != (
            self.keys_format.replace("{key}", "")
        ):
            raise ValueError("`keys_format` must hold {key}, once, and no other mark")
        for _, mark, _, _ in string.Formatter().parse(self.lookup_batch_path):
            if mark is not None and mark not in {"keys", "page", "limit"}:
                raise ValueError(f"`lookup_batch_path` holds {{{mark}}}; known are {{keys}}, {{page}}, {{limit}}")
        return self

    @model_validator(mode="after")
    def _known_marks(self) -> RestConnector:
        known = {"id", "key", "page", "limit", "cursor"}
        for name in ("lookup_path", "create_path", "update_path", "read_path", "check_path", "schema_path"):
            for _, mark, _, _ in string.Formatter().parse(getattr(self, name)):
                if mark is not None and mark not in known:
                    raise ValueError(f"`{name}` holds {{{mark}}}; known are {{id}}, {{key}}, {{page}}, {{limit}}")
        if self.auth_header and "{secret}" not in self.auth_format:
            raise ValueError("`auth_format` must hold {secret}")
        if (self.token_url is None) != (self.client_id is None):
            raise ValueError("`token_url` and `client_id` belong together")
        if self.hmac_header and "{signature}" not in self.hmac_format:
            raise ValueError("`hmac_format` must hold {signature}")
        if not self.auth_header and not self.hmac_header:
            raise ValueError("nothing carries the secret: set `auth_header` or `hmac_header`")
        return self


class OtherConnector(ConnectorSection):
    """[connectors.NAME] with the kind of a file that you add: connectors/KIND.py in the home.

    Whatever is its own goes into `options`, which are free, so that a misspelt kind is not taken for a new one.
    """

    kind: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The file's name.")
    options: dict[str, Any] = Field(default_factory=dict, description="Whatever that connector needs; nothing secret.")

    @model_validator(mode="before")
    @classmethod
    def _own_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.keys() - cls.model_fields.keys():
            near = difflib.get_close_matches(str(values.get("kind")), _SECTIONS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(_SECTIONS)}."
            raise ValueError(f"no connector is of the kind `{values.get('kind')}`; {hint}")
        return values


def without_password(url: str) -> str:
    """Return `url` as it is; raise ValueError when it is no http(s) address or holds a password."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("`url` must begin with http:// or https://")
    if "@" in url.split("//", 1)[1].split("/", 1)[0]:
        raise ValueError("`url` holds a name or password: secrets belong into CHURN_CONNECTOR_<NAME>_SECRET")
    return url.rstrip("/")


_SECTIONS: dict[str, type[ConnectorSection]] = {
    "file": FileConnector,
    "hubspot": HubspotConnector,
    "odoo": OdooConnector,
    "rest": RestConnector,
    "salesforce": SalesforceConnector,
    "webhook": WebhookConnector,
}


def connector_kinds() -> dict[str, type[ConnectorSection]]:
    """Return the kinds that ship, and the section each of them reads."""
    return dict(_SECTIONS)


def _kind_of(value: Any) -> str:
    kind = value.get("kind", "file") if isinstance(value, dict) else getattr(value, "kind", "file")
    return kind if kind in _SECTIONS else "other"


ConnectorSettings = Annotated[
    Annotated[FileConnector, Tag("file")]
    | Annotated[HubspotConnector, Tag("hubspot")]
    | Annotated[OdooConnector, Tag("odoo")]
    | Annotated[RestConnector, Tag("rest")]
    | Annotated[SalesforceConnector, Tag("salesforce")]
    | Annotated[WebhookConnector, Tag("webhook")]
    | Annotated[OtherConnector, Tag("other")],
    Discriminator(_kind_of),
]
