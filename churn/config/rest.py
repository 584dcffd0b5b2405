"""The section of the connector `rest`: any CRM with a REST API, described by its keys alone, or by a preset."""

from __future__ import annotations

import string
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, field_validator, model_validator

from churn.config.connector_section import ConnectorSection, without_password
from churn.config.presets import presets, with_preset
from churn.config.sections import Section


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
    preset: str | None = Field(
        None,
        description=f"System whose paths, limits and errors are known: {', '.join(presets())}; other keys change it.",
    )
    url: str = Field(description="The API's address; paths below are joined to it.")
    read_url: str | None = Field(
        None,
        description="Address of the API that is asked and read, where it is another than the one that is written to. The "
        "secret is then two, with a blank between them: for `url`, and for this one.",
    )
    place: str = Field("", description="What {place} in the paths stands for, such as the id of a list.")
    match_by: Literal["customer_id", "email"] = Field(
        "customer_id",
        description="What records are known by there, {key} of the paths: our customer_id, or the customer's e-mail address.",
    )
    lookup_lag_seconds: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="How long its search may not show what was just made; what may have been made waits for a later run.",
    )
    auth_header: str = Field("Authorization", description="Header that carries the secret or token; empty: none does.")
    auth_format: str = Field("Bearer {secret}", description="Its content.")
    read_auth_format: str = Field("Bearer {secret}", description="With read_url: its content there.")
    basic_user: str = Field(
        "", description="User of HTTP Basic authentication, whose password is the secret; in place of auth_format."
    )
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
    lookup_path: str = Field(
        "", description="Finds records by our key, such as contacts?ext_id={key}; empty: lookup_batch_path alone does."
    )
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
    id_is_key: bool = Field(
        default=False, description="A record goes by our key, which is its id, so that no answer needs to name it."
    )
    key_path: str = Field(
        "", description="Where a record that is found has our key; empty: it is key_field, among its fields."
    )
    fields_path: str = Field("", description="Where a record holds its fields, such as attributes; empty: at the top.")
    read_fields_path: str | None = Field(
        None, description="Where a record that is read has its fields, if elsewhere than where they are sent."
    )
    field_prefix: str = Field("", description="Put before every field we write: custom fields often have one.")
    types: dict[str, Literal["text", "number", "integer", "boolean", "date", "datetime"]] = Field(
        default_factory=dict, description="Field = type it is sent as; otherwise JSON's own."
    )
    create_values: dict[str, str] = Field(
        default_factory=dict,
        description="Fields, by their whole names, that a record must have to be created; {customer_id} is filled in.",
    )
    empty_value: Literal["null", "text"] = Field(
        "null", description="What empties a field: null, or a text without any letter."
    )
    omits_empty: bool = Field(
        default=False, description="Its records leave out fields that are empty, so that a field not shown may exist."
    )
    create_method: Literal["POST", "PUT"] = Field(
        "POST", description="How create_path is asked, and create_batch_path."
    )
    create_path: str = Field("", description="Makes a record, such as contacts; empty: create_batch_path alone does.")
    update_method: Literal["PATCH", "PUT", "POST"] = Field("PATCH", description="How update_path is asked.")
    update_path: str = Field(
        "", description="Changes a record, such as contacts/{id}; empty: update_batch_path alone does."
    )
    create_batch_path: str = Field("", description="Makes many records at once; empty: one by one.")
    update_batch_path: str = Field("", description="Changes many records at once; empty: one by one.")
    batch_update_method: Literal["PATCH", "PUT", "POST"] = Field("PATCH", description="How update_batch_path is asked.")
    batch_rows: int = Field(50, ge=1, le=10_000, description="Records in one request to a batch path at most.")
    batch_wrap: str = Field(
        "", description="Key that the list of records is wrapped in when sent; empty: the list itself."
    )
    batch_id_field: str = Field(
        "id", description="Where each record of update_batch_path has its id; empty: record_values has it."
    )
    batch_results_path: str = Field(
        "", description="Where the answer has one result for each record, in order; empty: the answer itself."
    )
    batch_status_path: str = Field(
        "", description="Where a result has a status of its own, such as status: 400 and more refuse."
    )
    batch_key_path: str = Field(
        "", description="Where a result and a refusal name their record by our key, so that no order is needed."
    )
    batch_errors_path: str = Field("", description="Where an answer lists refusals; it need not list results then.")
    batch_error_index: str = Field(
        "", description="Where a refusal says which record it is of, counted from 0; empty: by batch_key_path."
    )
    batch_count_path: str = Field(
        "", description="Where the answer counts the records that were taken: all but the refused, or it is no yes."
    )
    read_path: str = Field("", description="Reads one record back, such as contacts/{id}; empty: the update path.")
    reads_by_lookup: bool = Field(
        default=False, description="With id_is_key: records are read back by lookup_batch_path, many at once."
    )
    wrap: str = Field("", description="Key that the fields are wrapped in when sent, such as contact.")
    nests_fields: bool = Field(
        default=False,
        description="A field whose name has dots is sent within others, as properties.x within properties.",
    )
    record_values: dict[str, str] = Field(
        default_factory=dict,
        description="What is sent beside the fields of a record, such as type; {key} and {id} are filled in, {id} left out for "
        "new ones.",
    )
    update_values: dict[str, str | bool] = Field(
        default_factory=dict, description="What is sent beside the fields of a change alone."
    )
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

    # Nothing of the section is validated yet.
    @model_validator(mode="before")
    @classmethod
    def _over_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        if values.get("preset") is not None:
            values = with_preset(values)
        return _with_place(values, str(values.get("place") or ""))

    @field_validator("url", "read_url")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        return None if value is None else without_password(value)

    @model_validator(mode="after")
    def _ways_to_records(self) -> RestConnector:
        if not self.lookup_path and not self.lookup_batch_path:
            raise ValueError("nothing finds a record: set `lookup_path` or `lookup_batch_path`")
        for single, batch in (("create_path", "create_batch_path"), ("update_path", "update_batch_path")):
            if not getattr(self, single) and not getattr(self, batch):
                raise ValueError(f"set `{single}` or `{batch}`")
        if self.reads_by_lookup and not (self.id_is_key and self.lookup_batch_path):
            raise ValueError("`reads_by_lookup` needs `id_is_key` and `lookup_batch_path`")
        if not self.reads_by_lookup and not self.read_path and not self.update_path:
            raise ValueError("nothing reads a record back: set `read_path` or `reads_by_lookup`")
        if self.batch_error_index and not self.batch_errors_path:
            raise ValueError("`batch_error_index` needs `batch_errors_path`")
        return self

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
        for name in ("auth_format", "read_auth_format"):
            if self.auth_header and "{secret}" not in getattr(self, name):
                raise ValueError(f"`{name}` must hold {{secret}}")
        if self.basic_user and self.token_url is not None:
            raise ValueError("`basic_user` and `token_url` are two ways to sign in")
        if (self.token_url is None) != (self.client_id is None):
            raise ValueError("`token_url` and `client_id` belong together")
        if self.hmac_header and "{signature}" not in self.hmac_format:
            raise ValueError("`hmac_format` must hold {signature}")
        if not self.auth_header and not self.hmac_header:
            raise ValueError("nothing carries the secret: set `auth_header` or `hmac_header`")
        return self


# A section as it was written: nothing of it is validated yet.
def _with_place(values: dict[str, Any], place: str) -> dict[str, Any]:
    """Return a section whose paths have {place} filled in, those of its outcomes too."""
    filled: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and name == "outcomes":
            filled[name] = _with_place(value, place)
        elif isinstance(value, str) and name.endswith("path") and "{place}" in value:
            if not place:
                raise ValueError(f"`{name}` holds {{place}}: set `place`")
            filled[name] = value.replace("{place}", quote(place, safe=""))
        else:
            filled[name] = value
    return filled
