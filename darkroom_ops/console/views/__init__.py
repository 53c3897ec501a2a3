"""What can be looked at. Each view gathers what its template shows; nothing is changed."""
