"""Reads web services: JSON APIs by configuration, page by page, so that what broke off goes on where it stood."""
