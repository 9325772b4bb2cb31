"""Asking the questions of triage on a terminal or through a pipe: plain lines only, nothing is ever redrawn."""

from __future__ import annotations

from typing import Any, TextIO

from spondyl.cli.triage_words import wrapped
from spondyl.clinical.history import History
from spondyl.clinical.urgency import open_questions, triage
from spondyl.clinical.urgency_questions import BACK_PAIN, CANCER, QUESTIONS, Question

WORDS = {
    "y": "yes", "yes": "yes", "1": "yes",
    "n": "no", "no": "no", "2": "no",
    "d": "unknown", "3": "unknown", "don't know": "unknown", "dont know": "unknown", "": "unknown",
}  # fmt: skip
COMMANDS = {
    "b": "back", "back": "back",
    "c": "change", "change": "change",
    "h": "help", "help": "help", "?": "help",
    "q": "quit", "quit": "quit", "exit": "quit",
}  # fmt: skip
SAID = {"yes": "yes", "no": "no", "unknown": "don't know", "known": "yes", "suspected": "maybe", "none": "no"}

WELCOME = (
    "This asks about your back and your nerves, and then says who to call and how soon.",
    "It is research software, not a doctor. If you feel very ill, get help now and skip this.",
    "Nothing you type is kept or sent.",
    "",
    "Answer with y (yes), n (no) or d (don't know), then press Enter.",
    "You can also type b (go back), c (change an answer), h (help) or q (quit).",
)
WELCOME_KEYS = ("One key is enough, without Enter.",)
HELP = (
    "y is yes, n is no, d is don't know. Enter alone means don't know, or keeps the answer you gave before.",
    "b goes back to the question before. c lists your answers, so that you can change one.",
    "q stops and says what your answers so far mean.",
)
STOP = (
    "Stop here: on this answer you should get medical help right now.",
    "Type q to see who to call. Or go on, so that you can tell the doctor more.",
)


class Stopped(Exception):
    """Ctrl-C: left without a result."""


class Interview:
    """One talk. `run` gives the history that was answered; at the end of input it is what was answered so far."""

    def __init__(self, source: TextIO, out: TextIO, *, keys: bool = False) -> None:
        self.source, self.out = source, out
        self.keys = keys and source.isatty()
        self.answers: dict[str, str] = {}
        self.asked: list[Question] = []
        self.warned = False

    def run(self) -> History:
        """Raises Stopped on Ctrl-C."""
        try:
            self._say(*WELCOME, *(WELCOME_KEYS if self.keys else ()), "")
            while question := self._next() or self._last_chance():
                if not self._ask(question):
                    break
                self._warn()
        except KeyboardInterrupt:
            raise Stopped("Stopped. Nothing was kept.") from None
        except EOFError:
            self._say("")
        return self.history()

    def history(self) -> History:
        content: dict[str, dict[str, str]] = {}
        for path, answer in self.answers.items():
            part, _, name = path.partition(".")
            content.setdefault(part, {})[name] = answer
        return History.model_validate(content)

    def _next(self) -> Question | None:
        """The next question that was not asked and could change the result, or help a doctor once it is clear."""
        history = self.history()
        could_change = {*open_questions(history), CANCER.path}
        immediate = self._tier() == "immediate"
        for question in QUESTIONS:
            if question.path in self.answers or history.answer(question.path) != "unknown":
                continue
            cancer_free = history.answer(CANCER.path) == "none"
            if immediate or question.path in could_change or (question is BACK_PAIN and not cancer_free):
                return question
        return None

    def _last_chance(self) -> Question | None:
        """After the last question: on a terminal, answers may still be changed, which may open questions again."""
        while self.source.isatty():
            self._say("That was the last question. Type c to change an answer, or press Enter for the result.")
            word = self._read("Your choice: ")
            if COMMANDS.get(word) == "change":
                self._change()
            elif COMMANDS.get(word) == "back" and self.asked:
                self._repeat(self.asked[-1])
            else:
                return None
            if question := self._next():
                return question
        return None

    def _ask(self, question: Question) -> bool:
        """One question until it is answered or left; False to stop."""
        number = self.asked.index(question) + 1 if question in self.asked else len(self.asked) + 1
        self._say("", f"Question {number}: {question.ask}")
        before = self.answers.get(question.path)
        if before:
            self._say(f"Your answer so far: {SAID[before]}. Enter keeps it.")
        while True:
            word = self._read("y, n or d: ")
            if word == "" and before:
                return True
            if word in WORDS:
                self._take(question, WORDS[word])
                return True
            match COMMANDS.get(word):
                case "quit":
                    return False
                case "help":
                    self._say(question.more, *HELP, f"Question {number}: {question.ask}")
                case "back" if self._before(question):
                    self._repeat(self._before(question))
                    return True
                case "back":
                    self._say("This is the first question.")
                case "change":
                    self._change()
                    return True
                case _:
                    self._say(f"'{word}' is not an answer here. Type y, n, d, b, c, h or q.")

    def _repeat(self, question: Question | None) -> None:
        if question and not self._ask(question):
            raise EOFError

    def _before(self, question: Question) -> Question | None:
        place = self.asked.index(question) if question in self.asked else len(self.asked)
        return self.asked[place - 1] if place else None

    def _take(self, question: Question, answer: str) -> None:
        if question is CANCER:
            answer = {"yes": "known", "no": "none"}.get(answer, answer)
        if question not in self.asked:
            self.asked.append(question)
        self.answers[question.path] = answer
        if question is BACK_PAIN and answer == "no":
            self._forget_pain()

    def _forget_pain(self) -> None:
        """Answers about the kind of a pain that is not there would contradict it."""
        first = QUESTIONS.index(BACK_PAIN)
        for question in QUESTIONS[first + 1 :]:
            self.answers.pop(question.path, None)
            if question in self.asked:
                self.asked.remove(question)

    def _change(self) -> None:
        if not self.asked:
            self._say("There is no answer to change yet.")
            return
        self._say("Your answers:")
        self._say(*(f"  {n}. {q.ask} {SAID[self.answers[q.path]]}" for n, q in enumerate(self.asked, 1)))
        word = self._read("Number of the one to change, or Enter for none: ", line=True)
        if word.isdigit() and 1 <= int(word) <= len(self.asked):
            self._repeat(self.asked[int(word) - 1])
        elif word:
            self._say(f"'{word}' is not a number from 1 to {len(self.asked)}. Nothing was changed.")

    def _tier(self) -> str:
        result = triage(self.history())
        return result.tier if result else ""

    def _warn(self) -> None:
        immediate = self._tier() == "immediate"
        if immediate and not self.warned:
            self._say("", *STOP)
        self.warned = immediate

    def _say(self, *lines: str) -> None:
        self._write(wrapped(list(lines)) + "\n")

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()

    def _read(self, prompt: str, *, line: bool = False) -> str:
        """One answer in small letters. Raises EOFError at the end of input."""
        self._write(prompt)
        if self.keys and not line:
            return self._key()
        word = self.source.readline()
        if not self.source.isatty():
            self._write(word.strip() + "\n")  # a terminal shows what is typed; a log of a pipe should too
        if not word:
            raise EOFError
        return word.strip().lower().replace("’", "'")

    def _key(self) -> str:
        """One key press, told in a word so that a screen reader says what was taken."""
        import click

        key: Any = click.getchar().lower()
        if key == "\x04":
            raise EOFError
        key = "" if key in "\r\n" else key
        word = WORDS.get(key) or COMMANDS.get(key, key)
        self._write(SAID.get(word, word) + "\n")
        return key
