# The program that serves a step's stdin and stdout on a socket, alone in an image: an init container copies it into the
# folder that it shares with the steps. `python -m coordinator images build lane` builds it; copies are relative to the project's root.
ARG BASE=coordinator/base
FROM ${BASE} AS build
USER root
RUN apt-get update -q && apt-get install -qy --no-install-recommends gcc libc6-dev
COPY deploy/lane/lane.c /tmp/lane.c
RUN gcc -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -static -o /tmp/lane /tmp/lane.c

FROM scratch
COPY --from=build /tmp/lane /lane
ENTRYPOINT ["/lane"]
CMD ["--install", "/lanes/lane"]
