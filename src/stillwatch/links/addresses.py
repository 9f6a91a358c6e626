"""What two accounts have in common where their addresses are a service's: the service, and not the exit it gave them.

Which exit of a VPN, which neighbour at a hoster: the service chooses, not its customer. Strangers who use one meet
there, so what is shared is that both use it, and that is as surprising as the service is rare in this traffic. A known
exit is a stated hub, then: its prefixes count as one value for each service, told apart by autonomous system where one
is known, else by kind. A whole address at a hoster stays what it is, for a machine of one's own is shared with nobody;
that of a VPN, proxy, Tor or shared exit says nothing beyond its service. An autonomous system alone is no indicator:
those of consumers join millions of strangers, and what is telling about the others is in their prefixes.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.sources.address_database import kind_names
from stillwatch.sources.address_lists import KINDS

_EXITS = sum(bit for name, bit in KINDS.items() if name != "hosting")
_ALL = sum(KINDS.values())
_MAX_SYSTEM = 2**32 - 1
"""No system has a larger number; a log may say anything."""

_STEP = 64
"""Room for the kinds below the system in the number of a service; numbers of services are negative and small."""

ADDRESS = f"case when coalesce(address_kinds, 0) & {_EXITS} = 0 then ip end"
"""SQL of the address as an indicator."""

PREFIX = (
    f"case when coalesce(address_kinds, 0) = 0 or ip_prefix is null then ip_prefix "
    f"else -({_STEP} * (1 + coalesce(least(greatest(asn, 0), {_MAX_SYSTEM}), 0)) + address_kinds) end"
)
"""SQL of the prefix as an indicator: that of the service, where it is one's."""


def shared_prefix(prefix: pa.Int64Array, asn: pa.Int64Array, kinds: pa.UInt8Array) -> pa.Int64Array:
    """The same as `PREFIX`, of columns."""
    bits = pc.fill_null(kinds, 0).cast(pa.int64())
    system = pc.min_element_wise(pc.max_element_wise(pc.fill_null(asn, 0), 0), _MAX_SYSTEM)
    service = pc.negate(pc.add(pc.multiply(pc.add(system, 1), _STEP), bits))
    return pc.if_else(pc.or_(pc.equal(bits, 0), pc.is_null(prefix)), prefix, service)


def service_label(value: int) -> str | None:
    """What to call the value of a service; None for the hash of a prefix."""
    system, kinds = divmod(-value, _STEP)
    if not 0 < kinds <= _ALL or not 1 <= system <= 1 << 33:
        return None
    kind = " and ".join("Tor" if name == "tor" else name.replace("vpn", "VPN") for name in kind_names(kinds))
    return f"{kind}, AS{system - 1}" if system > 1 else f"any {kind} address"


__all__ = ["ADDRESS", "PREFIX", "service_label", "shared_prefix"]
