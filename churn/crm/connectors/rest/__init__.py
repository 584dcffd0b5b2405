"""Any REST CRM, by configuration alone."""
