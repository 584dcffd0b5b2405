"""What the stages hand one another and the store keeps, as frozen typed models: the JSON that is written is theirs."""
