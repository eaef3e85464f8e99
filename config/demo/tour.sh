# shellcheck shell=bash
# What the demo shows, one heading each.  Sourced by run.

tour() {
    show_evidence
    show_appraisal
    show_certificate
    show_request
    show_wrong_workload
    show_no_certificate
    show_altered_report
    show_other_machine
    show_renewal
    show_latency
}

show_evidence() {
    heading "The evidence: what the server's machine says about itself"
    "$bin/liftgate-attest" collect --platform sim --machine "$world/server.machine" --report-data 00 \
        -o "$world/evidence" >/dev/null
    local text
    text=$("$bin/liftgate-attest" inspect "$world/evidence")
    pick '^ +[0-9a-f]{3} +(VERSION|VMPL|POLICY|MEASUREMENT|REPORT_DATA|CHIP_ID|REPORTED_TCB) ' <<<"$text" | squeeze | quote
    check "the report holds the measurement of the server's machine" says "$text" "$server_measurement"
}

show_appraisal() {
    heading "The appraisal: what the CA checks before it signs"
    local text status=0
    text=$("$bin/liftgate-attest" verify --report "$world/evidence" --policy "$world/ca/policy.ini" --workload database 2>&1) || status=$?
    pick '^(ok|FAIL|verdict)' <<<"$text" | awk '{ line[NR] = $0 } END { for (i = 1; i <= NR; i++) { if (i <= 4 || i > NR - 8) { print line[i] } else if (i == 5) { print "... " NR - 12 " more ..." } } }' | quote
    check "by the demo's policy, the server's machine may be the database" test "$status" = 0
    status=0
    text=$("$bin/liftgate-attest" verify --report "$world/evidence" --ark "$world/vendor/ark.pem" 2>&1) || status=$?
    tail -n 1 <<<"$text" | quote
    check "without that policy, the simulated platform counts for nothing" test "$status" = 3
    await_line ca 'enrol\.issued .*sim/database' | pick -o '(enrol|spiffe|workload|serial)[.=][^ ]+' | paste -sd ' ' | quote
    check "the CA has signed" grep -q 'enrol\.issued .*sim/database' "$world/ca.log"
}

show_certificate() {
    heading "The certificate: an ordinary one, with a SPIFFE ID and the attested claims"
    curl -sS "http://$server_admin/identity" >"$world/identity.json"
    python3 -c 'import json, sys; sys.stdout.write(json.load(open(sys.argv[1]))["identity"]["chain"])' "$world/identity.json" >"$world/chain.pem"
    openssl x509 -in "$world/chain.pem" -noout -subject -issuer -dates -ext subjectAltName,extendedKeyUsage | quote
    "$bin/liftgate-attest" inspect "$world/chain.pem" >"$world/chain.txt"
    pick '^ *!? +(status|tee|measurement|epoch) ' "$world/chain.txt" | head -n 4 | squeeze | quote
    check "it names spiffe://$domain/sim/database" says "$(cat "$world/chain.txt")" "spiffe://$domain/sim/database"
    check "it carries the measurement that was attested" says "$(cat "$world/chain.txt")" "$server_measurement"
}

client_cli() { # PORT ARGUMENT...
    local port=$1
    shift
    timeout 10 redis-cli -p "$port" "$@" 2>&1
}

show_request() {
    heading "A request that gets through"
    note "redis-cli -> client's sidecar -> mutual TLS -> server's sidecar -> redis-server"
    check "SET through the pair" test "$(client_cli "$egress_port" set greeting hello)" = OK
    check "GET through the pair" test "$(client_cli "$egress_port" get greeting)" = hello
    check "redis-server itself has it" test "$(client_cli "$redis_port" get greeting)" = hello
}

# await_line NAME PATTERN: a line that may still be on its way into a log.
await_line() {
    for _ in {1..50}; do
        grep -E -- "$2" "$world/$1.log" | tail -n 1 | grep . && return 0
        sleep 0.1
    done
    return 1
}

show_wrong_workload() {
    heading "Refused: a genuine identity, but of another workload"
    local reply line
    reply=$(client_cli "$intruder_port" get greeting || true)
    printf 'redis-cli: %s\n' "$reply" | quote
    line=$(await_line server 'conn\.closed.*reason=authz_denied.*sim/intruder' || true)
    pick -o '(conn\.closed|src|reason|alert|detail)(=("[^"]*"|[^ ]*))?' <<<"$line" | paste -sd ' ' | quote
    check "the intruder got no answer" test "$reply" != hello
    check "the server's sidecar said who it was and why" test -n "$line"
}

show_no_certificate() {
    heading "Refused: a client without a certificate"
    local text
    text=$(openssl s_client -connect "$ingress" -tls1_3 -quiet </dev/null 2>&1 || true)
    pick -o 'alert [a-z ]+' <<<"$text" | head -n 1 | quote
    check "TLS alert: certificate required" says "$text" 'certificate required'
}

raw_enrolment() { # ARGUMENT...
    config/demo/est_client.py --ca "$ca_url" --root "$world/ca/root.pem" --attest "$bin/liftgate-attest" "$@" 2>&1
}

show_altered_report() {
    heading "Refused: a report with one bit altered"
    local text status=0
    text=$(raw_enrolment --machine "$world/client.machine" --alter 0x90) || status=$?
    quote <<<"$text"
    check "the CA refuses it: signature-invalid" says "$status $text" '^3 code=signature-invalid '
    status=0
    text=$(raw_enrolment --machine "$world/client.machine") || status=$?
    check "the same request with the report as it was is granted" says "$status $text" '^0 '
}

show_other_machine() {
    heading "Refused: a genuine report of a machine that the policy does not know"
    local text status=0
    text=$(raw_enrolment --machine "$world/unknown.machine") || status=$?
    quote <<<"$text"
    check "the CA refuses it: reference-mismatch" says "$status $text" '^3 code=reference-mismatch '
}

serial() { # ADMIN ADDRESS
    curl -sS "http://$1/identity" | python3 -c 'import json, sys; print(json.load(sys.stdin)["identity"]["serial"])'
}

# Renews both identities every half second while the process $1 runs; prints how often.
renew_while() {
    local rounds=0
    while kill -0 "$1" 2>/dev/null; do
        kill -USR1 "$server_pid" "$client_pid"
        rounds=$((rounds + 1))
        sleep 0.5
    done
    echo "$rounds"
}

show_renewal() {
    heading "Renewal under load: new keys and certificates, no lost request"
    local before status=0 rounds
    before=$(serial "$server_admin")
    timeout 120 redis-benchmark -p "$egress_port" -t get,set -n 20000 -c 20 --csv >"$world/benchmark.csv" 2>"$world/benchmark.err" &
    local benchmark=$!
    pids+=("$benchmark")
    rounds=$(renew_while "$benchmark")
    wait "$benchmark" || status=$?
    note "redis-benchmark, 20 connections, while both sidecars were told to renew $rounds times:"
    quote <"$world/benchmark.csv"
    check "every request was answered" test "$status" = 0 -a ! -s "$world/benchmark.err"
    check "the server's certificate is another one now" test "$(serial "$server_admin")" != "$before"
    check "a new connection works with it" test "$(client_cli "$egress_port" get greeting)" = hello
}

show_latency() {
    heading "What it costs: the same small requests, direct and through the pair"
    local text status=0
    cat >"$world/latency.ini" <<SCENARIO
[load]
workload = request
protocol = redis
time = 200ms
[target direct]
connect = 127.0.0.1:$redis_port
[target through]
connect = 127.0.0.1:$egress_port
SCENARIO
    text=$("$bin/liftgate-bench" run "$world/latency.ini") || status=$?
    quote <<<"$text"
    note "One connection, one machine, both sidecars on it: a first figure, not a benchmark."
    check "both were measured without an error" test "$status" = 0
}
