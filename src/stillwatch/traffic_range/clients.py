"""Programs that send requests, models and tools: catalogues that all populations draw from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.grammar import Ints, join

CLIENTS = (
    "halcyon-python", "halcyon-node", "python-requests", "python-httpx", "node-fetch", "axios", "okhttp",
    "Go-http-client", "curl", "chainwork", "langloom", "gatehouse-proxy",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chat",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) Chat", "HalcyonApp-iOS", "HalcyonApp-Android", "coderoo-cli",
    "patchpilot", "notefox",
)  # fmt: skip
"""Programs; a place in this list is a client number."""

PYTHON, NODE, REQUESTS, HTTPX, FETCH, AXIOS, OKHTTP, GO, CURL, CHAINWORK, LANGLOOM, GATEHOUSE = range(12)
CHAT_WINDOWS, CHAT_MAC, CHAT_IOS, CHAT_ANDROID, CODEROO, PATCHPILOT, NOTEFOX = range(12, 19)
SERVERS = [PYTHON, NODE, REQUESTS, HTTPX, FETCH, AXIOS, OKHTTP, GO, CURL, CHAINWORK, LANGLOOM, GATEHOUSE]
SERVER_SHARES = [28.0, 16, 9, 8, 6, 5, 4, 6, 2, 6, 5, 5]
CHATS = [CHAT_WINDOWS, CHAT_MAC, CHAT_IOS, CHAT_ANDROID]

_NAMES_SESSIONS = np.array([c >= CHAINWORK for c in range(len(CLIENTS))])
_HAS_SDK = np.array([c in {PYTHON, NODE, CODEROO, PATCHPILOT} for c in range(len(CLIENTS))])

MODELS = ("halcyon-4", "halcyon-4-mini", "halcyon-4-think", "halcyon-5", "halcyon-5-mini", "halcyon-5-think")
"""Models: the first three are old, each with its successor three places on."""

PLATFORMS = ("first_party", "bedrock", "vertex", "azure")

TOOLS = (
    "read_file", "write_file", "edit_file", "run_command", "list_directory", "search_code", "apply_patch", "run_tests",
    "web_search", "fetch_page", "click", "type_text", "screenshot", "scroll", "query_database", "plot_chart",
    "load_table", "python", "send_email", "create_ticket", "get_order", "refund_order", "find_customer", "book_slot",
    "get_weather", "convert_currency", "lookup_contract", "translate_text", "crop_image", "read_image", "ask_user",
    "finish",
)  # fmt: skip


def versions(rng: np.random.Generator, n: int) -> Ints:
    """The version that an account starts with: mostly the latest few."""
    return np.minimum(rng.geometric(0.35, n) - 1, 6)


def user_agents(client: Ints, version: Ints) -> pa.StringArray:
    """User agents; version counts back from the newest, so that 0 is the newest."""
    (client, version), rows = _distinct(client, version)
    names = pa.array(CLIENTS).take(pa.array(client))
    major = pa.array(1 + client % 3).cast(pa.string())
    minor = pa.array(40 + client * 3 - version).cast(pa.string())
    return join(names, "/", major, ".", minor, ".", pa.array(version % 3).cast(pa.string())).take(rows)


def fingerprints(client: Ints, version: Ints, build: Ints) -> pa.StringArray:
    """TLS fingerprints: of a program, its version and the machine's build, of which there are few."""
    (client, version, build), rows = _distinct(client, version, build)
    mixed = (client * 1_000_003 + version // 3 * 97 + build * 7_919_017 + 12_345) * 0x9E3779B1 % 2**48
    protocol = np.where(client % 4 == 3, "t13d1715h1_", "t13d1516h2_")
    texts = [f"{front}{one:012x}" for front, one in zip(protocol.tolist(), mixed.tolist(), strict=True)]
    return pa.array(texts, pa.string()).take(rows)


def sdk_headers(client: Ints, version: Ints, build: Ints) -> pa.StringArray:
    """What the provider's own libraries say of themselves; null for other programs."""
    (client, version, build), rows = _distinct(client, version, build)
    lang = pa.array(["python", "js"]).take(pa.array(client % 2))
    system = pa.array(["Linux", "MacOS", "Windows", "Linux"]).take(pa.array(build % 4))
    minor = pa.array(40 + client * 3 - version).cast(pa.string())
    texts = join(lang, "/1.", minor, "/", system)
    return pa.compute.if_else(pa.array(_HAS_SDK[client]), texts, pa.scalar(None, pa.string())).take(rows)


def _distinct(*columns: Ints) -> tuple[list[Ints], pa.Array]:
    """(the different combinations, a column each; which of them each row is), so that a text is made once."""
    low = [int(column.min()) if len(column) else 0 for column in columns]
    size = [int(column.max()) - least + 1 if len(column) else 1 for column, least in zip(columns, low, strict=True)]
    key = np.zeros(len(columns[0]), np.int64)
    for column, least, width in zip(columns, low, size, strict=True):
        key = key * width + (column - least)
    found = pa.array(key).dictionary_encode()
    left, out = np.asarray(found.dictionary), []
    for least, width in zip(low[::-1], size[::-1], strict=True):
        left, rest = left // width, left % width
        out.append(rest + least)
    return out[::-1], found.indices


def names_sessions(client: Ints) -> np.typing.NDArray[np.bool_]:
    """Whether a program sends the id of its conversation."""
    return _NAMES_SESSIONS[client]


def tool_sets(rng: np.random.Generator, n: int, low: int, high: int) -> list[list[str]]:
    """n sets of tools, in an order of their own."""
    return [[TOOLS[k] for k in rng.permutation(len(TOOLS))[:size]] for size in rng.integers(low, high + 1, n).tolist()]
