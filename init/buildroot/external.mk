include $(sort $(wildcard $(BR2_EXTERNAL_SPINEL_BRIDGE_PATH)/package/*/*.mk))
