"""The conversation columns: what came before each prompt, as digests of the messages, since logs of it hold no text.

The digests are of this world's own making: equal for equal prompts, chained like those that `sources.messages` makes,
and not to be compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.sources.messages import DEFAULT_KEY, DIGESTS_KEPT
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.ids import nulls, only

_MESSAGE = blake2b(digest_size=16, key=DEFAULT_KEY, person=b"range message")
_CHAIN = blake2b(digest_size=16, key=DEFAULT_KEY, person=b"range chain")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Conversation columns of exchanges. before: messages before the last, for `turns` and `history_length`."""

    first_user: pa.StringArray
    history_digest: pa.StringArray
    message_digests: pa.Array
    before: pa.Array


def conversation(
    rng: np.random.Generator,
    prompt: pa.StringArray,
    session: Ints | None,
    turn: Ints | None,
    from_tool: npt.NDArray[np.bool_],
) -> Conversation:
    """Conversation columns of exchanges whose sessions lie together, turn by turn; without sessions all stand alone.

    Cost: one keyed hash a message, one more a later turn.
    """
    n = len(prompt)
    person, tool = _MESSAGE.copy(), _MESSAGE.copy()
    person.update(b"user:")
    tool.update(b"tool:")
    begun = (person, tool)
    asked = [
        _digest(begun[said_by_tool], text)
        for said_by_tool, text in zip(from_tool.tolist(), prompt.to_pylist(), strict=True)
    ]
    if session is None or turn is None or not turn.any():
        # One message each, and nothing before it.
        alone = pa.ListArray.from_arrays(pa.array(np.arange(n + 1, dtype=np.int32)), pa.array(asked, pa.string()))
        return Conversation(nulls(n), nulls(n), alone, pa.array(np.zeros(n, np.int64)))
    # The messages in order: prompt 0, answer 0, prompt 1, ...; an exchange's last is its own prompt.
    answers = rng.bytes(16 * n).hex()
    messages = np.empty(2 * n, dtype=object)
    messages[0::2] = asked
    messages[1::2] = [answers[i : i + 32] for i in range(0, 32 * n, 32)]
    last = 2 * np.arange(n)
    kept = np.minimum(2 * turn + 1, DIGESTS_KEPT)
    offsets = np.concatenate([[0], np.cumsum(kept)])
    index = np.repeat(last - kept + 1 - offsets[:-1], kept) + np.arange(offsets[-1])
    digests = pa.array(messages, pa.string()).take(pa.array(index))
    history: list[str | None] = []
    chained = ""
    for number, i in zip(turn.tolist(), last.tolist(), strict=True):
        chained = _digest(_CHAIN, f"{chained}{messages[i - 2]}{messages[i - 1]}") if number else ""
        history.append(chained or None)
    first = np.arange(n) - turn
    return Conversation(
        first_user=only(turn > 0, prompt.take(pa.array(first))),
        history_digest=pa.array(history, pa.string()),
        message_digests=pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), digests),
        before=pa.array(2 * turn),
    )


def _digest(begun: blake2b, text: str) -> str:
    # A copy of a begun hash is twice as fast as a new one with a key.
    hashed = begun.copy()
    hashed.update(text.encode())
    return hashed.hexdigest()
