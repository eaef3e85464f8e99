# shellcheck shell=bash
# The demo's processes: a CA, redis-server, and three sidecars with simulated machines of their own.
# All of it lives in one temporary directory and on loopback ports that the kernel chose.  Sourced.

domain=demo.example
bin=build/release/bin
pids=()

# Measurements of the simulated machines: what a real one would have been launched with.
server_measurement=$(printf 'a1%.0s' {1..48})
client_measurement=$(printf 'b2%.0s' {1..48})
intruder_measurement=$(printf 'c3%.0s' {1..48})
unknown_measurement=$(printf 'd4%.0s' {1..48})

build_release() {
    mkdir -p build
    echo "demo: building (seconds when repeated)"
    if ! cmake --preset release -DBUILD_TESTING=OFF >build/demo-build.log 2>&1 || ! build_steps; then
        cat build/demo-build.log
        exit 1
    fi
}

# Builds, with a dot for every ten steps.
build_steps() {
    set -o pipefail
    cmake --build --preset release --target liftgate liftgate-ca liftgate-attest liftgate-bench 2>&1 |
        tee -a build/demo-build.log | awk '/^\[/ { if (++n % 10 == 0) { printf "."; fflush() } } END { if (n >= 10) print "" }'
}

world_begin() {
    world=$(mktemp -d)
    trap world_end EXIT
    trap 'finished=yes; exit 130' INT
    trap 'finished=yes; exit 143' TERM
}

world_end() {
    local pid
    trap - EXIT
    [ -n "$finished" ] || bad "ended early: nothing more was shown"
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${pids[@]}"; do
        for _ in {1..50}; do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$world"
}

# run_in_background NAME COMMAND...: its output goes to NAME.log; its id into $NAME_pid.
run_in_background() {
    local name=$1
    shift
    : >"$world/$name.log" # await may look before the process has begun
    "$@" >"$world/$name.log" 2>&1 &
    printf -v "${name}_pid" %s $!
    pids+=($!)
}

# await NAME PATTERN: waits for a line in NAME.log; gives up when the process ends or after 30 s.
await() {
    local pid=${1}_pid
    for _ in {1..300}; do
        grep -qE -- "$2" "$world/$1.log" && return 0
        kill -0 "${!pid}" 2>/dev/null || break
        sleep 0.1
    done
    {
        bad "$1 did not say '$2'; the end of its log:"
        tail -n 20 "$world/$1.log" | quote
    } >&2 # standard output may be what a caller captures
    exit 1
}

# address NAME LISTENER: where a listener of a process really listens.
address() {
    await "$1" "listener\.ready name=$2 "
    sed -nE "s/.*listener\.ready name=$2 addr=\"?([^\" ]+).*/\1/p" "$world/$1.log" | head -n 1
}

platform_note() {
    if [ -e /dev/sev-guest ] || [ -e /dev/tdx_guest ]; then
        note "This machine is a confidential VM, but the demo needs four of them: it simulates all."
    else
        note "No SEV-SNP or TDX hardware here: the demo uses the simulated platform.  It signs"
        note "reports of the genuine format, and the CA believes them only because its policy names"
        note "the simulated root.  The simulation protects nothing; the path is the real one."
    fi
}

machine() { # NAME MEASUREMENT
    "$bin/liftgate-attest" sim machine -d "$world/vendor" -o "$world/$1" --measurement "$2" >/dev/null
}

start_authority() {
    note "a simulated vendor, and a machine for each party"
    "$bin/liftgate-attest" sim init -d "$world/vendor" >/dev/null
    machine server.machine "$server_measurement"
    machine client.machine "$client_measurement"
    machine intruder.machine "$intruder_measurement"
    machine unknown.machine "$unknown_measurement"

    note "the attesting CA"
    "$bin/liftgate-ca" init -d "$world/ca" --trust-domain "$domain" --name 127.0.0.1 >/dev/null
    sed -i -E 's/^listen = .*/listen = 127.0.0.1:0/' "$world/ca/ca.ini"
    {
        printf '[ca]\ntrust_domain = %s\nepoch = 1\nttl = 3600\n' "$domain"
        printf '[tcb sim]\nbootloader = 0\ntee = 0\nsnp = 0\nmicrocode = 0\n'
        workload database sim/database "$server_measurement"
        workload client sim/client "$client_measurement"
        workload intruder sim/intruder "$intruder_measurement"
        printf '[platform sim]\ninsecure_root = %s\n' "$world/vendor/ark.pem"
    } >"$world/ca/policy.ini"
    run_in_background ca "$bin/liftgate-ca" serve -c "$world/ca/ca.ini"
    ca_url=https://$(address ca server)
}

workload() { # NAME PATH MEASUREMENT
    printf '[workload %s]\ntee = sim\nmeasurement = %s\ntcb = sim\nspiffe = %s\n' "$1" "$3" "$2"
}

start_service() {
    note "redis-server, as Debian ships it; it knows nothing of all this"
    redis_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    run_in_background redis redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly no --dir "$world"
    await redis 'Ready to accept connections'
}

identity() { # SERVICE MACHINE
    printf '[identity]\nca = %s\nca_root = %s\ntrust_domain = %s\nservice = %s\n' \
        "$ca_url" "$world/ca/root.pem" "$domain" "$1"
    printf 'platform = sim\ninsecure_sim = %s\n' "$world/$2"
}

peer() { # NAME MEASUREMENT
    printf '[peer %s]\nspiffe = spiffe://%s/sim/%s\ntee = sim\nmeasurement = %s\n' "$1" "$domain" "$1" "$2"
}

egress() { # SERVICE MACHINE: the configuration of a client's sidecar
    identity "$1" "$2"
    printf '[egress redis]\nlisten = 127.0.0.1:0\nconnect = %s\nmode = tcp\nexpect = database\n' "$ingress"
    peer database "$server_measurement"
    printf '[admin]\nlisten = 127.0.0.1:0\n'
}

sidecar() { # NAME: starts it and waits for its identity
    run_in_background "$1" "$bin/liftgate" -c "$world/$1.ini"
    await "$1" 'identity\.ready'
}

start_sidecars() {
    note "the service's sidecar"
    {
        identity database server.machine
        printf '[ingress redis]\nlisten = 127.0.0.1:0\nforward = 127.0.0.1:%s\nmode = tcp\nallow = client\n' "$redis_port"
        peer client "$client_measurement"
        printf '[admin]\nlisten = 127.0.0.1:0\n'
    } >"$world/server.ini"
    sidecar server
    ingress=$(address server redis)
    server_admin=$(address server admin)

    note "the client's sidecar, and one of a workload that the service does not know"
    egress client client.machine >"$world/client.ini"
    egress intruder intruder.machine >"$world/intruder.ini"
    sidecar client
    sidecar intruder
    egress_port=$(address client redis | sed 's/.*://')
    intruder_port=$(address intruder redis | sed 's/.*://')
    client_admin=$(address client admin)
}

show_logs() {
    local name
    for name in ca server client intruder; do
        note "last lines of $name:"
        tail -n 8 "$world/$name.log" | quote
    done
}
