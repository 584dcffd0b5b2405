"""Says what acting on the scores is worth."""
