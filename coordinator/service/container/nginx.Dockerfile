# nginx as Debian packs it, in front of the image service. Copies are relative to the project's root.
# `python -m coordinator images build nginx` builds it.
ARG BASE=coordinator/base
FROM ${BASE}
RUN apt-get update -q \
 && apt-get install -qy --no-install-recommends nginx \
 && rm -rf /var/lib/apt/lists/* /etc/nginx/sites-enabled /var/www
COPY coordinator/service/container/*.conf coordinator/service/container/start.sh /etc/nginx/
RUN install -d -o 10001 -g 10001 /data
USER 10001:10001
EXPOSE 8080
# Requests that are being answered are answered to their end.
STOPSIGNAL SIGQUIT
CMD ["/etc/nginx/start.sh"]
