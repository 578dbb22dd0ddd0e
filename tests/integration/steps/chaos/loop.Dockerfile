# The same step with the label that says that it can answer line after line.
ARG BASE=coordinator/base
FROM ${BASE}
LABEL coordinator.protocol="1" coordinator.loop="true"
COPY chaos.py /chaos.py
ENTRYPOINT ["python3", "/chaos.py"]
