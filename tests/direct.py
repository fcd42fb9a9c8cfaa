"""What a model says without the service: what the service's answers are compared with."""

from __future__ import annotations

import numpy as np

from wattscan import plugins
from wattscan.artifacts import find_cards
from wattscan.installation import models_folder
from wattscan.targets import load_target


def preprocessed(task, model, count):
    """Images of the phantom, and what the network takes of them."""
    images = task.phantom(count, seed=4242).images
    (card,) = [card for card in find_cards(models_folder()) if card.name == model]
    tensors = [task.preprocess(image, card.normalisation) for image in images]
    return images, np.stack(tensors)


def probabilities(model, batch):
    """What the engine says in this process, one image at a time, as the service runs it."""
    path = models_folder() / model / "1" / "model.onnx"
    backend = plugins.backend("openvino")
    engine = backend.open_engine(path, load_target("cpu").backend_settings)
    logits = np.concatenate([engine.infer(image[np.newaxis]) for image in batch])
    engine.close()
    return 1 / (1 + np.exp(-logits.astype(np.float64)))
