"""The protocols: translations between their messages and the pipeline."""
