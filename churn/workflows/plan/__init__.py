"""Plans campaigns: whom to contact, whom to hold out."""
