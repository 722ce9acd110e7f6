"""spinel-bridge-dbus on a bus of its own, with a simulated co-processor: run by dbus/tests/run.sh."""

import asyncio
import json
import os
import subprocess
import unittest

from dbus_fast import MessageType, Variant

from world import MANAGER, OWN, OWN_PATH, V0, V1, World, plain

HERE = os.path.dirname(os.path.abspath(__file__))
ERROR = "org.freedesktop.DBus.Error."


class Case(unittest.IsolatedAsyncioTestCase):
    device = "sim:"
    user = None

    async def asyncSetUp(self):
        self.world = World()
        self.addCleanup(self.world.end)
        self.bridge = self.world.bridge("wpan0", self.device)
        self.world.companion()
        self.client = await self.world.connect()
        self.addCleanup(self.client.close)
        await self.client.ready(state=["offline", "offline:commissioned", "associated"])

    def tool(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        self.assertEqual(done.returncode, 0, done.stderr + self.world.logs())
        return done.stdout

    async def form(self):
        key = bytes.fromhex("00112233445566778899aabbccddeeff")
        network = {"Network:Name": Variant("s", "rectest"), "Network:NodeType": Variant("s", "router"),
                   "NCP:Channel": Variant("q", 15), "Network:PANID": Variant("q", 0xABCD),
                   "Network:XPANID": Variant("t", 0x1122334455667788), "Network:Key": Variant("ay", key)}
        reply = await self.client.v1("Form", "a{sv}", [network])
        self.assertEqual(reply.body, [0], self.world.logs())


class Wpantund(Case):
    async def test_the_first_calls_of_wpanctl(self):
        version = await self.client.manager("GetVersion")
        self.assertEqual((version.signature, version.body), ("u", [2]))
        listed = await self.client.manager("GetInterfaces")
        self.assertEqual(listed.signature, "aas")
        [[name, unique]] = listed.body[0]
        self.assertEqual(name, "wpan0")
        # The second text is where all later calls go.
        status = await self.client.ask(unique, "/org/wpantund/wpan0", V1, "Status")
        self.assertEqual(status.signature, "a{sv}")
        self.assertEqual(list(status.body[0])[:5], ["NCP:State", "Daemon:Enabled", "NCP:Version", "Daemon:Version",
                                                    "Config:NCP:DriverName"])

    async def test_form_tells_what_changes_before_the_reply(self):
        await self.form()
        told = [(m.path, m.member, m.signature, plain(m.body)) for m in self.client.seen]
        v0, v1 = f"{MANAGER}/wpan0", "/org/wpantund/wpan0"
        for expected in [
            (f"{v0}/Properties/NCP/Channel", "PropertyChanged", "sy", ["NCP:Channel", 15]),
            (f"{v1}/Property/NCP/Channel", "PropChanged", "sy", ["NCP:Channel", 15]),
            (f"{v1}/Property/Network/XPANID", "PropChanged", "say", ["Network:XPANID", "hex:1122334455667788"]),
            (f"{v1}/Property/Network/PANID", "PropChanged", "sq", ["Network:PANID", 0xABCD]),
            (f"{v1}/Property/Network/Name", "PropChanged", "ss", ["Network:Name", "rectest"]),
            (f"{v0}/Properties/NCPNodeType", "PropertyChanged", "ss", ["NCPNodeType", "leader"]),
            (f"{v1}/Property/NCP/State", "PropChanged", "ss", ["NCP:State", "associated"]),
            (v0, "AllowSleep", "", []),
        ]:
            self.assertIn(expected, told)
        # v0 before v1, AssociationStateChanged before both.
        members = [m.member for m in self.client.seen
                   if m.body and m.body[0] in ("NCP:State", "associated") and m.path.startswith(("/com", "/org/w"))]
        self.assertEqual(members[-3:], ["AssociationStateChanged", "PropertyChanged", "PropChanged"])
        # Nobody is told a key by what all may hear.
        self.assertNotIn("00112233445566778899aabbccddeeff", json.dumps(told).lower())
        status = (await self.client.v1("Status")).body[0]
        kinds = {key: value.signature for key, value in status.items()}
        self.assertEqual(kinds["NCP:Channel"] + kinds["Network:XPANID"] + kinds["Network:PANID"], "itq")
        self.assertEqual((await self.client.get("Network:Key")).hex(), "00112233445566778899aabbccddeeff")
        again = await self.client.v1("Form", "a{sv}", [{"Network:Name": Variant("s", "again")}])
        self.assertEqual(again.body, [10])
        self.assertEqual((await self.client.v1("Leave")).body, [0])
        await self.client.until(lambda: self.client.seen[-1].body[:1] == ["offline"] or any(
            m.body == ["NCP:State", "offline"] for m in self.client.seen), "offline")

    async def test_beacons_come_before_the_reply(self):
        reply = await self.client.v1("EnergyScanStart", "u", [0b11 << 11])
        self.assertEqual(reply.body, [0])
        found = [plain(m.body[0]) for m in self.client.seen if m.member == "EnergyScanResult"]
        self.assertEqual([row["NCP:Channel"] for row in found], [{"@n": 11}, {"@n": 12}])
        self.assertEqual([list(row["RSSI"]) for row in found], [["@y"], ["@y"]])
        self.client.seen.clear()
        self.assertEqual((await self.client.v1("NetScanStart", "u", [0])).body, [0])
        beacons = [plain(m.body[0]) for m in self.client.seen if m.member == "NetScanBeacon"]
        self.assertTrue(beacons)
        self.assertIn("@ay", beacons[0]["NCP:HardwareAddress"])

    async def test_a_daemon_that_comes_and_goes(self):
        self.world.bridge("wpan1", "sim:")
        await self.client.ready("wpan1")
        self.world.stop(self.bridge)
        await self.client.until(lambda: any(m.member == "InterfaceRemoved" and m.body == ["wpan0"]
                                            for m in self.client.seen), "InterfaceRemoved")
        reply = await self.client.v1("Status")
        self.assertEqual(reply.error_name, ERROR + "UnknownMethod")
        self.world.bridge("wpan0", "sim:")
        await self.client.ready("wpan0")
        self.assertEqual((await self.client.v1("Status")).signature, "a{sv}")


class Conversation(Case):
    async def test_the_recorded_conversation(self):
        await self.form()
        got = await self.client.v1("PropSet", "ss", ["Dataset:Command", "GetActive"])
        self.assertEqual(got.body, [0])
        with open(f"{HERE}/conversation.tsv") as file:
            rows = [line.rstrip("\n").split("\t") for line in file if line[0] != "#"]
        with open(f"{HERE}/deviations.tsv") as file:
            reasons = dict(line.rstrip("\n").split("\t") for line in file if line[0] != "#")
        used, wrong, right = set(), [], 0
        for path, interface, member, signature, args, expected, reply, kind, state in rows:
            # Of others only what changes nothing is asked again: the reply depends on what was before.
            if kind == "state" and member not in ("PropGet", "GetProp", "Status", "GetInterfaces", "Introspect"):
                continue
            # While there was no interface, and nothing was known.
            if kind == "const" and state == "associated:no-parent":
                continue
            asked = decode(json.loads(args), signature)
            got = await self.client.ask(V0, path, None if interface == "-" else interface, member,
                                        signature.strip('"'), asked)
            is_error = got.message_type == MessageType.ERROR
            kind_got = "!" + got.error_name if is_error else got.signature or '""'
            fits = kind_got == expected and (kind == "state" or plain(got.body) == json.loads(reply))
            key = f"{path.split('/')[1]} {member} {args} {expected}"
            if key in reasons and not fits:
                used.add(key)
                continue
            right += fits
            if not fits:
                wrong.append(f"{key}\t{kind}: {expected} {reply[:90]}, here {kind_got} {str(plain(got.body))[:90]}")
        self.maxDiff = None
        self.assertEqual("\n".join(wrong), "", f"{right} fit")
        self.assertEqual(set(reasons) - used, set(), "deviations that are none any more")
        self.assertGreater(right, 300)


def decode(value, signature):
    def one(item, kind):
        if isinstance(item, str) and item.startswith("hex:"):
            return bytes.fromhex(item[4:])
        if isinstance(item, dict) and len(item) == 1 and next(iter(item)).startswith("@"):
            kind, inner = next(iter(item.items()))
            return Variant(kind[1:], one(inner, kind[1:]))
        if isinstance(item, dict):
            return {key: one(inner, "v") for key, inner in item.items()}
        if isinstance(item, list):
            return [one(inner, "") for inner in item]
        return item
    return [one(item, "") for item in value]


class Own(Case):
    async def test_properties_methods_and_objects(self):
        objects = await self.client.ask(OWN, OWN_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        self.assertEqual(objects.signature, "a{oa{sa{sv}}}", objects.body)
        self.assertEqual(list(objects.body[0]), [f"{OWN_PATH}/wpan0"])
        reply = await self.client.own("Form", "sa{sv}", ["own", {"channel": Variant("u", 20)}])
        self.assertEqual(reply.message_type, MessageType.METHOD_RETURN, reply.body)
        changed = {}
        for message in self.client.seen:
            if message.member == "PropertiesChanged":
                changed.update(plain(message.body[1]))
        self.assertEqual((changed["State"], changed["Channel"], changed["NetworkName"]),
                         ({"@s": "associated"}, {"@y": 20}, {"@s": "own"}))
        got = await self.client.own("Get", "ss", [f"{OWN}.Interface", "State"],
                                    interface="org.freedesktop.DBus.Properties")
        self.assertEqual(plain(got.body), [{"@s": "associated"}])
        rows = await self.client.own("Call", "sasa{sv}", ["getprop", ["NET_ROLE"], {}])
        self.assertEqual(plain(rows.body), [[{"NET_ROLE": {"@x": 3}}]])
        wrong = await self.client.own("Form", "sa{sv}", ["own", {"channel": Variant("u", 99)}])
        self.assertEqual(wrong.error_name, f"{OWN}.Error.Usage")

    async def test_busctl_and_gdbus(self):
        bus = self.world.address
        shown = self.tool("busctl", f"--address={bus}", "introspect", OWN, f"{OWN_PATH}/wpan0")
        for word in [".Form", ".State", "PropertiesChanged", ".Call"]:
            self.assertIn(word, shown)
        state = self.tool("busctl", f"--address={bus}", "get-property", OWN, f"{OWN_PATH}/wpan0",
                          f"{OWN}.Interface", "State")
        self.assertEqual(state, 's "offline"\n')
        got = self.tool("gdbus", "call", "--address", bus, "--dest", V0, "--object-path", "/org/wpantund/wpan0",
                        "--method", f"{V1}.PropGet", "NCP:State")
        self.assertEqual(got, "(0, 'offline')\n")


@unittest.skipUnless(os.geteuid() == 0, "another user is needed")
class Rights(Case):
    async def test_who_may_not_use_the_socket_may_not_call(self):
        # nobody is in no group of the socket's.
        for member in [f"{V1}.Status", f"{V1}.PropGet"]:
            done = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "gdbus", "call", "--address",
                 self.world.address, "--dest", V0, "--object-path", "/org/wpantund/wpan0", "--method", member,
                 *(["Network:Key"] if member.endswith("PropGet") else [])],
                capture_output=True, text=True, timeout=180)
            self.assertNotEqual(done.returncode, 0, done.stdout)
            self.assertIn("AccessDenied", done.stderr)


@unittest.skipUnless(os.geteuid() == 0, "another user is needed")
class Policy(unittest.IsolatedAsyncioTestCase):
    async def test_the_policy_file_lets_root_and_no_stranger(self):
        policy = os.path.join(HERE, "../../init/dbus/io.github.spinel_bridge1.conf")
        world = World(policy=os.path.realpath(policy))
        self.addCleanup(world.end)
        world.bridge()
        world.companion()
        client = await world.connect()
        self.addCleanup(client.close)
        await client.ready(state=["offline"])
        # The bus itself refuses, before spinel-bridge-dbus is asked: to name and to unique name.
        unique = (await client.manager("GetInterfaces")).body[0][0][1]
        for name in [V0, OWN, unique]:
            done = subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "gdbus", "call", "--address",
                 world.address, "--dest", name, "--object-path", MANAGER, "--method", f"{V0}.GetVersion"],
                capture_output=True, text=True, timeout=180)
            self.assertNotEqual(done.returncode, 0, done.stdout)
            self.assertIn("AccessDenied", done.stderr)
            self.assertIn("Rejected send message", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
