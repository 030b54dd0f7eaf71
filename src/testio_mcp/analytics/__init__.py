"""What can be measured, by what, and how it becomes one SELECT."""
