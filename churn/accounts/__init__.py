"""Who may use the product: people, keys and signing in."""
