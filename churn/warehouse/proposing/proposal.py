"""Proposes how a file is to be declared: what its values prove is written, what has two readings is left to a person."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from churn.warehouse.connection import quoted
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.loading.date_forms import DateShape
from churn.warehouse.proposing import synonyms
from churn.warehouse.proposing.deletions import deletions_of, without_envelope
from churn.warehouse.proposing.evidence import ColumnEvidence, FileEvidence
from churn.warehouse.proposing.names import names_of
from churn.warehouse.proposing.objections import OBJECTION, objection_note, objection_sql, objections
from churn.warehouse.proposing.tables import TableMatch, is_undecided, matches, shared_id
from churn.warehouse.proposing.terms import terms_of
from churn.warehouse.proposing.toml import inline
from churn.warehouse.reading.values import MISSING_VALUES

Codes = dict[str, dict[str, bool | str]]
_YEARS_AHEAD: Final = 5  # contracts are dated so far into the future
_FLAGS: Final = frozenset({"marketing_consent", "has_churned"})


@dataclass(frozen=True)
class Choice:
    """Lines of which a person has to choose one, and what they have to know for it."""

    why: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class SourceProposal:
    """A section as proposed: lines of TOML in force, the `columns` map, choices and notes, which become comments.

    `is_chosen` is false where the whole section is a choice, `title` says what of.
    """

    table: str
    paths: tuple[Path, ...]
    lines: tuple[str, ...]
    columns: dict[str, str]
    choices: tuple[Choice, ...]
    notes: tuple[str, ...]
    title: str
    is_chosen: bool = True


def propose(files: Sequence[FileEvidence], *, year: int) -> list[SourceProposal]:
    """Return the sections for `files`; `year` is the current one, from which years of two digits are counted."""
    files = [without_envelope(evidence) for evidence in files]
    customer = shared_id(files)
    ranked = [(evidence, matches(evidence, customer, is_alone=len(files) == 1)) for evidence in files]
    best: dict[str, int] = {}
    for position, (_, fits) in enumerate(ranked):
        if fits and not is_undecided(fits):
            held = best.get(fits[0].table)
            if held is None or ranked[held][1][0].score < fits[0].score:
                best[fits[0].table] = position
    proposals = []
    for position, (evidence, fits) in enumerate(ranked):
        more = f" and {len(evidence.paths) - 1} more of its form" if len(evidence.paths) > 1 else ""
        subject = f"{evidence.paths[0].name}{more}, {evidence.rows:,} rows"
        if not fits:
            proposals.append(_unknown(evidence, subject))
        elif is_undecided(fits):
            top = [fit for fit in fits if fit.score == fits[0].score]
            names = " or ".join(fit.table for fit in top)
            proposals += [
                _section(evidence, fit, f"{subject}: {names}? Uncomment the one that it is.", year, is_chosen=False)
                for fit in top
            ]
        elif fits[0].table == "contacts" and not {"campaign", "channel"} & set(fits[0].columns):
            whose = "contacts? Only if you made them: calls and mails of customers are support_tickets, or events."
            proposals.append(_section(evidence, fits[0], f"{subject}: {whose}", year, is_chosen=False))
        elif best[fits[0].table] != position:
            other = ranked[best[fits[0].table]][0].paths[0].name
            title = (
                f"{subject}: looks like {fits[0].table}, which {other} fits better. A section reads files of one form."
            )
            proposals.append(_section(evidence, fits[0], title, year, is_chosen=False))
        else:
            also = ", ".join(fit.table for fit in fits[1:] if fit.score >= fits[0].score - 1 and fit.table not in best)
            title = f"{subject}{f'; it also has what {also} needs' if also else ''}"
            proposals.append(_section(evidence, fits[0], title, year))
    if customer is None:
        return proposals
    note = f"{customer} names the customers: it stands in every file, and names the rows of one."
    return [replace(made, notes=(note, *made.notes)) if made.columns else made for made in proposals]


def _unknown(evidence: FileEvidence, subject: str) -> SourceProposal:
    stem = synonyms.plain(evidence.paths[0].name.split(".")[0]) or "mine"
    names = ", ".join(column.name for column in evidence.columns)
    note = f'It holds {names}. Name the table and its columns: columns = {{ customer_id = "..." }}.'
    return SourceProposal(
        stem, evidence.paths, (), {}, (), (note,), f"{subject}: no canonical table is recognised.", is_chosen=False
    )


def _section(
    evidence: FileEvidence, match: TableMatch, title: str, year: int, *, is_chosen: bool = True
) -> SourceProposal:
    by_name = {column.name: column for column in evidence.columns}
    ours = {theirs: name for name, theirs in match.columns.items()}
    lines: list[str] = []
    choices: list[Choice] = []
    notes: list[str] = [evidence.note] if evidence.note else []
    if evidence.rows_at:
        lines.append(f"rows_at = {inline(evidence.rows_at)}")
    _options(evidence, match, lines, choices)
    _dates(match, by_name, lines, choices, year)
    objecting = {column.name: OBJECTION for column in objections(evidence.columns).told if match.table == "customers"}
    _codes(evidence, {**objecting, **ours}, lines, choices, notes)
    times = [by_name[theirs] for theirs in match.columns.values() if by_name[theirs].is_time]
    if any(column.clocks and not column.offsets and column.kind == "text" for column in times):
        why = "Times without an offset are UTC, unless the zone they were written in is named:"
        choices.append(Choice(why, ('zone = "Europe/Berlin"',)))
    columns = {name: _mapped(by_name[theirs]) for name, theirs in match.columns.items() if theirs.lower() != name}
    types = TABLES[match.table].types
    for name, theirs in match.columns.items():
        words = by_name[theirs].placeholders
        if words and types[name] in {"TIMESTAMP", "DATE"}:
            columns[name] = _without(by_name[theirs], words)
            notes.append(f"A placeholder in {theirs}, read as missing: {', '.join(words)}.")
        if by_name[theirs].is_serial and types[name] in {"TIMESTAMP", "DATE"}:
            columns[name] = _of_a_spreadsheet(by_name[theirs])
            notes.append(f"{theirs} counts days, as a spreadsheet does.")
    terms = terms_of(match.table, match.columns, evidence, _sql)
    columns = {name: theirs for name, theirs in columns.items() if name not in terms.left_out} | dict(terms.columns)
    choices += [Choice(why, answers) for why, answers in terms.questions]
    ours |= dict.fromkeys(terms.read, "")
    gone = deletions_of(match.table, match.columns, evidence, _sql, leave=terms.read)
    lines += gone.lines
    choices += [Choice(why, answers) for why, answers in gone.questions]
    notes += gone.notes
    ours |= dict.fromkeys(gone.read, "")
    ours |= dict.fromkeys(_objections(evidence, match, columns, choices, notes), OBJECTION)
    for name, theirs in gone.columns.items():
        other = columns.get(name) or (_sql(by_name[match.columns[name]]) if name in match.columns else "")
        columns[name] = f"coalesce({other}, {theirs})" if name == OBJECTION and other else theirs
    named = names_of(match, evidence, _sql, has_versions="known_at" in columns)
    columns = {name: theirs for name, theirs in columns.items() if name not in named.left_out} | dict(named.columns)
    choices += [Choice(why, answers) for why, answers in named.questions]
    notes += named.notes
    if evidence.options.get("header") is False:
        notes.append("The first line holds values: column0, column1, ... are its columns.")
    unread = dict(_unread(match, evidence))
    choices += unread.values()
    kept = [
        column.name for column in evidence.columns if column.name not in {*ours, *unread} and column.name != "known_at"
    ]
    if kept:
        notes.append(f"Kept under their own names: {', '.join(kept)}.")
    return SourceProposal(
        match.table, evidence.paths, tuple(lines), columns, tuple(choices), tuple(notes), title, is_chosen
    )


def _objections(
    evidence: FileEvidence, match: TableMatch, columns: dict[str, str], choices: list[Choice], notes: list[str]
) -> list[str]:
    """Propose columns that say who wants no marketing as objections; return the names of those that are read."""
    free = [column for column in evidence.columns if column.name not in match.columns.values()]
    proposed = objections(free)
    if match.table == "customers" and OBJECTION not in match.columns and proposed.told:
        columns[OBJECTION] = objection_sql([(column, _sql(column)) for column in proposed.told])
        notes.append(objection_note(proposed.told))
        notes += [
            f"{column.name} sounds like an objection too, and is not read: what do its values mean?"
            for column in proposed.unclear
        ]
        return [column.name for column in proposed.told]
    for column in (*proposed.told, *proposed.unclear) if match.table in {"customers", "customer_snapshots"} else ():
        section = (
            "the columns of [sources.customers]" if match.table == "customer_snapshots" else "the section's columns"
        )
        held = ", ".join(f"`{word}`" for word in column.words)
        why = f"{column.name} ({held}) sounds like an objection to marketing, and is not read as one. Below {section}:"
        choices.append(Choice(why, (f"{OBJECTION} = {inline(objection_sql([(column, _sql(column))]))}",)))
    return []


def _mapped(column: ColumnEvidence) -> str:
    """Return how `columns` names a column: by its heading, or by the path of a value below others."""
    if not column.is_below:
        return column.name
    return ".".join(f'"{part}"' if not part.isidentifier() else part for part in column.name.split("."))


def _sql(column: ColumnEvidence) -> str:
    return _mapped(column) if column.is_below or column.name.isidentifier() else quoted(column.name)


def _without(column: ColumnEvidence, words: Sequence[str]) -> str:
    """Return SQL for a column without the values that stand for none."""
    sql = _sql(column)
    for word in words:
        literal = word.replace("'", "''")
        sql = f"nullif({sql}, '{literal}')"
    return sql


def _of_a_spreadsheet(column: ColumnEvidence) -> str:
    """Return SQL for the time that a spreadsheet's count of days is."""
    if column.part_days:
        return f"timestamp '1899-12-30' + to_seconds(round(try_cast({_sql(column)} as double) * 86400))"
    return f"date '1899-12-30' + cast(try_cast({_sql(column)} as double) as integer)"


def _unread(match: TableMatch, evidence: FileEvidence) -> Iterator[tuple[str, Choice]]:
    """Yield the headings that are columns of ours by their name and not by their values, and what to say of them."""
    types = TABLES[match.table].types
    for column in evidence.columns:
        ours = next((name for name in types if synonyms.plain(name) == synonyms.plain(column.name)), None)
        if ours is None or ours in match.columns or column.name in match.columns.values() or not column.values:
            continue
        what = (
            "numbers" if types[ours] == "DOUBLE" else "times" if types[ours] in {"TIMESTAMP", "DATE"} else "yes or no"
        )
        example = next(iter((*column.odd, *column.words)), "")
        such = f", such as `{example}`," if example else ""
        why = f"Values of {column.name}{such} are not read as {what}. Below the section's columns, say how they are read, or leave it out:"
        yield column.name, Choice(why, (f"{ours} = {inline(f'replace({_sql(column)}, ...)')}", f'{ours} = "null"'))


def _options(evidence: FileEvidence, match: TableMatch, lines: list[str], choices: list[Choice]) -> None:
    """Write the reader's options: one line, or every one that fits as a choice."""
    base: dict[str, object] = dict(evidence.options)
    words = _words_for_nothing(evidence, match)
    if words:
        base["nullstr"] = words
    reasons, delimiters = [], [base.get("delim")]
    if evidence.delimiters:
        delimiters = list(evidence.delimiters)
        reasons.append(f"The first line may be parted by {' or '.join(repr(sign) for sign in delimiters)}")
    numbers, why = _number_signs(evidence)
    grouped = [column for column in _amounts(evidence, match) if column.group_sign]
    if grouped:
        comma = any(column.decimal_commas for column in grouped)
        numbers, why = [{**({"decimal_separator": ","} if comma else {}), "thousands": grouped[0].group_sign}], ""
    reasons += [why] if why else []
    alternatives = []
    for sign, signs in itertools.product(delimiters, numbers):
        options = {**base, **({"delim": sign} if sign else {}), **signs}
        alternatives.append(f"options = {inline(options)}" if options else "")
    if len(alternatives) == 1:
        lines += [line for line in alternatives if line]
    else:
        choices.append(Choice(f"{'. '.join(reasons)}. Uncomment what is right:", tuple(filter(None, alternatives))))


def _amounts(evidence: FileEvidence, match: TableMatch) -> list[ColumnEvidence]:
    by_name = {column.name: column for column in evidence.columns}
    types = TABLES[match.table].types
    return [by_name[theirs] for ours, theirs in match.columns.items() if types[ours] == "DOUBLE"]


def _words_for_nothing(evidence: FileEvidence, match: TableMatch) -> list[str]:
    types = TABLES[match.table].types
    by_name = {column.name: column for column in evidence.columns}
    words: list[str] = []
    for ours, theirs in match.columns.items():
        column = by_name[theirs]
        if types[ours] in {"TIMESTAMP", "DATE", "DOUBLE"} and len(column.odd) <= 3:
            words += [word for word in column.odd if not any(sign.isdigit() for sign in word) and len(word) < 20]
    return sorted(set(words))


def _number_signs(evidence: FileEvidence) -> tuple[list[dict[str, object]], str]:
    """Return the ways in which numbers may be declared; the reason why it is more than one."""
    commas = [column for column in evidence.columns if column.is_number and column.kind == "text"]
    decimal = next((column for column in commas if column.decimal_commas), None)
    thousands = next((column for column in commas if column.thousands), None)
    either = next((column for column in commas if column.either), None)
    by_comma: dict[str, object] = {"decimal_separator": ","}
    in_groups: dict[str, object] = {"thousands": ","}
    if decimal and not thousands:
        return [by_comma], ""
    if thousands and not decimal:
        return [in_groups if either else {}], ""
    example = either or decimal
    if example is not None:
        why = f"`{example.comma_example}` in {example.name} has a decimal comma, or thousands grouped by commas"
        return [by_comma, in_groups], why
    grouped = next((column for column in commas if column.point_groups and column.point_groups == column.numbers), None)
    has_points = any(
        column.numbers > column.point_groups and not column.words for column in commas if column is not grouped
    )
    if grouped is not None and not has_points:
        why = f"Numbers in {grouped.name} are read as 1.234; if points group thousands there (1234), this is needed"
        return [{}, by_comma], why
    return [{}], ""


def _dates(
    match: TableMatch, by_name: Mapping[str, ColumnEvidence], lines: list[str], choices: list[Choice], year: int
) -> None:
    types = TABLES[match.table].types
    proven: dict[str, str] = {}
    open_ones: dict[str, tuple[str, str]] = {}
    examples = []
    needs_pivot = False
    for ours, theirs in match.columns.items():
        column = by_name[theirs]
        if types[ours] not in {"TIMESTAMP", "DATE"}:
            continue
        for shape in column.shapes:
            is_short = shape.year_digits == 2
            if shape.separator == "." and not is_short:
                continue  # the day comes first everywhere
            needs_pivot |= is_short
            day, month = (_form(shape, column, order) for order in ("%d{0}%m", "%m{0}%d"))
            if shape.separator == "." or shape.first > 12:
                proven[ours] = day
            elif shape.second > 12:
                proven[ours] = month
            else:
                open_ones[ours] = (day, month)
                examples.append(f"`{shape.example}` in {theirs}")
    if needs_pivot:
        lines.append(f"pivot_year = {year + _YEARS_AHEAD}  # the latest year that two digits mean")
    if open_ones:
        why = f"{', '.join(examples)} may have the day or the month first. Uncomment what is right:"
        both = [{**proven, **{name: forms[order] for name, forms in open_ones.items()}} for order in (0, 1)]
        choices.append(Choice(why, tuple(f"dates = {inline(forms)}" for forms in both)))
    elif proven:
        lines.append(f"dates = {inline(proven)}")


def _form(shape: DateShape, column: ColumnEvidence, order: str) -> str:
    day = f"{order.format(shape.separator)}{shape.separator}{'%y' if shape.year_digits == 2 else '%Y'}"
    return f"{day} %I:%M %p" if column.half_days else day


def _codes(
    evidence: FileEvidence,
    ours: Mapping[str, str],
    lines: list[str],
    choices: list[Choice],
    notes: list[str],
) -> None:
    """Write what the words of consent, label, status and reason mean, and of extra columns whose words are yes and no."""
    codes: Codes = {}
    for column in evidence.columns:
        name = ours.get(column.name, "")
        meant = [word for word in column.words if name not in _FLAGS or word not in MISSING_VALUES]
        words = {word: synonyms.plain(word) if not word.lstrip("-").isdigit() else word for word in meant}
        if not words or column.kind != "text":
            continue
        if name in _FLAGS:
            yes = synonyms.YES if name == "marketing_consent" else synonyms.CHURNED
            no = synonyms.NO if name == "marketing_consent" else synonyms.STAYED
            _flag(name, words, yes, no, codes, choices)
        elif name in {"status", "end_reason"}:
            known = synonyms.STATUS if name == "status" else synonyms.END_REASON
            mapped: dict[str, bool | str] = {word: known[plain] for word, plain in words.items() if plain in known}
            if any(value != word.lower() for word, value in mapped.items()):
                codes[name] = mapped
            strange = [word for word in words if word not in mapped]
            if strange:
                notes.append(f"Not known in {name}: {', '.join(strange)}; add each to `codes`.")
        elif not name and set(words.values()) <= synonyms.YES | synonyms.NO and len(words) == 2:
            flags: dict[str, bool | str] = {word: plain in synonyms.YES for word, plain in words.items()}
            if len(set(flags.values())) == 2 and not {word.lower() for word in words} <= synonyms.PLAIN_YES_NO:
                codes[column.name] = flags
    if codes:
        lines.append(f"codes = {inline(codes)}")


def _flag(
    name: str,
    words: Mapping[str, str],
    yes: frozenset[str],
    no: frozenset[str],
    codes: Codes,
    choices: list[Choice],
) -> None:
    if {word.lower() for word in words} <= synonyms.PLAIN_YES_NO:
        return
    known: dict[str, bool | str] = {word: plain in yes for word, plain in words.items() if plain in yes | no}
    if len(set(known.values())) == 2 or (known and len(words) == len(known)):
        codes[name] = known
        strange = [word for word in words if word not in known]
        if strange:
            why = f"Not known in {name}: {', '.join(strange)}. Say in `codes` above what each means, or a refresh is refused, such as:"
            answered = {**known, **dict.fromkeys(strange, False)}
            choices.append(Choice(why, (f"codes = {inline({name: answered})}",)))
        return
    pair = list(words)[:2]
    forms = [
        {pair[0]: True, **dict.fromkeys(pair[1:], False)},
        {pair[0]: False, **dict.fromkeys(pair[1:], True)},
    ]
    why = f"{name} holds {', '.join(f'`{word}`' for word in words)}. Say what each means, such as:"
    choices.append(Choice(why, tuple(f"codes = {inline({name: form})}" for form in forms)))
