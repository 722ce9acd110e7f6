"""A bus of our own, a daemon with a simulated co-processor (or real firmware), and spinel-bridge-dbus between them."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

BRIDGE = os.environ["BRIDGE"]
COMPANION = os.environ["COMPANION"]

# Of two loaded cores; nothing waits for so long that ends at all.
PATIENCE = int(os.environ.get("PATIENCE", 60))

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    {defaults}
  </policy>
  {include}
</busconfig>
"""

# All may do all, so that it is seen what the program itself refuses.
OPEN = '<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>'

# As the machine's own bus has it.
STRICT = """<deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="method_return"/>
    <allow receive_type="error"/><allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>"""


class World:
    """Ends all that it has started, by their own processes."""

    def __init__(self, policy=None, user=None):
        self.folder = tempfile.mkdtemp(prefix="spinel-dbus-")
        os.chmod(self.folder, 0o755)
        self.sockets = os.path.join(self.folder, "run")
        os.mkdir(self.sockets)
        self.address = f"unix:path={self.folder}/bus"
        self.running = []
        include = f"<include>{policy}</include>" if policy else ""
        with open(os.path.join(self.folder, "bus.conf"), "w") as file:
            file.write(CONFIG.format(folder=self.folder, defaults=STRICT if policy else OPEN, include=include))
        self.start("bus", ["dbus-daemon", "--nofork", "--nopidfile", f"--config-file={self.folder}/bus.conf"])
        self.until(lambda: os.path.exists(f"{self.folder}/bus"), "the bus")
        self.user = user

    def start(self, name, command, **options):
        log = open(os.path.join(self.folder, f"{name}.log"), "ab")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
        log.close()
        self.running.append((name, process))
        return process

    def bridge(self, name="wpan0", device="sim:", *options):
        command = [BRIDGE, "--config", "none", "--tun", name, "--control", f"{self.sockets}/{name}.sock"]
        process = self.start(f"bridge-{name}", [*command, *options, device])
        self.until(lambda: os.path.exists(f"{self.sockets}/{name}.sock"), "the control socket", process)
        return process

    def companion(self, *options, **popen):
        self.program = self.start(
            "companion", [COMPANION, "--bus", self.address, "--folder", self.sockets, *options], **popen
        )
        return self.program

    def log(self, name):
        with open(os.path.join(self.folder, f"{name}.log"), errors="replace") as file:
            return file.read()

    def until(self, condition, what, process=None):
        end = time.monotonic() + PATIENCE
        while not condition():
            if process is not None and process.poll() is not None:
                raise AssertionError(f"{what}: the process has ended: {self.logs()}")
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {PATIENCE} s: {self.logs()}")
            time.sleep(0.01)

    def logs(self):
        names = dict.fromkeys(name for name, _ in self.running)
        return "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in names)

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def end(self):
        for _, process in reversed(self.running):
            self.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def connect(self):
        return await Client.open(self.address)


class Client:
    """A client that sees what is on the wire: signatures, and signals in their order."""

    @classmethod
    async def open(cls, address):
        self = cls()
        self.bus = await MessageBus(bus_address=address, negotiate_unix_fd=True).connect()
        self.seen = []
        self.news = asyncio.Event()
        self.bus.add_message_handler(self.take)
        await self.ask("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s",
                       ["type='signal'"])
        return self

    def take(self, message):
        if message.message_type == MessageType.SIGNAL:
            self.seen.append(message)
            self.news.set()

    async def ask(self, destination, path, interface, member, signature="", args=(), fds=()):
        """The reply as a message, also if it is an error."""
        message = Message(destination=destination, path=path, interface=interface, member=member,
                          signature=signature, body=list(args), unix_fds=list(fds))
        return await asyncio.wait_for(self.bus.call(message), 3 * PATIENCE)

    async def v1(self, member, signature="", args=(), name="wpan0", **more):
        return await self.ask(V0, f"/org/wpantund/{name}", V1, member, signature, args, **more)

    async def v0(self, member, signature="", args=(), name="wpan0"):
        return await self.ask(V0, f"{MANAGER}/{name}", V0, member, signature, args)

    async def manager(self, member):
        return await self.ask(V0, MANAGER, V0, member)

    async def own(self, member, signature="", args=(), name="wpan0", interface=None):
        return await self.ask(OWN, f"{OWN_PATH}/{name}", interface or f"{OWN}.Interface", member, signature, args)

    async def get(self, name):
        reply = await self.v1("PropGet", "s", [name])
        assert reply.body and reply.body[0] == 0, (name, reply.body)
        return reply.body[1]

    async def until(self, condition, what):
        """Waits for signals until the condition holds; it is asked again after each."""
        async def wait():
            while not condition():
                self.news.clear()
                await self.news.wait()
        try:
            await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise AssertionError(f"{what}: not seen in {[(m.member, m.body) for m in self.seen]}") from None

    async def owner(self, name):
        reply = await self.ask("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                               "NameHasOwner", "s", [name])
        return reply.body[0]

    async def ready(self, name="wpan0", state=None):
        """Waits until an interface is on the bus, and in one of these states."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            reply = await self.manager("GetInterfaces")
            listed = reply.message_type == MessageType.METHOD_RETURN and [row[0] for row in reply.body[0]]
            if listed and name in listed:
                if state is None:
                    return
                got = await self.v1("PropGet", "s", ["NCP:State"], name=name)
                if got.body[1] in state:
                    return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{name} is not on the bus, or not {state}")

    def close(self):
        self.bus.disconnect()


def plain(value):
    """Values as the recorded conversation writes them."""
    if isinstance(value, Variant):
        return {"@" + value.signature: plain(value.value)}
    if isinstance(value, (bytes, bytearray)):
        return "hex:" + value.hex()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def show(value):
    return json.dumps(plain(value))


V0 = "com.nestlabs.WPANTunnelDriver"
V1 = "org.wpantund.v1"
MANAGER = "/com/nestlabs/WPANTunnelDriver"
OWN = "io.github.spinel_bridge1"
OWN_PATH = "/io/github/spinel_bridge1"
BUS = BusType.SYSTEM
