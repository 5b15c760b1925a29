"""The webhook signature."""

import pytest
from workos import WorkOSClient

from sandbox import signature

# From the suites of WorkOS's own Python SDK: tag v1.9.0 and tag v5.46.0, tests/test_webhooks.py.
PUBLISHED = [
    (
        "1lyKDzhJjuCkIscIWqkSe4YsQ",
        1632409405772,
        "t=1632409405772, v1=67612f0e74f008b436a13b00266f90ef5c13f9cbcf6262206f5f4a539ff61702",
        (
            '{"id":"wh_01FG9JXJ9C9S052FX59JVG4EG1","data":{"id":"conn_01EHWNC0FCBHZ3BJ7EGKYXK0E6"'
            ',"name":"Foo Corp\'s Connection","state":"active","object":"connection","domains":[{"'
            'id":"conn_domain_01EHWNFTAFCF3CQAE5A9Q0P1YB","domain":"foo-corp.com","object":"conne'
            'ction_domain"}],"connection_type":"OktaSAML","organization_id":"org_01EHWNCE74X7JSDV'
            '0X3SZ3KJNY"},"event":"connection.activated"}'
        ),
    ),
    (
        "2sAZJlbjP8Ce3rwkKEv2GfKef",
        1722443701539,
        "t=1722443701539, v1=bd54a3768f461461c8439c2f97ab0d646ef3976f84d5d5b132d18f2fa89cdad5",
        (
            '{"id":"event_01J44T8116Q5M0RYCFA6KWNXN9","data":{"id":"conn_01EHWNC0FCBHZ3BJ7EGKYXK0'
            'E6","name":"Foo Corp\'s Connection","state":"active","object":"connection","status":"'
            'linked","domains":[{"id":"conn_domain_01EHWNFTAFCF3CQAE5A9Q0P1YB","domain":"foo-corp'
            '.com","object":"connection_domain"}],"created_at":"2021-06-25T19:07:33.155Z","update'
            'd_at":"2021-06-25T19:07:33.155Z","external_key":"3QMR4u0Tok6SgwY2AWG6u6mkQ","connect'
            'ion_type":"OktaSAML","organization_id":"org_01EHWNCE74X7JSDV0X3SZ3KJNY"},"event":"co'
            'nnection.activated","created_at":"2021-06-25T19:07:33.155Z"}'
        ),
    ),
]


@pytest.mark.parametrize(("secret", "t", "header", "body"), PUBLISHED, ids=["2021", "2024"])
def test_header_equals_the_published_examples(secret: str, t: int, header: str, body: str) -> None:
    assert signature.build_header(body.encode(), secret=secret, t=t) == header


def test_signature_covers_every_byte_of_the_body() -> None:
    client = WorkOSClient(api_key="sk_test_x", client_id="c")
    body = '{"name":"Ärme"}'.encode()
    signed = signature.build_header(body, secret="whsec", t=1_700_000_000_000)
    forever = 10**9

    client.webhooks.verify_header(event_body=body, event_signature=signed, secret="whsec", tolerance=forever)
    for place in range(len(body)):
        other = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        with pytest.raises(ValueError, match=r"."):
            client.webhooks.verify_header(
                event_body=other, event_signature=signed, secret="whsec", tolerance=forever
            )
    client.close()
