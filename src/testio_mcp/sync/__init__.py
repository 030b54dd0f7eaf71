"""Keeps the tables fresh from the TestIO API; the only writer."""
