"""The training loop, the same for the FP32 network and for the quantization-aware one."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wattscan.contracts import Normalisation, Task, Tensor, WattscanError
from wattscan.training.data import Split, TrainingData, inputs
from wattscan.training.losses import loss_for
from wattscan.training.recipe import FitSettings
from wattscan.training.resume import FitProgress, Resumable

THREADS = 1
"""One: sums come out in one order, and two tasks train side by side as fast as one after the other
would on two threads, which wait for each other whenever the machine does something else."""


@dataclass(frozen=True)
class Fitted:
    """What a fit did. The network is left with the weights of its best epoch."""

    epochs: int
    best_epoch: int
    validation_score: float
    seconds: float


@dataclass(frozen=True)
class FitOptions:
    """What is not in the recipe."""

    seed: int
    """Of the order of the images and of the augmentation."""
    progress: Path
    """Where an interrupted fit leaves what it needs to go on."""
    identity: Sequence[Any] = ()
    """Plain values that tell its data from another fit's: that one's progress is not used."""
    half: bool = False
    """Multiply in bfloat16 (the weights stay FP32): for processors that do so natively."""


def deterministic(seed: int) -> None:
    """Seed torch and keep it to deterministic kernels and `THREADS` threads, for this process."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(THREADS)


def fit(
    network: Any, task: Task, data: TrainingData, settings: FitSettings, options: FitOptions
) -> Fitted:
    """Train with Adam on the task's loss; stop when validation stops improving.

    The network is trained in place, (N, C, H, W) -> logits; the task scores the validation set. A
    fit that was interrupted, with the same network, data and settings, goes on where it was.

    Raises:
        WattscanError: fewer training images than one batch, or a fit that diverges.
    """
    steps = _whole_batches(len(data.train), settings.batch)
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate)
    schedule = _schedule(optimiser, settings, settings.epochs * steps)
    order = torch.Generator().manual_seed(options.seed)
    resumable = Resumable(options.progress, network, optimiser, schedule, order)
    progress = resumable.load(
        [task.name, str(settings), options.seed, options.half, *options.identity]
    )
    stepper = _Stepper(network, optimiser, loss_for(task), options.half)
    before, started = progress.seconds, time.monotonic()
    while progress.epoch < settings.epochs:
        if progress.epoch - 1 - progress.best_epoch >= settings.patience:
            break
        network.train()
        total = 0.0
        for batch, truth in batches(task, data, settings.batch, order):
            total += stepper.step(batch, truth)
            schedule.step()
        if not math.isfinite(total):
            raise WattscanError("the loss is no longer a number: lower the recipe's learning_rate")
        answers = predict(network, task, data.validation.images, data.normalisation)
        score = task.score(answers, np.asarray(data.validation.truth))
        seconds = before + time.monotonic() - started
        progress = progress.after(score, seconds, network)
        _report(progress, settings.epochs, total / steps, score)
        resumable.save(progress)
    network.load_state_dict(progress.best_state)
    return Fitted(progress.epoch, progress.best_epoch + 1, progress.best, progress.seconds)


def predict(
    network: Any,
    task: Task,
    images: NDArray[np.uint8],
    normalisation: Normalisation,
    batch: int = 16,
) -> Tensor:
    """Logits of images (N, H, W[, C]), in evaluation mode: (N, H, W, 1) or (N, findings)."""
    network.eval()
    parts = []
    with torch.no_grad():
        for i in range(0, len(images), batch):
            logits = network(_tensor(inputs(task, images[i : i + batch], normalisation)))
            parts.append(logits.permute(0, 2, 3, 1) if logits.ndim == 4 else logits)
    result: Tensor = torch.cat(parts).contiguous().numpy()
    return result


def batches(task: Task, data: TrainingData, size: int, order: Any) -> Iterator[tuple[Any, Any]]:
    """Whole batches in random order, half of the images mirrored left to right.

    Anatomy has two sides; depth has one.
    """
    train: Split = data.train
    shuffled = torch.randperm(len(train), generator=order).split(size)
    for chosen in shuffled[: _whole_batches(len(train), size)]:
        where = np.sort(chosen.numpy())
        batch = _tensor(inputs(task, train.images[where], data.normalisation))
        truth = _truth(train.truth[where])
        mirror = (torch.rand(size, generator=order) < 0.5).view(-1, 1, 1, 1)
        batch = torch.where(mirror, batch.flip(3), batch)
        if truth.ndim == 4:
            truth = torch.where(mirror, truth.flip(3), truth)
        yield batch, truth


def native_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 natively (AVX512-BF16, AMX)."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))


def _whole_batches(count: int, batch: int) -> int:
    if count < batch:
        raise WattscanError(f"{count} training images are less than one batch of {batch}")
    return count // batch


def _schedule(optimiser: Any, settings: FitSettings, steps: int) -> Any:
    """Linear up, then half a cosine down to zero."""
    rising = round(settings.warmup * steps)
    schedulers = torch.optim.lr_scheduler
    falling = schedulers.CosineAnnealingLR(optimiser, steps - rising)
    if not rising:
        return falling
    start = schedulers.LinearLR(optimiser, 1 / rising, total_iters=rising)
    return schedulers.SequentialLR(optimiser, [start, falling], [rising])


@dataclass(frozen=True)
class _Stepper:
    network: Any
    optimiser: Any
    criterion: Callable[[Any, Any], Any]
    half: bool

    def step(self, batch: Any, truth: Any) -> float:
        """One update; returns the loss before it."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            logits = self.network(batch)
        loss = self.criterion(logits.float(), truth)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())


def _tensor(batch: Tensor) -> Any:
    """NCHW, stored channels last: oneDNN's faster order."""
    return torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _truth(truth: NDArray[np.uint8]) -> Any:
    """Masks (N, H, W) -> (N, 1, H, W); findings (N, K) as they are; float32."""
    values = torch.from_numpy(truth.astype(np.float32))
    return values.unsqueeze(1) if truth.ndim == 3 else values


def _report(progress: FitProgress, epochs: int, loss: float, score: float) -> None:
    left = progress.seconds / progress.epoch * (epochs - progress.epoch)
    print(
        f"epoch {progress.epoch}/{epochs}: loss {loss:.4f}, validation {score:.4f}, "
        f"{progress.seconds:.0f} s gone, {left:.0f} s left",
        file=sys.stderr,
        flush=True,
    )
