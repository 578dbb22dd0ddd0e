"""Joining a Ray cluster, from one of its nodes or, with ``ray://``, from elsewhere."""

from __future__ import annotations

import logging
import socket
from typing import Any
from urllib.parse import urlsplit

from coordinator.errors import CoordinatorError

_LOG = logging.getLogger("coordinator.cluster")
_REACH = 10.0
"""Seconds in which a cluster's head must take a connection."""
_NO_SERVER = ("Starting Ray client server failed", "ZombieProcess")
"""What a head says whose server for a ``ray://`` client died before it was one.

The head forks it (``start_ray_process`` in ray/_private/services.py, with a ``preexec_fn``) out of a process in which
gRPC has threads. Between fork and exec Python and gRPC set right in the child what other threads may have held, and now
and then, mostly on a busy machine soon after its start, the child dies of that: SIGSEGV in ``threading._after_fork``.
"""
_TRIES = 5
"""So often a client asks such a head; each time it takes Ray half a minute to tell."""


class ClusterError(CoordinatorError):
    """The cluster cannot be reached, or cannot be used as it is."""


def join(ray: Any, address: str) -> None:
    """Connects to the cluster at ``address``. Raises ClusterError with what to do if nobody answers there."""
    _look_for(address)
    for again in range(_TRIES - 1, -1, -1):
        try:
            ray.init(address=address, log_to_driver=False, logging_level="error", configure_logging=False)
            return
        except Exception as error:
            if not any(words in str(error) for words in _NO_SERVER):
                raise _nobody(address, error) from error
            if not again:
                raise _no_server(address) from error
            _LOG.warning("the head at %s did not get a server for this client started; asking again", address)


def _look_for(address: str) -> None:
    """Raises ClusterError soon if nobody listens there: Ray itself asks for a quarter of an hour."""
    place = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        if place.hostname and place.port:
            socket.create_connection((place.hostname, place.port), _REACH).close()
    except (OSError, ValueError) as error:
        raise _nobody(address, error) from error


def _nobody(address: str, error: Exception) -> ClusterError:
    return ClusterError(
        f"no Ray cluster answers at {address!r}: {error}\n"
        "  start one with `ray start --head` on one machine and `ray start --address=HEAD:6379` on the others\n"
        "  with RAY_AUTH_MODE=token, this command needs their token, too (RAY_AUTH_TOKEN)"
    )


def _no_server(address: str) -> ClusterError:
    return ClusterError(
        f"the head at {address!r} got no server for this client started, {_TRIES} times in a row\n"
        "  start the head with GRPC_ENABLE_FORK_SUPPORT=0 in its environment, run this command on one of its nodes\n"
        "  (--cluster HEAD:6379), or try again when the head is less busy; why, its ray_client_server*.err say"
    )
