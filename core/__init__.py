"""What all parts share; imports none of them."""
