"""The cache file: connections, transactions, migrations."""
