"""What callers see: models of the answers, one file a noun."""
