SUMMARY = "Spinel co-processor on SPI"
DESCRIPTION = "Connects a Spinel co-processor (Thread / IEEE 802.15.4) on a Linux SPI bus to the host."
# The project has no page of its own yet; this is the one of what it connects.
HOMEPAGE = "https://openthread.io/platforms/co-processor"
SECTION = "net"
LICENSE = "Apache-2.0 | MIT"
LIC_FILES_CHKSUM = "\
    file://LICENSE-APACHE;md5=1836efb2eb779966696f473ee8540542 \
    file://LICENSE-MIT;md5=5a8570e67754f4a874a04c7ab6a74f66 \
"

# The checkout that this layer lies in, at the commit that is checked out. For another source set both:
#   SPINEL_BRIDGE_SRC = "git://host/path/spinel-bridge.git;protocol=https;branch=main"
#   SRCREV:pn-spinel-bridge = "<commit>"
SPINEL_BRIDGE_SRC ?= "git://${@os.path.realpath(d.getVar('THISDIR') + '/../../../..')};protocol=file;usehead=1;nobranch=1"
SRC_URI = "${SPINEL_BRIDGE_SRC};destsuffix=${BP}"
# nooelint: oelint.vars.autorev - the checkout is what is built
SRCREV ?= "${AUTOREV}"

# Releases before styhead (5.1) have no UNPACKDIR; from then on to assign it is a parse error.
S = "${@d.getVar('UNPACKDIR') or d.getVar('WORKDIR')}/${BP}"

inherit cargo cargo-update-recipe-crates systemd update-rc.d useradd

# The crates of Cargo.lock; init/yocto/update-crates.sh writes it.
require ${BPN}-crates.inc

# The split of debug symbols wants the symbols; the release profile would strip them.
CARGO_BUILD_FLAGS += "--config profile.release.strip=false"

# tun-tap compiles a C file from the crates' folder, whose path would stay in the debug symbols (QA, buildpaths).
DEBUG_PREFIX_MAP += "-ffile-prefix-map=${CARGO_HOME}=${TARGET_DBGSRC_DIR}/cargo_home"

# The instance that starts at boot: "spi" is the only co-processor of the board (/dev/spinel-spi).
SPINEL_BRIDGE_INSTANCE ?= "spi"
SYSTEMD_SERVICE:${PN} = "spinel-bridge@${SPINEL_BRIDGE_INSTANCE}.service"

INITSCRIPT_NAME = "spinel-bridge"
INITSCRIPT_PARAMS = "defaults 60"

USERADD_PACKAGES = "${PN}"
GROUPADD_PARAM:${PN} = "--system spi; --system gpio"
USERADD_PARAM:${PN} = "--system --no-create-home --home-dir / --shell /sbin/nologin --user-group --groups spi,gpio spinel-bridge"

do_install() {
    export DESTDIR="${D}"
    BINARY="${B}/target/${CARGO_TARGET_SUBDIR}/spinel-bridge" ${S}/init/install.sh binary udev
    if ${@bb.utils.contains('DISTRO_FEATURES', 'systemd', 'true', 'false', d)}; then
        ${S}/init/install.sh systemd
    fi
    if ${@bb.utils.contains('DISTRO_FEATURES', 'sysvinit', 'true', 'false', d)}; then
        ${S}/init/install.sh sysv
    fi
}

FILES:${PN} += "${nonarch_libdir}/udev ${systemd_system_unitdir} ${nonarch_libdir}/sysusers.d ${nonarch_libdir}/tmpfiles.d"

RRECOMMENDS:${PN} += "kernel-module-spidev kernel-module-tun"
