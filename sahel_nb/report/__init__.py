"""Plain events, and what renders them. Core code says what happened; it never prints."""
