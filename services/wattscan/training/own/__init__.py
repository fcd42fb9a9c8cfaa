"""Models of the user's own: files without a task, from what is in them to what they are worth."""
