"""Post-training quantization of a file of the user's own: repaired, built, compared, chosen."""
