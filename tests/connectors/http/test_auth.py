"""How one is let in; and that no credential is ever said, kept or taken elsewhere."""

from __future__ import annotations

import base64
import json
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.connectors.http.conftest import ASKED, Make, Waits, take
from tests.connectors.http.misbehaving import ID, SECRET, Misbehaving, running
from tilth.errors import DeclarationError, SourceError


def fetched(api: Misbehaving) -> int:
    return sum(asked.path == "/oauth/token" for asked in api.asked)


def test_a_token_is_used_until_shortly_before_its_end(api: Misbehaving, make: Make, waits: Waits) -> None:
    api.lifetime = 100
    made = make()
    taken = made.pull(ASKED)
    [*_] = taken
    assert fetched(api) == 1
    for number in range(1, 36, 10):
        api.faults[api.data_requests + number] = ""
    api.faults = dict.fromkeys((api.data_requests + 2, api.data_requests + 4), "status 429 40")
    assert len(take(made).ids) == 35  # 80 s passed; it would have been good for 100
    assert fetched(api) == 2
    api.faults = dict.fromkeys((api.data_requests + 2, api.data_requests + 4), "status 429 48")
    assert len(take(made).ids) == 35  # 96 s: renewed at 90, before the server refuses it
    assert fetched(api) == 4 and waits.slept == [40, 40, 48, 48]
    assert not any(asked.headers.get("authorization") is None for asked in api.pages)


def test_a_token_that_is_refused_is_renewed_at_once(api: Misbehaving, make: Make, waits: Waits) -> None:
    api.uses = 2
    assert len(take(make()).ids) == 35
    assert fetched(api) == 2 and waits.slept == []


def test_a_wrong_secret_is_told_without_it(api: Misbehaving, make: Make, tmp_path: Path, waits: Waits) -> None:
    made = make()
    (tmp_path / "wrong").write_text("wr0ng s3cret/+")
    auth = {"kind": "oauth2", "token": "/oauth/token", "client_id": ID, "client_secret": "file:wrong"}
    made = make(auth=auth)
    for ask in (made.check, lambda: made.inspect(ASKED), lambda: list(made.pull(ASKED)), made.discover):
        with pytest.raises(SourceError) as caught:
            ask()
        error = caught.value
        assert error.what == "the credentials were refused" and error.got == "401 Unauthorized: invalid_client"
        assert error.next == "correct the credentials in the auth of crm in connections.yaml"
        assert error.where.startswith("source crm") and "wr0ng" not in repr(error) + str(error)
    assert fetched(api) == 4 and waits.slept == []


def test_a_token_endpoint_that_is_not_there(make: Make) -> None:
    auth = {"kind": "oauth2", "token": "/oauth/tokn", "client_id": ID, "client_secret": "file:crm.secret"}
    error = take(make(auth=auth)).error
    assert error is not None and error.what == "there is no token endpoint at /oauth/tokn"
    assert error.next == "correct token in the auth of crm in connections.yaml"


def test_credentials_in_the_form_and_an_endpoint_elsewhere(api: Misbehaving, make: Make) -> None:
    with running(Misbehaving()) as elsewhere:
        auth = {"kind": "oauth2", "client_id": ID, "client_secret": "file:crm.secret", "in_body": True, "scope": "a b"}
        elsewhere.token = api.token  # type: ignore[method-assign]
        assert len(take(make(auth=auth | {"token": f"{elsewhere.url}/oauth/token"})).ids) == 35
        assert "authorization" not in elsewhere.asked[0].headers and fetched(api) == 0


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"kind": "bearer", "token": "file:key"}, "authorization", "Bearer fixed-k3y"),
        ({"kind": "basic", "user": "ü", "password": "file:key"}, "authorization", "Basic w7w6Zml4ZWQtazN5"),
        ({"kind": "key", "header": "X-Api-Key", "key": "file:key"}, "x-api-key", "fixed-k3y"),
    ],
)
def test_what_never_changes_is_sent_with_every_request(
    auth: dict[str, str], header: str, value: str, api: Misbehaving, make: Make, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("fixed-k3y\n")
    api.raw = lambda _: json.dumps({"data": api.records, "page": {"next": None, "count": 35, "total": 35}}).encode()
    api.left[""] = 1000
    api.left[value] = 1000
    made = make(auth=auth)
    assert len(take(made).ids) == 35 and [asked.headers[header] for asked in api.asked] == [value]
    assert "fixed-k3y" not in repr(made) + str(made)
    api.raw, api.status = lambda asked: repr(asked.headers).encode(), 401
    error = take(made).error
    assert error is not None and error.what == "the credentials were refused" and len(api.asked) == 2
    assert not any(secret in str(error) for secret in ("fixed-k3y", value.split()[-1]))


def test_headers_of_ones_own(api: Misbehaving, make: Make, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k3y-of-a-header")
    made = make(headers={"X-Version": 3, "X-Key": "file:key"}, parameters={"archived": False})
    assert len(take(made).ids) == 35
    assert {asked.headers["x-version"] for asked in api.pages} == {"3"}
    assert {asked.query["archived"] for asked in api.pages} == {"false"}
    assert api.pages[0].headers["x-key"] == "k3y-of-a-header" and "k3y" not in repr(made)
    api.raw, api.status = lambda asked: repr(asked.headers).encode(), 400
    assert "k3y" not in str(take(made).error)
    (tmp_path / "key").write_text("k3y\nX-Injected: 1")
    with pytest.raises(DeclarationError) as caught:
        make(headers={"X-Key": "file:key"})
    assert "k3y" not in str(caught.value)


def forms(secret: str) -> Iterator[str]:
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1])
    yield base64.b64encode(f"{ID}:{secret}".encode()).decode()
    yield base64.b64encode(f"{quote_plus(ID)}:{quote_plus(secret)}".encode()).decode()


@pytest.mark.parametrize("fault", ["status 500", "echo", "early", "token", "loop"])
def test_secrets_appear_nowhere(fault: str, api: Misbehaving, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Not in errors, tokens, logs or representations, whatever the server gives back."""
    caplog.set_level(logging.DEBUG)
    made = make(tries=2)
    if fault == "echo":
        api.raw = lambda asked: json.dumps({"you": dict(asked.headers), "secret": SECRET}).encode()
        api.status = 400
    elif fault == "token":
        api.token_faults = dict.fromkeys(range(1, 50), "words")
    elif fault == "loop":  # the next page's address holds the token
        api.raw = lambda _: json.dumps(
            {"data": api.records[:10], "page": {"next": f"/v1/contacts?access_token={api.tokens[-1]}"}}
        ).encode()
        made = make(tries=2, count=..., total=..., paging={"kind": "link", "next": "page.next"})
    else:
        api.faults = dict.fromkeys(range(2, 50), fault)
    taken = take(made, batch_rows=10)
    assert taken.error is not None
    said = [str(taken.error), repr(taken.error), repr(taken.error.__context__), repr(made), str(made)]
    said += [pickle.dumps(taken.error).decode("latin-1"), json.dumps([batch.resume for batch in taken.batches])]
    said += [record.getMessage() for record in caplog.records]
    hidden = [form for secret in (SECRET, *api.tokens) for form in forms(secret)]
    assert [text for text in said if any(form in text for form in hidden)] == []
    assert taken.error.__cause__ is None
    if fault == "echo":
        assert "***" in str(taken.error)


def test_the_environment_names_no_proxy(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert len(take(make()).ids) == 35
    error = take(make(proxy="env:HTTP_PROXY", tries=1)).error  # unless it is asked to
    assert error is not None and error.what.startswith("the connection was refused")


def test_a_certificate_that_nobody_vouches_for_is_refused(api: Misbehaving, make: Make, tmp_path: Path) -> None:
    import ssl
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    certificate = tmp_path / "server.pem"
    certificate.write_text(self_signed())

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            del format, args

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{server.server_address[1]}"
        with pytest.raises(SourceError) as caught:
            make(url=url, auth=...).check()
        assert caught.value.what == "the server's certificate is not trusted" and "ca of crm" in caught.value.next
        assert make(url=url, auth=..., ca="server.pem").check().ok
        server.shutdown()
    assert api.asked == []


def self_signed() -> str:
    """A certificate for 127.0.0.1 with its key, made here."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (private + made.public_bytes(serialization.Encoding.PEM)).decode()
