"""Campaigns as data: typed definitions, who may be contacted, who is held out, and what came of it."""
