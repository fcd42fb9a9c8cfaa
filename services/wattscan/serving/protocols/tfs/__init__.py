"""TensorFlow Serving's protocol: PredictionService and ModelService."""
