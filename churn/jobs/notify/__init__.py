"""Tells people and systems: alarms, mail, webhooks, the outbox they leave by."""
