"""What containers have to be asked for with, so that their files are those of this machine's users.

Steps read the batch and write the run folder as one user of this machine. An engine may map the users of its
containers to others (user namespaces: a rootless engine, ``userns-remap``), or let them at no files but those that
carry a label of its own (SELinux). It says so (``SecurityOptions`` in ``/info``), and is asked accordingly:

- Rootless, root in a container *is* whoever runs the engine, with no more rights than that, and everybody else is
  nobody whom this machine knows. So steps run as root there, and are the same user as elsewhere.
- With ``userns-remap`` they get the users of this machine (``UsernsMode: host``): they are never root.
- With SELinux files could be labelled anew, which would change the batch. So labels are not looked at
  (``label=disable``); all else that guards a step stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from coordinator.runners.spec import ContainerSpec

Spec = TypeVar("Spec", bound=ContainerSpec)
_ROOT = "0:0"


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What an engine does with users and files, where that is not what a plain one does."""

    is_rootless: bool = False
    remaps_users: bool = False
    labels_files: bool = False

    @classmethod
    def told_by(cls, info: Mapping[str, Any]) -> Habits:
        """By what the engine says of itself (``/info``): options as ``name=seccomp,profile=default``."""
        options = {
            str(option).split(",")[0].removeprefix("name=") for option in info.get("SecurityOptions") or ()
        }
        return cls(
            is_rootless="rootless" in options,
            remaps_users="userns" in options,
            labels_files="selinux" in options,
        )

    @property
    def maps_users(self) -> bool:
        """Whether a container's users may be others on this machine."""
        return self.is_rootless or self.remaps_users

    def applied(self, spec: Spec) -> Spec:
        """The same container, asked for as this engine wants it."""
        return replace(
            spec,
            user=_ROOT if self.is_rootless else spec.user,
            own_users=self.remaps_users and not self.is_rootless,
            unlabelled=self.labels_files,
        )
