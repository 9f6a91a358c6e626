"""English: what people ask, what they say next, passages of prose, problems with answers, code and tool output.

Fixed runs are short on purpose: two strangers should share a word or four, not a sentence.
"""

from __future__ import annotations

from stillwatch.traffic_range.grammar import Grammar, Rule
from stillwatch.traffic_range.texts import names, topics

RULES: dict[str, Rule] = {
    **names.RULES,
    "noun": topics.NOUNS,
    "verb": topics.VERBS,
    "quality": topics.QUALITIES,
    # noun phrases and the places, times and reasons round them
    "thing": [
        "{quality} {noun}",
        "{noun}",
        "{noun} [of|from|by|at] {name}",
        "{noun} and {noun}",
        "{quality} {noun} no. {number}",
        "{noun} ({code_number})",
        "{name} {noun}",
        "{quality}, {quality} {noun}",
    ],
    "det": ["the", "my", "our", "a", "this", "every", "any", "their", "his", "her", "some", "each", "another"],
    "person": [
        "my [boss|sister|neighbour|client|tutor|partner|colleague|landlord]",
        "{name}",
        "{name} from {name}",
        "[someone|a friend|the team|the owner|my daughter] at {name}",
        "{name} & {name}",
    ],
    "when": [
        "before [Monday|Tuesday|Thursday|Friday|noon|June|winter]",
        "since {year}",
        "in {number} days",
        "[last|next] [week|month|spring|year]",
        "by {name}'s deadline",
        "after {number} tries",
        "twice a [day|week|month]",
        "during [lunch|the night|peak hours|the holidays]",
        "around {year}",
    ],
    "where": [
        "in {name}",
        "near {name}",
        "on the {name} [site|floor|account|line|server]",
        "at {person}'s place",
        "under {name} rules",
        "outside {name}",
    ],
    "why": [
        "because {det} {thing} [failed|broke|changed|ran out|looks wrong|was late]",
        "so that {person} can {verb} it",
        "without [spending|losing|breaking] {amount}",
        "for {person}",
        "despite {det} {thing}",
        "unless {person} objects",
        "while {det} {thing} [waits|runs|dries|grows]",
    ],
    "round": ["{when}", "{where}", "{why}", "{where} {when}", "{when}, {why}", "{why} {where}"],
    "ask": [
        "[How|Why|When|Where] [do|should|can|would] [I|we|you|people] {verb} {det} {thing} {round}?",
        "[What|Which] {noun} [works|fits|helps|matters] [best|most] {round}?",
        "{person} [says|thinks|wrote|heard] {det} {thing} is {quality} {when}. [True|Right|Is that so|Really]?",
        "[Explain|Describe|Outline|Compare|Summarise] {det} {thing} {round}[.|, please.|, briefly.| in plain words.]",
        "I [need|want|have|hope|tried] to {verb} {det} {thing} {round}. [Ideas|Tips|Where to start|What now|Any"
        " traps]?",
        "[Help me|Could you|Please|I'd like you to] {verb} {det} {thing} {round}.",
        "{thing}, {quality}, {number} [pieces|hours|times|people|units], {round}: [worth it|what next|too"
        " much|normal]?",
        "[Write|Draft|Give me|Make] [a note|a list|a plan|an email|a poem|a summary] [on|about] {det} {thing} {round}.",
        "[Is|Was|Could] {det} {thing} [really|still|ever] {quality} {round}?",
        "{ask_long}",
        "{ask_long}",
        "{ask_long}",
        "{ask_long}",
        "{ask_code}",
    ],
    "ask_long": [
        "{s} {s} [What would you do|How bad is it|What am I missing|Where is the fault|Which is right]?",
        "{s} {s} {s} [Suggest|List|Name|Rank] {number} [ways|steps|reasons] to {verb} it {round}.",
        "Context: {s} {s} Question: [how|why|when] [do|would|did] {person} {verb} {det} {thing}?",
        "{passage}\n\n{passage}\n\n[What follows|Which is better|Merge these|Where do they differ] {round}?",
        "{passage}\n\n[Shorten|Proofread|Translate|Rephrase|Check] [this|the above|that] for {person} {round}.",
    ],
    "ask_code": [
        "{code}\n\n[Why|How|Where] does [this|it] {verb} {det} {noun} {round}?",
        "[Bug|Error|Crash] {when}: {s}\n{code}\n[Fix it|What is wrong|Explain] {why}.",
    ],
    "follow": [
        "[And|But|OK, and|Fine, but|Then] [if|when|what if] {person} [wants|needs|sees|lacks] {det} {thing}?",
        "[Shorter|Longer|Simpler|Warmer|Stricter], [please|thanks], and [mention|drop|keep] {det} {thing} {round}.",
        "[No|Hm|Wait|Sorry|Right], {person} [said|meant|prefers] {det} {thing} {round}.",
        "[Now|Next|Also] {verb} {det} {thing} {round}.",
        "[What about|How about|Could it be] {det} {thing} {round}?",
        "[Good|Great|Thanks]. {s} [Go on|More|Next step|Your view]?",
        "I [tried|did] that {when}. {s}",
    ],
    # prose
    "s": [
        "{person} [will|did|must|could not] {verb} {det} {thing} {round}.",
        "[The|A|Our] {thing} [was|is|became|seemed|stayed] {quality} {round}.",
        "[In|By|Until|Since] {year}, {det} {noun} [cost|took|reached|lost|gained] {amount} {where}.",
        "[Once|If|When|Although] {det} {thing} is {quality}, {person} [can|may|has to] {verb} {det} {noun}.",
        "[Nobody|Everyone|Half of us|Hardly anyone] {where} [expected|noticed|wanted|measured] {det} {thing} {when}.",
        "{noun} {code_number} [shows|needs|lists|replaced] {number} {quality} [items|cases|lines|parts] {round}.",
        "[It took|They spent|We saved|That cost] {amount} {why}.",
        "[Yet|Still|Meanwhile|So|Later], {det} {thing} and {det} {thing} [differ|match|clash|overlap] {where}.",
    ],
    "passage": [
        "{s} {s} {s}",
        "{s} {s} {s} {s} {s}",
        "{s} {s} {s} {s} {s} {s} {s}",
        "{s} {s} {s}\n\n{s} {s} {s} {s}",
        "{s} {s} {s} {s} {s} {s} {s} {s} {s} {s}",
    ],
    "message": [
        "[Hi|Hello|Dear team|Good morning|To whom it may concern], {s} {s} [Thanks|Regards|Best|Cheers], {name}",
        "{s} {s} Ref. {code_number}.",
        "{s} [Please|Kindly|Just] {verb} {det} {noun} {when}.",
        "{s} {s} {s}",
        "[Order|Ticket|Case|Account] {code_number}: {s} [Not happy|All good|Still waiting|Confused]. {name}",
    ],
    "answer": ["{s}", "{s} {s}", "[Yes|No|In part|Usually]: {s}", "[First|Briefly|In short], {s} {s}"],
    # problems that have an answer
    "problem": [
        "{name} [buys|sells|packs|moves] {number} {noun} [boxes|sets|units] at {amount} each and"
        " [returns|loses|gives away] {number} {when}. [What is left|What is the balance|How much remains]?",
        "A [train|cyclist|pump|drone] [covers|fills|climbs] {number} units in {number} minutes {where}. [How"
        " long|How far] for {number}?",
        "[Let|Suppose|Assume] f({number}) = {number} and f(n+1) = {number}·f(n) − {number}. Find f({number}).",
        "Of {number} people {where}, {number} [like|own|avoid] {det} {noun} and {number} {det} {noun}. How many do"
        " [both|neither]?",
        "[Prove|Show|Refute]: for {number} {quality} {noun} [values|elements], {det} {noun} {verb}s at most {number}"
        " of them {where}.",
        "{s} {s} [Deduce|Infer|Decide] which {noun} {person} [must|cannot] {verb}, given {number} {quality}"
        " [cases|clues].",
        "[Compute|Estimate|Bound] the {noun} for {amount}, {amount} and {number} {where}, [to two digits|exactly|as"
        " a fraction].",
        "{code}\nWhat does {name} print for ({number}, {number})?",
    ],
    "result": [
        "{number}",
        "{amount}",
        "{number}/{number}",
        "{noun} {code_number}",
        "[yes|no], by {number}",
        "{number} {noun}s",
    ],
    # code
    "word": [
        "item",
        "total",
        "row",
        "user",
        "path",
        "index",
        "batch",
        "cache",
        "limit",
        "token",
        "event",
        "order",
        "price",
        "queue",
        "offset",
        "label",
        "score",
        "stamp",
        "buffer",
        "entry",
        "node",
        "rate",
        "state",
        "group",
        "field",
        "chunk",
    ],
    "act": [
        "load",
        "parse",
        "merge",
        "flush",
        "count",
        "fetch",
        "sort",
        "split",
        "check",
        "build",
        "send",
        "apply",
        "reset",
        "scan",
        "drop",
        "pick",
        "trim",
        "swap",
        "store",
        "map",
    ],
    "stmt": [
        "    {word} = {act}_{word}({word}, {number})",
        "    if {word} > {number}:\n        return {word}",
        "    {word} += {word} * {number}",
        '    for {word} in {act}_{word}("{name}"):\n        {word}.{act}({word})',
        "    # {noun} {code_number}\n    {word} = None",
        '    assert {word} != {number}, "{name}"',
        '    log.info("{act} {noun} %s", {word})',
        '    {word}[{number}] = self.{act}("{code_number}")',
    ],
    "code": [
        "def {act}_{name}({word}, {word}_{word}={number}):\n{stmt}\n{stmt}\n    return {word}",
        "def {act}_{word}_{number}({word}):\n{stmt}\n{stmt}\n{stmt}\n{stmt}\n    return {word}, {word}",
        "async function {act}{name}({word}, {word}) {\n  const {word} = await {act}({number});\n  return"
        " {word}.{act}('{name}');\n}",
        "SELECT {word}, sum({word}) FROM {name}_{word}\nWHERE {word} > {number} AND {word} = '{code_number}'\nGROUP"
        " BY {word} LIMIT {number};",
        "func {act}{name}({word} int) (int, error) {\n\tif {word} > {number} {\n\t\treturn 0,"
        " err{name}\n\t}\n\treturn {word} * {number}, nil\n}",
        "class {name}{name}:\n    {word}: int = {number}\n\n    def {act}(self, {word}):\n    {stmt}\n        return"
        " self.{word}",
    ],
    "file": [
        "[src|lib|app|pkg|tests]/{name}/{act}_{word}.[py|ts|go|rs|java]",
        "[config|data]/{name}_{number}.[yaml|json|csv]",
    ],
    "tool_result": [
        "{file}\n{code}\n",
        "{file}:{number}: {act}_{word}: {noun} {code_number}\n{file}:{number}: {s}",
        "exit {number}\n{file}: {act} failed after {number} ms\n{s}\n",
        '{"{word}": {number}, "{word}": "{name}", "{word}s": [{number}, {number}, {number}], "id": "{code_number}"}',
        "{number} passed, {number} failed in {amount}s\n{file}::{act}_{word} - {s}",
        '[screenshot {number}x{number}] {name}: "{noun}" button at ({number}, {number}), field "{word}" ='
        " {code_number}",
        "{word},{word},{word}\n{name},{number},{amount}\n{name},{number},{amount}\n{name},{number},{amount}",
    ],
    "chore": [
        "[Add|Move|Rename|Remove|Fix|Speed up] {act}_{word} in {file} {round}. {s}",
        "{file} [breaks|hangs|returns {number}] {when}: {s} [Find out why|Repair it|Write a test first].",
        "[Open|Go to|Read] {name} [portal|console|dashboard] and {verb} {det} {thing} {round}.",
        "[Plot|Tabulate|Join|Clean] {file} by {word} and [report|flag|export] {det} {quality} {noun} {round}.",
        "[Look at|Read|Crop] image {code_number}: [what|how many|which] {quality} {noun} [is|are] {where}?",
    ],
    "line": ["{s}", "{noun} {code_number}, {name}, {quality}", "{name}: {quality} {noun} {round}"],
}
ENGLISH = Grammar(RULES)
"""Rules for whole texts: ask, follow, passage, message, answer, problem, result, code, tool_result, chore, line."""
