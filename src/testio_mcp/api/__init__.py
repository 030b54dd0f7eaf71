"""The TestIO Customer API: the JSON as TestIO sends it, and how it is asked for."""
