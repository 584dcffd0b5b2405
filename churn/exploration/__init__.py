"""Says what the data hold: profile, associations, structure, survival, and findings about churn that stand a later test."""
