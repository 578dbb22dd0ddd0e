# A node of a cluster: Ray and the coordinator. Where an engine is to run the steps, its socket is mounted; in a pod they are
# sidecars. Copies are relative to the project's root. `python -m coordinator images build cluster` builds it, with this machine's
# proxies and settings of pip; it is large (Ray).
ARG BASE=coordinator/base

FROM ${BASE} AS packages
ARG PIP_CERT
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
COPY deploy/containers/cluster-requirements.txt ca-certificates.crt* /tmp/
RUN pip install --no-cache-dir --no-compile --disable-pip-version-check --only-binary :all: --no-deps \
        --target /opt/packages --requirement /tmp/cluster-requirements.txt \
 && PYTHONPATH=/opt/packages pip check --disable-pip-version-check \
 && python3 -m compileall -q -j 0 /opt/packages

FROM ${BASE}
COPY --from=packages /opt/packages /opt/packages
COPY coordinator /opt/coordinator/coordinator
WORKDIR /opt/coordinator
# In the pods of KubeRay, ray is called by a login shell, which knows no other path.
RUN python3 -m compileall -q . && ln -s /opt/packages/bin/ray /usr/local/bin/ray
# What Ray writes is below /tmp, whoever it runs as. Its workers have the niceness of everything else.
ENV PYTHONPATH=/opt/packages:/opt/coordinator \
    PATH=/opt/packages/bin:$PATH \
    HOME=/tmp \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_worker_niceness=0
CMD ["python3", "-m", "coordinator", "--help"]
