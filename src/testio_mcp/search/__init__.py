"""What can be found by its words, and how what people type becomes a question of SQLite."""
