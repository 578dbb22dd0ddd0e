"""The checks, one function each: a name, what it proves, and how it is found out on real containers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from coordinator.checkstep import judging, refusing
from coordinator.checkstep.conversation import Heard
from coordinator.checkstep.findings import Finding, failed, passed, skipped, warning
from coordinator.checkstep.partner import ISOLATION, CannotStart, NotBehindASocket, Without
from coordinator.checkstep.requests import JUNK, incomplete
from coordinator.checkstep.subject import Subject
from coordinator.contract import PROTOCOL, Success, parse_response
from coordinator.errors import EngineError

NO_ANSWER = skipped("it takes a step that answers one request well, and with nothing else on stdout")
_NO_LOOP = skipped('the image does not say coordinator.loop="true"')
CONTRACT = "contract"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check. ``needs_answer`` says that it proves nothing for a step that cannot do a single task.

    ``find`` may raise EngineError; what it finds out is described where it is judged, and in ``proves``.
    """

    name: str
    proves: str
    find: Callable[[Subject], Finding]
    needs_answer: bool = False
    needs_loop: bool = False

    def run(self, subject: Subject) -> Finding:
        """What it finds; skipped where it would prove nothing. Raises EngineError if the engine fails."""
        if self.needs_loop and not subject.loops:
            return _NO_LOOP
        if self.needs_answer and not (contract(subject).is_good and stdout(subject).is_good):
            return NO_ANSWER
        try:
            return self.find(subject)
        except CannotStart:
            return skipped("the container does not start")
        except NotBehindASocket as error:
            return skipped(str(error))


def image(subject: Subject) -> Finding:
    labels = subject.image.labels
    spoken = labels.get("coordinator.protocol")
    if spoken not in (None, str(PROTOCOL)):
        return failed(
            f"the image speaks protocol {spoken}, this coordinator {PROTOCOL}",
            f'LABEL coordinator.protocol="{PROTOCOL}" in its Dockerfile, and the contract that it stands for',
        )
    if (loop := labels.get("coordinator.loop")) not in (None, "true", "false"):
        return failed(
            f"the label coordinator.loop is {loop!r}, which says nothing",
            'LABEL coordinator.loop="true", or none',
        )
    if not subject.image.command:
        return failed("the image says not what it runs", "give it an ENTRYPOINT")
    if spoken is None:
        return warning(
            "the image does not say which protocol it speaks", f'LABEL coordinator.protocol="{PROTOCOL}"'
        )
    return passed()


def contract(subject: Subject) -> Finding:
    return judging.contract(subject.first, subject.first_request.task, subject.limits.answer)


def stdout(subject: Subject) -> Finding:
    return judging.purity(subject.first)


def numbers(subject: Subject) -> Finding:
    return judging.numbers(subject.first)


def isolation(subject: Subject) -> Finding:
    """Where the contract fails: whether it holds without the isolation, and which flag it is then."""
    if contract(subject).is_good:
        return passed()
    if _answers(subject.first, subject) and subject.first.exit_code in (0, None):
        return skipped("the step fails, but it does answer")
    if not _works_without(subject, ISOLATION):
        return skipped("the step fails without it, too")
    needed = [flag for flag in ISOLATION if _works_without(subject, (flag,))]
    what = " or ".join(needed) if needed else "several at once of " + ", ".join(ISOLATION)
    return failed(
        f"the step works only with {what}",
        _MEND[needed[0]] if needed else _MEND_ALL,
        judging.last_words(subject.first),
    )


_MEND = {
    Without.READ_ONLY_ROOT: "write to the task's work_dir or to /tmp, and nowhere else (caches, too)",
    Without.NO_NETWORK: "bring models and data with the image; the batch brings the rest",
    Without.UNPRIVILEGED: "make its files readable for all, and do nothing that takes root's rights",
}
_MEND_ALL = "see docs/steps.md, Surroundings"


def _works_without(subject: Subject, flags: tuple[Without, ...]) -> bool:
    try:
        heard = subject.ask([subject.first_request], without=flags)
    except CannotStart:
        return False
    return heard.exit_code == 0 and _answers(heard, subject)


def _answers(heard: Heard, subject: Subject) -> bool:
    task = subject.first_request.task
    return isinstance(judging.answer(heard, task), Success)


def at_once(subject: Subject) -> Finding:
    return judging.several(subject.three_at_once, [request.task for request in subject.three_requests])


def in_turn(subject: Subject) -> Finding:
    requests = [subject.request() for _ in range(3)]
    came, heard = subject.ask_in_turn(requests)
    return judging.flushed(came, heard, [request.task for request in requests[: len(came)]])


def waiting(subject: Subject) -> Finding:
    """A step may take what waits in its input at once; nobody must be able to tell by the answers."""
    asked = subject.question.without_images()
    good = [subject.request() for _ in range(4)]
    bad = [] if asked is None else [asked.request("unreadable")]
    requests = [*good[:2], *bad, *good[2:]]
    heard = subject.ask(requests, before=incomplete("incomplete"))
    first = parse_response(subject.first.stdout, subject.first_request.task)
    if not isinstance(first, Success):
        return NO_ANSWER
    due = [("", False), *((one.task, one in good) for one in requests)]
    return refusing.waiting(heard, due, first, [one.work_dir for one in (subject.first_request, *good)])


def junk(subject: Subject) -> Finding:
    return _bad_line(subject, JUNK, "a line that is no JSON")


def fields(subject: Subject) -> Finding:
    return _bad_line(subject, incomplete("incomplete"), "a request without items")


def _bad_line(subject: Subject, line: bytes, what: str) -> Finding:
    if not subject.loops:
        return refusing.refusal(subject.ask([], before=line), what)
    good = subject.request()
    return refusing.refusal_in_loop(subject.ask([good], before=line), what, good.task)


def unreadable(subject: Subject) -> Finding:
    asked = subject.question.without_images()
    if asked is None:
        return skipped("the request names no image")
    what = "an image that cannot be read"
    bad = asked.request("unreadable")
    if not subject.loops:
        return refusing.unreadable(subject.ask([bad]), bad.task, what)
    good = subject.request()
    return refusing.unreadable_in_loop(subject.ask([bad, good]), bad.task, what, good.task)


def repeatable(subject: Subject) -> Finding:
    first = parse_response(subject.first.stdout, subject.first_request.task)
    second = parse_response(subject.ask([subject.first_request]).stdout, subject.first_request.task)
    if not isinstance(first, Success):
        return NO_ANSWER
    if not isinstance(second, Success):
        return failed(
            f"asked again, the step did not answer: {second.message}", "answer equal requests in the same way"
        )
    again = [("in another container", second)]
    asked = [subject.first_request]
    if subject.loops:
        asked += subject.three_requests
        pairs = zip(subject.three_at_once.lines, subject.three_requests, strict=False)
        answers = [parse_response(line, request.task) for line, request in pairs]
        again += [("in the same process", answer) for answer in answers if isinstance(answer, Success)]
    return judging.repeatable(first, again, [request.work_dir for request in asked])


def end_of_input(subject: Subject) -> Finding:
    return judging.end_of_input(subject.ask_nothing())


def sigterm(subject: Subject) -> Finding:
    """A program that is a container's first process gets no signal that it has no handler for.

    Nothing in a run depends on it, so that alone is a warning; a program that will not end as an ordinary
    process either ignores the signal.
    """
    if subject.ends_on_sigterm():
        return passed()
    what = "a SIGTERM does not end it, so that `docker stop` waits and kills it"
    mend = "handle SIGTERM by ending (in Python: signal.signal(signal.SIGTERM, lambda *_: os._exit(143)))"
    try:
        ends = subject.ends_on_sigterm((Without.PID_1,))
    except EngineError:  # an engine without an init program
        return warning(what, mend)
    if ends:
        return warning(f"{what}: it has no handler, and a container's first process needs one", mend)
    return failed("the step ignores SIGTERM", mend)


CHECKS = (
    Check(name="image", proves="the image is here and speaks this protocol", find=image),
    Check(
        name=CONTRACT,
        proves="one request, one valid response, exit code 0 at the end of input",
        find=contract,
    ),
    Check(name="stdout", proves="nothing but the response goes to stdout, on one line", find=stdout),
    Check(name="numbers", proves="all numbers are finite, those of the metrics, too", find=numbers),
    Check(
        name="isolation",
        proves="it works with a read-only root, no network, an unprivileged user",
        find=isolation,
    ),
    Check(
        name="repeatable",
        proves="the same request gets the same items, byte for byte",
        find=repeatable,
        needs_answer=True,
    ),
    Check(
        name="three at once",
        proves="several lines through one process are answered in order",
        find=at_once,
        needs_answer=True,
        needs_loop=True,
    ),
    Check(
        name="one by one",
        proves="every answer is flushed before the next line is written",
        find=in_turn,
        needs_answer=True,
        needs_loop=True,
    ),
    Check(
        name="waiting",
        proves="of requests that wait together each gets its own answer, and a bad one fails alone",
        find=waiting,
        needs_answer=True,
        needs_loop=True,
    ),
    Check(
        name="junk", proves="a line that is no JSON gets an error, never junk", find=junk, needs_answer=True
    ),
    Check(
        name="fields",
        proves="a request without items gets an error, never junk",
        find=fields,
        needs_answer=True,
    ),
    Check(
        name="no image",
        proves="an image that cannot be read gets an error, never junk",
        find=unreadable,
        needs_answer=True,
    ),
    Check(
        name="end of input", proves="without a request it ends at once, silently, with 0", find=end_of_input
    ),
    Check(name="SIGTERM", proves="it ends when it is asked to", find=sigterm),
)
