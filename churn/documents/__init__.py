"""Frozen typed models of what stages hand to each other and the store keeps; they define the JSON that is written."""
