"""The conformance test for authors of steps: what the contract (docs/steps.md) asks, on real containers.

findings.py   what a check found, and the verdict over all of them        pure
judging.py    from what a program said to a finding                       pure
refusing.py   the same of what it said to bad input                       pure
requests.py   what the step is asked
subject.py    the step under test: its containers, and what they said
checks.py     the checks, one function each
command.py    all of them in order
"""
