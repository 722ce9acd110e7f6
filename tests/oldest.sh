#!/usr/bin/env bash
# Compiles everything with the oldest Rust from rust-version on that Debian has, as image builders do: vendored, offline,
# with the lock. That is the rustc-web of Debian 11, 1.78; what is older than it, the manifests and clippy's
# incompatible_msrv tell (tests/deps.sh, Cargo.toml). Unpacked into target/oldest/root, 400 MB; nothing is installed.
set -euo pipefail

# shellcheck source=tests/debs.sh
. "$(dirname "${BASH_SOURCE[0]}")/debs.sh" oldest

# unpack: Debian 11's compiler and cargo with the libraries of theirs that Debian 12 lacks.
unpack() {
    local packages
    mkdir -p "$cache/apt"
    # A release that is no longer kept moves to the archive.
    for mirror in http://deb.debian.org/debian http://archive.debian.org/debian; do
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bullseye main" >"$cache/apt/list"
        begin
        version=$(apt-cache "${own[@]}" madison rustc-web | awk '{ print $3 }' | sort -V | head -n 1)
        [[ -z $version ]] || break
    done
    [[ -n $version ]] || fail "neither deb.debian.org nor archive.debian.org has the rustc-web of bullseye"
    # 1.78.0+dfsg1-2~deb11u3 -> 1.78
    packages=("rustc-web=$version" "cargo-web=$version" "libstd-rust-web-${version%%.[0-9]+*}=$version"
        "libstd-rust-web-dev=$version")
    mapfile -t libraries < <(lacking "${packages[@]}" | grep '^lib' | grep -v -e -web -e -dev)
    echo "oldest.sh: fetching Rust $version and ${#libraries[@]} libraries" >&2
    fetch "${packages[@]}" "${libraries[@]}"
    for deb in "$cache"/debs/*.deb; do dpkg -x "$deb" "$cache/root"; done
    finish
}

own+=(-o "Dir::Etc::SourceList=$cache/apt/list" -o Dir::Etc::SourceParts=/dev/null)
is_ready || unpack

cd "$debs/.."
cargo vendor --quiet --locked "$cache/vendor" >/dev/null
printf '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "%s"\n' "$cache/vendor" \
    >"$cache/vendored.toml"

unset CARGO RUSTC RUSTDOC RUSTFLAGS RUSTC_WRAPPER CARGO_BUILD_TARGET
export PATH="$cache/root/usr/bin:$PATH" CARGO_TARGET_DIR=$cache/build CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0
export LD_LIBRARY_PATH="$cache/root/usr/lib/x86_64-linux-gnu:$cache/root/lib/x86_64-linux-gnu"
rustc --version
timeout 900 cargo --config "$cache/vendored.toml" check --quiet --locked --offline --all-targets
echo "compiled with $(rustc --version)"
