from __future__ import annotations

import inspect

import pytest

from churn import errors
from churn.errors import ChurnError, ConfigError

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, ChurnError)]


def test_a_message_says_where_what_and_what_to_do():
    error = ConfigError("no such file", where="churn.toml", remedy="Write one.")
    assert str(error) == "churn.toml: no such file. Write one."


def test_a_message_without_place_or_remedy_is_just_the_fault():
    assert str(ConfigError("no such file")) == "no such file"


@pytest.mark.parametrize("error", CLASSES, ids=lambda c: c.__name__)
def test_every_class_is_drawn_in_the_tree_and_ends_a_command_with_a_failure(error):
    assert error.__name__ in (errors.__doc__ or "")
    assert 1 <= error.exit_code <= 7


def test_the_tree_draws_no_class_that_is_gone():
    drawn = {
        line.split()[0] for line in (errors.__doc__ or "").splitlines() if line.startswith("    ") and line.strip()
    }
    assert drawn == {c.__name__ for c in CLASSES}
