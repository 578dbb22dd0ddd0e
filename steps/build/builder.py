"""Building an image with the engine's classic builder, which every engine has, if it has to be built."""

from collections.abc import Iterable, Mapping

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound

from steps.build.context import DOCKERFILE_NAME, Context
from steps.build.errors import SetupError

# On every image of the set-up: the hash of what it was made from. It also finds them again, to remove them.
INPUTS_LABEL = "coordinator.inputs"
# The builder takes its time between two lines of its log, while pip downloads.
BUILD_TIMEOUT_S = 1800
# On every container of the coordinator (which the set-up does not import).
RUN_LABEL = "coordinator.run"
LOG_LINES = 25


def has_inputs(client: DockerClient, image_ref: str, inputs: str) -> bool:
    """Whether the image is there and was made from these very inputs."""
    try:
        labels = client.images.get(image_ref).labels
    except ImageNotFound:
        return False
    return labels.get(INPUTS_LABEL) == inputs


def build_image(
    client: DockerClient, image_ref: str, context: Context, *, inputs: str, arguments: Mapping[str, str]
) -> None:
    """Build `image_ref`. Raises SetupError, with the end of the builder's log, if that fails."""
    log: list[str] = []
    try:
        events = client.api.build(
            fileobj=context.archive(),
            custom_context=True,
            dockerfile=DOCKERFILE_NAME,
            tag=image_ref,
            labels={INPUTS_LABEL: inputs},
            buildargs=dict(arguments),
            # The machine's own network: its name servers and proxies work there, whatever the bridge's do.
            network_mode="host",
            rm=True,
            forcerm=True,
            decode=True,
            timeout=BUILD_TIMEOUT_S,
        )
        failure = _follow(events, log)
    except (DockerException, OSError) as error:
        failure = str(error)
    if failure:
        raise SetupError(
            f"image {image_ref}: the build failed: {failure}",
            todo="the end of the builder's log is above",
            log="\n".join("".join(log).splitlines()[-LOG_LINES:]),
        )


def remove_replaced(client: DockerClient) -> None:
    """Remove the images that newer builds took the name from, unless containers or images still need them.

    A run pins its images by their ids and may not have made a container of each yet, so while the coordinator has
    any container at all, every image stays.
    """
    # Sparse: else each is inspected, and one that has ended meanwhile is an error.
    if client.containers.list(all=True, sparse=True, filters={"label": RUN_LABEL}):
        return
    for image in client.images.list(filters={"dangling": True, "label": INPUTS_LABEL}):
        try:
            client.images.remove(str(image.id))
        except APIError:
            continue


def _follow(events: Iterable[Mapping[str, object]], log: list[str]) -> str:
    failure = ""
    for event in events:
        if "stream" in event:
            log.append(str(event["stream"]))
        if "error" in event:
            failure = str(event["error"])
    return failure
