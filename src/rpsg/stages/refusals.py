r"""Replies that are no text: the writer declines, or talks about its task, in the languages that writers use.

Texts say such words too: "I'm sorry, but the soup was cold", "I can't help but love it". So only regret may
come before the words that decline, and what is declined must be the task.
"""

from __future__ import annotations

import re

from rpsg.stages.refusals_of_packs import DECLINES

_TASKS = r"(?:review|post|note|message|ticket|abstract|text|story|article|email|letter)"
_WRITE = r"(?:(?:re)?write|create|produce|generate|draft)"
_NOT_A_TEXT = re.compile(
    r"\bas an? (?:responsible |helpful )?(?:ai|artificial intelligence|(?:large |ai )?language model)\b"
    r"(?=,|\.| language| model| i\b| assistant)"
    r"|\bi(?:['\u2019]m| am) (?:just |only |merely )?an? "
    r"(?:ai|(?:large |ai )?language model|virtual assistant)\b"
    r"(?! \w*(?:engineer|researcher|student|scientist|developer))"
    r"|\bi(?:['\u2019]d| would) be (?:happy|glad) to (?:help|assist)\b|\bwould you like me to\b"
    r"|(?:\A|[.!?:\n])[^\S\n]{0,3}(?:please )?(?:re)?write (?:a|an|the|this|another|one|your) "
    rf"(?:[\w-]+ ){{0,3}}{_TASKS}\b"
    r"|\A\W*the user (?:wants|wanted|asks|asked|is asking|has asked|requests|requested|needs) "
    rf"(?:for )?(?:(?:me|us) to\b|(?:an?|one|the) (?:[\w-]+ ){{0,3}}(?:{_TASKS}|content)\b)"
    rf"|\A\W*we (?:need|have|are asked) to {_WRITE} (?:an?|the|one) (?:[\w-]+ ){{0,3}}{_TASKS}\b"
    rf"|\A\W*(?:okay|ok|sure|alright|understood)\W{{1,3}}i(?:['\u2019]ll| will| can) {_WRITE} "
    rf"(?:an?|the|this|that|your) (?:[\w-]+ ){{0,3}}{_TASKS}\b[^.!?\n]{{0,80}}\W*\Z"
    rf"|\bwhat (?:the|your) {_TASKS} should be about\b"
    rf"|\byou(?:['\u2019]d| would)? (?:want|like) (?:me to {_WRITE}|(?:to be )?(?:reviewed|rewritten))\b"
    r"|\bplease (?:provide|give|share|send|specify|tell)\b[^.!?\n]{0,80}"
    rf"\band i(?:['\u2019]ll| will| can) {_WRITE}\b",
    re.IGNORECASE,
)
#: What a writer was asked for.
_ASKED = (
    r"(?:that|this|your|the|such|such an?|these|those|any|an?) (?:(?:kind|sort|type) of |\w+ )?"
    r"(?:request|content|conversation|prompt|task|instruction|material|question)s?\b"
)
_DECLINES = (
    r"(?:i(?: can(?:['\u2019]?t|not| not)| won['\u2019]t| will not|(?: am|['\u2019]m) (?:unable|not able) to"
    r"| (?:must|have to|need to|will have to) (?:respectfully |politely )?decline"
    r"|(?: do not| don['\u2019]t) feel comfortable|(?: am|['\u2019]m) (?:not |un)comfortable)"
    r"|it(?: is|['\u2019]s) (?:not |im)possible for me to)"
)
_REFUSAL = re.compile(
    r"\A\W*(?:(?:no\W{1,3})|"
    r"[^.!?\n]{0,60}\b(?:sorry|apologi[sz]e|unfortunately|afraid|understand|regret"
    r"|as an? (?:\w+ )?(?:ai|artificial intelligence|(?:large )?language model)"
    r"(?=,| (?:assistant|(?:language )?model|i)\b))"
    r"\b[^\n]{0,20}?)?\b"
    rf"{_DECLINES}\b[^.!?\n]{{0,30}}?"
    r"(?:\b(?:help|assist)(?:ing)?(?: you)?(?=\W*\Z|[.!]"
    rf"| (?:with|in|on) (?:(?:that|this|it)(?=\W*\Z|[.,;!]| as | because )|{_ASKED}"
    rf"|(?:writing|creating|generating|producing)\b))"
    rf"|\b(?:comply|fulfil|fulfill|engage)(?: with| in)? (?:(?:that|this)(?=\W*\Z|[.,;!])|{_ASKED})"
    r"|\b(?:provid|writ|creat|generat|produc|continu|answer|discuss|do|help)(?:e|ing)?\b[^.!?\n]{0,40}?"
    rf"(?:\bcontent\b|\b{_ASKED}"
    rf"|\b(?:that|this|such|(?:such )?an?) (?:(?:kind|sort|type) of |\w+ )?{_TASKS}"
    r"(?= ?(?:[.;!]|, ?(?:as|because|since|but|and|which|sorry)\b|\Z|as |because |for |about |on ))"
    rf"|\b(?:the|an?|that|this) (?:\w+ )?{_TASKS} (?:that )?you (?:asked|requested|want))s?\b"
    r"|\b(?:writ|provid|creat|generat|answer|discuss)(?:e|ing)? (?:that|this)(?: for you)?(?=[.!]|\Z)"
    r"|\b(?:writ|creat|generat|produc)(?:e|ing)? "
    rf"(?:(?:fake|false|fabricated|fictional|made-up|synthetic) {_TASKS}s?\b"
    r"(?= ?(?:[.!]|for you|\Z)|,? (?:as|since|because) )"
    rf"|{_TASKS}s (?:that|which|for you)\b)"
    r"|\bdo (?:that|this)\W*\Z"
    r"|(?<=decline)(?:\W*\Z| (?:this|that|your|the) (?:request|task|prompt)\b"
    rf"|, (?:as|since|because) (?:this|that|such an?) (?:request|{_TASKS})\b))"
    r"|\A\W*(?:sorry\W{1,3}(?:but )?)?(?:that|this)(?: is|['\u2019]s) (?:not )?something"
    r" i (?:can|cannot|can['\u2019]t) (?:help|assist)(?: you)? with\W*\Z"
    # People write about insurance policies too. So "policy" must be about content or end the sentence.
    r"|\A[^.!?\n]{0,80}\b(?:against|violates?) my (?:(?:content|usage|safety) (?:guidelines|polic(?:y|ies))\b"
    r"|(?:guidelines|programming|policies)(?=[.!]|\Z))"
    r"|\A[^.!?\n]{0,40}\bmy (?:guidelines|programming|(?:content|usage|safety) polic(?:y|ies)) "
    r"(?:do not|don['\u2019]t|does not|doesn['\u2019]t|will not|won['\u2019]t) (?:allow|permit|let)\b"
    r"|\A\W*(?:your )?request (?:was |is |has been )?(?:denied|rejected|refused|blocked)\b"
    r"(?=\W*\Z|[^.!?\n]{0,40}\b(?:guidelines|moderation|filter|(?:content|usage|safety) polic(?:y|ies))\b)",
    re.IGNORECASE,
)
#: With packs of one's own in other languages, writers decline in those languages.
_REGRETS = (
    r"\A\W*(?:[^.!?\n]{0,30}\b(?:mi dispiace|desculpe|sinto muito|lamento|het spijt me|sorry"
    r"|przepraszam|niestety|przykro mi|tyv\u00e4rr|f\u00f6rl\u00e5t|beklager|desv\u00e6rre|dessverre"
    r"|\u00fczg\u00fcn\u00fcm|maalesef|извините|простите|к сожалению)\b[^.!?\n]{0,20}?)?"
)
_DECLINES_ELSEWHERE = (
    r"\bnon posso (?:aiutar(?:ti|la|vi)(?: con (?:questo|questa|quest[aeo])\b|\W*\Z)"
    r"|(?:scrivere|creare|generare) (?:questo|questa)\b)"
    r"|\bn\u00e3o posso (?:ajudar(?: voc\u00ea)?(?: com (?:isso|isto|esse|essa)\b|\W*\Z)"
    r"|(?:escrever|criar|gerar) (?:isso|esse|essa|este|esta)\b"
    r"|(?:atender a?|cumprir) ?(?:esse|este|essa|esta|seu|sua) (?:pedido|solicita\u00e7\u00e3o)\b)"
    r"|\b(?:ik kan|kan ik) (?:je|jou|u) (?:hier|daar)?\s?(?:mee |bij )?niet (?:mee |bij )?helpen\b"
    r"|\bnie (?:mog\u0119|jestem w stanie) (?:ci |panu |pani )?"
    r"(?:pom\u00f3c|napisa\u0107|stworzy\u0107|wygenerowa\u0107|spe\u0142ni\u0107|odpowiedzie\u0107)\b"
    r"[^.!?\n]{0,15}\b(?:tej|tego|t\u0105|ten|tym|takiej|takiego|takich|pro\u015bby) ?"
    r"(?:spraw|tre\u015bci|tekst|pro\u015bb|zadan|recenzj|opini)?"
    r"|\b(?:kan jag|jag kan)(?: tyv\u00e4rr)? inte (?:hj\u00e4lpa(?: dig| er)?(?: till)? med|skriva|skapa) "
    r"(?:det|detta|den h\u00e4r|denna|s\u00e5dan)"
    r"|\b(?:kan jeg|jeg kan)(?: desv\u00e6rre| dessverre)? ikke "
    r"(?:hj[e\u00e6]lpe?(?: dig| deg)?(?: til)? med|skrive|skabe|lage) (?:det|dette|denne|s\u00e5dan)"
    r"|\b(?:iste[gğk]\w{0,10}|talep\w{0,8}|bu konuda|buna) (?:size |sana )?"
    r"(?:yard\u0131mc\u0131 olam|yerine getirem)"
    r"|\bя не (?:могу|смогу) (?:вам |тебе )?(?:помочь|выполнить|написать|создать|ответить)\b"
    r"[^.!?\n]{0,15}\b(?:этом|этот|этим|эту|этого|такой|такого|такие|ваш\w{0,3}) ?"
    r"(?:запрос|просьб|вопрос|задани|текст|отзыв)"
)
#: In Chinese, Japanese and Korean, in which no space separates the words that decline from others.
_DECLINES_WITHOUT_BLANKS = (
    r"\A\W*[^\u3002\uff01\uff1f\n]{0,20}(?:\u62b1\u6b49|\u5bf9\u4e0d\u8d77|\u5c0d\u4e0d\u8d77)"
    r"[^\u3002\uff01\uff1f\n]{0,10}(?:\u65e0\u6cd5|\u4e0d\u80fd|\u7121\u6cd5)"
    r"(?:\u5e2e\u52a9|\u534f\u52a9|\u6ee1\u8db3|\u5b8c\u6210|\u5354\u52a9)(?:\u60a8|\u4f60|\u8be5|\u8fd9)"
    r"|\A[^\u3002\n]{0,30}(?:\u8981\u671b|\u4f9d\u983c|\u30ea\u30af\u30a8\u30b9\u30c8)\u306b\u306f?"
    r"(?:\u304a\u7b54\u3048|\u304a\u5fdc\u3048|\u5bfe\u5fdc)(?:\u3067\u304d\u307e\u305b\u3093|\u3044\u305f\u3057\u304b\u306d)"
    r"|\A[^.!?\n]{0,40}(?:요청|부탁)[^.!?\n]{0,10}"
    r"(?:도와 ?드릴|도울|들어 ?드릴|수행할|응할|처리할) 수(?:는|가)? ?없"
)
_REFUSAL_ELSEWHERE = re.compile(
    rf"{_REGRETS}(?:{_DECLINES_ELSEWHERE})|{_DECLINES_WITHOUT_BLANKS}", re.IGNORECASE
)


def refuses(text: str) -> bool:
    """Whether a reply begins by declining what it was asked for."""
    return any(pattern.match(text[:400]) for pattern in (_REFUSAL, DECLINES, _REFUSAL_ELSEWHERE))


def talks_about_task(reply: str) -> bool:
    """Whether a reply speaks as an assistant of what it is to write, or asks for more about it."""
    return _NOT_A_TEXT.search(reply) is not None
