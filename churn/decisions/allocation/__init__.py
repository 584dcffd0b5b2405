"""At most one offer per customer, the most expected profit under every limit."""
