"""The project's container images: the base, one for each folder of steps/ that has a Dockerfile, and the parts of the
image service and of a cluster."""

import os
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from subprocess import run

from docker import DockerClient
from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException

from steps.build.builder import build_image, has_inputs
from steps.build.context import Context, declared_arguments, read_context
from steps.build.debian import ensure_debian_python
from steps.build.errors import SetupError

STEPS = Path(__file__).resolve().parent.parent
PROJECT = STEPS.parent
PARTS = (PROJECT / "coordinator/service/container", PROJECT / "deploy/containers")
_PART = ".Dockerfile"
NOT_STEPS = {"build", "stepkit"}
BASE_REF = "coordinator/base"
PYTHON_REF = "python:3.11-slim-bookworm"
CERTIFICATES = "ca-certificates.crt"
PROXIES = ("http_proxy", "https_proxy", "no_proxy")
PIP_SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")
# Without a registry the engine mostly says so at once; where packets are dropped it would try for minutes.
SILENCE_S = 15.0

Say = Callable[[str], None]


def step_names() -> list[str]:
    """The steps that have an image, by folder."""
    return sorted({path.parent.name for path in STEPS.glob("*/Dockerfile")} - NOT_STEPS)


def part_names() -> list[str]:
    """The parts of the image service and of a cluster, each of which runs in a container of its own."""
    return sorted(path.name.removesuffix(_PART) for folder in PARTS for path in folder.glob(f"*{_PART}"))


def part_file(name: str) -> Path:
    """A part's Dockerfile."""
    return next(folder / f"{name}{_PART}" for folder in PARTS if (folder / f"{name}{_PART}").exists())


def image_ref(name: str) -> str:
    """The reference of the image of a step, or of a part."""
    return f"coordinator/{name}"


def ensure_base(client: DockerClient, say: Say) -> bool:
    """The base image, built if its inputs have changed. Returns whether it was built."""
    context = _read_context(STEPS / "build", STEPS / "build/base.Dockerfile")
    chosen = os.environ.get("COORDINATOR_PYTHON_IMAGE", "")
    inputs = context.digest(chosen)
    if has_inputs(client, BASE_REF, inputs):
        return False
    arguments = {"PYTHON_IMAGE": chosen or _python_image(client, say)}
    say(f"building from {arguments['PYTHON_IMAGE']}")
    _build(client, BASE_REF, context, inputs, arguments)
    return True


def ensure_step(client: DockerClient, name: str) -> bool:
    """The image of one step, built if its inputs have changed. Returns whether it was built."""
    return _ensure_on_base(client, image_ref(name), STEPS, STEPS / name / "Dockerfile")


def ensure_part(client: DockerClient, name: str) -> bool:
    """The image of one part, built if its inputs have changed. Returns whether it was built."""
    return _ensure_on_base(client, image_ref(name), PROJECT, part_file(name))


def proxy_arguments() -> dict[str, str]:
    """The proxies of this machine's environment, in both spellings: builders know these without an ARG."""
    found: dict[str, str] = {}
    for name in PROXIES:
        if value := os.environ.get(name) or os.environ.get(name.upper()):
            found |= {name: value, name.upper(): value}
    return found


def pip_arguments() -> dict[str, str]:
    """Where this machine's pip takes packages from, as far as a build reaches that too (no file:// there)."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    configured = run(command, check=False, capture_output=True, text=True).stdout
    return read_pip_settings(configured, os.environ)


def read_pip_settings(configured: str, environment: Mapping[str, str]) -> dict[str, str]:
    """PIP_* settings out of the output of `pip config list` and, with precedence, the environment."""
    found: dict[str, str] = {}
    for line in configured.splitlines():
        key, _, value = line.partition("=")
        name = "PIP_" + key.rpartition(".")[2].replace("-", "_").upper()
        found[name] = value.strip("'\"")
    found |= environment
    reachable = {
        name: " ".join(word for word in found.get(name, "").split() if not word.startswith(("file:", "/")))
        for name in PIP_SETTINGS
    }
    return {name: value for name, value in reachable.items() if value}


def host_certificates() -> Path | None:
    """The bundle of certificates that this machine trusts."""
    candidates = [os.environ.get("SSL_CERT_FILE"), "/etc/ssl/certs/ca-certificates.crt"]
    candidates.append(ssl.get_default_verify_paths().cafile)
    return next((Path(path) for path in candidates if path and Path(path).is_file()), None)


def _ensure_on_base(client: DockerClient, image_ref: str, root: Path, dockerfile: Path) -> bool:
    context = _read_context(root, dockerfile)
    inputs = context.digest(_image_id(client, BASE_REF))
    if has_inputs(client, image_ref, inputs):
        return False
    _build(client, image_ref, context, inputs, {"BASE": BASE_REF})
    return True


def _read_context(root: Path, dockerfile: Path) -> Context:
    """The inputs of an image. What this machine's proxy signs with is none of them: it is sent, but not hashed."""
    context = read_context(root, dockerfile)
    files = {name: path for name, path in context.files.items() if name != CERTIFICATES}
    return replace(context, files=files)


def _build(
    client: DockerClient, image_ref: str, context: Context, inputs: str, arguments: Mapping[str, str]
) -> None:
    """Build with those arguments that the Dockerfile declares; if it runs pip, as this machine's pip is set up."""
    declared = declared_arguments(context.dockerfile)
    offered = {**pip_arguments(), **arguments}
    if "PIP_CERT" in declared and (certificates := host_certificates()):
        context = replace(context, files={**context.files, CERTIFICATES: certificates})
        offered["PIP_CERT"] = f"/tmp/{CERTIFICATES}"
    taken = {name: value for name, value in offered.items() if name in declared}
    build_image(client, image_ref, context, inputs=inputs, arguments=proxy_arguments() | taken)


def _python_image(client: DockerClient, say: Say) -> str:
    """The registry's Python if it is there or can be pulled, else one made from Debian packages."""
    try:
        client.images.get(PYTHON_REF)
        return PYTHON_REF
    except ImageNotFound:
        pass
    reason = _pull(client, PYTHON_REF)
    if not reason:
        return PYTHON_REF
    say(f"no {PYTHON_REF} from a registry ({reason}): using Debian packages")
    return ensure_debian_python(client, say)


def _pull(client: DockerClient, image_ref: str) -> str:
    """Pull an image; returns why it could not be."""
    patient = client.api.timeout
    client.api.timeout = SILENCE_S  # type: ignore[assignment]
    try:
        repository, _, tag = image_ref.rpartition(":")
        for event in client.api.pull(repository, tag=tag, stream=True, decode=True):
            if "error" in event:
                return _shortened(str(event["error"]))
        client.images.get(image_ref)
    except (DockerException, RequestException) as error:
        return _shortened(str(error))
    finally:
        client.api.timeout = patient
    return ""


def _shortened(reason: str) -> str:
    """The end of an engine's chain of reasons, which says most."""
    return reason.splitlines()[0].rstrip('")').rpartition(": ")[2][:80]


def _image_id(client: DockerClient, image_ref: str) -> str:
    try:
        return str(client.images.get(image_ref).id)
    except ImageNotFound as error:
        raise SetupError(
            f"there is no image {image_ref}", todo="make it: python -m coordinator images build"
        ) from error
