"""Replies in German, French and Spanish that decline to write.

People decline much too: to help with a move, to answer the phone, to write with a broken hand. So what is
declined must be the request, or a text of the kind that was asked for.
"""

from __future__ import annotations

import re

_END = r"(?=\W*\Z|[.!])"
_APOSTROPHE = "['\u2019]"


def _reply(regrets: str, *declines: str) -> str:
    """A reply that begins with one of ``declines``, perhaps after regret or what the writer says it is."""
    return rf"\A\W*+(?:[^.!?\n]{{0,40}}\b(?:{regrets})\b[^?\n]{{0,30}}?)?(?<!\w)(?:{'|'.join(declines)})"


_DE_TASK = (
    r"(?:anfragen?|aufforderung|bitte|aufgabe|frage|unterhaltung|inhalt(?:e[ns]?|s)?|text(?:e[ns]?|s)?"
    r"|notiz(?:en)?|bewertung(?:en)?|rezension(?:en)?|brief(?:e[ns]?)?|beitrag|nachricht(?:en)?"
    r"|geschichten?)\b"
)
_DE_ASKED = (
    r"(?:diese[nmrs]?|solche[nmrs]?|derartige[nmrs]?|so eine[nmrs]?|eine[nr]? solche[nr]?|ihre[nmr]?"
    rf"|deine[nmr]?) (?:art von |\w+en )?{_DE_TASK}"
)
_DE_VERB = (
    r"(?:zu )?(?:beantworten|bearbeiten|schreiben|erstellen|verfassen|generieren|erfüllen|nachkommen"
    r"|nachzukommen|entsprechen|liefern|fortsetzen|(?:weiter)?helfen|weiterzuhelfen)\b"
)
_DE_FALSE = r"(?:solchen?|derartigen?|gefälschten?|falschen?|fiktiven?|erfundenen?|irreführenden?)"
_DE_I = r"(?:(?:kann|darf|möchte|werde) ich|ich (?:kann|darf|möchte|werde))"
_DE_UNABLE = (
    rf"(?:{_DE_I}|ich bin|bin ich|(?:es )?ist (?:es )?mir)[^.!?\n]{{0,20}} "
    r"nicht (?:in der lage|befugt|berechtigt|möglich),?"
)
_DE_HELP = r"(?:leider )?nicht (?:weiter)?helfen"
_GERMAN = _reply(
    r"leid|entschuldig\w*|leider|bedaue?re\w*|sorry"
    r"|als (?:eine? )?(?:ki|ki-\w+|(?:großes )?sprachmodell|künstliche intelligenz)",
    rf"{_DE_I} [^.!?\n]{{0,30}}?{_DE_ASKED}[^.!?\n]{{0,20}}? ?\bnicht {_DE_VERB}",
    rf"{_DE_I} [^.!?\n]{{0,20}}?keine[nr]? {_DE_FALSE} {_DE_TASK} {_DE_VERB}",
    rf"(?:bei )?{_DE_ASKED} (?:kann|darf|möchte|werde) ich [^.!?\n]{{0,20}}?nicht {_DE_VERB}",
    rf"das (?:kann|darf|werde) ich (?:leider )?nicht (?:schreiben|erstellen|verfassen|beantworten){_END}",
    rf"(?<=aber )das kann ich (?:leider )?nicht tun{_END}",
    rf"{_DE_UNABLE} {_DE_ASKED} {_DE_VERB}",
    rf"ich muss {_DE_ASKED} (?:leider )?ablehnen",
    r"(?:diese|ihre|deine) (?:anfrage|bitte) verstößt gegen (?:meine|unsere|die) \w*(?:richtlinien|regeln)",
    r"meine \w*richtlinien (?:erlauben|gestatten|verbieten) (?:es )?mir",
    rf"{_DE_I} (?:ihnen |dir |leider ){{0,2}}(?:dabei|damit|hierbei) {_DE_HELP}{_END}",
    rf"{_DE_I} (?:ihnen |dir |leider ){{0,2}}bei (?:dieser|ihrer|deiner) {_DE_TASK} {_DE_HELP}{_END}",
    rf"damit kann ich (?:ihnen |dir )?(?:leider )?nicht (?:dienen|helfen){_END}",
    rf"ich kann (?:ihnen |dir )?(?:dazu|hierzu) (?:leider )?keine auskunft geben{_END}",
)

_FR_TASK = (
    r"(?:demande|requête|question|texte|contenu|note|avis|critique|lettre|message|histoire|article"
    r"|conversation|tâche|instruction)s?\b"
)
_FR_ASKED = (
    r"(?:ce|cet|cette|ces|votre|vos|ta|tel(?:le)?|une? tel(?:le)?|de tel(?:le)?s|ce (?:type|genre) de|de faux"
    rf"|de fausses) {_FR_TASK}"
)
_FR_VERB = (
    r"(?:vous |te )?(?:(?:répondre|accéder|donner suite) à|aider (?:avec|pour|à)|écrire|rédiger|créer"
    r"|générer|produire|fournir|satisfaire|traiter|continuer|accomplir)"
)
_FR_I = (
    r"je ne (?:(?:peux|puis|saurais)(?: malheureusement)?(?: pas)? |suis (?:malheureusement )?pas "
    rf"(?:en mesure|capable|autorisée?|habilitée?) (?:de |à |d{_APOSTROPHE}))"
)
_FRENCH = _reply(
    r"désolée?|malheureusement|navrée?|regrette|excuses?|pardon"
    rf"|en tant qu(?:e|{_APOSTROPHE})[^.!?\n]{{0,30}}",
    rf"{_FR_I}{_FR_VERB} {_FR_ASKED}",
    rf"{_FR_I}(?:vous |t{_APOSTROPHE})aider(?: (?:avec|pour|sur) (?:cela|ça|{_FR_ASKED}))?{_END}",
    rf"(?<=, )je ne peux pas faire (?:cela|ça){_END}",
    r"je dois (?:malheureusement |respectueusement )?(?:refuser|décliner) "
    r"(?:cette|votre) (?:demande|requête)",
    rf"il m{_APOSTROPHE}est impossible (?:de |d{_APOSTROPHE}){_FR_VERB} {_FR_ASKED}",
    rf"(?:cette|votre) (?:demande|requête) (?:va à l{_APOSTROPHE}encontre|viole|enfreint|est contraire)",
    r"mes (?:directives|règles|consignes) "
    rf"(?:ne me permettent pas|m{_APOSTROPHE}interdisent|m{_APOSTROPHE}empêchent)",
    rf"je préfère ne pas {_FR_VERB} {_FR_ASKED}",
)

_ES_TASK = (
    r"(?:solicitud(?:es)?|petici(?:ón|ones)|(?:pregunta|texto|contenido|nota|reseña|carta|mensaje|historia"
    r"|tarea|conversación|instrucción|crítica|artículo)s?)\b"
)
_ES_ASKED = (
    rf"(?:(?:es[ea]|est[ea]|es[ao]s|est[ao]s|tus?|sus?|tal|semejante) (?:tipo de )?(?:\w+ )?{_ES_TASK}"
    rf"|(?:una? )?{_ES_TASK} (?:así|fals[oa]s?|ficticios?|ficticias?|inventad[oa]s?|de (?:ese|este) tipo)\b)"
)
_ES_VERB = (
    r"(?:ayudar(?:te|le|os|les)?|responder|atender|escribir|redactar|crear|generar|producir|proporcionar"
    r"|cumplir|realizar|procesar|continuar|satisfacer|completar)(?: con| a)?"
)
_ES_I = (
    r"no (?:puedo|podré|me es posible|estoy en condiciones de|estoy autorizad[oa] (?:a|para)|soy capaz de)"
)
_SPANISH = _reply(
    r"lo siento|lo lamento|lamentablemente|desafortunadamente|disculp\w+|perdón|me temo"
    r"|como (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje|asistente)",
    rf"{_ES_I} {_ES_VERB} {_ES_ASKED}",
    rf"(?:{_ES_I}|siento no poder) ayudar(?:te|le|os|les)?(?: con (?:eso|esto))?{_END}",
    rf"(?<=pero )no puedo hacer eso{_END}",
    r"(?:debo|tengo que) rechazar (?:esta|esa|tu|su) (?:solicitud|petición)",
    r"(?:esta|esa|tu|su) (?:solicitud|petición) (?:va en contra de|viola|infringe|incumple) mis",
    r"mis (?:directrices|normas|políticas|reglas) no me permiten",
    rf"prefiero no {_ES_VERB} {_ES_ASKED}",
)
#: A reply in one of the three languages that declines what it was asked for.
DECLINES = re.compile(f"{_GERMAN}|{_FRENCH}|{_SPANISH}", re.IGNORECASE)
