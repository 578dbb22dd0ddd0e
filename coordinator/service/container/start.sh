#!/bin/sh
# Writes what of nginx's configuration depends on the environment, then becomes nginx.
#   COORDINATOR_HOSTS                     further names, separated by commas, by which the service may be asked
#   COORDINATOR_TOKEN, COORDINATOR_KEYS   if either is set, the service sees to files, too: it knows whose they are
set -eu

names=$(printf %s "${COORDINATOR_HOSTS:-}" | tr 'A-Z,' 'a-z ')
for name in $names; do
    case $name in
    *[!a-z0-9_.-]*)
        echo "COORDINATOR_HOSTS: '$name' is not the name of a host, without a port" >&2
        exit 1
        ;;
    esac
    echo "$name 1;"
done >/tmp/hosts.conf

if [ -n "${COORDINATOR_TOKEN:-}${COORDINATOR_KEYS:-}" ]; then
    : >/tmp/static.conf
else
    cp /etc/nginx/static.conf /tmp/static.conf
fi

exec nginx -g 'daemon off;'
