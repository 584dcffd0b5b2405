"""Jobs: which there are, when they are due, how a run is carried out, and who is notified."""
