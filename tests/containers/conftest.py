"""What the tests of containers share: podman, the images, and services in them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from box import Box
from build_images import IMAGES, tag
from podman_engine import missing, podman


@pytest.fixture(scope="session")
def images() -> None:
    """The images are there, or the tests are skipped with what is missing."""
    if missing():
        pytest.skip(f"not installed: {missing()}")
    absent = [n for n in IMAGES if podman("image", "exists", tag(n), check=False).returncode]
    if absent:
        pytest.skip(f"no image {', '.join(absent)}: make container-images")


@pytest.fixture
def start(images: None) -> Iterator[Callable[..., Box]]:
    """Starts hardened services, and removes them."""
    boxes: list[Box] = []

    def begin(image: str, *options: str, **more: object) -> Box:
        boxes.append(Box(image, *options, **more))  # type: ignore[arg-type]
        return boxes[-1]

    yield begin
    for box in boxes:
        box.remove()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Ports that nobody listens on."""

    def find() -> int:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port: int = taken.getsockname()[1]
            return port

    return find
