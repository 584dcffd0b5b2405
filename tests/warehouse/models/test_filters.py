"""Audience filters: a condition over named features, and nothing that could read anything else."""

from __future__ import annotations

import pytest

from churn.errors import ConfigError
from churn.warehouse import open_warehouse
from churn.warehouse.models.filters import MOST_DEPTH, audience_filter, term_value

KNOWN = ("number_of_payment_failures_60d", "has_unpaid_bill", "city", "current_fee", "likes.photo")
WHERE = "campaigns/x.toml:7"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        (
            "number_of_payment_failures_60d > 2 or has_unpaid_bill",
            {"number_of_payment_failures_60d", "has_unpaid_bill"},
        ),
        ("has_unpaid_bill", {"has_unpaid_bill"}),
        ("not (current_fee between 10 and 20.5)", {"current_fee"}),
        ("city in ('Berlin', 'Ulm;') and city is not null", {"city"}),
        ("lower(city) like 'b%' -- a note", {"city"}),
        ("coalesce(current_fee, 0) * 12 >= 240", {"current_fee"}),
        ("case when has_unpaid_bill then current_fee > 5 else false end", {"has_unpaid_bill", "current_fee"}),
        ('"likes.photo" > 3', {"likes.photo"}),
        ("CURRENT_FEE > -1", {"current_fee"}),
        ("contains(city, 'burg') or starts_with(city, 'Neu')", {"city"}),
        ("try_cast(city as integer) > 1", {"city"}),
    ],
)
def test_conditions_over_features_are_taken_and_run(text, reads):
    found = audience_filter(text, KNOWN, where=WHERE)
    assert found.features == reads
    columns = "1 as number_of_payment_failures_60d, true as has_unpaid_bill, 'Ulm' as city, 25.0 as current_fee"
    with open_warehouse(None, holder="tests") as warehouse:
        rows = warehouse.rows(f'select {found.sql} from (select {columns}, 4 as "likes.photo")')
    assert rows[0][0] in {True, False, None}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("current_fee > 1; drop table customers", "without a semicolon"),
        ("current_fee > 1;", "without a semicolon"),
        ("current_fee > (select max(current_fee) from raw.payments)", "no subquery"),
        ("exists (select 1)", "may not be used|no subquery"),
        ("current_fee in (from raw.payments)", "no subquery|not valid SQL"),
        ("city = (select content from read_text('/etc/passwd'))", "no subquery"),
        ("read_csv('x.csv') is not null", "`read_csv` may not be used"),
        ("read_text('x') = city", "`read_text` may not be used"),
        ("getenv('HOME') = city", "`getenv` may not be used"),
        ("current_setting('memory_limit') = city", "`current_setting` may not be used"),
        ("current_fee > random()", "may not be used"),
        ("now() > '2026-01-01'", "may not be used"),
        ("count(*) > 1", "may not be used"),
        ("sum(current_fee) over () > 1", "may not be used"),
        ("current_fee > $1", "may not be used"),
        ("current_fee > ?", "may not be used"),
        ("columns('.*') > 1", "may not be used"),
        ("nextval('s') > current_fee", "may not be used"),
        ("current_fee", None),
        ("current_fee + 1", "is a value, not a condition"),
        ("'yes'", "is a value, not a condition"),
        ("true", "reads no feature"),
        ("1 = 1", "reads no feature"),
        ("", "is empty"),
        ("select 1", "a condition, not a statement"),
        ("pragma version", "may not be used|statement"),
        ("attach 'x.db'", "may not be used|statement|not valid"),
        ("copy raw.payments to 'x'", "may not be used|statement|not valid"),
        ("current_fee >", "not valid SQL"),
        ("current_fee > (1", "not valid SQL"),
        ("current_fee > 'open", "not valid SQL"),
        ("spine.current_fee > 1", r"no feature `spine.current_fee`. Did you mean `current_fee`\?"),
        ("has_unpaid_bil", r"no feature `has_unpaid_bil`. Did you mean `has_unpaid_bill`\?"),
        ("email like '%@example.com'", "no feature `email`. `churn features --date DAY` lists them"),
        ("customer_id = 'C1'", "no feature `customer_id`"),
    ],
)
def test_anything_else_is_refused_with_its_place_and_what_to_do(text, says):
    if says is None:  # a bare column may be a truth; the database says if it is not
        assert audience_filter(text, KNOWN, where=WHERE).features == {"current_fee"}
        return
    with pytest.raises(ConfigError, match=says) as caught:
        audience_filter(text, KNOWN, where=WHERE)
    assert caught.value.where == WHERE
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("current_fee > " + "1" * 10_000, "10,000 bytes at most"),
        ("(" * 60 + "current_fee > 1" + ")" * 60, "nests 50 deep"),
        ("not " * 2_000 + "has_unpaid_bill", "nests 50 deep"),
        ("current_fee" + " + 1" * 2_000 + " > 1", "nests 50 deep"),
        ("abs(" * 60 + "current_fee" + ")" * 60 + " > 1", "nests 50 deep"),
        ("(" * 4_000 + "current_fee > 1" + ")" * 4_000, "nests 50 deep"),
    ],
    ids=["long", "parentheses", "not", "sum", "calls", "very deep"],
)
def test_a_filter_is_bounded_in_size_and_depth(text, says):
    with pytest.raises(ConfigError, match=says) as caught:
        audience_filter(text, KNOWN, where=WHERE)
    assert (caught.value.http_status, caught.value.where) == (422, WHERE)


def test_a_long_chain_of_conditions_is_not_deep():
    text = " or ".join(f"current_fee = {number}" for number in range(400))
    assert audience_filter(text, KNOWN, where=WHERE).features == {"current_fee"}
    nested = "(" * (MOST_DEPTH - 5) + "current_fee > 1" + ")" * (MOST_DEPTH - 5)
    assert audience_filter(nested, KNOWN, where=WHERE).features == {"current_fee"}


@pytest.mark.parametrize(
    ("text", "reads", "value"),
    [
        ("current_fee", {"current_fee"}, 25.0),
        ("case when city = 'Ulm' then 2 else 0.5 end", {"city"}, 2.0),
        ("CURRENT_FEE * 12 * 0.7", {"current_fee"}, 210.0),
        ("3 + 0.5", set(), 3.5),
        ("nullif(current_fee, 25)", {"current_fee"}, None),
    ],
)
def test_a_term_is_one_value_over_features_or_a_constant(text, reads, value):
    term = term_value(text, KNOWN, where=WHERE)
    assert term.features == reads
    with open_warehouse(None, holder="tests") as warehouse:
        ((given,),) = warehouse.rows(f"select {term.sql} from (select 'Ulm' as city, 25.0 as current_fee)")
    assert given == value if value is None else float(given) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        ("curent_fee * 2", "no feature `curent_fee`", "Did you mean `current_fee`?"),
        ("current_fee + (select max(x) from y)", "a term holds no subquery", "feature file"),
        ("sum(current_fee)", "`sum` may not be used in a term", "arithmetic"),
        ("getenv('HOME')", "`getenv` may not be used in a term", "arithmetic"),
        ("current_fee; drop table x", "a term is one value, without a semicolon", "Leave out"),
        ("current_fee +", "the term is not valid SQL", "case when country"),
    ],
)
def test_a_term_keeps_the_bounds_of_a_filter_and_is_named_so(text, what, remedy):
    with pytest.raises(ConfigError) as caught:
        term_value(text, KNOWN, where=WHERE)
    assert what in caught.value.what
    assert remedy in str(caught.value.remedy)
    assert caught.value.where == WHERE
