"""Salesforce: composite upsert, and Bulk API 2.0 for many rows."""
