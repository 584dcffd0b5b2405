"""The keys of a source that is a web service: how to sign in, how it pages, how it tells new from old."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class WebSettings(BaseModel):
    """[sources.NAME.web]: how a JSON API is asked. The secret is CHURN_SOURCE_<NAME>_SECRET."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    auth: Literal["none", "bearer", "key", "basic", "client_credentials"] = Field(
        "none", description="How to sign in: the secret as a bearer, a key, user:password, or a client's secret."
    )
    auth_name: str = Field("X-API-Key", description="Header (or parameter) of the key.")
    auth_in: Literal["header", "query"] = Field("header", description="Where the key goes.")
    token_url: str | None = Field(None, description="Where client credentials are exchanged for a token.")
    client_id: str | None = Field(None, description="The client whose secret it is.")
    scope: str | None = Field(None, description="Scope to ask a token for.")
    headers: dict[str, str] = Field(default_factory=dict, description="Further headers of each request.")
    params: dict[str, str | int | float | bool] = Field(default_factory=dict, description="Parameters of each request.")
    paging: Literal["none", "cursor", "page", "offset", "link"] = Field(
        "none", description="How the next page is asked for; link is a Link header with rel=next."
    )
    cursor_at: str | None = Field(None, description="Where the next page's cursor, or its address, stands.")
    cursor_from_row: str | None = Field(None, description="Field of the last row that is the next page's cursor.")
    cursor_param: str = Field("cursor", description="Parameter of the cursor.")
    has_more_at: str | None = Field(None, description="Where it says whether there is another page.")
    page_param: str = Field("page", description="Parameter of the page's number.")
    first_page: int = Field(1, ge=0, le=1, description="Number of the first page.")
    offset_param: str = Field("offset", description="Parameter of the number of rows to pass over.")
    limit_param: str | None = Field(None, description="Parameter of the rows of a page.")
    page_size: int = Field(100, ge=1, le=100_000, description="Rows of a page, where limit_param is given.")
    total_at: str | None = Field(None, description="Where the number of all rows stands; fewer are refused.")
    error_at: str | None = Field(None, description="Where an answer with status 200 says what went wrong.")
    since_param: str | None = Field(
        None, description="Parameter of the time (options.updated) or cursor from which rows are new."
    )
    since_format: Literal["iso", "date", "epoch", "epoch_ms", "number"] = Field(
        "iso", description="How since_param is written."
    )
    sync_cursor_at: str | None = Field(
        None, description="Where the last page gives the cursor to begin with next time."
    )
    requests_per_second: Annotated[float, Field(gt=0, le=1_000)] = Field(5.0, description="Requests a second at most.")
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = Field(60.0, description="Patience with one request.")
    max_attempts: int = Field(5, ge=1, le=20, description="Times that a busy service is asked.")
    max_wait_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(60.0, description="Longest wait between two.")

    @model_validator(mode="after")
    def _whole(self) -> WebSettings:
        if self.auth == "client_credentials" and not (self.token_url and self.client_id):
            raise ValueError("client_credentials needs `token_url` and `client_id`")
        if self.paging == "cursor" and (self.cursor_at is None) == (self.cursor_from_row is None):
            raise ValueError("paging by cursor needs `cursor_at` or `cursor_from_row`")
        if self.sync_cursor_at and not self.since_param:
            raise ValueError("`sync_cursor_at` needs `since_param`, the parameter that takes the cursor next time")
        return self
