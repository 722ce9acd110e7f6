#!/usr/bin/env bash
# Runs every check of the project. The last line is "N passed, N failed"; the exit code says the same.
# A check that cannot run has failed. On Debian 12, as root, what is missing gets installed.
#
#   tests/run.sh                 all steps
#   tests/run.sh 'udev rules'    steps by name or by the beginning of it, and what they stand on
#   tests/run.sh -l              lists the steps, what each brings to the machine, and how long it takes
#
# What disturbs nothing runs side by side: builds and downloads beside each other, what waits beside what computes; the
# tests that look at times run alone. A step's output comes whole when it has ended, and stays in target/run.
#
# Builds that are shared: "build" (target/release) by "init files" and "systemd service"; those of "tests"
# (target/debug) by "real firmware". Each for itself: lints and documentation (target/debug, without code), the small
# variants (target/features, target/static), fuzz (fuzz/target), the static programs
# of the virtual machine, and ARM (target/arm). Downloads, C and C++ builds stay in target/ and are not made again.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# A test that cannot have what it needs is left out by cargo test alone; here it fails.
export REQUIRE=all

names=() places=() minutes=() brings=() needs=() commands=()
group=0 lane=0

# group: what follows begins when all before it has ended. lane: what follows runs beside the lanes of the same group.
group() { group=$((group + 1)) lane=1; }
lane() { lane=$((lane + 1)); }

# step NAME MINUTES BRINGS NEEDS COMMAND...: MINUTES on two idle cores with nothing cached; NEEDS is the beginning of one
# other step's name, or empty.
step() {
    names+=("$1")
    minutes+=("$2")
    brings+=("$3")
    needs+=("$4")
    places+=("$group.$lane")
    commands+=("$(printf '%q ' "${@:5}")")
}

# shellcheck disable=SC2016 # for the shell that runs it
scripts='git ls-files -z -- "*.sh" .ci/run | xargs -0 shellcheck'

group
step 'what the tests need' 3 'Debian packages (compilers, tshark, shells, ...), a venv, npm packages' '' tests/setup.sh
group
step 'format' 1 '' '' cargo fmt --check
step 'lints' 1 '' '' cargo clippy --locked --all-targets -- -D warnings
step 'lints without some features' 1 '' '' benches/features.sh
step 'scripts' 1 '' 'what' bash -c "$scripts"
step 'documentation' 1 '' '' env RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --document-private-items
step 'dependencies' 1 'crates of other systems' '' tests/deps.sh
step 'size and memory of the smallest' 2 '' '' benches/features.sh bounds
step 'build' 2 '' '' cargo build --locked --release
step 'instructions of an octet' 2 '' 'what' cargo bench --locked --bench table instructions
step 'README, what it says to try' 1 '' 'build' cargo test --locked --test readme -- --ignored
lane
step 'the oldest Rust that Debian has' 2 'Debian 11: Rust 1.78; 400 MB in target/oldest' '' tests/oldest.sh
step 'udev rules' 1 '' '' tests/udev.sh
step 'device trees' 1 'Debian: device-tree-compiler; 93 MB in target/dts-cache' '' tests/dts.sh
step 'cross compilers and QEMU for ARM' 2 'Debian: two cross compilers; 600 MB in target/arm' '' tests/arm/setup.sh
step 'kernel and QEMU for the virtual machine' 1 'Debian: make, xz; 400 MB in target/vm' '' tests/vm/setup.sh
step 'firmware' 5 'OpenThread from crates.io; in target/firmware' 'what' tests/firmware/build.sh
group
step 'tests' 9 '' 'what' cargo test --locked --no-fail-fast
group
step 'real firmware' 4 '' 'firmware' tests/firmware/run.sh
lane
step 'init files' 1 'Debian: busybox, kconfig, systemd' 'build' tests/init.sh
step 'D-Bus companion' 3 'Debian: dbus, libglib2.0-bin; in dbus/target' 'what' dbus/tests/run.sh
step 'systemd service' 2 'Debian: mmdebstrap; a Debian root in target/systemd-root' 'build' tests/systemd.sh
group
step 'fuzz targets, 30 s each' 8 '' 'what' fuzz/run.sh 30
lane
step 'Debian packages' 1 'Debian: lintian' 'build' tests/packages.sh
step 'images: builds as Buildroot and Yocto do' 3 '' 'what' tests/images.sh
step '32 and 64 bit ARM' 8 '' 'what' tests/arm.sh
group
step 'virtual machine: real spidev and gpiochip' 4 '' 'firmware' tests/vm/run.sh

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' tests/run.sh | sed '/^set/d'
}

# place NAME: where the step is that is called so, or begins so and is the only one.
place() {
    local i found=()
    for i in "${!names[@]}"; do
        if [[ ${names[i]} == "$1" ]]; then
            echo "$i"
            return
        fi
        [[ ${names[i]} != "$1"* ]] || found+=("$i")
    done
    if [[ ${#found[@]} -ne 1 ]]; then
        echo "tests/run.sh: '$1' names ${#found[@]} steps; tests/run.sh -l lists them" >&2
        return 1
    fi
    echo "${found[0]}"
}

# choose [NAME...]: fills `chosen`, by place: all, or these and what they stand on.
choose() {
    local i name
    chosen=()
    if [[ $# -eq 0 ]]; then
        for i in "${!names[@]}"; do chosen[i]=yes; done
        return
    fi
    for name in "$@"; do
        while [[ -n $name ]]; do
            i=$(place "$name") || exit 2
            chosen[i]=yes
            name=${needs[i]}
        done
    done
}

list() {
    local i
    for i in "${!chosen[@]}"; do
        printf '%-44s %2d min  %s\n' "${names[i]}" "${minutes[i]}" "${brings[i]}"
    done
}

# run PLACE: runs a step into its log; its status is in a file of its own when it has ended.
run() {
    local log=$logs/$1.log start=$SECONDS status=0
    printf -- '--> %s: begins\n' "${names[$1]}"
    eval "${commands[$1]}" >"$log" 2>&1 </dev/null || status=$?
    {
        flock 8 # one at a time
        printf '\n==> %s\n' "${names[$1]}"
        cat "$log"
        if [[ $status -eq 0 ]]; then
            printf '==> %s: passed in %d s\n' "${names[$1]}" $((SECONDS - start))
        else
            printf '==> %s: FAILED after %d s\n' "${names[$1]}" $((SECONDS - start))
        fi
    } 8>"$logs/lock"
    echo "$status" >"$logs/$1.status"
}

# Ends what runs, each lane with all that it has started.
stop() {
    local pid
    for pid in "${running[@]}"; do kill -TERM -- "-$pid" 2>/dev/null; done
    exit 130
}

case ${1:-} in
-h | --help) usage && exit ;;
-l | --list) choose && list && exit ;;
-*) usage >&2 && exit 2 ;;
esac
choose "$@"

logs=${CARGO_TARGET_DIR:-target}/run
mkdir -p "$logs"
rm -f "$logs"/*
printf 'These steps run, as minutes go on two idle cores with nothing cached; as root, they install what is missing:\n\n'
list

running=()
trap stop INT TERM HUP
set -m # a process group for each lane
while read -r now; do
    running=()
    # The lanes of this group, each in its order.
    for one in {1..9}; do
        here=()
        for i in "${!chosen[@]}"; do [[ ${places[i]} != "$now.$one" ]] || here+=("$i"); done
        [[ ${#here[@]} -gt 0 ]] || continue
        { for i in "${here[@]}"; do run "$i"; done; } &
        running+=($!)
    done
    wait
done < <(for i in "${!chosen[@]}"; do echo "${places[i]%.*}"; done | uniq)

passed=0 failed=0
for i in "${!chosen[@]}"; do
    if [[ $(cat "$logs/$i.status" 2>/dev/null) == 0 ]]; then
        passed=$((passed + 1))
        continue
    fi
    failed=$((failed + 1))
    printf 'failed: %s\n' "${names[i]}"
    # What is random may not come again: so that the end of the log says what it was.
    case ${names[i]} in fuzz*) [[ ! -f fuzz/target/runs/failures ]] || cat fuzz/target/runs/failures ;; esac
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 && $passed -gt 0 ]]
