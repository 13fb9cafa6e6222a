"""Turns: the model that answers the owner, plans and delegates."""
