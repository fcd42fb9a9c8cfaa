"""Clinical tasks, one package each."""
