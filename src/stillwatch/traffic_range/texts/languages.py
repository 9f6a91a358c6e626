"""Nine more languages, small but of the same shape: ask, follow, passage, message, answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from stillwatch.traffic_range.grammar import Grammar, Ints, by_key
from stillwatch.traffic_range.texts import names
from stillwatch.traffic_range.texts.english import ENGLISH

LANGUAGES = ("en", "zh", "es", "de", "fr", "pt", "ru", "ja", "ko", "ar")
"""Codes; their places are the language numbers."""

# Openers / verbs / nouns / circumstances / ends, each separated by bars. N stands for a name, # for a number.
_WORDS: dict[str, tuple[str, str, str, str, str, str]] = {
    "zh": (
        "请问怎样才能|为什么不能|我想|能不能帮我|有没有办法|老师让我们|客户要求|昨天我试着|N建议我",
        "修改|翻译|解释|比较|安装|总结|预订|计算|润色|检查|退掉|整理",
        "这份合同|旅行计划|实验报告|数据库索引|孩子的作文|红烧肉的做法|面试问题|手机设置|季度报表|历史论文|快递单|网页代码|药品说明|租房协议|歌词|发票|学习计划|产品介绍",
        "在N附近|到#号之前|不超过#元|和N一起|从#年开始|按N的要求|第#次以后|给N公司",
        "?|,谢谢。|,越短越好。|,请举例。|,该注意什么?|,用表格。",
        "可是|那么|还有|好的,不过|如果",
    ),
    "es": (
        "¿Cómo puedo |¿Por qué no logro |Necesito |Ayúdame a |Quisiera |¿Conviene |Mi jefa quiere |N me pidió"
        " |Intento ",
        "corregir |traducir |explicar |comparar |instalar |resumir |reservar |calcular |redactar |revisar |cancelar ",
        "el contrato|la receta de lentejas|un informe de laboratorio|la consulta lenta|el viaje en tren|mi"
        " currículum|la factura|una carta formal|el examen de física|la página de inicio|el riego del huerto|los"
        " datos de ventas|un cuento breve|la garantía|el horario del turno|una canción",
        " cerca de N| antes del día #| por menos de # euros| con N| desde #| según N| tras # intentos| para la firma N",
        "?|, por favor.|, en pocas palabras.|, con ejemplos.|, ¿qué opinas?|, en una tabla.",
        "Pero |Entonces |Además |Vale, y |Y si ",
    ),
    "de": (
        "Wie kann ich |Warum lässt sich kaum |Ich möchte |Hilf mir, |Bitte |Meine Chefin will |N bat mich, |Gestern"
        " wollte ich ",
        "den Vertrag |das Rezept |einen Laborbericht |die langsame Abfrage |die Bahnreise |meinen Lebenslauf |die"
        " Rechnung |einen Brief |die Klausur |die Startseite |das Hochbeet |die Verkaufszahlen |eine Kurzgeschichte"
        " |die Garantie ",
        "prüfen|übersetzen|erklären|vergleichen|einrichten|zusammenfassen|buchen|berechnen|überarbeiten|stornieren|or"
        "dnen",
        " bei N| bis zum #.| für unter # Euro| mit N| seit #| laut N| nach # Versuchen| für die Firma N",
        "?|, danke.|, kurz gefasst.|, mit Beispiel.|, was meinst du?|, als Tabelle.",
        "Aber |Und dann |Außerdem |Gut, und |Falls nicht: ",
    ),
    "fr": (
        "Comment |Pourquoi ne pas |J'aimerais |Aide-moi à |Il faut |Ma cheffe veut |N m'a demandé de |J'essaie de ",
        "corriger |traduire |expliquer |comparer |installer |résumer |réserver |calculer |rédiger |vérifier |annuler ",
        "le contrat|la recette du gratin|un compte rendu|la requête lente|le voyage en train|mon CV|la facture|une"
        " lettre|l'examen de chimie|la page d'accueil|le potager|les chiffres de vente|une nouvelle|la garantie|le"
        " planning",
        " près de N| avant le #| pour moins de # euros| avec N| depuis #| selon N| après # essais| pour la société N",
        " ?|, merci.|, en bref.|, avec un exemple.|, qu'en penses-tu ?|, en tableau.",
        "Mais |Et alors |De plus |D'accord, et |Et si ",
    ),
    "pt": (
        "Como posso |Por que não consigo |Preciso |Ajude-me a |Gostaria de |Minha chefe quer |N pediu para |Tentei ",
        "corrigir |traduzir |explicar |comparar |instalar |resumir |reservar |calcular |escrever |revisar |cancelar ",
        "o contrato|a receita de feijoada|um relatório|a consulta lenta|a viagem de ônibus|meu currículo|a nota"
        " fiscal|uma carta|a prova de física|a página inicial|a horta|os dados de vendas|um conto|a garantia|a escala",
        " perto de N| até o dia #| por menos de # reais| com N| desde #| segundo N| depois de # tentativas| para a"
        " empresa N",
        "?|, por favor.|, em poucas palavras.|, com exemplos.|, o que acha?|, em tabela.",
        "Mas |Então |Além disso |Certo, e |E se ",
    ),
    "ru": (
        "Как мне |Почему не удаётся |Я хочу |Помоги |Нужно |Начальница просит |N просил |Вчера пытался ",
        "исправить |перевести |объяснить |сравнить |настроить |сократить |забронировать |посчитать |написать"
        " |проверить ",
        "договор|рецепт борща|отчёт о практике|медленный запрос|поездку на поезде|резюме|счёт|письмо|задачу по"
        " физике|главную страницу|теплицу|данные о продажах|рассказ|гарантию|расписание смен",
        " возле N| до # числа| дешевле # рублей| вместе с N| с # года| по правилам N| после # попыток| для фирмы N",
        "?|, спасибо.|, покороче.|, с примером.|, что скажешь?|, таблицей.",
        "Но |А если |Ещё |Хорошо, и |Тогда ",
    ),
    "ja": (
        "どうすれば|なぜ|できれば|至急、|上司のために|Nさんの依頼で|昨日から|授業で",
        "契約書を|肉じゃがのレシピを|実験レポートを|遅いクエリを|電車の旅を|履歴書を|請求書を|手紙を|物理の問題を|トップページを|家庭菜園を|売上データを|短編小説を|保証書を|シフト表を",
        "直せますか|翻訳したい|説明して|比べたい|設定できない|要約して|予約したい|計算して|書き直して|確認したい",
        "、Nの近くで|、#日までに|、#円以内で|、Nと一緒に|、#年から|、N社向けに|、#回目ですが",
        "。|。短くお願いします。|。例もください。|。表にして。|。どう思いますか。",
        "でも、|では、|それと、|なるほど、|もし、",
    ),
    "ko": (
        "어떻게 |왜 |가능하면 |급하게 |팀장님이 |N 씨 부탁으로 |어제부터 |수업에서 ",
        "계약서를 |김치찌개 요리법을 |실험 보고서를 |느린 쿼리를 |기차 여행을 |이력서를 |청구서를 |편지를 |"
        "물리 문제를 |첫 화면을 |텃밭을 |매출 자료를 |단편 소설을 |보증서를 |근무표를 ",
        "고칠까요|번역해 줘|설명해 줘|비교하고 싶어|설정이 안 돼|요약해 줘|예약하고 싶어|계산해 줘|다듬어 줘|확인해 줘",
        " N 근처에서| #일까지| #원 이하로| N 함께| #년부터| N 회사용으로| #번 해 봤는데",
        ".|. 짧게 부탁해.|. 예도 들어 줘.|. 표로 줘.|. 어떻게 생각해?",
        "그런데 |그럼 |그리고 |좋아, |만약 ",
    ),
    "ar": (
        "كيف يمكنني |لماذا لا أستطيع |أريد |ساعدني في |من فضلك |طلبت مديرتي |اقترح N |حاولت أمس ",
        "تصحيح |ترجمة |شرح |مقارنة |إعداد |تلخيص |حجز |حساب |كتابة |مراجعة ",
        "العقد|وصفة العدس|تقرير المختبر|الاستعلام البطيء|رحلة القطار|سيرتي الذاتية|الفاتورة|رسالة رسمية|مسألة"
        " الفيزياء|الصفحة الأولى|الحديقة|بيانات المبيعات|قصة قصيرة|الضمان|جدول العمل",
        " قرب N| قبل يوم #| بأقل من #| مع N| منذ #| حسب N| بعد # محاولات| لشركة N",
        "؟|، شكرا.|، باختصار.|، مع مثال.|، ما رأيك؟|، في جدول.",
        "لكن |إذن |وأيضا |حسنا، و|وماذا لو ",
    ),
}


def _fill(text: str) -> list[str]:
    return [part.replace("N", "{name}").replace("#", "{number}") for part in text.split("|")]


def _grammar(code: str) -> Grammar:
    opener, first, second, round_, end, link = _WORDS[code]
    space = "" if code in {"zh", "ja"} else " "
    return Grammar(
        {
            **names.RULES,
            "opener": _fill(opener),
            "first": _fill(first),
            "second": _fill(second),
            "round": _fill(round_),
            "named": [one for one in _fill(round_) if "{name}" in one],
            "end": _fill(end),
            "link": _fill(link),
            "core": ["{first}{second}{named}", "{first}{second}{round}{named}", "{first}{second}{named}{round}"],
            "s": ["{opener}{core}{end}", "{link}{core}{end}", "{name}: {core}{end}"],
            "ask": [
                "{opener}{core}{end}",
                f"{{s}}{space}{{opener}}{{core}}{{end}}",
                "{passage}\n\n{opener}{core}{end}",
            ],
            "follow": ["{link}{core}{end}", f"{{link}}{{core}}{{end}}{space}{{s}}"],
            "passage": [f"{{s}}{space}{{s}}{space}{{s}}", f"{{s}}{space}{{s}}{space}{{s}}{space}{{s}}{space}{{s}}"],
            "message": [f"{{s}}{space}{{s}} {{name}}", f"{{name}}, {{s}}{space}{{s}}{space}{{s}}"],
            "answer": ["{s}", f"{{s}}{space}{{s}}"],
        }
    )


_GRAMMARS = {0: ENGLISH} | {LANGUAGES.index(code): _grammar(code) for code in _WORDS}


def write(rule: str, rng: np.random.Generator, language: Ints, topic: Ints) -> pa.StringArray:
    """Texts of a rule (ask, follow, passage, message or answer), each in its row's language and on its topic."""

    def of(number: int) -> Callable[[Ints], pa.StringArray]:
        return lambda rows: _GRAMMARS[number].expand(rule, rng, len(rows), topic[rows] if number == 0 else None)

    return by_key({number: of(number) for number in _GRAMMARS}, language)
