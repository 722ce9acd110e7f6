// A Zigbee coordinator on an OpenThread RCP: the npm package zigbee-on-host, on the serial port that is the first
// argument. The second is the folder of its state, the third the channel. Says "formed", stays until its input ends,
// and stops in good order.

const { EventEmitter } = require("node:events");
const fs = require("node:fs");
const tty = require("node:tty");
const { OTRCPDriver } = require("zigbee-on-host");

const [, , port, folder, channel] = process.argv;
const fd = fs.openSync(port, fs.constants.O_RDWR | fs.constants.O_NOCTTY);
const input = new tty.ReadStream(fd);
input.setRawMode(true);

const transport = new EventEmitter();
transport.write = (octets) => fs.writeSync(fd, octets);
input.on("data", (chunk) => transport.emit("data", chunk));

const nothing = () => {};
const driver = new OTRCPDriver(
    transport,
    {
        onMACFrame: (_payload, rssi) => console.log(`frame ${rssi}`),
        onFrame: nothing,
        onGPFrame: nothing,
        onDeviceJoined: nothing,
        onDeviceRejoined: nothing,
        onDeviceLeft: nothing,
        onDeviceAuthorized: nothing,
    },
    {
        txChannel: Number(channel),
        ccaBackoffAttempts: 1,
        ccaRetries: 4,
        enableCSMACA: true,
        headerUpdated: true,
        reTx: false,
        securityProcessed: true,
        txDelay: 0,
        txDelayBaseTime: 0,
        rxChannelAfterTxDone: Number(channel),
    },
    {
        eui64: 0x00124b0012345678n,
        panId: 0x1a62,
        extendedPanId: 0xdddddddddddddddd0n & 0xffffffffffffffffn,
        channel: Number(channel),
        nwkUpdateId: 0,
        txPower: 5,
        networkKey: Buffer.from("01030507090b0d0f00020406080a0c0d", "hex"),
        networkKeyFrameCounter: 0,
        networkKeySequenceNumber: 0,
        tcKey: Buffer.from("5a6967426565416c6c69616e63653039", "hex"),
        tcKeyFrameCounter: 0,
    },
    folder,
    true,
);

async function main() {
    await driver.start();
    console.log(`version ${driver.ncpVersion}, RCP API ${driver.rcpAPIVersion}`);
    await driver.formNetwork();
    console.log("formed");
    process.stdin.resume();
    process.stdin.on("end", async () => {
        await driver.stop();
        console.log("stopped");
        process.exit(0);
    });
}

main().catch((error) => {
    console.log(`error ${error.stack}`);
    process.exit(1);
});
