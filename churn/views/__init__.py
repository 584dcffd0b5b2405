"""What people and systems look at; opens the store, never the warehouse."""
