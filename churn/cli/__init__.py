"""The `churn` command: one command per workflow, no logic here."""


def main() -> None:
    """Run the command line."""
