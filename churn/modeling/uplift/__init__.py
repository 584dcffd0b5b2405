"""Models of what contacting changes, learnt from experiments."""
