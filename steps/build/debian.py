"""A Python image out of Debian packages, for a machine that reaches no image registry.

mmdebstrap does the work rather than debootstrap: it fetches packages side by side, and took 27 s where
debootstrap took 44 s for the same packages.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from docker import DockerClient

from steps.build.builder import INPUTS_LABEL, has_inputs
from steps.build.errors import SetupError

IMAGE_REF = "coordinator/debian-python:bookworm"
SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_INSTALL = Path(__file__).resolve().parents[2] / "setup" / "apt-install.sh"
# Nobody reads manuals in a step's container.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One entry of apt's sources, as far as it matters here."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def ensure_debian_python(client: DockerClient, say: Callable[[str], None]) -> str:
    """The reference of the Debian image with Python, made if it is not there."""
    inputs = hashlib.sha256(repr((SUITE, PACKAGES, LEFT_OUT)).encode()).hexdigest()
    if not has_inputs(client, IMAGE_REF, inputs):
        say(f"making {IMAGE_REF} from them, which takes about a minute")
        _install_tools()
        with tempfile.TemporaryDirectory(prefix="coordinator-debian-") as folder:
            archive = Path(folder) / "root.tar"
            _make_root(archive)
            _import(client, archive, inputs)
    return IMAGE_REF


def host_mirror() -> str | None:
    """The Debian mirror that this machine's apt uses; None (so: Debian's default) on any other system."""
    if chosen := os.environ.get("COORDINATOR_DEBIAN_MIRROR"):
        return chosen
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return None
    if release.get("ID") != "debian":
        return None
    apt = Path("/etc/apt")
    # Debian's own files first: a third party's repository may look just like a mirror.
    own = [apt / "sources.list", apt / "sources.list.d/debian.sources"]
    files = [*own, *sorted(apt.glob("sources.list.d/*"))]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files if path.is_file()}
    return find_mirror(texts, codename=release.get("VERSION_CODENAME", SUITE))


def find_mirror(texts: Mapping[str, str], *, codename: str) -> str | None:
    """The first mirror of Debian itself in apt's source files (name -> text), in their order."""
    suites = {codename, SUITE, "stable", "oldstable", "testing", "unstable", "sid"}
    for name, text in texts.items():
        for source in parse_sources(name, text):
            is_debian = source.uri.startswith(("http://", "https://")) and "debian" in source.uri
            if is_debian and "main" in source.components and suites & {*source.suites}:
                return source.uri
    return None


def parse_sources(name: str, text: str) -> list[Source]:
    """The binary sources of one of apt's files, *.list (one line each) or *.sources (deb822)."""
    if name.endswith(".list"):
        return [source for line in text.splitlines() if (source := _parse_line(line))]
    if name.endswith(".sources"):
        return [source for stanza in _stanzas(text) for source in _parse_stanza(stanza)]
    return []


def _parse_line(line: str) -> Source | None:
    line = line.partition("#")[0].strip()
    kind, _, rest = line.partition(" ")
    if kind != "deb":
        return None
    rest = rest.strip()
    if rest.startswith("["):
        rest = rest.partition("]")[2]
    words = rest.split()
    if len(words) < 2:
        return None
    return Source(uri=words[0], suites=(words[1],), components=tuple(words[2:]))


def _stanzas(text: str) -> Iterable[dict[str, str]]:
    """The paragraphs of a deb822 file, as field -> value with continuation lines joined."""
    fields: dict[str, str] = {}
    field = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields = {}
        elif line[0].isspace():
            fields[field] = f"{fields.get(field, '')} {line.strip()}"
        else:
            name, _, value = line.partition(":")
            field = name.strip().lower()
            fields[field] = value.strip()


def _parse_stanza(fields: Mapping[str, str]) -> list[Source]:
    enabled = fields.get("enabled", "yes").lower() not in {"no", "false", "without", "off", "disable", "0"}
    if not enabled or "deb" not in fields.get("types", "").split():
        return []
    suites = tuple(fields.get("suites", "").split())
    components = tuple(fields.get("components", "").split())
    return [Source(uri=uri, suites=suites, components=components) for uri in fields.get("uris", "").split()]


def _install_tools() -> None:
    missing = [] if shutil.which("mmdebstrap") else ["mmdebstrap"]
    if not KEYRING.exists():
        missing.append("debian-archive-keyring")
    if missing and not _installed(missing):
        raise SetupError(
            "base image: no registry is reached, and what makes an image from Debian packages is missing",
            todo=f"as root: apt-get install {' '.join(missing)}; or name a Python 3.11 image that this "
            "engine has or can pull: COORDINATOR_PYTHON_IMAGE=...",
        )


def _installed(packages: list[str]) -> bool:
    """Installs them from the distribution, if this is a checkout, whose script tells of it first."""
    if not APT_INSTALL.exists():
        return False
    return subprocess.run([APT_INSTALL, "the steps' base image", *packages], check=False).returncode == 0


def _make_root(archive: Path) -> None:
    command = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(PACKAGES)}"]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
    command += [SUITE, str(archive)]
    if mirror := host_mirror():
        command.append(f"deb {mirror} {SUITE} main")
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment()
    )
    if done.returncode:
        raise SetupError(
            f"base image: mmdebstrap could not make a Debian {SUITE} from {mirror or 'the default mirror'}",
            todo="its last lines are above; another mirror can be named: COORDINATOR_DEBIAN_MIRROR=http://...",
            log="\n".join(done.stdout.splitlines()[-15:]),
        )


def _environment() -> dict[str, str]:
    """mmdebstrap's apt does not read this machine's apt.conf: hand the proxy through."""
    environment = dict(os.environ)
    if "http_proxy" not in environment and shutil.which("apt-config"):
        command = ["apt-config", "--format", "%v%n", "dump", "Acquire::http::Proxy"]
        proxy = subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
        if proxy and proxy != "DIRECT":
            environment["http_proxy"] = proxy
    return environment


def _import(client: DockerClient, archive: Path, inputs: str) -> None:
    repository, _, tag = IMAGE_REF.partition(":")
    answer = client.api.import_image(
        str(archive),
        repository=repository,
        tag=tag,
        changes=[f"LABEL {INPUTS_LABEL}={inputs}", 'CMD ["python3"]'],
    )
    if not has_inputs(client, IMAGE_REF, inputs):
        what = f"base image: the engine did not import {archive}: {answer}"
        raise SetupError(what, todo="look at the engine's log")
