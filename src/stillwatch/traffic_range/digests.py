"""The conversation columns: what came before each prompt, as digests of the messages, since logs of it hold no text.

The digests are of this world's own making: equal for equal prompts, chained like those that `sources.messages` makes,
and not to be compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stillwatch.sources.messages import DIGESTS_KEPT
from stillwatch.traffic_range.grammar import Ints
from stillwatch.traffic_range.ids import hexadecimal, nulls, only
from stillwatch.traffic_range.strings import bytes_of

Words = npt.NDArray[np.uint64]


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

    Cost: a pass over the prompts' bytes, one step more a later turn.
    """
    n = len(prompt)
    asked = digests(prompt, from_tool)
    if session is None or turn is None or not turn.any():
        # One message each, and nothing before it.
        alone = pa.ListArray.from_arrays(pa.array(np.arange(n + 1, dtype=np.int32)), hexadecimal(asked))
        return Conversation(nulls(n), nulls(n), alone, pa.array(np.zeros(n, np.int64)))
    # The messages in order: prompt 0, answer 0, prompt 1, ...; an exchange's last is its own prompt.
    messages = np.empty((2 * n, 2), np.uint64)
    messages[0::2] = asked
    messages[1::2] = rng.integers(0, 2**64, (n, 2), np.uint64)
    kept = np.minimum(2 * turn + 1, DIGESTS_KEPT)
    offsets = np.concatenate([[0], np.cumsum(kept)])
    index = np.repeat(2 * np.arange(n) - kept + 1 - offsets[:-1], kept) + np.arange(offsets[-1])
    history = np.zeros((n, 2), np.uint64)
    _chain(messages, turn, history)
    first = np.arange(n) - turn
    return Conversation(
        first_user=only(turn > 0, prompt.take(pa.array(first))),
        history_digest=only(turn > 0, hexadecimal(history)),
        message_digests=pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), hexadecimal(messages[index])),
        before=pa.array(2 * turn),
    )


def digests(texts: pa.StringArray, from_tool: npt.NDArray[np.bool_]) -> Words:
    """128 bits of each text and who says it, a row each: equal for equal messages, different for different ones.

    No secret: whoever knows this can make two texts of one digest. Shape: (n, 2).
    """
    data, offsets = bytes_of(texts)
    out = np.empty((len(texts), 2), np.uint64)
    _digest(data, offsets, from_tool, out)
    return out


@njit(cache=True, nogil=True)
def _mix(h):  # type: ignore[no-untyped-def]
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@njit(cache=True, nogil=True)
def _digest(data, offsets, from_tool, out):  # type: ignore[no-untyped-def]
    for row in range(out.shape[0]):
        a = np.uint64(0x243F6A8885A308D3) if from_tool[row] else np.uint64(0x13198A2E03707344)
        b = ~a
        at, stop = np.uint64(offsets[row]), np.uint64(offsets[row + 1])
        length = stop - at
        while at < stop:
            # Eight bytes at a time, put together one by one: the texts need not be aligned, nor end at a word.
            word = np.uint64(0)
            if at + np.uint64(8) <= stop:
                for k in range(8):
                    word |= np.uint64(data[at + np.uint64(k)]) << np.uint64(8 * k)
            else:
                for k in range(stop - at):
                    word |= np.uint64(data[at + np.uint64(k)]) << np.uint64(8 * k)
            a = (a ^ word) * np.uint64(0x9E3779B97F4A7C15)
            a ^= a >> np.uint64(29)
            b = (b ^ word) * np.uint64(0xD6E8FEB86659FD93)
            b ^= b >> np.uint64(32)
            at += np.uint64(8)
        out[row, 0] = _mix(a ^ length)
        out[row, 1] = _mix(b ^ (out[row, 0] >> np.uint64(1)))


@njit(cache=True, nogil=True)
def _chain(messages, turn, history):  # type: ignore[no-untyped-def]
    for row in range(turn.shape[0]):
        if turn[row] == 0:
            continue
        # Of what was before the exchange before, and of the two messages since.
        for lane in range(2):
            h = history[row - 1, lane]
            for message in range(2 * row - 2, 2 * row):
                h = _mix(h * np.uint64(0x9E3779B97F4A7C15) ^ messages[message, 0]) ^ messages[message, 1]
            history[row, lane] = _mix(h + np.uint64(lane + 1))
