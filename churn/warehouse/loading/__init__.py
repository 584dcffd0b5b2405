"""From raw to typed: contracts, casts, column maps, rejects and the ledger of what was loaded."""
