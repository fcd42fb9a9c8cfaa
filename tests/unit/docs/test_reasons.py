import re
from pathlib import Path

from wattscan.collector.verdict import NET_RULES, RULES

PAGE = Path(__file__).parents[3] / "docs" / "measurement.md"


def test_the_page_says_what_to_do_about_every_reason():
    advice = (
        PAGE.read_text().partition("What to do about a reason:")[2].partition("\n\nVariants")[0]
    )
    rows = [line.split("|")[1] for line in advice.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(rule.code for rule in (*RULES, *NET_RULES))
