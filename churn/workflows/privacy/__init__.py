"""People's rights: export, erasure, objection, retention."""
