"""Request -> decode -> preprocess -> queue -> infer -> postprocess -> response."""
