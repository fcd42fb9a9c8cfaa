"""The processes of one run: start, record, show progress, reduce."""
