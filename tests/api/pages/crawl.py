"""Opens one page of each kind that links lead to, as somebody who may do everything: for what must hold on all of them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from churn.accounts.sign_in import create_link
from tests.api.conftest import Service

# One address of each kind is opened: these hold a name.
_NAMED = re.compile(r"^(/customers|/pushes|/jobs/runs|/campaigns|/programmes|/experiments|/reports)/[^/]+")
_ELSEWHERE = ("/static", "/charts", "/sign", "/reports/")
_FEWEST = 20


def every_page(service: Service) -> Iterator[tuple[str, str]]:
    """Yield the address and the HTML of a page of each kind, from the overview on."""
    client = service.client
    link = {"token": create_link(service.context)}
    assert client.get("/sign-in/link", params=link, follow_redirects=False).status_code == 303
    waiting, kinds, opened = ["/"], {"/"}, 0
    while waiting:
        path = waiting.pop()
        answer = client.get(path, headers={"Accept": "text/html"})
        if "text/html" not in answer.headers["content-type"]:
            continue
        opened += 1
        yield path, answer.text
        for href in re.findall(r'href="([^"#]+)', answer.text):
            address = urlsplit(urljoin(path, html.unescape(href)))
            kind = _NAMED.sub(r"\1/one", address.path)
            if address.netloc or address.path.startswith(_ELSEWHERE) or kind in kinds:
                continue
            kinds.add(kind)
            waiting.append(f"{address.path}?{address.query}" if address.query else address.path)
    assert opened >= _FEWEST, "the walk did not get around"
