"""Answers as documents and pictures."""
