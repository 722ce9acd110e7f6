################################################################################
#
# spinel-bridge
#
################################################################################

# The checkout that this external tree lies in, at the commit that is checked
# out. Set both for another source.
SPINEL_BRIDGE_VERSION ?= $(shell git -C $(BR2_EXTERNAL_SPINEL_BRIDGE_PATH) rev-parse HEAD)
SPINEL_BRIDGE_SITE ?= $(realpath $(BR2_EXTERNAL_SPINEL_BRIDGE_PATH)/../..)
SPINEL_BRIDGE_SITE_METHOD = git
# The commit is the source's hash; the crates are those of Cargo.lock.
BR_NO_CHECK_HASH_FOR += $(SPINEL_BRIDGE_SOURCE)

SPINEL_BRIDGE_LICENSE = Apache-2.0 or MIT
SPINEL_BRIDGE_LICENSE_FILES = LICENSE-APACHE LICENSE-MIT

SPINEL_BRIDGE_BINARY = $(@D)/target/$(RUSTC_TARGET_NAME)/$(if $(BR2_ENABLE_DEBUG),debug,release)/spinel-bridge

# Buildroot has release profiles of its own, without overflow checks; these are
# those of Cargo.toml. A length that wraps around is a hole.
SPINEL_BRIDGE_CARGO_ENV = \
	CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
	CARGO_PROFILE_RELEASE_LTO=true \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1

define SPINEL_BRIDGE_LINUX_CONFIG_FIXUPS
	$(call KCONFIG_ENABLE_OPT,CONFIG_SPI)
	$(call KCONFIG_ENABLE_OPT,CONFIG_SPI_SPIDEV)
	$(call KCONFIG_ENABLE_OPT,CONFIG_GPIO_CDEV)
	$(call KCONFIG_ENABLE_OPT,CONFIG_TUN)
endef

define SPINEL_BRIDGE_INSTALL_TARGET_CMDS
	DESTDIR=$(TARGET_DIR) BINARY=$(SPINEL_BRIDGE_BINARY) \
		$(@D)/init/install.sh binary udev
endef

define SPINEL_BRIDGE_INSTALL_INIT_SYSTEMD
	DESTDIR=$(TARGET_DIR) $(@D)/init/install.sh systemd
endef

define SPINEL_BRIDGE_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(@D)/init/sysv/spinel-bridge \
		$(TARGET_DIR)/etc/init.d/S60spinel-bridge
	$(INSTALL) -D -m 0644 $(@D)/init/sysv/spinel-bridge.default \
		$(TARGET_DIR)/etc/default/spinel-bridge
endef

define SPINEL_BRIDGE_USERS
	spinel-bridge -1 spinel-bridge -1 * - - spi,gpio Spinel bridge
endef

$(eval $(cargo-package))
