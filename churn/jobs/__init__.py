"""Work that goes on by itself: which jobs there are, when they are due, how a run is worked, and who is told."""
