"""One file per verb of the business; each reads top to bottom as the stages it calls."""
