"""Questions in domain words, answered as views.

Importing a service takes no SQLAlchemy: the server answers its first request before it
imports that, so a service names its repositories for type checkers only.
"""
