"""Lets `python -m churn` do what the `churn` command does."""

from churn.cli import main

if __name__ == "__main__":
    main()
