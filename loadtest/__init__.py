"""The load generator: a Locust file, its users, and the run that they follow."""
