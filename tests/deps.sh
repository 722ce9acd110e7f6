#!/usr/bin/env bash
# Checks what the project depends on: licences, sources, what docs/architecture.md says of them, versions that are there more than
# once, what is kept out, releases that were taken back, build scripts, the least Rust, and that unsafe code is denied. Each
# failure is one line that says what to do. The network is used only for crates of Cargo.lock that this machine has not yet.
# What a database of advisories knows (cargo audit) is not checked here.
set -euo pipefail
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$top"

# One of these must be enough to use a crate ("OR"), and all that go with it ("AND") must be here.
licences=" MIT Apache-2.0 BSD-2-Clause BSD-3-Clause Unicode-3.0 "

# In the tree more than once, and why that stays.
duplicates="nix 0.29.0 0.32.0: spidev, in its newest release, brings an older one
syn 2.0.119 3.0.10: macros, for the build alone: those of argh and enumflags2 are written for the older one
thiserror 1.0.69 2.0.20: netlink-packet-utils, which is not kept any more, brings the older one
thiserror-impl 1.0.69 2.0.20: the same"

# Kept out of the programs: a second C library's worth of code, or what the core does without on purpose.
bans=" openssl-sys native-tls ring tokio async-std futures regex chrono time rand "

# Crates that run a program of theirs while we are built. All but two only ask for the version of rustc or the target;
# tun-tap compiles a C file of 60 lines, libc asks for the system.
builders=" anyhow generic-array getrandom libc memoffset nix num-traits paste proc-macro2 quote serde serde_core serde_json signal-hook
 thiserror tun-tap zerocopy zmij "

# Where unsafe code is allowed: an ioctl that no crate has, tests that run between fork and exec, and one that counts
# allocations. Each says why where it stands.
unsafes="benches/table.rs
src/shell/io/pty.rs
src/shell/io/pty/tests.rs
tests/no_alloc.rs
tests/process/mod.rs"

main() {
	need python3 python3
	host=$(rustc -vV | sed -n 's/^host: //p')
	# A build has fetched what this machine needs; all means those of other systems too.
	if ! cargo fetch --quiet --locked 2>"$work/cargo" ||
		! cargo metadata --format-version 1 --locked --offline >"$work/all" 2>"$work/cargo" ||
		! cargo metadata --format-version 1 --locked --offline --filter-platform "$host" >"$work/metadata" 2>"$work/cargo"
	then
		bad "Cargo.lock is up to date and its crates are there: run cargo fetch --locked" "$work/cargo"
		result
	fi
	ok "Cargo.lock is up to date"
	# A dependency more here is one more there, which only a build of the fuzz targets would tell.
	check "fuzz/Cargo.lock is up to date; if not: cargo metadata --manifest-path fuzz/Cargo.toml" \
		cargo fetch --quiet --locked --manifest-path fuzz/Cargo.toml
	check "dbus/Cargo.lock is up to date; if not: cargo metadata --manifest-path dbus/Cargo.toml" \
		cargo fetch --quiet --locked --manifest-path dbus/Cargo.toml
	least=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
	table "$work/metadata" >"$work/table"
	check_rows
	check_companion
	check_manifests
	check_checksums
	check_duplicates
	check_bans
	check_yanked
	check_readme
	check_unsafe
	result
}

# table METADATA: name, version, licence, rust-version, source, has a build script, is a normal dependency of ours; "-" for
# nothing. What lies beside it in this repository is left out.
table() {
	python3 - "$1" <<'PYTHON'
import json, sys
data = json.load(open(sys.argv[1]))
ours = data["resolve"]["root"]
root = next(package for package in data["packages"] if package["id"] == ours)
used = {node["id"] for node in data["resolve"]["nodes"]}
normal = {dependency["name"] for dependency in root["dependencies"] if dependency["kind"] is None}
for package in data["packages"]:
    if package["source"] is None or package["id"] not in used:
        continue
    builds = any("custom-build" in target["kind"] for target in package["targets"])
    row = [
        package["name"],
        package["version"],
        package["license"] or "-",
        package["rust_version"] or "-",
        package["source"] or "-",
        "builds" if builds else "-",
        "ours" if package["name"] in normal else "-",
    ]
    print("\t".join(row))
PYTHON
}

check_rows() {
	local name version licence rust source builds
	while IFS=$'\t' read -r name version licence rust source builds _; do
		bad_licence >&3
		bad_source >&4
		bad_rust >&5
		bad_builder >&6
	done <"$work/table" 3>"$work/licences" 4>"$work/sources" 5>"$work/rust" 6>"$work/builders"
	told "licences that go with ours" "$work/licences"
	told "crates.io and nothing else" "$work/sources"
	told "a Rust no later than ours" "$work/rust"
	told "build scripts are known" "$work/builders"
}

# The D-Bus companion has a lock of its own, and may need a newer Rust.
check_companion() {
	local name version licence rust source builds
	cargo metadata --format-version 1 --locked --offline --filter-platform "$host" --manifest-path dbus/Cargo.toml \
		>"$work/companion" 2>"$work/cargo" || bad "the companion's lock" "$work/cargo"
	table "$work/companion" >"$work/table-of-companion"
	while IFS=$'\t' read -r name version licence rust source builds _; do
		bad_licence >&3
		bad_source >&4
	done <"$work/table-of-companion" 3>"$work/licences" 4>"$work/sources"
	check "the companion has dependencies" test "$(wc -l <"$work/table-of-companion")" -gt 20
	told "the companion: licences that go with ours" "$work/licences"
	told "the companion: crates.io and nothing else" "$work/sources"
}

# told NAME [FILE]: passes when nothing was said.
told() {
	if [ -s "${2:-$work/said}" ]; then
		bad "$1" "${2:-$work/said}"
	else
		ok "$1"
	fi
}

bad_licence() {
	local choice word good
	# "(MIT OR Apache-2.0) AND Unicode-3.0": all that is not in an OR must be there; "/" is an old OR.
	local text=${licence//\// OR }
	while [[ $text =~ ^(.*)\(([^()]*)\)(.*)$ ]]; do
		choice=$(chosen "${BASH_REMATCH[2]}")
		text="${BASH_REMATCH[1]}$choice${BASH_REMATCH[3]}"
	done
	good=$(chosen "$text")
	for word in $good; do
		[ "$word" = AND ] && continue
		if [[ $licences != *" $word "* ]]; then
			echo "$name $version: licence $licence: replace the crate, or add the licence to tests/deps.sh"
			return
		fi
	done
}

# chosen TEXT: the first of the licences with OR between them that is in the list, else the first.
chosen() {
	local one
	while read -r one; do
		if [[ $licences == *" $one "* ]]; then
			echo "$one"
			return
		fi
	done <<<"${1// OR /$'\n'}"
	# An AND, or none that we know.
	echo "${1%% OR *}"
}

bad_source() {
	[ "$source" = "registry+https://github.com/rust-lang/crates.io-index" ] ||
		echo "$name $version: comes from $source: take a release of crates.io"
}

bad_rust() {
	if [ "$rust" != - ] && [ "$(printf '%s\n' "$rust" "$least" | sort -V | tail -n 1)" != "$least" ] &&
		[ "${rust%.0}" != "$least" ]; then
		echo "$name $version: needs Rust $rust, we say $least: cargo update -p $name --precise with an older one"
	fi
}

# A vendored build parses the manifest of every package of the lock, also of those that are never compiled: an edition or
# a Rust that the oldest cargo does not know ends it. (fuzz/ has a lock of its own, which no image vendors.)
# What the manifests do not say, clippy's incompatible_msrv finds in our own code; tests/arm.sh builds with 1.85.
check_manifests() {
	python3 - "$work/all" "$least" >"$work/said" <<'PYTHON'
import json, sys
least = tuple(map(int, sys.argv[2].split(".")))
packages = json.load(open(sys.argv[1]))["packages"]
# 2024 came with Rust 1.85.
newest = 2024 if least >= (1, 85) else 2021
for package in packages:
    name, rust = f"{package['name']} {package['version']}", package["rust_version"]
    if int(package["edition"]) > newest:
        print(f"{name}: edition {package['edition']}: cargo tree -i {package['name']} --target all says who brings it")
    if rust and tuple(map(int, rust.split(".")))[:2] > least:
        print(f"{name}: needs Rust {rust}, we say {sys.argv[2]}: cargo update --precise with an older one")
if len(packages) < 50:
    print(f"cargo metadata knows only {len(packages)} packages: is it that of the whole lock?")
PYTHON
	told "all of Cargo.lock can be read by the cargo of Rust $least, as vendored builds do"
}

bad_builder() {
	[ "$builds" = - ] || [[ ${builders//$'\n'/ } == *" $name "* ]] ||
		echo "$name $version: has a build script: read it, then add the crate to tests/deps.sh"
}

# What is downloaded is what was looked at.
check_checksums() {
	awk '/^name = /{name = $3} /^source = /{sources++; last = name} /^checksum = /{last = ""; sums++}
		/^$/{if (last != "") print last ": no checksum in Cargo.lock: make it anew with cargo update"; last = ""}
		END {if (sources == 0 || sums != sources) print "Cargo.lock: " sums " checksums for " sources " crates"}' \
		Cargo.lock >"$work/said"
	told "Cargo.lock has a checksum of every crate"
}

# Each line of `duplicates` has its reason after the colon.
check_duplicates() {
	cut -f 1,2 "$work/table" | sort -V | awk '
		$1 == last {row = row " " $2; many = 1; next}
		{if (many) print row; last = $1; row = $1 " " $2; many = 0}
		END {if (many) print row}' | sort >"$work/found"
	cut -d : -f 1 <<<"$duplicates" | sort >"$work/known"
	{
		comm -13 "$work/known" "$work/found" |
			sed 's/$/: more than one version: cargo tree -d says who brings them; or add the line to tests\/deps.sh/'
		comm -23 "$work/known" "$work/found" |
			sed 's/$/: is not so any more: change the line in tests\/deps.sh/'
		grep -vE '^[^:]+: .{8}' <<<"$duplicates" | sed 's/$/: tests\/deps.sh does not say why/' || true
	} >"$work/said"
	told "versions that are there more than once have a reason"
}

# What the programs are linked from; tests may have more.
check_bans() {
	cargo tree --locked --offline --edges normal --prefix none --format '{p}' | cut -d ' ' -f 1 | sort -u >"$work/linked"
	while read -r name; do
		[[ $bans != *" $name "* ]] || echo "$name: is not wanted in the programs: cargo tree -i $name says who brings it"
	done <"$work/linked" >"$work/said"
	[ "$(wc -l <"$work/linked")" -ge 20 ] || echo "cargo tree knows only $(wc -l <"$work/linked") crates" >>"$work/said"
	told "nothing that is not wanted is linked"
}

# A release that turns out to be bad gets yanked. The index says so, as it was when this machine last asked it.
check_yanked() {
	if timeout 60 cargo package --locked --offline --no-verify --allow-dirty --target-dir "$work/package" >"$work/cargo" 2>&1; then
		grep yanked "$work/cargo" >"$work/said" || true
		told "no crate of Cargo.lock was taken back"
	else
		bad "no crate of Cargo.lock was taken back" "$work/cargo"
	fi
}

# The table of docs/architecture.md and [dependencies] name the same crates.
check_readme() {
	# shellcheck disable=SC2016 # backticks are what the table has around names
	sed -n '/^## Dependencies/,/^##* [^D]/{/^| `/p}' docs/architecture.md | grep -v '(tests)' | cut -d '|' -f 2 |
		grep -o '`[^`]*`' | tr -d '`' | sort >"$work/readme"
	awk '$7 == "ours" {print $1}' FS='\t' "$work/table" | sort -u >"$work/ours"
	{
		comm -13 "$work/readme" "$work/ours" |
			sed 's|$|: is not in the table of docs/architecture.md, "Dependencies": say there why it is used|'
		comm -23 "$work/readme" "$work/ours" | sed 's|$|: is in the table of docs/architecture.md and not used: remove it there|'
	} >"$work/said"
	told "docs/architecture.md says why each of our dependencies is there"
}

check_unsafe() {
	{
		awk '/^\[/{on = $0 == "[lints.rust]"} on && /^unsafe_code = "(deny|forbid)"$/{found = 1}
			END {if (!found) print "Cargo.toml: [lints.rust] must say unsafe_code = \"deny\""}' Cargo.toml
		grep -rlE 'allow\([^)]*unsafe_code' src tests benches | sort >"$work/allows" || true
		comm -13 <(sort <<<"$unsafes") "$work/allows" |
			sed 's/$/: allows unsafe code: do without, or add the file to tests\/deps.sh/'
		comm -23 <(sort <<<"$unsafes") "$work/allows" | sed 's/$/: has no unsafe code any more: remove it from tests\/deps.sh/'
		grep -rnE '#!?\[(warn|allow)\((missing_docs|unsafe_op_in_unsafe_fn)' src | sed 's/$/: take that back/' || true
	} >"$work/said"
	told "unsafe code is denied, but for known places"
}

main "$@"
