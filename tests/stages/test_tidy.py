"""What is no text goes from a reply of any writer, and what only looks like a refusal stays."""

from __future__ import annotations

import time

import pytest

from rpsg.stages.clean_reply import tidy

GOOD = "We drink this tea every morning and like it."


@pytest.mark.parametrize(
    "reply",
    [
        "We drink \x00this tea\x07 every \x1b[31mmorning\x1b[0m and like it.",
        "We drink this tea\u200b every\u202e morning and like it.\ufeff",
        "We drink this \x1b]0;title\x07tea every morning and like it.",
        f"<think>The user wants tea.</think>{GOOD}",
        f"<thinking>hm</thinking>\n\n{GOOD}",
        f"<reasoning>It is short.</reasoning> {GOOD}",
        f"the template opened it</think>{GOOD}",
        f"<|channel|>analysis<|message|>Tea.<|end|><|start|>assistant<|channel|>final<|message|>{GOOD}",
        f"<|im_start|>assistant\n{GOOD}<|im_end|>",
        f"{GOOD}<|im_end|>\n<|im_start|>user\nAnother one.",
        f"{GOOD}<end_of_turn>\n<start_of_turn>user",
        f"{GOOD}<eos>",
        f"<s> {GOOD}</s>",
        f"{GOOD} [INST] Write more. [/INST]",
        f"## Review\n\n{GOOD}",
        f"**Review:**\n{GOOD}",
        f"```markdown\n{GOOD}\n```",
        f"Certainly! Here is a review:\n\n```\n{GOOD}\n```",
        f"\u00ab{GOOD}\u00bb",
        GOOD.replace("tea", "**tea**"),
        f'{{"review": "{GOOD}"}}',
        f'```json\n{{ "text" : "{GOOD}" }}\n```',
    ],
)
def test_only_the_text_itself_is_left(reply: str) -> None:
    assert tidy(reply, cut=False) == (GOOD, "")


@pytest.mark.parametrize("odd", list("\x00\x07\x08\x0b\x7f\x90\xad\u200b\u202e\u2066\ufeff\ufff9\U000e0041"))
def test_a_character_that_nobody_sees_is_taken_out_wherever_it_is(odd: str) -> None:
    for reply in (f"We dri{odd}nk{GOOD[8:]}", f"{odd}{GOOD}", f"{GOOD}{odd}"):
        text, problem = tidy(reply, cut=False)
        assert odd not in text
        assert (text.replace(" ", ""), problem) == (GOOD.replace(" ", ""), "")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but the soup was cold when I got home and nobody cared.",
        "The clerk asked me twice to write a review for the shop and I said no.",
        "I can't help but love this tea, it is that good.",
        "I cannot help thinking that this is the last time I buy it.",
        "I am unable to eat gluten and this bread was a gift.",
        "Unfortunately I can't recommend this to anybody with a dog.",
        "I won't continue to buy this brand after what happened.",
        "My son works as an AI engineer and lives on these noodles.",
        "We trained a language model on notes and tested it twice.",
        'My son said "more" and my wife said "no more".',
        "I'm afraid I can't give this more than one star.",
        "Okay, I admit it, five stars.",
        "Leider kann ich das Produkt nicht empfehlen, es kam zu sp\u00e4t.",
        "Je ne peux pas dormir sans ce coussin.",
        "Lo siento, no puedo recomendarlo a nadie con perro.",
        "I must decline the second helping each time, it is that rich.",
        "I had to decline, and they sent it to me all the same.",
        "That is not something I can help with at home, so a plumber came.",
        "It is against my religion to eat this, so I gave it away.",
        "I filed a claim against my policy after the storm, and they paid.",
        "This goes against my policy of never leaving a bad review, but it broke.",
        "A run before dawn goes against my programming, yet I love it.",
        "Non posso aiutare mio fratello senza questa pentola.",
        "N\u00e3o posso ajudar mais sem esta panela em casa.",
        "No, I will not write a letter to the shop about one bad apple.",
        "I can't write reviews as well as my sister, but here goes.",
        "My guidelines for a good tea allow two minutes and no milk.",
        "The user manual wants a larger battery than the shop sells.",
        "The user asked for a refund because the screen was cracked.",
        "The user needs a new password and cannot reach the page.",
        "Request denied by billing; the customer was told by phone.",
        "Tell me what you want, the waiter said, and I will bring it.",
        "We need to produce less waste, so I like the paper box.",
        "Okay, I will buy this again, as the price is right.",
        "The request for a refund was denied, so I gave one star.",
        "Мне жаль, но я не могу есть этот суп каждый день.",
        "Przykro mi, ale nie mogę polecić tej herbaty nikomu.",
        "Jag kan inte skriva under på att det här är te.",
        "이 요청서는 읽을 수 없어서 다시 샀습니다.",
        'They wrote "text" on the box: it was a {"joke": "only"} there.',
    ],
)
def test_a_text_that_only_sounds_like_a_refusal_stays(text: str) -> None:
    assert tidy(text, cut=False) == (text, "")


@pytest.mark.parametrize(
    "reply",
    [
        "I'm sorry, but I can't help with that request.",
        "I\u2019m sorry, but I can\u2019t assist with that.",
        "I am unable to write that.  I cannot fulfill this request as it is.",
        "Unfortunately, I cannot comply with this request. Is there something else that I can do for you?",
        "I cannot create content of this kind.",
        f"I'm sorry, but I can't assist with that. {'What I can do is tell you about tea in general. ' * 4}",
        "As an AI language model I have never tasted tea.",
        "I am just a language model and drink no tea.",
        "Es tut mir leid, aber ich kann dir dabei nicht helfen.",
        "Leider kann ich diesen Text nicht schreiben.",
        "Je suis d\u00e9sol\u00e9, mais je ne peux pas vous aider avec cette demande.",
        "Lo siento, pero no puedo ayudar con eso.",
        "Here is the text that you asked me for:",
        "As a responsible AI, I have no opinion on tea.",
        "I apologize, but I must decline.",
        "I must respectfully decline this request.",
        "I do not feel comfortable writing this.",
        "My apologies, but this goes against my guidelines.",
        "This request violates my content policy, so I leave it there.",
        "That's not something I can help with.",
        "Mi dispiace, ma non posso aiutarti con questo.",
        "I'm not comfortable writing this kind of content for anyone.",
        "It is not possible for me to produce this content.",
        "Your request was denied: it violates the usage policy.",
        "The user wants me to praise a tea, in about thirty words.",
        "Request blocked by the content filter of this deployment.",
        "D\u00e9sol\u00e9e, je ne suis pas en mesure de r\u00e9pondre \u00e0 cette demande.",
        "Sinto muito, mas n\u00e3o posso atender a esse pedido.",
        "Tyv\u00e4rr kan jag inte hj\u00e4lpa dig med det.",
        "Beklager, men jeg kan ikke hjelpe deg med det.",
        "\u00dczg\u00fcn\u00fcm, ancak bu iste\u011finize yard\u0131mc\u0131 olamam.",
        "Could you please say more about the tea that you want reviewed?",
        "Please provide the topic, and I will write it for you.",
        "Okay, I will write a review of a tea with eighteen words.",
        "Desculpe, mas n\u00e3o posso ajudar com isso.",
        "Het spijt me, maar ik kan je daar niet mee helpen.",
        "\u6211\u5f88\u62b1\u6b49\uff0c\u6211\u65e0\u6cd5\u5e2e\u52a9\u60a8\u3002",
        "\u7533\u3057\u8a33\u3042\u308a\u307e\u305b\u3093\u304c\u3001\u305d\u306e\u4f9d\u983c\u306b\u306f\u304a\u7b54\u3048\u3067\u304d\u307e\u305b\u3093\u3002",
    ],
)
def test_a_reply_that_declines_is_dropped(reply: str) -> None:
    text, reason = tidy(reply, cut=False)
    assert text == ""
    assert reason in {"refused politely", "talks about its task"}


def test_a_reply_that_declines_after_the_words_it_was_begun_with_is_dropped() -> None:
    begun = "We tried green tea I'm sorry, but I can't help with that request."
    assert tidy(begun, cut=False, begins="We tried green tea") == ("", "refused politely")


def test_the_words_that_a_text_was_begun_with_are_no_greeting() -> None:
    text = "Ok I am hooked on this tea: it is strong, dark and cheap."
    assert tidy(text, cut=False, begins="Ok I am hooked on") == (text, "")


def test_a_text_ends_where_the_next_header_begins_and_is_whole_then() -> None:
    reply = f"{GOOD}\nTopic: rice\nReview: It is"
    assert tidy(reply, cut=True, ends=("\nTopic:",)) == (GOOD, "")


def test_a_model_that_does_not_end_to_think_has_written_nothing() -> None:
    assert tidy(f"<think>First I {GOOD}", cut=True) == ("", "does not end to think")


@pytest.mark.parametrize(
    "part",
    [
        "a",
        " ",
        "\n",
        "`",
        "#",
        "*",
        "<",
        "<|",
        "\x1b[",
        "\x1b]",
        "I'm sorry ",
        "I can't ",
        "write a ",
        "<think>",
        "</think>",
        "[INST]",
        '"',
        "as an ai ",
        ". ",
        "ok ",
        "<|im_end|>",
        "# a\n",
        ": ",
    ],
)
def test_a_long_row_of_anything_is_tidied_in_one_go(part: str) -> None:
    """The square of so many characters would take minutes."""
    began = time.process_time()
    tidy(f"Tea {part * (200_000 // len(part))} tea", cut=True, begins="Tea", ends=("\nTopic:",))
    assert time.process_time() - began < 10
