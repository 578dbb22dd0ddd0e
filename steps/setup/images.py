"""The project's container images: the base, and one for each folder of steps/ that has a Dockerfile."""

import os
import ssl
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import run

from docker import DockerClient
from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException

from steps.setup.builder import build_image, has_inputs
from steps.setup.context import Context, declared_arguments, read_context
from steps.setup.debian import ensure_debian_python
from steps.setup.errors import SetupError

STEPS = Path(__file__).resolve().parent.parent
NOT_STEPS = {"setup", "stepkit"}
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


def step_ref(name: str) -> str:
    """The reference of a step's image."""
    return f"coordinator/{name}"


def ensure_base(client: DockerClient, say: Say) -> bool:
    """The base image, built if its inputs have changed. Returns whether it was built."""
    context = read_context(STEPS / "setup", STEPS / "setup/base.Dockerfile")
    # What the machine's proxy signs with is no property of the image: it is sent, but not hashed.
    files = {name: path for name, path in context.files.items() if name != CERTIFICATES}
    context = Context(dockerfile=context.dockerfile, files=files)
    chosen = os.environ.get("COORDINATOR_PYTHON_IMAGE", "")
    inputs = context.digest(chosen)
    if has_inputs(client, BASE_REF, inputs):
        return False
    arguments = proxy_arguments() | pip_arguments()
    arguments["PYTHON_IMAGE"] = chosen or _python_image(client, say)
    if certificates := host_certificates():
        files[CERTIFICATES] = certificates
        arguments["PIP_CERT"] = f"/tmp/{CERTIFICATES}"
    say(f"building from {arguments['PYTHON_IMAGE']}")
    build_image(client, BASE_REF, context, inputs=inputs, arguments=arguments)
    return True


def ensure_step(client: DockerClient, name: str) -> bool:
    """The image of one step, built if its inputs have changed. Returns whether it was built."""
    context = read_context(STEPS, STEPS / name / "Dockerfile")
    inputs = context.digest(_image_id(client, BASE_REF))
    if has_inputs(client, step_ref(name), inputs):
        return False
    arguments = proxy_arguments()
    if "BASE" in declared_arguments(context.dockerfile):
        arguments["BASE"] = BASE_REF
    build_image(client, step_ref(name), context, inputs=inputs, arguments=arguments)
    return True


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
        raise SetupError(f"there is no image {image_ref}", todo="make it: python -m steps.setup") from error
