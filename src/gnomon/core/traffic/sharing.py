"""What prompts have in common: system prompts, turns of conversations, prompts that are sent again."""

from __future__ import annotations

from dataclasses import dataclass

from gnomon.core.errors import BadInput
from gnomon.core.traffic.checks import MOST_REQUESTS, check_not_negative, check_whole
from gnomon.core.traffic.lengths import Length, check_length

MOST_EXPONENT = 100.0  # of popularity: at 2 the first of many has 61 % already


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPrompts:
    """A text before every prompt, one of so many; it adds to the prompt's length."""

    tokens: Length
    count: int = 1
    exponent: float = 0.0  # of popularity: the n-th is n^exponent times as rare as the first; 0: all alike

    def __post_init__(self) -> None:
        check_length(self.tokens, "tokens")
        check_whole(self.count, "count", most=MOST_REQUESTS)
        check_not_negative(self.exponent, "exponent", most=MOST_EXPONENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """Those who arrive send so many prompts, each when the answer to the former is there and they have thought."""

    turns: Length  # of each conversation
    think_s: float = 0.0  # from the end of an answer to the next prompt, on average
    think_cv: float = 0.0  # standard deviation over mean, of a gamma distribution; 1: exponential, 0: always the same
    keeps_history: bool = True  # a prompt begins with the former prompts and answers; else with what is new
    most_tokens: int | None = (
        None  # a conversation ends before a prompt and its answer are longer; its first turn stays
    )

    def __post_init__(self) -> None:
        check_length(self.turns, "turns")
        check_not_negative(self.think_s, "think_s")
        check_not_negative(self.think_cv, "think_cv", most=100)
        if self.most_tokens is not None:
            check_whole(self.most_tokens, "most_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """So many prompts that are sent again and again; of each its text and its length stay."""

    prompts: int
    exponent: float = 0.0  # of popularity, as of system prompts
    is_in_turn: bool = False  # one after the other in an order that is drawn once, and from the first again

    def __post_init__(self) -> None:
        check_whole(self.prompts, "prompts", most=MOST_REQUESTS)
        check_not_negative(self.exponent, "exponent", most=MOST_EXPONENT)
        if self.is_in_turn and self.exponent:
            raise BadInput("prompts that come in turn are all alike", field="exponent")
