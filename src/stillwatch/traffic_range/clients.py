"""Programs that send requests, models and tools: catalogues that all populations draw from."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.grammar import Ints

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
_SDKS = (PYTHON, NODE, CODEROO, PATCHPILOT)
_SDK = np.array([_SDKS.index(c) if c in _SDKS else -1 for c in range(len(CLIENTS))])

MODELS = ("halcyon-4", "halcyon-4-mini", "halcyon-4-think", "halcyon-5", "halcyon-5-mini", "halcyon-5-think")
"""Models: the first three are old, each with its successor three places on."""

PLATFORMS = ("first_party", "bedrock", "vertex", "azure")

N_VERSIONS, N_LIBRARIES, N_BUILDS = 7, 3, 10
"""Of each program: versions, versions of the library under it, and builds of machines."""

_SYSTEMS = ("Linux", "MacOS", "Windows")

USER_AGENTS = pa.array(
    [
        f"{name}/{1 + client % 3}.{40 + client * 3 - version}.{version % 3}"
        for client, name in enumerate(CLIENTS)
        for version in range(N_VERSIONS)
    ]
)

FINGERPRINTS = pa.array(
    [
        f"{'t13d1715h1_' if client % 4 == 3 else 't13d1516h2_'}"
        f"{(client * 1_000_003 + library * 97 + build * 7_919_017 + 12_345) * 0x9E3779B1 % 2**48:012x}"
        for client in range(len(CLIENTS))
        for library in range(N_LIBRARIES)
        for build in range(N_BUILDS)
    ]
)
"""TLS fingerprints."""

SDK_HEADERS = pa.array(
    [
        f"{('python', 'js')[client % 2]}/1.{40 + client * 3 - version}/{system}"
        for client in _SDKS
        for version in range(N_VERSIONS)
        for system in _SYSTEMS
    ]
)

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


def user_agents(client: Ints, version: Ints) -> Ints:
    """Which of `USER_AGENTS`; version counts back from the newest, so that 0 is the newest."""
    return client * N_VERSIONS + version


def fingerprints(client: Ints, version: Ints, build: Ints) -> Ints:
    """Which of `FINGERPRINTS`: of a program, its version and the machine's build, of which there are few."""
    return (client * N_LIBRARIES + version // 3) * N_BUILDS + build


def sdk_headers(client: Ints, version: Ints, build: Ints) -> tuple[Ints, np.typing.NDArray[np.bool_]]:
    """(which of `SDK_HEADERS`, whether there is none): what the provider's own libraries say of themselves."""
    sdk = _SDK[client]
    return np.maximum((sdk * N_VERSIONS + version) * len(_SYSTEMS) + build % 4 % 3, 0), sdk < 0


def names_sessions(client: Ints) -> np.typing.NDArray[np.bool_]:
    """Whether a program sends the id of its conversation."""
    return _NAMES_SESSIONS[client]


def tool_sets(rng: np.random.Generator, n: int, low: int, high: int) -> list[list[str]]:
    """n sets of tools, in an order of their own."""
    return [[TOOLS[k] for k in rng.permutation(len(TOOLS))[:size]] for size in rng.integers(low, high + 1, n).tolist()]
