"""Two or more negative tests for each class of vulnerability published in this field."""
