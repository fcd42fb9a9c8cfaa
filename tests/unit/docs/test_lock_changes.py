"""What `make lock` prints."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "docs"))
import lock_changes


def test_a_line_for_each_package_that_came_went_or_changed():
    before = "alpha==1.0 \\\n    --hash=sha256:0\nbeta==2.0\ngamma==3 ; python_version < '3.12'\n"
    after = "alpha==1.1\ngamma==3 ; python_version < '3.12'\ndelta==4\n"
    assert lock_changes.changes(before, after) == [
        "alpha 1.0 -> 1.1",
        "beta removed: 2.0",
        "delta added: 4",
    ]
    assert lock_changes.changes(after, after) == []
