# The base of the project's own steps: Python 3.11 with NumPy, OpenCV, Pillow, pi-heif and onnxruntime. Built by `python -m steps.build`, which sets
# PYTHON_IMAGE to an image made from Debian packages where no registry is reached. Both have /usr/bin-or-local python3
# with the venv module, and that is all that is asked of them.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
ARG PIP_CERT
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
# The certificates are the building machine's, for pip behind a proxy that inspects TLS. They stay in this stage.
COPY base-requirements.txt ca-certificates.crt* /tmp/
# Left out: the packages' tests, a fifth of their files, and setuptools, which looks in at every start of Python.
# Compiled here, because steps run read-only, as any user.
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-compile --disable-pip-version-check --only-binary :all: \
        --requirement /tmp/base-requirements.txt \
 && /opt/venv/bin/pip uninstall --yes --quiet setuptools \
 && find /opt/venv -type d -name tests -prune -exec rm -rf {} + \
 && find /opt/venv -name __pycache__ -prune -exec rm -rf {} + \
 && python3 -m compileall -q -j 0 /opt/venv

FROM ${PYTHON_IMAGE}
COPY --from=packages /opt/venv /opt/venv
# A step gets one CPU: the libraries' threads would only get into each other's way.
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    OPENCV_FOR_THREADS_NUM=1 \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1
# The standard library comes without .pyc files in the registry's image. Some of its tests are meant not to compile.
RUN python3 -m compileall -q -j 0 -x '/(test|tests|lib2to3|idlelib|site-packages)/' \
        "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
 && python -c 'import cv2, numpy, onnxruntime, pi_heif, PIL.ImageCms'
CMD ["python3"]
