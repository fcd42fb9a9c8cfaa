"""When a certificate expires, as another library reads it."""

from contextlib import suppress
from datetime import datetime, timezone

import pytest
import trustme
from cryptography import x509

from wattscan.contracts import WattscanError
from wattscan.serving.security.certificate import expiry
from wattscan.serving.security.tls import TlsFiles

SOON = datetime(2031, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
# From 2050 on, a time is written with four digits of the year.
LATE = datetime(2077, 12, 31, 23, 59, 59, tzinfo=timezone.utc)


@pytest.fixture(params=list(trustme.KeyType), ids=lambda kind: kind.name)
def authority(request):
    return trustme.CA(key_type=request.param)


@pytest.mark.parametrize("end", [SOON, LATE])
def test_it_is_the_first_certificates_own(authority, end):
    made = authority.issue_cert("server.example", not_after=end)
    pem = b"".join(part.bytes() for part in made.cert_chain_pems) + authority.cert_pem.bytes()
    known = x509.load_pem_x509_certificate(pem)
    assert expiry(pem) == known.not_valid_after_utc.timestamp() == end.timestamp()


def test_text_around_it_and_the_files_own_key_do_not_matter():
    made = trustme.CA().issue_cert("server.example", not_after=SOON)
    assert expiry(b"subject=x\n" + made.private_key_and_cert_chain_pem.bytes()) == SOON.timestamp()


DAMAGED = (
    b"",
    b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
    b"-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----",
    b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
    b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----",
)


@pytest.mark.parametrize("pem", DAMAGED)
def test_a_damaged_one_is_an_error_with_a_text(pem):
    with pytest.raises(WattscanError, match="has no certificate in it, or a damaged one"):
        expiry(pem)


def test_a_cut_or_changed_one_is_an_error_or_a_time():
    pem = trustme.CA().issue_cert("server.example").cert_chain_pems[0].bytes().splitlines()
    for number in range(1, len(pem) - 1):
        cut = b"\n".join(pem[:number] + pem[number + 1 :])
        with suppress(WattscanError):
            assert isinstance(expiry(cut), float)


def test_a_renewed_file_is_read_anew(tmp_path):
    authority = trustme.CA()

    def issue(end):
        made = authority.issue_cert("server.example", not_after=end)
        (tmp_path / "key").write_bytes(made.private_key_pem.bytes())
        (tmp_path / "cert").write_bytes(made.cert_chain_pems[0].bytes())

    issue(SOON)
    files = TlsFiles(tmp_path / "cert", tmp_path / "key")
    assert files.expiry() == SOON.timestamp()
    issue(LATE)
    assert files.expiry() == LATE.timestamp()
