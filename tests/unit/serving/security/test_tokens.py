"""Who a token belongs to, what it may do, and a file that changes under the server."""

import hmac
import logging
import os

import pytest

from wattscan.contracts import WattscanError
from wattscan.serving.errors import Forbidden, Unauthenticated
from wattscan.serving.security import tokens as module
from wattscan.serving.security.tokens import TokenOwner, Tokens

READER, OWNER, NEW = "r" * 20, "o" * 24, "n" * 20
LINES = f"# who may call\nclinic infer {READER}   # the ward\n\noffice admin {OWNER}\n"


class Clock:
    """Time stands still until the test moves it."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(LINES)
    path.chmod(0o600)
    return path


@pytest.fixture
def tokens(path, clock):
    tokens = Tokens(path)
    tokens.load()
    return tokens


def test_a_token_has_its_role(tokens):
    assert tokens.check(f"Bearer {READER}", "infer") == TokenOwner("clinic", "infer")
    assert tokens.check(f"Bearer {OWNER}", "infer") == TokenOwner("office", "admin")
    assert tokens.check(f"Bearer {OWNER}", "admin").name == "office"
    with pytest.raises(Forbidden, match="role admin"):
        tokens.check(f"Bearer {READER}", "admin")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", READER, f"Basic {READER}", f"Bearer {READER[:-1]}",
     f"Bearer {READER}r", f"Bearer {READER} {OWNER}", "Bearer \N{SNOWMAN}"],
)  # fmt: skip
def test_any_other_header_is_refused_and_not_quoted(tokens, header):
    with pytest.raises(Unauthenticated) as refusal:
        tokens.check(header, "infer")
    assert READER[:8] not in str(refusal.value)


def test_the_scheme_has_no_case(tokens):
    assert tokens.check(f"bEARER  {READER} ", "infer").name == "clinic"


def test_every_token_is_compared_in_constant_time(tokens, monkeypatch):
    compared, compare = [], hmac.compare_digest

    def digest(one, other):
        compared.append(one)
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", digest)
    for header in (f"Bearer {READER}", f"Bearer {OWNER}"):
        compared.clear()
        tokens.check(header, "infer")
        assert compared == [READER.encode(), OWNER.encode()]


def replace(path, text, mode=0o600):
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.chmod(mode)
    fresh.replace(path)


def test_a_changed_file_counts_from_then_on(tokens, path, clock, caplog):
    tokens.check(f"Bearer {READER}", "infer")
    replace(path, f"clinic infer {NEW}\n")
    assert tokens.check(f"Bearer {READER}", "infer")  # looked at once a second at most
    clock.now += 1.1
    with caplog.at_level(logging.INFO):
        assert tokens.check(f"Bearer {NEW}", "infer").name == "clinic"
    assert "1 clients" in caplog.text
    assert NEW not in caplog.text
    for old in (READER, OWNER):
        with pytest.raises(Unauthenticated):
            tokens.check(f"Bearer {old}", "infer")


def test_a_file_of_the_same_size_and_date_is_another_one(tokens, path, clock):
    status = path.stat()
    replace(path, LINES.replace(READER, NEW))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    clock.now += 1.1
    assert tokens.check(f"Bearer {NEW}", "infer").name == "clinic"


@pytest.mark.parametrize(
    ("text", "mode"),
    [(f"clinic infer {NEW}\nbroken {NEW}", 0o600), ("", 0o600), (f"clinic infer {NEW}", 0o644)],
)
def test_a_file_that_is_wrong_leaves_the_old_tokens(tokens, path, clock, caplog, text, mode):
    replace(path, text, mode)
    clock.now += 1.1
    assert tokens.check(f"Bearer {READER}", "infer").name == "clinic"
    assert "the old tokens stay" in caplog.text
    assert NEW not in caplog.text
    with pytest.raises(Unauthenticated):
        tokens.check(f"Bearer {NEW}", "infer")


def test_a_file_that_is_gone_leaves_the_old_tokens_until_it_is_back(tokens, path, clock, caplog):
    path.unlink()
    clock.now += 1.1
    assert tokens.check(f"Bearer {READER}", "infer").name == "clinic"
    assert "not reloaded" in caplog.text
    replace(path, f"clinic infer {NEW}\n")
    clock.now += 1.1
    assert tokens.check(f"Bearer {NEW}", "infer").name == "clinic"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_file_that_is_open_to_others_is_refused(path, mode):
    path.chmod(mode)
    with pytest.raises(WattscanError, match="by others: chmod 600"):
        Tokens(path).load()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_file_that_is_read_by_its_group_may_be_open_to_it(path):
    """A Secret of Kubernetes belongs to root, and to the pod's group."""
    os.chown(path, 12345, os.getegid())
    path.chmod(0o440)
    tokens = Tokens(path)
    tokens.load()
    assert tokens.check(f"Bearer {READER}", "infer").name == "clinic"
    for mode in (0o444, 0o460):
        path.chmod(mode)
        with pytest.raises(WattscanError, match="by others: chmod 600"):
            Tokens(path).load()
    os.chown(path, 12345, 12345)
    path.chmod(0o440)
    with pytest.raises(WattscanError, match="by others: chmod 600"):
        Tokens(path).load()


@pytest.mark.parametrize(
    "line",
    [f"clinic {NEW}", f"clinic owner {NEW}", f"clinic infer {NEW} {NEW}", "clinic infer nnnnn",
     NEW, f"clinic infer #{NEW}"],
)  # fmt: skip
def test_a_malformed_line_is_named_by_its_number_alone(path, line):
    path.write_text(f"{LINES}{line}\n")
    with pytest.raises(WattscanError) as error:
        Tokens(path).load()
    assert "line 5 " in str(error.value)
    for token in ("nnnnn", READER, OWNER):
        assert token not in str(error.value)


def test_a_token_with_a_hash_is_not_cut_short(path, clock):
    path.write_text(f"clinic infer {READER}#{NEW} # the ward\n")
    tokens = Tokens(path)
    tokens.load()
    assert tokens.check(f"Bearer {READER}#{NEW}", "infer").name == "clinic"
    with pytest.raises(Unauthenticated):
        tokens.check(f"Bearer {READER}", "infer")


def test_one_token_for_two_clients_is_refused_and_not_quoted(path):
    path.write_text(f"{LINES}other admin {READER}\n")
    with pytest.raises(WattscanError, match="one token to two clients") as error:
        Tokens(path).load()
    assert READER not in str(error.value)


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"", "no token in it"), (b"# nothing\n", "no token in it"), (b"a infer \xff\xff", "UTF-8")],
)
def test_a_file_without_tokens(path, data, why):
    path.write_bytes(data)
    with pytest.raises(WattscanError, match=why):
        Tokens(path).load()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(WattscanError, match="cannot be read: No such file"):
        Tokens(tmp_path / "none").load()
    with pytest.raises(WattscanError, match="cannot be read: Is a directory"):
        Tokens(tmp_path).load()
