"""The training loop, the same for the FP32 network and for the quantization-aware one."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from wattscan.contracts import Task, Tensor, WattscanError
from wattscan.training.data import TrainingData, normalised
from wattscan.training.recipe import FitSettings

THREADS = 2


@dataclass(frozen=True)
class Fitted:
    """What a fit did. The network is left with the weights of its best epoch."""

    epochs: int
    best_epoch: int
    validation_score: float
    seconds: float


@dataclass(frozen=True)
class Options:
    """What is not in the recipe."""

    seed: int
    """Of the order of the images and of the augmentation."""
    half: bool = False
    """Multiply in bfloat16 (the weights stay FP32): for processors that do so natively."""
    before_epoch: Callable[[int], None] | None = None
    """Called with the epoch's number, from 0."""


def deterministic(seed: int) -> None:
    """Seed torch and keep it to deterministic kernels and `THREADS` threads, for this process."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(THREADS)


def fit(
    network: Any,
    task: Task,
    data: TrainingData,
    settings: FitSettings,
    options: Options,
) -> Fitted:
    """Train with Adam on Dice + cross-entropy; stop when validation stops improving.

    The network, (N, C, H, W) -> (N, 1, H, W) logits, is trained in place; the task scores the
    validation set. Raises: WattscanError: fewer training images than one batch.
    """
    inputs, truth = _tensors(normalised(data.train, data.normalisation), data.train.truth)
    validation = normalised(data.validation, data.normalisation)
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate)
    steps = _whole_batches(len(inputs), settings.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.epochs * steps)
    order = torch.Generator().manual_seed(options.seed)
    best, best_epoch, best_state = -1.0, -1, copy.deepcopy(network.state_dict())
    started = time.monotonic()
    epoch = 0
    for epoch in range(settings.epochs):
        if options.before_epoch is not None:
            options.before_epoch(epoch)
        network.train()
        total = 0.0
        for batch, masks in _batches(inputs, truth, settings.batch, order):
            total += _step(network, optimiser, batch, masks, half=options.half)
            schedule.step()
        score = task.score(predict(network, validation), data.validation.truth)
        _report(epoch, settings.epochs, total / steps, score, time.monotonic() - started)
        if score > best:
            best, best_epoch, best_state = score, epoch, copy.deepcopy(network.state_dict())
        if epoch - best_epoch >= settings.patience:
            break
    network.load_state_dict(best_state)
    return Fitted(epoch + 1, best_epoch + 1, best, time.monotonic() - started)


def predict(network: Any, inputs: Tensor, batch: int = 32) -> Tensor:
    """Logits of normalised inputs, (N, H, W, C) -> (N, H, W, 1), in evaluation mode."""
    network.eval()
    with torch.no_grad():
        parts = [
            network(torch.from_numpy(inputs[i : i + batch]).permute(0, 3, 1, 2))
            for i in range(0, len(inputs), batch)
        ]
    logits: Tensor = torch.cat(parts).permute(0, 2, 3, 1).contiguous().numpy()
    return logits


def loss_of(logits: Any, masks: Any) -> Any:
    """Cross-entropy plus 1 - soft Dice of the batch, both (N, 1, H, W).

    Dice over the batch, not per image: an empty mask has no gradient of its own.
    """
    probability = torch.sigmoid(logits)
    overlap = (probability * masks).sum()
    soft_dice = (2 * overlap + 1) / (probability.sum() + masks.sum() + 1)
    return functional.binary_cross_entropy_with_logits(logits, masks) + 1 - soft_dice


def native_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 natively (AVX512-BF16, AMX)."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def _whole_batches(count: int, batch: int) -> int:
    if count < batch:
        raise WattscanError(f"{count} training images are less than one batch of {batch}")
    return count // batch


def _step(network: Any, optimiser: Any, batch: Any, masks: Any, *, half: bool) -> float:
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        logits = network(batch)
    loss = loss_of(logits.float(), masks)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def _tensors(inputs: Tensor, truth: Any) -> tuple[Any, Any]:
    """NCHW, stored channels last: oneDNN's faster order."""
    images = torch.from_numpy(inputs).permute(0, 3, 1, 2)
    masks = torch.from_numpy(truth.astype(np.float32)).unsqueeze(1)
    return images.contiguous(memory_format=torch.channels_last), masks


def _batches(inputs: Any, truth: Any, size: int, order: Any) -> Iterator[tuple[Any, Any]]:
    """Whole batches in random order, half of the images mirrored left to right.

    Anatomy has two sides; depth has one.
    """
    shuffled = torch.randperm(len(inputs), generator=order).split(size)
    for chosen in shuffled[: _whole_batches(len(inputs), size)]:
        batch, masks = inputs[chosen], truth[chosen]
        mirror = (torch.rand(size, generator=order) < 0.5).view(-1, 1, 1, 1)
        yield (
            torch.where(mirror, batch.flip(3), batch),
            torch.where(mirror, masks.flip(3), masks),
        )


def _report(epoch: int, epochs: int, loss: float, score: float, seconds: float) -> None:
    left = seconds / (epoch + 1) * (epochs - epoch - 1)
    print(
        f"epoch {epoch + 1}/{epochs}: loss {loss:.4f}, validation {score:.4f}, "
        f"{seconds:.0f} s gone, {left:.0f} s left",
        file=sys.stderr,
        flush=True,
    )
