# shellcheck shell=bash
# How the demo speaks: headings, notes, and checks that are counted.  Sourced by run.

checks=0
failures=0
if [ -t 1 ]; then
    bold=$'\e[1;36m' green=$'\e[32m' red=$'\e[1;31m' dim=$'\e[2m' plain=$'\e[0m'
else
    bold='' green='' red='' dim='' plain=''
fi

heading() {
    printf '\n%s== %s ==%s\n' "$bold" "$*" "$plain"
}

note() {
    printf '%s\n' "$*"
}

good() {
    printf '%s+ %s%s\n' "$green" "$*" "$plain"
}

bad() {
    printf '%s! %s%s\n' "$red" "$*" "$plain"
}

# squeeze: columns set far apart, brought together.
squeeze() {
    sed -E 's/^ +//; s/ {3,}/  /g'
}

# Shows standard input, indented, each line cut at 120 characters.
quote() {
    local line
    while IFS= read -r line; do
        printf '    %s%.120s%s\n' "$dim" "$line" "$plain"
    done
}

# pick [-o] PATTERN: the lines (or parts) of standard input that match; none is no failure.
pick() {
    grep -E "$@" || true
}

# check WHAT COMMAND...: runs the command; its success is what was promised.
check() {
    local what=$1
    shift
    checks=$((checks + 1))
    if "$@"; then
        good "$what"
    else
        failures=$((failures + 1))
        bad "does not hold: $what"
    fi
}

# says TEXT PATTERN: true if the pattern occurs.
says() {
    grep -qE -- "$2" <<<"$1"
}
