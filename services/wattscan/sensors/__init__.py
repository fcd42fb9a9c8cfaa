"""Power, energy and temperature sources, one module each."""
