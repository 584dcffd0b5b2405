"""Pure arithmetic of retention decisions: numbers in, numbers out, no files, no clock, no model libraries."""
