"""HubSpot: contacts by batch upsert."""
