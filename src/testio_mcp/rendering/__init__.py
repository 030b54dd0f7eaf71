"""From a view to the Markdown that tools and the command line show."""
