"""Is a file still the one that was read?"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class FileStamp(NamedTuple):
    """A file of the same size and date may be another one, as tokens are of one length: where it
    lies on the disk tells them apart."""

    path: str
    inode: int
    size: int
    changed_ns: int
    status_changed_ns: int


def stamp(path: Path) -> FileStamp:
    """What it is now. Raises: OSError."""
    found = path.stat()
    return FileStamp(str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
