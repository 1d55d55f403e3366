#!/bin/sh
# Installs PostgreSQL with PostGIS and Redis as plain binaries on Debian or Ubuntu: no cluster is created, no server
# starts, now or at the next boot. Runs as root; safe to run twice, at once, and again after it was killed.
# Usage: install-debian.sh <PostgreSQL major | default | none> <redis | none>
set -eu
postgres=$1
redis=$2

# The kernel frees this lock with the process, however it ends. /run belongs to root: nobody can plant a link there.
exec 9>/run/hexbao-install.lock
flock 9

policy=/usr/sbin/policy-rc.d
saved=$policy.before-hexbao
cluster_folder=/etc/postgresql-common/createcluster.d
marker='hexbao: start nothing while installing'

restore() {
  if [ -e "$saved" ]; then
    mv -f "$saved" "$policy"
  elif grep -qs "$marker" "$policy"; then
    rm -f "$policy"
  fi
  rm -f "$cluster_folder/hexbao.conf"
  rmdir "$cluster_folder" 2>/dev/null || :
}
trap restore EXIT
trap 'exit 130' INT TERM HUP
restore # what a killed run left behind

if [ -e "$policy" ]; then mv "$policy" "$saved"; fi
printf '#!/bin/sh\n# %s\nexit 101\n' "$marker" >"$policy"
chmod 755 "$policy"
mkdir -p "$cluster_folder"
echo 'create_main_cluster = false' >"$cluster_folder/hexbao.conf"

export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C

# A broken third-party source must not stop the install: what is missing shows when installing.
update() {
  apt-get update 9>&- || echo 'apt-get update had errors, going on'
}

# Fails when the lists at hand do not know all of them. An unknown version must not get through: to apt, a name that
# ends in a minus means removal.
find_packages() {
  packages=
  if [ "$postgres" != none ]; then
    major=$postgres
    if [ "$major" = default ]; then
      major=$(apt-cache depends postgresql | sed -n 's/^ *Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1)
    fi
    [ -n "$major" ] || return 1
    packages="postgresql-$major postgresql-$major-postgis-3"
  fi
  if [ "$redis" != none ]; then packages="$packages redis-server"; fi
  # Unquoted on purpose, here and below: one word a package.
  apt-cache show $packages >/dev/null
}

# What is there already keeps its version: an upgrade could touch a server that somebody runs.
install() {
  find_packages && apt-get install -y --no-install-recommends --no-upgrade \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold $packages 9>&-
}

had_redis=no
if dpkg -s redis-server >/dev/null 2>&1; then had_redis=yes; fi

dpkg --configure -a 9>&- || echo 'an earlier install is still unfinished, going on'
# Lists older than a day may miss a security fix, or name packages that the mirror has replaced.
if [ -z "$(find /var/lib/apt/lists -maxdepth 0 -mtime 0)" ] || ! install; then
  update
  install
fi

# A Redis that nobody asked for must not come up, without a password, at the next boot.
if [ "$redis" != none ] && [ $had_redis = no ]; then update-rc.d redis-server disable; fi
