#!/usr/bin/env bash
# Other container engines for the tests, out of a newer Debian release: unpacked into a folder, not installed.
#
#   tests/integration/engines.sh FOLDER [SUITE]      # trixie: Docker 26 and Podman 5; 400 MB, about a minute, as root
#
# It leaves FOLDER/dockerd and FOLDER/podman, which run in the packages' own files, with this machine's /dev and /tmp:
#
#   COORDINATOR_ENGINES=dockerd,FOLDER/dockerd,FOLDER/podman python -m pytest tests/integration/test_engines.py
set -euo pipefail

if [ $# -lt 1 ] || [ "$(id -u)" != 0 ]; then
  echo "engines.sh FOLDER [SUITE], as root: a container engine needs it" >&2
  exit 2
fi
command -v mmdebstrap >/dev/null || { echo "mmdebstrap is not installed: apt-get install mmdebstrap" >&2; exit 1; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
readonly folder suite=${2:-trixie} root=$folder/root

if [ ! -d "$root" ]; then
  rm -rf "$root.begun"
  mmdebstrap --quiet --variant=extract \
    --include=docker.io,podman,runc,netavark,aardvark-dns,iptables,mount,slirp4netns,uidmap \
    "$suite" "$root.begun" ${COORDINATOR_DEBIAN_MIRROR:+"$COORDINATOR_DEBIAN_MIRROR"}
  mv "$root.begun" "$root"
fi
# What packages do when they are installed, as far as the engines need it.
for name in bin sbin lib lib64; do
  if [ ! -e "$root/$name" ]; then ln -s "usr/$name" "$root/$name"; fi
done
mkdir -p "$root"/{proc,sys,dev,tmp,run,.old} "$root/etc/cdi"
mkdir -p -m 1777 "$root/var/tmp"
cp /etc/passwd /etc/group "$root/etc/"

for name in dockerd podman; do
  cat >"$folder/$name" <<STARTER
#!/bin/sh
# $name in the files of Debian's $suite. It becomes the engine itself, so that its process is the one that was started.
exec unshare --mount --propagation private sh -c '
set -e
root=\$1; shift
mount --bind "\$root" "\$root"
for name in proc sys dev tmp; do mount --rbind "/\$name" "\$root/\$name"; done
mount -t tmpfs tmpfs "\$root/run"
if [ -n "\$COORDINATOR_TEST_CDI" ]; then mount --bind "\$COORDINATOR_TEST_CDI" "\$root/etc/cdi"; fi
cd "\$root"
pivot_root . .old
export PATH="\${COORDINATOR_TEST_PATH:+\$COORDINATOR_TEST_PATH:}/usr/sbin:/usr/bin"
exec "\$@"
' starter '$root' $name "\$@"
STARTER
  chmod +x "$folder/$name"
done
for name in dockerd podman; do "$folder/$name" --version; done
