"""Pushes what was decided to a CRM and keeps it in step; reads back what happened there."""
