"""From features to the matrix that a candidate learns from."""
