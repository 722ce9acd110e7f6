"""Home Assistant's client for RCPs, aiospinel, on the serial port that is its argument and the channel after it: what
its users do with it, and what its functions can do beyond. Says one line for each; any error ends it."""

import asyncio
import sys

import serialx
from aiospinel import CommandID, PropertyID, ResetReason, SpinelProtocol


async def main(port: str, channel: int) -> None:
    _, protocol = await serialx.create_serial_connection(
        loop=asyncio.get_running_loop(), protocol_factory=SpinelProtocol, url=port, baudrate=460800
    )
    await protocol.wait_until_connected()

    async def get(name: PropertyID) -> bytes:
        answer = await protocol.send_command(CommandID.PROP_VALUE_GET, name.serialize())
        prop, value = PropertyID.deserialize(answer.data)
        assert prop == name, answer
        return value

    async def set_value(name: PropertyID, value: bytes) -> None:
        answer = await protocol.send_command(CommandID.PROP_VALUE_SET, name.serialize() + value)
        prop, now = PropertyID.deserialize(answer.data)
        assert prop == name and now == value, answer

    print("probe", await protocol.probe(), flush=True)
    print("hwaddr", (await get(PropertyID.HWADDR)).hex(), flush=True)

    # Fifteen questions at once, each with a TID of its own.
    answers = await asyncio.gather(*(get(PropertyID.CAPS) for _ in range(45)))
    assert len(set(answers)) == 1, answers
    print("caps", len(answers), flush=True)

    frames: asyncio.Queue[bytes] = asyncio.Queue()
    protocol.add_property_listener(PropertyID.STREAM_RAW, frames.put_nowait)
    await set_value(PropertyID.PHY_ENABLED, b"\x01")
    await set_value(PropertyID.PHY_CHAN, bytes([channel]))
    await set_value(PropertyID.MAC_PROMISCUOUS_MODE, b"\x02")
    await set_value(PropertyID.MAC_RAW_STREAM_ENABLED, b"\x01")
    for _ in range(5):
        await asyncio.wait_for(frames.get(), 60)
    print("frames", flush=True)

    await protocol.reset(ResetReason.STACK)
    assert await get(PropertyID.PHY_ENABLED) == b"\x00"
    print("reset", flush=True)
    await protocol.disconnect()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
