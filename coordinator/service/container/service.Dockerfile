# The image service: the coordinator and the one step that it runs, in processes beside it. Copies are relative to the
# project's root. `python -m coordinator images build service` builds it, with this machine's proxies and settings of pip.
ARG BASE=coordinator/base

FROM ${BASE} AS packages
ARG PIP_CERT
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
COPY coordinator/service/container/requirements.txt ca-certificates.crt* /tmp/
# Compiled here, because the service runs read-only.
RUN pip install --no-cache-dir --no-compile --disable-pip-version-check --only-binary :all: --no-deps \
        --target /opt/packages --requirement /tmp/requirements.txt \
 && PYTHONPATH=/opt/packages pip check --disable-pip-version-check \
 && python3 -m compileall -q -j 0 /opt/packages

FROM ${BASE}
COPY --from=packages /opt/packages /opt/packages
COPY steps/__init__.py /opt/coordinator/steps/
COPY steps/stepkit/*.py /opt/coordinator/steps/stepkit/
COPY steps/imaging/*.py /opt/coordinator/steps/imaging/
COPY coordinator /opt/coordinator/coordinator
WORKDIR /opt/coordinator
# A new volume takes over the owner of the folder that it covers.
RUN python3 -m compileall -q . \
 && groupadd --gid 10001 service \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /bin/bash service \
 && install -d -o service -g service /data
ENV PYTHONPATH=/opt/packages
USER 10001:10001
EXPOSE 8000
CMD ["python3", "-m", "coordinator", "serve", "--host", "0.0.0.0", "--port", "8000", "--data", "/data", "--rung", "process"]
