#!/usr/bin/env bash
# Checks what lies in init/: units, init scripts, recipes and packages, each with what can check it on a Debian machine.
# Needs root (the SysV script runs in a namespace of its own). SPINEL_BRIDGE names the binary
# [target/release/spinel-bridge]; without one a stand-in takes its place, and the output says so.
set -euo pipefail
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

binary=${SPINEL_BRIDGE:-$top/target/release/spinel-bridge}
init=$top/init
readonly OELINT=9.11.2

main() {
	need shellcheck shellcheck systemd-analyze systemd systemd-tmpfiles systemd busybox busybox-static dash dash \
		start-stop-daemon dpkg unshare util-linux make make kconfig-conf kconfig-frontends-nox gcc gcc
	[ -e /usr/include/stdio.h ] || install_packages libc6-dev
	choose_binary
	check_shell
	check_install
	check_systemd
	check_sysv
	check_crates
	check_versions_and_licenses
	check_yocto
	check_oelint
	check_buildroot
	check_openwrt
	check_examples
	result
}

choose_binary() {
	real=yes
	if [ ! -x "$binary" ]; then
		real=no
		echo "note  $binary is not built: tests/init/stand-in.c takes its place"
		check "the stand-in builds" gcc -Wall -Wextra -Werror -O1 -o "$work/stand-in" "$top/tests/init/stand-in.c"
		binary=$work/stand-in
	fi
	# Only copied here.
	export SPINELCTL=${binary%/*}/spinelctl
	[ -x "$SPINELCTL" ] || SPINELCTL=$binary
}

check_shell() {
	check "shellcheck: init scripts, install.sh, examples, build.sh" shellcheck "$init/install.sh" \
		"$init/sysv/spinel-bridge" "$init/yocto/update-crates.sh" "$init"/examples/*.sh "$top/dts/build.sh" \
		"$init/debian/build.sh" "$init"/debian/*.p*
	check "shellcheck: OpenWrt's init script (ash)" shellcheck -s dash -e SC3043 "$init/openwrt/files/spinel-bridge.init"
	check "shellcheck: the tests of this kind" shellcheck -x -P "$top" "$top"/tests/{lib,dts,udev,init,systemd}.sh "$top"/tests/init/*.sh
	local shell
	for shell in dash 'busybox sh'; do
		# shellcheck disable=SC2086 # "busybox sh" is two words
		check "$shell -n: SysV and OpenWrt scripts, install.sh" sh -c \
			"$shell -n '$init/sysv/spinel-bridge' && $shell -n '$init/openwrt/files/spinel-bridge.init' &&
			$shell -n '$init/install.sh'"
	done
}

# install.sh installs exactly the files that its head lists.
check_install() {
	root=$work/root
	check "the manual pages are made" cargo run --quiet --locked --manifest-path "$top/Cargo.toml" --example man -- "$work/man"
	export MAN=$work/man
	check "install.sh: all parts" env DESTDIR="$root" BINARY="$binary" COMPANION="$binary" "$init/install.sh" \
		binary udev systemd sysv completions man examples licenses dbus
	(cd "$root" && find . -type f | sed 's/^\.//' | grep -v '/examples/' | sort) >"$work/got"
	sed -n '2,/^set/s/^#.* \(\/[a-z][^ ]*\).*/\1/p' "$init/install.sh" | grep -v '/examples/' >"$work/want"
	sort -o "$work/want" "$work/want"
	same "install.sh: installs the files that its head lists" "$work/want" "$work/got"
	same "install.sh: the binary is the one that was named" "$binary" "$root/usr/sbin/spinel-bridge"
	same "install.sh: and so is spinelctl" "$SPINELCTL" "$root/usr/bin/spinelctl"
	if [ "$(stat -c %a "$root/usr/sbin/spinel-bridge" "$root/etc/init.d/spinel-bridge" \
		"$root/usr/lib/udev/rules.d/60-spinel-bridge.rules" | paste -sd' ')" = '755 755 644' ]; then
		ok "install.sh: modes"
	else
		bad "install.sh: modes"
	fi
	echo mine >"$root/etc/default/spinel-bridge"
	DESTDIR=$root "$init/install.sh" sysv >"$work/out"
	if grep -q '^kept' "$work/out" && [ "$(cat "$root/etc/default/spinel-bridge")" = mine ]; then
		ok "install.sh: keeps settings that are there"
	else
		bad "install.sh: keeps settings that are there" "$work/out"
	fi
	check "install.sh: installs again over itself" env DESTDIR="$work/gone" BINARY="$binary" sh -euc \
		"'$init/install.sh' && '$init/install.sh' && '$init/install.sh' sysv"
	echo theirs >"$work/gone/usr/sbin/theirs"
	check "install.sh -u" env DESTDIR="$work/gone" "$init/install.sh" -u
	(cd "$work/gone" && find . -type f -o -path ./usr/share/doc/\* | sort) >"$work/got"
	printf './%s\n' etc/default/spinel-bridge usr/sbin/theirs >"$work/want"
	same "install.sh -u: removes what it installed, less settings and what is another's" "$work/want" "$work/got"
	check "install.sh: without manual pages says how they are made" sh -c \
		"DESTDIR='$work/plain' BINARY='$binary' MAN=/nonexistent '$init/install.sh' | grep -q 'example man'"
	check "install.sh: under umask 077" sh -euc "umask 077; DESTDIR='$work/masked' BINARY='$binary' '$init/install.sh'"
	if [ -z "$(find "$work/masked" ! -perm -o=r -o -type d ! -perm -o=rx)" ]; then
		ok "install.sh: ... everybody can read what it installed"
	else
		bad "install.sh: ... everybody can read what it installed"
	fi
	refused "install.sh: refuses an unknown part" 'no such part' env DESTDIR="$work/x" "$init/install.sh" everything
	refused "install.sh: says how to build a missing binary" 'cargo build' \
		env DESTDIR="$work/x" BINARY=/nonexistent "$init/install.sh" binary
	refused "install.sh: and a missing spinelctl" 'cargo build' \
		env DESTDIR="$work/x" BINARY="$binary" SPINELCTL=/nonexistent "$init/install.sh" binary
}

check_systemd() {
	local units=$root/usr/lib/systemd/system unit
	# The units that ours stands on (targets, slices) are the machine's.
	cp -an /usr/lib/systemd/system/. "$units/"
	ln -sf /bin/true "$root/usr/sbin/ot-daemon"
	mkdir -p "$root/bin"
	for unit in spinel-bridge@spi0.0.service spinel-bridge-host@wpan0.service; do
		silent "systemd-analyze verify: $unit" systemd-analyze --man=no --root="$root" verify "$unit"
	done
	cp "$init/examples/ot-daemon.service" "$units/"
	cp /bin/true "$root/usr/sbin/otbr-agent"
	rm "$root/usr/sbin/ot-daemon"
	cp /bin/true "$root/usr/sbin/ot-daemon"
	silent "systemd-analyze verify: examples/ot-daemon.service" \
		systemd-analyze --man=no --root="$root" verify ot-daemon.service
	# shellcheck disable=SC2016 # systemd's variable
	printf '[Service]\nEnvironmentFile=-/etc/default/otbr-agent\nExecStart=/usr/sbin/otbr-agent $OTBR_AGENT_OPTS\n' \
		>"$units/otbr-agent.service"
	mkdir -p "$units/otbr-agent.service.d"
	cp "$init/examples/otbr-agent.service.conf" "$units/otbr-agent.service.d/spinel-bridge.conf"
	silent "systemd-analyze verify: otbr-agent.service with our drop-in" \
		systemd-analyze --man=no --root="$root" verify otbr-agent.service
	mkdir -p "$units/spinel-bridge-host@.service.d"
	cp "$init/examples/spinel-bridge-host-serial.conf" "$init/examples/spinel-bridge-host-lan.conf" \
		"$units/spinel-bridge-host@.service.d"
	silent "systemd-analyze verify: spinel-bridge-host@.service with both drop-ins" \
		systemd-analyze --man=no --root="$root" verify spinel-bridge-host@wpan0.service
	rm -r "$units/spinel-bridge-host@.service.d"
	sed 's/^WatchdogSec=/WatchdogSecs=/' "$init/systemd/spinel-bridge@.service" >"$units/broken@.service"
	refused "systemd-analyze verify sees a mistake" WatchdogSecs \
		sh -c "systemd-analyze --man=no --root='$root' verify broken@x.service 2>&1; exit 1"

	# The host driver needs the network and CAP_NET_ADMIN: that is all that it may cost.
	exposure spinel-bridge@.service 7
	exposure spinel-bridge-host@.service 20
	need_line spinel-bridge@.service "EnvironmentFile=-/etc/default/spinel-bridge-%i"
	need_line spinel-bridge-host@.service "EnvironmentFile=-/etc/default/spinel-bridge-host-%i" \
		"DeviceAllow=/dev/net/tun rw" "CapabilityBoundingSet=CAP_NET_ADMIN" "AmbientCapabilities=CAP_NET_ADMIN"
	for unit in spinel-bridge@.service spinel-bridge-host@.service; do
		need_line "$unit" "Type=notify" "WatchdogSec=30" "DevicePolicy=closed" "DeviceAllow=char-spi rw" \
			"DeviceAllow=char-gpiochip rw" "RuntimeDirectory=spinel-bridge" "RuntimeDirectoryPreserve=yes"
	done

	check "systemd-sysusers takes the file" systemd-sysusers --root="$root" "$root/usr/lib/sysusers.d/spinel-bridge.conf"
	check "systemd-tmpfiles takes the file" systemd-tmpfiles --root="$root" --create \
		"$root/usr/lib/tmpfiles.d/spinel-bridge.conf"
	if [ "$(stat -c '%a %u' "$root/run/spinel-bridge")" = "755 $(awk -F: '/^spinel-bridge:/ { print $3 }' "$root/etc/passwd")" ]; then
		ok "tmpfiles: /run/spinel-bridge belongs to the user, mode 755"
	else
		bad "tmpfiles: /run/spinel-bridge belongs to the user, mode 755"
	fi
}

# exposure UNIT TENTHS: what systemd says of the unit's rights.
exposure() {
	local unit=$1 level
	systemd-analyze --no-pager security --offline=true "$init/systemd/$unit" >"$work/security"
	level=$(sed -n 's/^.*Overall exposure level.*: \([0-9.]*\) .*$/\1/p' "$work/security")
	echo "note  exposure of $unit: $level"
	check "systemd-analyze security --offline: $unit: $level, at most $(($2 / 10)).$(($2 % 10))" \
		systemd-analyze --no-pager security --offline=true --threshold="$2" "$init/systemd/$unit"
	refused "... and the bound is looked at: 0.1 is refused" 'Overall exposure' \
		systemd-analyze --no-pager security --offline=true --threshold=1 "$init/systemd/$unit"
	grep -E '^✗' "$work/security" | sed 's/  */ /g; s/^/note  /'
}

# need_line UNIT LINE...
need_line() {
	local unit=$1 line
	shift
	for line in "$@"; do
		check "$unit has $line" grep -qxF -- "$line" "$init/systemd/$unit"
	done
}

# The SysV script, run for real: under dash with dpkg's start-stop-daemon on this machine's files, and in a chroot that
# holds nothing but BusyBox.
check_sysv() {
	sysv_results "dash and dpkg" unshare -mn bash "$0" --sysv-dash "$init/sysv/spinel-bridge" "$binary"
	local jail=$work/jail file
	mkdir -p "$jail"/{bin,sbin,usr/bin,usr/sbin,etc/init.d,etc/default,run,proc,dev,tmp}
	cp "$(command -v busybox)" "$jail/bin/busybox"
	chroot "$jail" /bin/busybox --install -s
	cp "$init/sysv/spinel-bridge" "$jail/etc/init.d/"
	cp "$binary" "$jail/usr/sbin/spinel-bridge"
	cp "$top/tests/init/sysv-cases.sh" "$jail/tmp/"
	# The libraries of the binary, unless it is static.
	for file in $(ldd "$binary" 2>/dev/null | grep -o '/[^ ]*' || true); do
		mkdir -p "$jail${file%/*}"
		cp -L "$file" "$jail$file"
	done
	sysv_results "BusyBox" unshare -mn bash "$0" --sysv-busybox "$jail"
}

# sysv_results NAME COMMAND...: counts the lines of sysv-cases.sh.
sysv_results() {
	local name=$1 line count=0
	shift
	"$@" >"$work/sysv.log" 2>&1 || true
	while read -r line; do
		case $line in
		ok*) ok "SysV, $name: ${line#ok    }"; count=$((count + 1)) ;;
		FAIL*) bad "SysV, $name: ${line#FAIL  }"; count=$((count + 1)) ;;
		*) echo "      $line" ;;
		esac
	done <"$work/sysv.log"
	# What the file of cases holds must have run to its end.
	local wanted
	wanted=$(grep -c '^case_is ' "$top/tests/init/sysv-cases.sh")
	if [ $count = "$wanted" ]; then
		ok "SysV, $name: all $wanted cases were run"
	else
		bad "SysV, $name: $count of $wanted cases were run" "$work/sysv.log"
	fi
}

sysv_dash() {
	mount --make-rprivate /
	mount -t tmpfs none /run
	mount -t tmpfs none /etc/default
	mount -t tmpfs none /etc/init.d
	cp "$1" /etc/init.d/spinel-bridge
	dash "$(dirname "$0")/init/sysv-cases.sh" dash "$2"
}

sysv_busybox() {
	mount --make-rprivate /
	mount -t proc proc "$1/proc"
	mount --rbind /dev "$1/dev"
	chroot "$1" /bin/busybox sh /tmp/sysv-cases.sh '/bin/busybox sh' /usr/sbin/spinel-bridge
}

# The recipe's list of crates equals Cargo.lock: as update-crates.sh writes it, and by a reader that shares nothing
# with it.
check_crates() {
	local list=$init/yocto/recipes-connectivity/spinel-bridge/spinel-bridge-crates.inc
	"$init/yocto/update-crates.sh" --print >"$work/want"
	same "Yocto: the crates list is what update-crates.sh makes of Cargo.lock" "$work/want" "$list"
	tr -d '\r' <"$top/Cargo.lock" | paste -sd' ' | sed 's/\[\[package\]\]/\n/g' | grep 'source = "registry' |
		sed 's/.*name = "\([^"]*\)" version = "\([^"]*\)".*checksum = "\([^"]*\)".*/\1 \2 \3/' | sort >"$work/want"
	sed -n 's|.*crate://crates.io/\([^/]*\)/\([^;]*\);name=\([^ ]*\) .*|\1 \2 \3|p' "$list" |
		while read -r name version key; do
			echo "$name $version $(sed -n "s|^SRC_URI\[$key\.sha256sum\] = \"\(.*\)\"|\1|p" "$list")"
		done | sort >"$work/got"
	same "Yocto: the crates list holds the $(wc -l <"$work/want") crates of Cargo.lock with their checksums" \
		"$work/want" "$work/got"
	if grep -q '^source = ' "$top/Cargo.lock" && ! grep '^source = ' "$top/Cargo.lock" | grep -v 'crates.io' >/dev/null; then
		ok "Cargo.lock: all crates come from crates.io"
	else
		bad "Cargo.lock: a crate comes from elsewhere: the recipes cannot fetch it"
	fi
}

check_versions_and_licenses() {
	local version recipe=$init/yocto/recipes-connectivity/spinel-bridge file
	version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml" | head -n 1)
	check "Yocto: the recipe has the version of Cargo.toml ($version)" test -f "$recipe/spinel-bridge_$version.bb"
	check "OpenWrt: the package has the version of Cargo.toml" grep -qx "PKG_VERSION:=$version" "$init/openwrt/Makefile"
	for file in LICENSE-APACHE LICENSE-MIT; do
		check "Yocto: md5 of $file" grep -qF "file://$file;md5=$(md5sum "$top/$file" | cut -d' ' -f1)" \
			"$recipe/spinel-bridge_$version.bb"
		check "Buildroot: sha256 of $file" grep -qx "sha256  $(sha256sum "$top/$file" | cut -d' ' -f1)  $file" \
			"$init/buildroot/package/spinel-bridge/spinel-bridge.hash"
	done
}

# BitBake is not in Debian; what can be looked at without it: the file names and what do_install calls.
check_yocto() {
	local recipe line
	recipe=$(echo "$init"/yocto/recipes-connectivity/spinel-bridge/spinel-bridge_*.bb)
	sed -n '/^do_install() {/,/^}/p' "$recipe" |
		sed "s/\${@bb.utils.contains('DISTRO_FEATURES', '[a-z]*', 'true', 'false', d)}/true/
			s|\${B}/target/\${CARGO_TARGET_SUBDIR}/spinel-bridge|$binary|" >"$work/do_install.sh"
	echo do_install >>"$work/do_install.sh"
	check "Yocto: do_install runs, under dash" env D="$work/yocto" S="$top" B=/nonexistent dash -eu "$work/do_install.sh"
	# Everything that it installs must belong to the package: FILES has /usr/sbin, /etc, and what the recipe adds.
	(cd "$work/yocto" && find . -type f | sed 's/^\.//' |
		grep -Ev '^/(usr/sbin|usr/bin|etc|usr/lib/udev|usr/lib/systemd/system|usr/lib/sysusers.d|usr/lib/tmpfiles.d|usr/share/doc)/') \
		>"$work/stray" || true
	if [ ! -s "$work/stray" ]; then
		ok "Yocto: FILES covers what do_install installs"
	else
		bad "Yocto: FILES covers what do_install installs" "$work/stray"
	fi
	# Each line is a comment, an assignment, a keyword line, a continuation or part of a function.
	line=$(awk '/^do_install/ { inside = 1 } !inside && !more && !/^(#|$|[A-Za-z_:${}-]+ *(\?\?=|\?=|\+=|=)|inherit |require )/ { print FNR ": " $0 }
		{ more = /\\$/ } /^}/ { inside = 0 }' "$recipe" "$init/yocto/conf/layer.conf" | grep -v 'BBPATH .=' || true)
	if [ -z "$line" ]; then
		ok "Yocto: the recipe and layer.conf read as BitBake syntax"
	else
		echo "$line" >"$work/out"
		bad "Yocto: the recipe and layer.conf read as BitBake syntax" "$work/out"
	fi
}

# What Yocto's own linter says of recipe and layer, but for the page of the project, which it would fetch, and for the list of
# crates, whose form is that of Yocto's class.
check_oelint() {
	local venv=${CARGO_TARGET_DIR:-$top/target}/oelint yocto=$init/yocto series
	need python3 python3
	python3 -c 'import ensurepip, venv' 2>"$work/venv.log" || install_packages python3-venv
	if ! "$venv/bin/pip" freeze 2>/dev/null | grep -ix "oelint.adv==$OELINT" >"$work/pip.log"; then
		check "oelint-adv $OELINT of PyPI" sh -euc "python3 -m venv --clear '$venv' &&
			'$venv/bin/pip' install --quiet --disable-pip-version-check oelint-adv==$OELINT"
	fi
	for series in scarthgap wrynose; do
		silent "Yocto: oelint-adv has nothing to say, for $series" "$venv/bin/oelint-adv" --quiet --release "$series" \
			--hide info --suppress oelint.vars.homepageping --suppress oelint.vars.inconspaces "$yocto"/recipes-*/*/*.bb "$yocto/conf/layer.conf"
	done
	# From styhead on the assignment is a parse error; before, the variable is not there.
	check "Yocto: nothing assigns UNPACKDIR" sh -c "! grep -rnE '^[^#]*UNPACKDIR *[?:]*=' '$yocto' --include=*.bb --include=*.inc --include=*.conf"
	check "Yocto: S is a folder of what was unpacked, with UNPACKDIR and without" grep -qxF \
		"S = \"\${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}/\${BP}\"" "$yocto"/recipes-*/*/*.bb
	check "Yocto: the series that the layer is for" grep -qx \
		'LAYERSERIES_COMPAT_spinel-bridge = "scarthgap styhead walnascar whinlatter wrynose"' "$yocto/conf/layer.conf"
}

check_buildroot() {
	local folder=$init/buildroot package=$init/buildroot/package/spinel-bridge
	# Stands in for Buildroot's package infrastructure.
	cat >"$work/buildroot.mk" <<-'END'
		cargo-package = $(info cargo-package called)
		INSTALL = install
		RUSTC_TARGET_NAME = this-target
		TARGET_DIR = $(OUT)
		include $(BR2_EXTERNAL_SPINEL_BRIDGE_PATH)/external.mk
		.PHONY: all target systemd sysv
		KCONFIG_ENABLE_OPT = echo $(1)=y >>$(OUT).kernel
		.PHONY: kernel users
		users: ; @:$(info $(SPINEL_BRIDGE_USERS))
		kernel: ; $(SPINEL_BRIDGE_LINUX_CONFIG_FIXUPS)
		all: ; @echo 'site=$(SPINEL_BRIDGE_SITE) method=$(SPINEL_BRIDGE_SITE_METHOD)'; echo 'binary=$(SPINEL_BRIDGE_BINARY)'
		target: ; $(SPINEL_BRIDGE_INSTALL_TARGET_CMDS)
		systemd: ; $(SPINEL_BRIDGE_INSTALL_INIT_SYSTEMD)
		sysv: ; $(SPINEL_BRIDGE_INSTALL_INIT_SYSV)
	END
	# $(@D), the package's build folder, is "." here.
	local make=(make --no-print-directory --warn-undefined-variables -C "$top" -f "$work/buildroot.mk"
		BR2_EXTERNAL_SPINEL_BRIDGE_PATH="$folder" BR2_ENABLE_DEBUG= SPINEL_BRIDGE_SOURCE=source BR_NO_CHECK_HASH_FOR=
		SPINEL_BRIDGE_VERSION=0 OUT="$work/buildroot")
	"${make[@]}" -pn >"$work/make.log" 2>"$work/make.err" || true
	if grep -q '^cargo-package called' "$work/make.log" && [ ! -s "$work/make.err" ]; then
		ok "Buildroot: make -pn reads external.mk and spinel-bridge.mk, no undefined variable"
	else
		bad "Buildroot: make -pn" "$work/make.err"
	fi
	"${make[@]}" all >"$work/out" 2>&1 || true
	check "Buildroot: the binary is cargo's for the target" grep -qx "binary=./target/this-target/release/spinel-bridge" \
		"$work/out"
	check "Buildroot: the source is the checkout, by git" grep -qx "site=$top method=git" "$work/out"
	check "Buildroot: the install commands run" "${make[@]}" target systemd sysv SPINEL_BRIDGE_BINARY="$binary"
	(cd "$work/buildroot" && find . -type f | sort) >"$work/got"
	printf './%s\n' etc/default/spinel-bridge etc/init.d/S60spinel-bridge usr/bin/spinelctl \
		usr/lib/systemd/system/spinel-bridge@.service usr/lib/systemd/system/spinel-bridge-host@.service \
		usr/share/doc/spinel-bridge/examples/spinel-bridge-host-example.default \
		usr/lib/sysusers.d/spinel-bridge.conf usr/lib/tmpfiles.d/spinel-bridge.conf \
		usr/lib/udev/rules.d/60-spinel-bridge.rules usr/sbin/spinel-bridge \
		usr/share/doc/spinel-bridge/examples/spinel-bridge-example.default | sort >"$work/want"
	same "Buildroot: and install these files" "$work/want" "$work/got"

	printf 'config BR2_PACKAGE_HOST_RUSTC_TARGET_ARCH_SUPPORTS\n\tbool "arch"\n\tdefault y\nconfig BR2_PACKAGE_HOST_RUSTC\n\tbool\nsource "%s"\n' \
		"$package/Config.in" >"$work/Config.in"
	printf 'CONFIG_BR2_PACKAGE_SPINEL_BRIDGE=y\n' >"$work/config"
	KCONFIG_CONFIG=$work/config kconfig-conf --olddefconfig "$work/Config.in" >"$work/out" 2>&1 || true
	if grep -q 'BR2_PACKAGE_SPINEL_BRIDGE=y' "$work/config" && grep -q 'BR2_PACKAGE_HOST_RUSTC=y' "$work/config" &&
		! grep -i warning "$work/out"; then
		ok "Buildroot: kconfig reads Config.in; the option selects host-rustc"
	else
		cat "$work/config" >>"$work/out"
		bad "Buildroot: kconfig reads Config.in; the option selects host-rustc" "$work/out"
	fi
	check "Buildroot: external.desc names the tree" grep -qx 'name: SPINEL_BRIDGE' "$folder/external.desc"
	"${make[@]}" users 2>&1 | grep 'spinel-bridge -1' >"$work/users" || true
	buildroot_user
	check "Buildroot: the kernel options" "${make[@]}" kernel
	printf 'CONFIG_%s=y\n' GPIO_CDEV SPI SPI_SPIDEV TUN >"$work/want"
	sort "$work/buildroot.kernel" >"$work/got" || true
	same "Buildroot: ... are those that the bridge needs" "$work/want" "$work/got"
}

# The rules of Buildroot's mkusers: nine fields; no user with the home "/" (it would get that folder); "-" is none.
buildroot_user() {
	local user uid group gid password home shell groups comment
	read -r user uid group gid password home shell groups comment <"$work/users" || true
	if [ "$user $uid $group $gid $password" = 'spinel-bridge -1 spinel-bridge -1 *' ] && [ "$home" = - ] &&
		[ "$shell" = - ] && [ "$groups" = spi,gpio ] && [ -n "$comment" ]; then
		ok "Buildroot: mkusers takes the user, who is in the groups spi and gpio"
	else
		bad "Buildroot: mkusers takes the user" "$work/users"
	fi
}

check_openwrt() {
	local folder=$init/openwrt
	mkdir -p "$work/openwrt/feeds/packages/lang/rust" "$work/openwrt/include" "$work/package/bin"
	# Stand in for OpenWrt's build system.
	printf 'INSTALL_DIR=install -d -m0755\nINSTALL_BIN=install -m0755\nINSTALL_CONF=install -m0600\n' >"$work/openwrt/rules.mk"
	printf 'PKG_INSTALL_DIR=%s\nPKG_BUILD_DIR=%s\nBuildPackage=\n' "$work/package" "$work/source" >"$work/openwrt/include/package.mk"
	# shellcheck disable=SC2016 # make's variables
	printf 'RUST_ARCH_DEPENDS=@arch\nRustBinPackage=$(info rust package $(1))\n' \
		>"$work/openwrt/feeds/packages/lang/rust/rust-package.mk"
	# shellcheck disable=SC2016 # make's variables
	printf 'include %s/Makefile\nprepare: ; $(Build/Prepare)\ninstall: ; $(call Package/spinel-bridge/install,%s)\n' \
		"$folder" "$work/openwrt-root" >"$work/openwrt/Makefile"
	cp "$binary" "$work/package/bin/spinel-bridge"
	cp "$SPINELCTL" "$work/package/bin/spinelctl"
	local make=(make --no-print-directory --warn-undefined-variables -C "$folder" -f "$work/openwrt/Makefile"
		TOPDIR="$work/openwrt" INCLUDE_DIR="$work/openwrt/include")
	"${make[@]}" -pn install >"$work/make.log" 2>"$work/make.err" || true
	if grep -q '^rust package spinel-bridge' "$work/make.log" && [ ! -s "$work/make.err" ]; then
		ok "OpenWrt: make -pn reads the Makefile, no undefined variable"
	else
		bad "OpenWrt: make -pn" "$work/make.err"
	fi
	check "OpenWrt: Build/Prepare and Package/install run" "${make[@]}" prepare install
	check "OpenWrt: Build/Prepare copies the checkout" test -f "$work/source/Cargo.lock"
	check "OpenWrt: ... without target/" test ! -e "$work/source/target"
	(cd "$work/openwrt-root" && find . -type f | sort | paste -sd' ') >"$work/got"
	echo './etc/config/spinel-bridge ./etc/init.d/spinel-bridge ./usr/bin/spinelctl ./usr/sbin/spinel-bridge' >"$work/want"
	same "OpenWrt: Package/install installs these files" "$work/want" "$work/got"
	check_procd
}

# The procd script under BusyBox's shell, with functions that print what procd and UCI would be told.
check_procd() {
	cat >"$work/procd.sh" <<-'END'
		config_load() { :; }
		config_foreach() { $1 spi; $1 polled; $1 host; $1 off; }
		config_get_bool() { [ "$2" != off ] && eval "$1=1" || eval "$1=${4:-0}"; }
		config_get() {
			case $2.$3 in
			spi.int) eval "$1=gpiochip0:25" ;;
			spi.res) eval "$1=gpiochip0:24" ;;
			spi.options) eval "$1='--spi-crc on -v'" ;;
			polled.device) eval "$1=/dev/spidev1.0" ;;
			host.tun) eval "$1=wpan0" ;;
			*) eval "$1=\"\${4:-}\"" ;;
			esac
		}
		config_list_foreach() { [ "$1.$2" != host.argument ] || "$3" '--reset-command=/bin/a b'; }
		mkdir() { :; }
		procd_open_instance() { command=; }
		procd_set_param() { [ "$1" != command ] || { shift; command="$*"; }; }
		procd_append_param() { shift; command="$command $(printf "%s\n" "$@" | sed "/ /s/.*/'&'/" | tr '\n' ' ' | sed 's/ $//')"; }
		procd_close_instance() { echo "$command"; }
		procd_add_reload_trigger() { echo "reload on $1"; }
	END
	{
		cat "$work/procd.sh" "$init/openwrt/files/spinel-bridge.init"
		printf 'start_service\nservice_triggers\n'
	} >"$work/run.sh"
	busybox sh -eu "$work/run.sh" >"$work/got" 2>&1 || true
	cat >"$work/want" <<-'END'
		/usr/sbin/spinel-bridge --pty --pty-link /var/run/spinel-bridge/spi --log syslog --spi-speed 1000000 --gpio-int gpiochip0:25 --gpio-res gpiochip0:24 --spi-crc on -v /dev/spidev0.0
		/usr/sbin/spinel-bridge --pty --pty-link /var/run/spinel-bridge/polled --log syslog --spi-speed 1000000 /dev/spidev1.0
		/usr/sbin/spinel-bridge --tun=wpan0 --control /var/run/spinel-bridge/wpan0.sock --log syslog --spi-speed 1000000 '--reset-command=/bin/a b' /dev/spidev0.0
		reload on spinel-bridge
	END
	same "OpenWrt: the procd script's command lines, by section" "$work/want" "$work/got"
}

check_examples() {
	local file=$init/examples/wpantund.conf count
	if grep 'SocketPath' "$file" | grep ',' >/dev/null; then
		bad "wpantund.conf: no comma in the command"
	else
		ok "wpantund.conf: no comma in the command"
	fi
	printf '#!/bin/sh\nprintf "%%s\\n" "$@"\n' >"$work/ot-daemon"
	chmod +x "$work/ot-daemon"
	PATH=$work:$PATH sh "$init/examples/ot-daemon-forkpty.sh" >"$work/out"
	tail -n 1 "$work/out" | sed 's/.*?//' | tr '&' '\n' | sed 's/^forkpty-arg=//' >"$work/arguments"
	count=$(wc -l <"$work/arguments")
	if [ "$count" -le 32 ] && ! grep -qE '[ %,]|^forkpty' "$work/arguments"; then
		ok "ot-daemon-forkpty.sh: $count arguments (at most 32), none that needs quoting"
	else
		bad "ot-daemon-forkpty.sh: arguments" "$work/arguments"
	fi
	check "otbr-agent.default: a file that a shell and systemd read" sh -euc ". '$init/examples/otbr-agent.default'; test -n \"\$OTBR_AGENT_OPTS\""
	if [ "$real" = yes ]; then
		check_options
	else
		echo "note  the options in the files are not compared with the program's: it is not built"
	fi
}

# Every option that the files use is one that the program knows.
check_options() {
	local option
	"$binary" --help >"$work/help" 2>&1 || true
	cat "$init"/examples/* "$init"/systemd/* "$init"/sysv/* "$init"/openwrt/files/* | grep -v '^#' |
		grep -oE -- '--(pty|stdio|log|gpio|spi|poll|tun|control|config|user|retain|set)[a-z-]*' | sort -u >"$work/options"
	while read -r option; do
		check "option $option is known to the program" grep -q -- "$option" "$work/help"
	done <"$work/options"
}

case ${1:-} in
--sysv-dash) shift; no_tests; sysv_dash "$@" ;;
--sysv-busybox) shift; no_tests; sysv_busybox "$@" ;;
*) main ;;
esac
