"""`wattscan sensors verify`: a device's sensors checked against each other."""
