"""The set-up's one error: what is wrong and where, and what to do about it."""


class SetupError(Exception):
    """The set-up cannot go on. `log` is the end of what the failed tool had to say."""

    def __init__(self, what: str, *, todo: str, log: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo
        self.log = log

    def __str__(self) -> str:
        return f"{self.what}\n  {self.todo}"
