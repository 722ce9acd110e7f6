#!/usr/bin/env bash
# Proves the device trees: the overlay builds without a warning, applies to the real Raspberry Pi trees of Debian's
# arm64 kernel package and to a base tree with the Raspberry Pi kernel's labels, with and without each parameter, and
# changes there exactly what it should. Downloads 93 MB once, into target/dts-cache.
set -euo pipefail
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/lib.sh"

cache=$top/target/dts-cache
export LC_ALL=C

main() {
	need cpp cpp dtc device-tree-compiler fdtoverlay device-tree-compiler python3 python3
	fetch_trees
	build_overlays
	check_base_trees
	local board
	for board in bcm2837-rpi-3-b:'Pi 3' bcm2837-rpi-3-b-plus:'Pi 3+' bcm2837-rpi-zero-2-w:'Zero 2 W' \
		bcm2711-rpi-4-b:'Pi 4' bcm2711-rpi-400:'Pi 400'; do
		check_parameters mainline "$trees/broadcom/${board%%:*}.dtb" "${board#*:} (Debian)" \
			/soc/gpio@7e200000 /soc/spi@7e204000
	done
	check_pi5
	check_parameters rpi "$work/rpi-base.dtb" 'Raspberry Pi kernel' /soc/gpio@7e200000 /soc/spi@7e204000
	check_parameters rpi "$work/rpi5-base.dtb" 'Raspberry Pi kernel, Pi 5' /rp1/gpio@7e200000 /rp1/spi@7e204000
	check_other_buses
	check_refusals
	check_example
	result
}

# The trees of Debian's newest 6.12 arm64 kernel, without touching this machine's own architecture or package lists.
fetch_trees() {
	mkdir -p "$cache"
	trees=$(tree_folder)
	if [ -z "$trees" ]; then
		mkdir -p "$cache/lists/partial" "$cache/archives/partial"
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
			"http://deb.debian.org/debian-security bookworm-security main" >"$cache/sources.list"
		local apt=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists="$cache/lists"
			-o Dir::Cache="$cache" -o Dir::Etc::sourcelist="$cache/sources.list" -o Dir::Etc::sourceparts=-
			-o APT::Sandbox::User=root)
		apt-get "${apt[@]}" -qq update
		# The version moves with security updates, so it is asked for.
		local package
		package=$(apt-cache "${apt[@]}" depends linux-image-6.12-arm64 | awk '/Depends:/ { print $2; exit }')
		(cd "$cache" && apt-get "${apt[@]}" -qq download "$package")
		dpkg-deb --fsys-tarfile "$cache/$package"_*.deb |
			tar -x -C "$cache" --wildcards '*/broadcom/bcm2*' '*/freescale/imx8mm-evk.dtb'
		rm "$cache/$package"_*.deb
		trees=$(tree_folder)
	fi
	if [ -n "$trees" ]; then
		ok "real trees: $(basename "$trees")"
	else
		bad "real trees: no broadcom folder in Debian's arm64 kernel package"
		result
	fi
}

tree_folder() {
	find "$cache" -type d -path '*/usr/lib/linux-image-*' -name 'linux-image-*' | sort | tail -n 1
}

build_overlays() {
	if "$top/dts/build.sh" -o "$work" >"$work/build.log" 2>"$work/build.err" && [ ! -s "$work/build.err" ]; then
		ok "dts/build.sh: both variants, dtc -@ without a warning"
	else
		bad "dts/build.sh" "$work/build.err"
		result
	fi
}

check_base_trees() {
	local define name
	for name in rpi rpi5; do
		define=-DX
		[ $name = rpi ] || define=-DPI5
		cpp -nostdinc -undef -P -x assembler-with-cpp $define "$top/tests/dts/rpi-base.dts" "$work/$name-base.dts"
		silent "$name base tree: dtc without a warning" dtc -@ -o "$work/$name-base.dtb" "$work/$name-base.dts"
	done
}

# merge KERNEL BASE RESULT [PARAMETER]...: what the firmware, or fdtoverlay when there is no parameter, makes of it.
merge() {
	local overlay=$work/$1/spinel-bridge.dtbo base=$2 merged=$3
	shift 3
	if [ $# -gt 0 ]; then
		python3 "$top/tests/dts/dtree.py" param "$overlay" "$work/param.dtbo" "$@" || return
		overlay=$work/param.dtbo
	fi
	fdtoverlay -i "$base" -o "$merged" "$overlay"
}

# defines_merge KERNEL BASE RESULT DEFINE...: the same with values set at build time.
defines_merge() {
	local kernel=$1 base=$2 merged=$3 arguments=()
	shift 3
	while [ $# -gt 0 ]; do
		arguments+=(-D "$1")
		shift
	done
	"$top/dts/build.sh" -o "$work/defined" "${arguments[@]}" >/dev/null || return
	fdtoverlay -i "$base" -o "$merged" "$work/defined/$kernel/spinel-bridge.dtbo"
}

# expected KERNEL GPIO SPI BASE: the changes, in the order of dtree.py diff; the variables below are the parameters.
expected() {
	local kernel=$1 gpio=$2 spi=$3 base=$4
	local node=$spi/spinel@$cs pins=$gpio/spinel_spi${bus}_$cs
	{
		echo "+ ${pins}_int_pins"
		echo "+ ${pins}_int_pins:brcm,pins = $int"
		echo "+ ${pins}_int_pins:brcm,pull = $pull"
		echo "+ ${pins}_res_pins"
		echo "+ ${pins}_res_pins:brcm,pins = $res"
		echo "+ ${pins}_res_pins:brcm,pull = $res_pull"
		echo "+ $node"
		echo "+ $node:compatible = \"silabs,em3581\""
		echo "+ $node:reg = $cs"
		echo "+ $node:spi-max-frequency = $speed"
		echo "+ $node:pinctrl-names = \"default\""
		echo "+ $node:pinctrl-0 = ${pins}_int_pins ${pins}_res_pins"
		case $mode in 2 | 3) echo "+ $node:spi-cpol" ;; esac
		case $mode in 1 | 3) echo "+ $node:spi-cpha" ;; esac
		if [ "$bus" = 0 ]; then
			# Switched off in the base trees, except on boards that already use it.
			echo "- $spi:status = \"disabled\""
			echo "+ $spi:status = \"okay\""
		fi
		if [ "$kernel" = mainline ]; then
			echo "+ $gpio/spinel_bus_pins"
			echo "+ $gpio/spinel_bus_pins:brcm,pins = 9 10 11"
			echo "+ $gpio/spinel_bus_pins:brcm,function = 4"
			echo "+ $gpio/spinel_cs_pins"
			echo "+ $gpio/spinel_cs_pins:brcm,pins = 8 7"
			echo "+ $gpio/spinel_cs_pins:brcm,function = 1"
			echo "+ $spi:pinctrl-names = \"default\""
			echo "+ $spi:pinctrl-0 = $gpio/spinel_bus_pins $gpio/spinel_cs_pins"
			echo "+ $spi:cs-gpios = $gpio 8 1 $gpio 7 1"
		else
			echo "+ $spi/spidev@$cs:status = \"disabled\""
		fi
	} | sort >"$base"
}

defaults() {
	bus=0 cs=0 int=25 res=24 pull=2 res_pull=2 speed=1000000 mode=0
}

# one_case KERNEL BASE NAME GPIO SPI PARAMETERS DEFINES: both ways give the expected changes and the same tree.
one_case() {
	local kernel=$1 base=$2 name=$3 gpio=$4 spi=$5
	local parameters=() defines=()
	read -ra parameters <<<"$6"
	read -ra defines <<<"$7"
	local title="$name: ${6:-no parameter}"
	expected "$kernel" "$gpio" "$spi" "$work/want"
	if ! merge "$kernel" "$base" "$work/merged.dtb" "${parameters[@]+"${parameters[@]}"}" >"$work/merge.log" 2>&1; then
		bad "$title" "$work/merge.log"
		return
	fi
	python3 "$top/tests/dts/dtree.py" diff "$base" "$work/merged.dtb" | sort >"$work/got"
	same "$title" "$work/want" "$work/got"
	[ ${#defines[@]} -gt 0 ] || return 0
	if ! defines_merge "$kernel" "$base" "$work/defined.dtb" "${defines[@]}" >"$work/merge.log" 2>&1; then
		bad "$name: -D ${defines[*]}" "$work/merge.log"
		return
	fi
	decompile "$work/merged.dtb" >"$work/merged.dts"
	decompile "$work/defined.dtb" >"$work/defined.dts"
	same "$name: -D ${defines[*]}: the same tree, decompiled" "$work/merged.dts" "$work/defined.dts"
}

# Sorted, and without the numbers of phandles, which depend on the order of the overlay's nodes.
decompile() {
	dtc -q -s -I dtb -O dts "$1" | grep -v 'phandle = '
}

check_parameters() {
	local kernel=$1 base=$2 name=$3 gpio=$4 spi=$5
	if [ ! -f "$base" ]; then
		bad "$name: no $(basename "$base") in the kernel package"
		return
	fi
	defaults; one_case "$kernel" "$base" "$name" "$gpio" "$spi" '' ''
	defaults; one_case "$kernel" "$base" "$name" "$gpio" "$spi" spi0-0 SPINEL_CS=0
	defaults; cs=1; one_case "$kernel" "$base" "$name" "$gpio" "$spi" spi0-1 SPINEL_CS=1
	defaults; speed=4000000; one_case "$kernel" "$base" "$name" "$gpio" "$spi" speed=4000000 SPINEL_SPEED=4000000
	defaults; int=17; one_case "$kernel" "$base" "$name" "$gpio" "$spi" interrupt=17 SPINEL_INT=17
	defaults; res=27; one_case "$kernel" "$base" "$name" "$gpio" "$spi" reset=27 SPINEL_RES=27
	defaults; pull=0; one_case "$kernel" "$base" "$name" "$gpio" "$spi" pull=off SPINEL_PULL=0
	defaults; pull=1; one_case "$kernel" "$base" "$name" "$gpio" "$spi" pull=down SPINEL_PULL=1
	defaults; res_pull=0; one_case "$kernel" "$base" "$name" "$gpio" "$spi" reset_pull=off SPINEL_RES_PULL=0
	for mode in 1 2 3; do
		local m=$mode
		defaults; mode=$m; one_case "$kernel" "$base" "$name" "$gpio" "$spi" "mode=$m" "SPINEL_MODE=$m"
	done
	defaults; cs=1 speed=2000000 int=5 res=6 pull=0 mode=3
	one_case "$kernel" "$base" "$name" "$gpio" "$spi" 'spi0-1 speed=2000000 interrupt=5 reset=6 pull=off mode=3' \
		'SPINEL_CS=1 SPINEL_SPEED=2000000 SPINEL_INT=5 SPINEL_RES=6 SPINEL_PULL=0 SPINEL_MODE=3'
	check_line_names "$kernel" "$base" "$name"
}

# "-i GPIO25" works where the base tree names the lines; the overlay must not disturb that.
check_line_names() {
	[ "$1" = mainline ] || return 0
	if decompile "$2" | grep 'gpio-line-names = .*GPIO24\\0GPIO25\\0' >/dev/null; then
		ok "$3: the base tree names the lines GPIO24 and GPIO25"
	else
		bad "$3: no line names GPIO24, GPIO25 in the base tree: the documented -i GPIO25 cannot work there"
	fi
}

# Debian's Pi 5 tree has no header SPI yet. When it gets one, this says so and the board moves to the list in main.
check_pi5() {
	local base=$trees/broadcom/bcm2712-rpi-5-b.dtb
	if [ ! -f "$base" ]; then
		bad "Pi 5 (Debian): no bcm2712-rpi-5-b.dtb in the kernel package"
	elif decompile "$base" | grep 'spi = "/' >/dev/null; then
		bad "Pi 5 (Debian): the tree has a header SPI now: add the board to the list in tests/dts.sh"
	else
		refused "Pi 5 (Debian): no header SPI in this kernel's tree, and fdtoverlay refuses the overlay" \
			FDT_ERR_NOTFOUND merge mainline "$base" "$work/merged.dtb"
	fi
}

check_other_buses() {
	local controller place
	for place in 1-0 1-1 1-2 2-0 2-1 2-2; do
		defaults
		bus=${place%-*} cs=${place#*-}
		controller=/soc/spi@7e215080
		[ "$bus" = 1 ] || controller=/soc/spi@7e2150c0
		one_case rpi "$work/rpi-base.dtb" 'Raspberry Pi kernel' /soc/gpio@7e200000 $controller \
			"spi$place" "SPINEL_BUS=$bus SPINEL_CS=$cs"
	done
	if merge rpi "$work/rpi-base.dtb" "$work/first.dtb" spi0-0 &&
		merge rpi "$work/first.dtb" "$work/merged.dtb" spi0-1 interrupt=17 reset=27 &&
		[ "$(decompile "$work/merged.dtb" | grep -c 'compatible = "silabs,em3581"')" = 2 ]; then
		ok "Raspberry Pi kernel: two co-processors, the overlay applied twice"
	else
		bad "Raspberry Pi kernel: two co-processors, the overlay applied twice"
	fi
}

check_refusals() {
	local build=$top/dts/build.sh
	refused "build.sh refuses an unknown name" "no such name" "$build" -o "$work/x" -D SPINEL_NAME=1
	refused "build.sh refuses a value that is no number" "not a number" "$build" -o "$work/x" -D SPINEL_INT=GPIO25
	refused "chip select 2 of bus 0 is refused" "SPINEL_CS" "$build" -o "$work/x" -D SPINEL_CS=2
	refused "mode 4 is refused" "SPINEL_MODE" "$build" -o "$work/x" -D SPINEL_MODE=4
	refused "an unknown parameter is refused" "no such parameter" merge rpi "$work/rpi-base.dtb" "$work/x.dtb" irq=25
	refused "parameter mode=4 is refused" "the overlay allows" merge rpi "$work/rpi-base.dtb" "$work/x.dtb" mode=4
	refused "the variant for the other kernel is refused" FDT_ERR_NOTFOUND \
		merge rpi "$trees/broadcom/bcm2711-rpi-4-b.dtb" "$work/x.dtb"
}

# The example for another board, on that board's real tree. That tree has no symbols, so the labels are given here, and
# the pad macros are those of the kernel's imx8mm-pinfunc.h.
check_example() {
	local base=$trees/freescale/imx8mm-evk.dtb aips=/soc@0/bus@30000000
	{
		dtc -q -I dtb -O dts "$base"
		echo "ecspi2: &{/soc@0/bus@30800000/spba-bus@30800000/spi@30830000} { };"
		echo "gpio5: &{$aips/gpio@30240000} { };"
		echo "iomuxc: &{$aips/pinctrl@30330000} { };"
		cpp -nostdinc -undef -P -x assembler-with-cpp \
			-D'MX8MM_IOMUXC_ECSPI2_SCLK_ECSPI2_SCLK=0x204 0x46c 0 0 0' \
			-D'MX8MM_IOMUXC_ECSPI2_MOSI_ECSPI2_MOSI=0x208 0x470 0 0 0' \
			-D'MX8MM_IOMUXC_ECSPI2_MISO_ECSPI2_MISO=0x20c 0x474 0 0 0' \
			-D'MX8MM_IOMUXC_ECSPI2_SS0_GPIO5_IO13=0x210 0x478 0 5 0' \
			-D'MX8MM_IOMUXC_ECSPI1_MOSI_GPIO5_IO7=0x1f8 0x460 0 5 0' \
			-D'MX8MM_IOMUXC_ECSPI1_MISO_GPIO5_IO8=0x1fc 0x464 0 5 0' "$top/dts/example-mainline.dtsi"
	} >"$work/example.dts"
	# -q: the board's own tree, decompiled, has warnings of its own; those of the example are compared below.
	if ! dtc -q -o "$work/example.dtb" "$work/example.dts" 2>"$work/example.log"; then
		bad "example-mainline.dtsi on the i.MX8M Mini EVK's tree" "$work/example.log"
		return
	fi
	dtc -q -I dtb -O dts "$base" | dtc -o /dev/null - 2>&1 | grep -o 'Warning .*' | sort >"$work/want"
	dtc -o /dev/null "$work/example.dts" 2>&1 | grep -o 'Warning .*' | sort >"$work/got"
	same "example-mainline.dtsi: adds no warning to the i.MX8M Mini EVK's tree" "$work/want" "$work/got"
	local node=/soc@0/bus@30800000/spba-bus@30800000/spi@30830000 groups=$aips/pinctrl@30330000
	# Without pad values, which are shown above.
	python3 "$top/tests/dts/dtree.py" diff "$base" "$work/example.dtb" | grep -v 'fsl,pins' | sort >"$work/got"
	{
		echo "+ $aips/gpio@30240000:gpio-line-names = \"\" \"\" \"\" \"\" \"\" \"\" \"\" \"SPINEL_RES\" \"SPINEL_INT\""
		echo "+ $groups/spinelbusgrp"
		echo "+ $groups/spinellinesgrp"
		echo "+ $node/spinel@0"
		echo "+ $node/spinel@0:compatible = \"silabs,em3581\""
		echo "+ $node/spinel@0:pinctrl-0 = $groups/spinellinesgrp"
		echo "+ $node/spinel@0:pinctrl-names = \"default\""
		echo "+ $node/spinel@0:reg = 0"
		echo "+ $node/spinel@0:spi-max-frequency = 1000000"
		echo "+ $node:cs-gpios = $aips/gpio@30240000 13 1"
		echo "+ $node:pinctrl-0 = $groups/spinelbusgrp"
		echo "+ $node:pinctrl-names = \"default\""
		echo "- $node:status = \"disabled\""
		echo "+ $node:status = \"okay\""
	} | sort >"$work/want"
	same "example-mainline.dtsi on the i.MX8M Mini EVK's tree: exactly these changes" "$work/want" "$work/got"
}

main "$@"
