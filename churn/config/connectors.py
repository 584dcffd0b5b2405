"""The [connectors.NAME] sections: where campaigns are pushed to; `kind` says which keys a section has."""

from __future__ import annotations

import difflib
import string
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from churn.config.connectors_common import ConnectorSection, secret_name
from churn.config.connectors_crm import HubspotConnector, OdooConnector, SalesforceConnector
from churn.config.sections import Section

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

    @field_validator("url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        return without_password(value)


class RestOutcomes(Section):
    """[connectors.NAME.outcomes]: where what happened is read from, and under which names."""

    path: str = Field(description="Path of the list, with {cursor} where the last cursor goes.")
    items_path: str = Field("", description="Where the list lies in the answer, such as data.items; empty: at the top.")
    cursor_path: str = Field("", description="Where the answer has the next cursor; empty: the newest occurred_at.")
    first_cursor: str = Field("", description="The cursor of the very first reading.")
    event_id: str = "id"
    customer_id: str = "customer_id"
    remote_id: str = "contact_id"
    campaign: str = "campaign"
    event_kind: str = "kind"
    occurred_at: str = "occurred_at"
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
    auth_header: str = Field("Authorization", description="Header that carries the secret.")
    auth_format: str = Field("Bearer {secret}", description="Its content.")
    headers: dict[str, str] = Field(default_factory=dict, description="Further headers; nothing secret.")
    check_path: str = Field("", description="Asked to see whether we may sign in; empty: the lookup of nobody.")
    lookup_path: str = Field(description="Finds records by our key, such as contacts?ext_id={key}.")
    items_path: str = Field("", description="Where an answer holds its list of records; empty: the answer itself.")
    id_path: str = Field("id", description="Where a record holds its id.")
    key_field: str = Field(description="Field of a record that holds our customer_id.")
    fields_path: str = Field("", description="Where a record holds its fields, such as attributes; empty: at the top.")
    field_prefix: str = Field("", description="Put before every field we write: custom fields often have one.")
    types: dict[str, Literal["text", "number", "integer", "boolean", "date", "datetime"]] = Field(
        default_factory=dict, description="Field = type it is sent as; otherwise JSON's own."
    )
    create_method: Literal["POST", "PUT"] = "POST"
    create_path: str = Field(description="Makes a record, such as contacts.")
    update_method: Literal["PATCH", "PUT", "POST"] = "PATCH"
    update_path: str = Field(description="Changes a record, such as contacts/{id}.")
    read_path: str = Field("", description="Reads one record back, such as contacts/{id}; empty: the update path.")
    wrap: str = Field("", description="Key that the fields are wrapped in when sent, such as contact.")
    created_id_path: str = Field("", description="Where the answer to a creation has the id; empty: as id_path.")
    conflict_id_path: str = Field("", description="Where a 409 names the record that is there already.")
    error_path: str = Field("", description="Where an error answer has its sentence, such as error.message.")
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
    schema_items_path: str = ""
    schema_name: str = Field("name", description="Where an entry of the schema has the field's name.")
    schema_type: str = Field("type", description="Where it has the type.")
    schema_read_only: str = Field("", description="Where it says that a field is read-only.")
    schema_options: str = Field("", description="Where it lists the allowed values.")
    schema_length: str = Field("", description="Where it has the greatest length.")
    schema_types: dict[str, str] = Field(
        default_factory=dict, description="Their type = ours (text, number, integer, boolean, date, datetime, choice)."
    )
    outcomes: RestOutcomes | None = None

    @field_validator("url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        return without_password(value)

    @model_validator(mode="after")
    def _known_marks(self) -> RestConnector:
        known = {"id", "key", "page", "limit", "cursor"}
        for name in ("lookup_path", "create_path", "update_path", "read_path", "check_path", "schema_path"):
            for _, mark, _, _ in string.Formatter().parse(getattr(self, name)):
                if mark is not None and mark not in known:
                    raise ValueError(f"`{name}` holds {{{mark}}}; known are {{id}}, {{key}}, {{page}}, {{limit}}")
        if "{secret}" not in self.auth_format:
            raise ValueError("`auth_format` must hold {secret}")
        return self


class OtherConnector(ConnectorSection):
    """[connectors.NAME] with the kind of a file that you add: connectors/KIND.py in the home.

    Whatever is its own goes into `options`, so that a misspelt kind is not taken for a new one.
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
