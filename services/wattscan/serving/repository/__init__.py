"""The model repository: what lies in the folder, and what of it is loaded."""
