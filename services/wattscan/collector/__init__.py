"""Series -> window -> delta -> table -> report."""
