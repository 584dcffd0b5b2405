"""Reads days whose month is a name, in the languages of Western Europe: no name stands for one month here and another there."""

from __future__ import annotations

from typing import Final

from churn.warehouse.connection import literal

# English, German, French, Spanish, Italian, Portuguese, Dutch: whole names and usual abbreviations, without accents.
_NAMES: Final = (
    "jan january januar janner janv janvier ene enero gen gennaio janeiro januari",
    "feb february februar feber fev fevr fevrier febrero febbraio fevereiro februari",
    "mar march marz mrz maerz mars marzo marco maart mrt",
    "apr april avr avril abr abril aprile",
    "may mai mayo mag maggio maio mei",
    "jun june juni juin junio giu giugno junho",
    "jul july juli juil juillet julio lug luglio julho",
    "aug august aout ago agosto augustus",
    "sep sept september septembre septiembre set settembre setembro",
    "oct october okt oktober octobre octubre ott ottobre out outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember decembre dic diciembre dicembre dezembro",
)
_DAY: Final = r"([0-9]{1,2})(?:\.|er|st|nd|rd|th|º)?"
_MONTH: Final = r"([a-z]{3,10})\.?"
_REST: Final = r"(?:,?(?: um| at)?( [0-9].*)?)"
_DAY_FIRST: Final = rf"^{_DAY}(?:[ -]| de )?{_MONTH}(?:[ -]| de |, )([0-9]{{4}}){_REST}$"
_MONTH_FIRST: Final = rf"^{_MONTH} {_DAY},? ([0-9]{{4}}){_REST}$"
_CLOCKS: Final = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", " %I:%M%p", " %I:%M:%S%p")


def named(bare: str) -> str:
    """Return SQL for the time that a text with a month by name says, null where it says none. `bare` has no blanks around it.

    The parts of a text are bound once, by a lambda: written out wherever they are used, planning the query took seconds.
    """
    text = f"strip_accents(lower({bare}))"
    forms = "[" + ", ".join(literal(f"%Y-%m-%d{clock}") for clock in _CLOCKS) + "]"
    months = ", ".join(
        f"{literal(name)}: '{number}'" for number, names in enumerate(_NAMES, start=1) for name in names.split()
    )
    read = (
        f"list_transform([regexp_extract({text}, {literal(pattern)}, {parts})], lambda said: try_strptime("
        f"said.year || '-' || map {{{months}}}[said.month] || '-' || said.day || upper(said.rest), {forms}))[1]"
        for pattern, parts in (
            (_DAY_FIRST, "['day', 'month', 'year', 'rest']"),
            (_MONTH_FIRST, "['month', 'day', 'year', 'rest']"),
        )
    )
    return f"case when regexp_matches({bare}, '[0-9].*[^0-9]{{3}}|^[^0-9]{{4}}') then coalesce({', '.join(read)}) end"
