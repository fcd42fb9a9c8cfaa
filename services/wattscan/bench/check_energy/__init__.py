"""Two revisions of this repository, measured in turns and compared: `make check-energy`."""
