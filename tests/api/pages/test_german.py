"""All pages in German, whose words are longer: accessible, and nothing sticks out, on a phone and on a wide screen, light and dark."""

from __future__ import annotations

from tests.api.pages.conftest import Visitor

PAGES = (
    "/",
    "/risk-list",
    "/simulator",
    "/campaigns",
    "/campaigns/fix_payment",
    "/campaigns/support_call/edit",
    "/programmes",
    "/new-programme",
    "/insights",
    "/model",
    "/reports",
    "/jobs",
    "/figures",
    "/audit",
    "/users",
    "/account",
    "/experiments",
    "/pushes",
    "/what-is-not-there",
)
WAYS = (
    (390, "light"),
    (1440, "dark"),
    (390, "dark"),
    (1440, "light"),
)  # a page is looked at in one of them, its words in both widths
# Texts that are wider than their box, unless it can be scrolled or shows that it cuts them.
STICKING_OUT = """() => {
    const blocks = [...document.querySelectorAll('main :is(h1, h2, h3, p, dt, dd, li, summary, button, .button)')];
    return blocks
        .filter((block) => block.offsetParent && !['inline', 'contents'].includes(getComputedStyle(block).display))
        .filter((block) => getComputedStyle(block).overflowX === 'visible' && !block.closest('.visually-hidden, svg, .chart'))
        .filter((block) => block.scrollWidth > block.clientWidth + 1 && !block.querySelector('.visually-hidden, .tip, table, input'))
        .map((block) => `${block.tagName} ${block.className}: ${block.innerText.slice(0, 80)}`);
}"""


def test_every_page_is_accessible_in_german_and_nothing_sticks_out(visitor: Visitor) -> None:
    from axe_playwright_python.sync_playwright import Axe

    visitor.page.context.set_extra_http_headers({"Accept-Language": "de"})
    visitor.allowed = ("404",)
    visitor.visit("/risk-list")
    customer = str(visitor.page.locator("a[href^='/customers/']").first.get_attribute("href"))
    wrong = []
    for place, path in enumerate((*PAGES, customer)):
        checked, scheme = WAYS[place % len(WAYS)]
        visitor.page.emulate_media(color_scheme=scheme)
        for width in sorted((390, 1440), key=lambda width: width == checked):  # the one that is checked comes last
            visitor.page.set_viewport_size({"width": width, "height": 900})
            if width != checked:
                visitor.visit(path, 404 if path == PAGES[-1] else 200)
            if visitor.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                wrong.append(f"{path}, {width} px: the page is wider than the screen")
            wrong += [f"{path}, {width} px: {text}" for text in visitor.page.evaluate(STICKING_OUT)]
        assert visitor.page.locator("html").get_attribute("lang") == "de"
        violations = Axe().run(visitor.page, options={"resultTypes": ["violations"]}).response["violations"]
        wrong += [f"{path}, {checked} px, {scheme}: {v['id']}: {v['nodes'][0]['html'][:200]}" for v in violations]
    assert wrong == [], "\n".join(wrong)
