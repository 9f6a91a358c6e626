"""What a prompt asks for, as far as its words and shape show it: one declared table of markers, one bit each.

A marker is a hint, not a verdict: it is set by any one of its phrases, or by a shape that the kernel sees. Phrases are
one to `PHRASE_WORDS` words in several languages; ideographs and kana count as a word each. Case of ASCII letters does
not matter; other letters are also looked for with a capital at the beginning.

A word that stands in talk of anything (click, image, columns, sensitive) says little by itself: it is a hint, and two
different hints of one marker set it. Measured on real prompts: docs/fingerprint.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stillwatch.fingerprint.phrases import FILTER_BITS
from stillwatch.fingerprint.words import PRIME, SEED, word_hashes

PHRASE_WORDS = 10
"""Longest phrase, in words."""

TABLE_SLOTS = 8192
"""Slots of the hash table of phrases; less than a third may be used."""


HINTS = 32
"""Bits from here on are hints of the markers so many places lower."""


@dataclass(frozen=True, slots=True)
class Marker:
    """One bit: its name, what it says, the phrases that set it (separated by `|`), and the shape that sets it.

    hints: phrases of which two different ones set it; forms of one word, separated by `/`, are no two.
    """

    name: str
    says: str
    phrases: str = ""
    shape: str = ""
    hints: str = ""


_TABLE = (
    Marker("code", "holds program code", "", "a code fence"),
    Marker(
        "json",
        "holds or demands JSON",
        "json|jsonl|json schema|key value pairs",
        "a brace followed by a quoted key",
    ),
    Marker("numbered_list", "holds a numbered list", "", "two lines that begin with a number and a dot or bracket"),
    Marker("url", "holds an address of the web", "https|http|www", ""),
    Marker(
        "math",
        "is mathematics",
        "frac|boxed|mathbb|mathrm|sqrt|latex|theorem|lemma|equation|equations|integral|integer|integers|polynomial|"
        "modulo|prove that|solve for|how many|what is the value|remainder|perimeter|triangle|"
        "方程|证明|求解|函数|整数|三角形|数学|方程式|証明|ecuación|ecuaciones|gleichung|équation|уравнение|equação|방정식",
        "a LaTeX bracket",
    ),
    Marker("tags", "holds tags of XML or HTML", "", "two opening or closing tags"),
    Marker("question", "ends in a question mark", "", "a question mark at the end"),
    Marker(
        "reasoning",
        "asks for the steps or the reasoning",
        "step by step|think step|chain of thought|show your work|show your reasoning|show your working|"
        "explain your reasoning|reasoning process|reasoning trace|reasoning steps|your reasoning|"
        "thought process|thinking process|reasoning behind|"
        "inner monologue|think carefully|think aloud|think out loud|let s think|show the steps|show all steps|"
        "walk me through|scratchpad|intermediate steps|"
        "一步一步|逐步|分步|推理过程|思考过程|推理步骤|思维链|解题步骤|详细步骤|一步步|"
        "paso a paso|razonamiento|cadena de pensamiento|schritt für schritt|gedankengang|begründe|denkprozess|"
        "étape par étape|raisonnement|ステップバイステップ|段階的に|推論過程|思考プロセス|"
        "шаг за шагом|пошагово|рассуждение|рассуждения|ход мыслей|passo a passo|raciocínio|"
        "ragionamento|passo dopo passo|단계별|추론 과정|adım adım|langkah demi langkah",
    ),
    Marker(
        "grading",
        "asks to grade, score, rate or compare",
        "rate the|rate this|rate each|grade the|grade this|score the|score this|score each|on a scale|out of 10|"
        "from 1 to 10|from 1 to 5|"
        "evaluate the|evaluate this|evaluate each|judge the|which response|which answer|better response|better answer|"
        "compare the|rank the|assistant a|assistant b|response a|response b|answer a|answer b|act as a judge|"
        "impartial judge|pairwise|preference|reward model|"
        "打分|评分|评价|评估|评判|得分|比较|排序|更好的回答|"
        "califica|evalúa|puntúa|puntuación|compara|calificación|bewerte|bewerten|bewertung|vergleiche|punktzahl|"
        "note sur|évalue|évaluez|noter|comparez|採点|評価|点数|比較|оцени|оцените|оценка|сравни|сравните|"
        "avalie|avaliação|pontuação|compare as|valuta|confronta|평가|채점|점수|비교",
    ),
    Marker(
        "rubric",
        "gives criteria to grade by",
        "rubric|rubrics|scoring guide|scoring guidelines|grading scheme|grading criteria|"
        "evaluation criteria|scoring criteria|评分标准|评分细则|rúbrica|bewertungskriterien",
        hints="criteria/criterion|helpfulness|harmlessness|correctness|标准|criterios|kriterien|critères|基準|"
        "критерии/критериям|critérios|criteri|기준",
    ),
    Marker(
        "rewriting",
        "asks to rewrite or paraphrase",
        "rewrite|rewriting|rephrase|rephrased|paraphrase|paraphrasing|reword|reformulate|alternative wording|"
        "改写|重写|改述|换一种说法|润色|重新表述|reescribe|reescribir|parafrasea|reformula|umformulieren|"
        "formuliere um|schreibe um|umschreiben|réécris|réécrire|reformule|reformuler|reformulez|"
        "書き換え|言い換え|書き直し|перепиши|перепишите|перефразируй|перефразируйте|reescreva|reescrever|parafraseie|"
        "riscrivi|다시 써|바꿔",
    ),
    Marker(
        "policy",
        "speaks of what may not be said",
        "politically sensitive|censored|censorship|policy safe|safe version|harmless version|"
        "banned words|forbidden topics|content policy|content moderation|party leaders|敏感|审查|屏蔽|安全表达|过滤词|"
        "sensible políticamente|censura|censurado|zensur|zensiert|censure|censuré|検閲|機微|цензура|цензуры|"
        "검열",
        hints="sensitive|censor|compliant/compliance|moderation|dissident/dissidents|authoritarianism|合规|违规|"
        "richtlinien|sensibles|чувствительные|sensível/sensíveis|민감",
    ),
    Marker(
        "tools",
        "is about calling tools or functions",
        "tool call|tool calls|tool use|function call|function calls|function calling|call the function|"
        "tool_call|tool_calls|function_call|tool_use|available tools|available functions|"
        "use the following tools|api call|api calls|mcp|action input|函数调用|関数呼び出し",
        hints="invoke|observation|工具|调用|herramienta/herramientas|werkzeug/werkzeuge|outil/outils|ツール|"
        "инструмент/инструменты|ferramenta/ferramentas|도구",
    ),
    Marker(
        "agent_coding",
        "is work on a repository or in a shell",
        "pull request|unit test|unit tests|pytest|traceback|stack trace|codebase|dockerfile|代码库|单元测试",
        hints="repository/repo|git|diff|patch|commit|bash|terminal|shell|refactor|stdout/stderr|"
        "def/const/import|仓库|终端|repositorio|repositório|リポジトリ|репозиторий|저장소",
    ),
    Marker(
        "computer_use",
        "is about a screen and its elements",
        "screenshot|screenshots|viewport|gui|截图|屏幕截图|captura de pantalla|bildschirmfoto|capture d écran|"
        "スクリーンショット|скриншот|captura de tela|스크린샷",
        hints="click/clicks|cursor|mouse|scroll|button|dropdown|webpage|browser|coordinate/coordinates|desktop|"
        "点击|鼠标|浏览器|按钮|clic|ratón|navegador|klicke/klicken|cliquez|クリック|ブラウザ|нажми/нажмите|clique|클릭",
    ),
    Marker(
        "vision",
        "is about a picture",
        "the image|this image|these images|attached image|uploaded image|the picture|this picture|"
        "this photo|this photograph|the figure|bounding box|ocr|screenshot|screenshots|截图|屏幕截图|"
        "captura de pantalla|bildschirmfoto|capture d écran|スクリーンショット|скриншот|captura de tela|스크린샷|"
        "图片|图像|照片|图中|画像|写真|изображение|"
        "изображении|이미지|사진",
        hints="image/images|picture|photo/photograph|diagram|chart|caption|imagen/imágenes|bild/bilder|фото|imagem",
    ),
    Marker(
        "data_analysis",
        "is about tables and their analysis",
        "dataframe|pandas|spreadsheet|data analysis|pivot table|数据分析|数据集|conjunto de datos|"
        "hoja de cálculo|datensatz|jeu de données|データ分析|表計算|planilha|conjunto de dados",
        "a table drawn with bars",
        hints="csv|sql|excel|dataset/data set|regression|statistics|correlation|plot|histogram|columns|表格|统计|"
        "tabelle|tableau|統計|таблица/таблицу|данных|데이터",
    ),
    Marker(
        "translation",
        "asks to translate",
        "translate|translation|translate to|translated|翻译|译成|译为|traduce|traducir|traducción|übersetze|übersetzen|"
        "übersetzung|traduis|traduire|traduisez|翻訳|訳して|переведи|переведите|перевод|traduza|traduzir|tradução|"
        "traduci|번역|çevir|terjemahkan",
    ),
    Marker(
        "persona",
        "gives the model a part to play",
        "act as|pretend to be|pretend you are|roleplay|role play|you are a|you are an|you are the|i want you to act|"
        "persona|in character|扮演|你是一个|你是一名|你是一位|作为一名|角色|eres un|eres una|actúa como|du bist ein|"
        "du bist eine|stell dir vor du bist|tu es un|tu es une|vous êtes un|agis comme|あなたは|として振る舞|"
        "ты эксперт|вы эксперт|действуй как|представь что ты|você é um|você é uma|aja como|sei un|당신은|너는",
    ),
    Marker(
        "many_answers",
        "asks for many items at once",
        "diverse|different tasks|list of 20|list of 10|generate 10|generate 20|generate 5|generate five|generate ten|"
        "generate a set|task instructions|instructions and|questions and answers|question answer pairs|qa pairs|"
        "training data|training examples|training samples|synthetic|few shot|seed tasks|"
        "生成10|生成5|多样|训练数据|问答对|样本|datos de entrenamiento|trainingsdaten|données d entraînement|"
        "学習データ|обучающие данные|обучающих данных|dados de treinamento|학습 데이터",
    ),
    Marker(
        "given_answer",
        "holds a finished answer to explain",
        "reference answer|correct answer|final answer|ground truth|gold answer|given the answer|the answer is|"
        "standard answer|model answer|explain how|参考答案|标准答案|正确答案|最终答案|答案是|respuesta correcta|"
        "respuesta final|richtige antwort|musterlösung|bonne réponse|réponse finale|正解|模範解答|最終的な答え|"
        "правильный ответ|эталонный ответ|resposta correta|resposta final|정답",
    ),
    Marker(
        "summary",
        "asks for a summary",
        "summarize|summarise|summary|tl dr|总结|摘要|概括|resumen|fasse zusammen|zusammenfassung|résume|résumé|résumer|"
        "要約|まとめ|резюме|кратко|resuma|resumo|riassumi|요약",
    ),
    Marker(
        "format_rules",
        "gives rules for the form of the answer",
        "output format|only output|respond only|respond with|return only|do not include|in the following format|"
        "must be|do not explain|strictly|exactly one|final answer in|只输出|不要输出|输出格式|仅返回|格式|"
        "formato|responde solo|antworte nur|ausgabeformat|réponds uniquement|format suivant|出力形式|のみを出力|"
        "только ответ|формате|ответь только|responda apenas|formato de saída|출력 형식",
    ),
    Marker("base64", "holds encoded data", "base64", "a run of more than 80 ASCII letters and digits"),
    Marker("long_line", "has a line of more than 4,000 bytes", "", "length of the longest line"),
    Marker("slots", "holds a template's own place holders", "", "two braces in a row"),
)

MARKERS: dict[str, int] = {marker.name: bit for bit, marker in enumerate(_TABLE)}
"""Name of each marker -> its bit."""


def marker_table() -> tuple[Marker, ...]:
    """The markers in the order of their bits."""
    return _TABLE


def _spellings(phrase: str) -> set[bytes]:
    # Bytes in small letters are ASCII's only, which are folded anyway: what is left are the capitals of other scripts.
    first = phrase[:1].upper() + phrase[1:]
    return {one.encode().lower() for one in (phrase, first, phrase.upper())}


@cache
def phrase_table() -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]:
    """The hash table that the kernel looks phrases up in: keys, bit sets, groups, and where one may end.

    Shapes: keys (TABLE_SLOTS,) uint64, 0 where free; bits (TABLE_SLOTS,) int64, a hint's `HINTS` places further up;
    groups (TABLE_SLOTS,) int64, alike for the forms of one hint; the ends of phrases are there without a bit; ending
    (2, 2**FILTER_BITS // 64) uint64, bitmaps of the words that are phrases and of the last two words of longer ones.
    """
    bits: dict[int, int] = {}
    group: dict[int, int] = {}
    ending = np.zeros((2, 2**FILTER_BITS // 64), np.uint64)
    for at, (bit, phrases) in enumerate(_groups()):
        for phrase in phrases:
            for spelling in sorted(_spellings(phrase)):
                words = [int(h) for h in word_hashes(np.frombuffer(spelling, np.uint8))[0]]
                if not 1 <= len(words) <= PHRASE_WORDS:
                    raise ValueError(f"phrase {phrase!r} has {len(words)} words")
                for n_words in range(1, len(words)):
                    # The end of a phrase is no phrase by itself: it says that the words before it are worth a look.
                    end = phrase_key(words[-n_words:])
                    bits.setdefault(end, 0)
                    group.setdefault(end, 0)
                key = phrase_key(words)
                bits[key] = bits.get(key, 0) | 1 << bit
                group[key] = at + 1
                place = (words[-1] if len(words) == 1 else phrase_key(words[-2:])) >> (64 - FILTER_BITS)
                ending[min(len(words), 2) - 1, place >> 6] |= np.uint64(1 << (place & 63))
    if len(bits) * 3 > TABLE_SLOTS:
        raise ValueError(f"{len(bits)} phrases are too many for {TABLE_SLOTS} slots")
    keys, values = np.zeros(TABLE_SLOTS, np.uint64), np.zeros(TABLE_SLOTS, np.int64)
    groups = np.zeros(TABLE_SLOTS, np.int64)
    for key, value in sorted(bits.items()):
        slot = key & (TABLE_SLOTS - 1)
        while keys[slot]:
            slot = (slot + 1) & (TABLE_SLOTS - 1)
        keys[slot], values[slot], groups[slot] = key, value, group[key]
    return keys, values, groups, ending


def _groups() -> Iterator[tuple[int, list[str]]]:
    """Every phrase with its bit, and every hint, with its forms, with its bit `HINTS` places further up."""
    for bit, marker in enumerate(_TABLE):
        yield from ((bit, [phrase]) for phrase in filter(None, marker.phrases.split("|")))
        yield from ((bit + HINTS, forms.split("/")) for forms in filter(None, marker.hints.split("|")))


def phrase_key(words: list[int]) -> int:
    """The key of a phrase from its words' hashes: a chain from the last word to the first."""
    key = int(SEED)
    for word in reversed(words):
        key = ((key ^ word) * int(PRIME)) & (2**64 - 1)
        key ^= key >> 32
    return key
