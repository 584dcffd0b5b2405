"""The form of figures that are mailed each month, as the page of figures shows it: those that go out, and what was filled in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from churn.accounts.sign_in import SignedIn
from churn.api.state import State
from churn.errors import ConfigError
from churn.jobs.notify.figure_mail import choices_of, company_domains, is_mail_set_up
from churn.store.service_records import FigureMail


@dataclass(frozen=True)
class FigureMailForm:
    """Mails that go out each month, and the form, with what is `wrong` beside the field `where`.

    `domains` is where this user may have mail sent to; empty for anywhere.
    """

    is_set_up: bool
    mails: Sequence[FigureMail]
    domains: str
    to: str = ""
    tables: Sequence[str] | None = None
    where: str = ""
    wrong: str = ""

    def refused(self, to: str, tables: Sequence[str], error: ConfigError) -> FigureMailForm:
        """Return the form as it was filled in, with what is wrong."""
        words = f"{error.what[:1].upper()}{error.what[1:]}. {error.remedy or ''}".strip()
        where = error.where if error.where == "tables" else "to"
        return replace(self, to=to, tables=tables, where=where, wrong=words)


def mail_form(state: State, user: SignedIn) -> FigureMailForm:
    """Return the form before anybody filled it in; an administrator sees everybody's mails."""
    is_admin = user.may("admin")
    domains = "" if is_admin else " or ".join(sorted(company_domains(state.context)))
    mails = choices_of(state.context, user.name, is_admin=is_admin)
    return FigureMailForm(is_mail_set_up(state.context), mails, domains)


def addresses_in(text: str) -> tuple[str, ...]:
    """Return the mail addresses of a text, each once: between them stand commas, spaces or line ends."""
    return tuple(dict.fromkeys(word for word in re.split(r"[\s,;]+", text) if word))
