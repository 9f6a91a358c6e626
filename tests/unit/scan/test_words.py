"""What a report may show of the registry."""

from __future__ import annotations

import pytest

from stillwatch.scan.words import registered_label


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        pytest.param("signup_ip", "192.0.2.77", "192.0.2.0/24", id="an address as its network"),
        pytest.param("signup_ip", "2001:db8:1:2::3", "2001:db8:1::/48", id="an IPv6 address as its network"),
        pytest.param("signup_ip", "3f9a77c01b", "3f9a77c01b", id="a pseudonym as it is"),
        pytest.param("payment_id", "pay_88112233", "pay…2233", id="a payment by its ends"),
        pytest.param("email_domain", "example.org", "example.org", id="a domain as it is"),
    ],
)
def test_the_registry_is_shown_no_nearer_than_it_links(column: str, value: str, expected: str) -> None:
    """What ties accounts is a network, not the address of one of them; a payment is told by its ends."""
    assert expected == registered_label(column, value)
