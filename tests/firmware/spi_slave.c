/*
 * The SPI slave peripheral of a board, for OpenThread's NcpSpi in its simulation: what include/openthread/platform/
 * spi-slave.h asks of a platform, and the three hooks of the simulation's main loop that its UART leaves free.
 *
 * The other end is $SPI_SLAVE: the character device of tests/vm/module, where the kernel's spidev and gpiochip are the
 * host, or a Unix socket (SEQPACKET) of the test, which speaks the same: read() gives one event, write() takes commands.
 *
 *	SPI_SLAVE_BOOT_MS     after a start nothing is prepared for so long, and INT is high
 *	SPI_SLAVE_REARM_US    so long after a transaction nothing is prepared
 *	SPI_SLAVE_PROCESS_US  so long a frame waits before it is processed; meanwhile none is taken
 *	SPI_SLAVE_REFUSE      N: in one of N transactions nothing is prepared
 *
 * What starts while nothing is prepared reads FF, and its MOSI is lost, as the header says.
 *
 * RES low ends the program and starts it anew once RES is high: so does the simulation reset itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <openthread/platform/misc.h>
#include <openthread/platform/spi-slave.h>

enum { EVENT_TRANSFER = 1, EVENT_RES = 2 };
enum { COMMAND_MISO = 1, COMMAND_INT = 2 };

struct event {
	uint32_t kind, value, speed_hz, mode, delay_us, spare;
	uint64_t time_ns;
};

struct command {
	uint32_t kind, value;
};

#define TRANSFER_MAX 8192

static int wire = -1;
/* Fires when the peripheral has something to do by itself. */
static int timer = -1;

static otPlatSpiSlaveTransactionCompleteCallback on_complete;
static otPlatSpiSlaveTransactionProcessCallback on_process;
static void *context;

/* What is prepared, and from when on. */
static uint8_t *output, *input;
static uint16_t output_len, input_len;
static bool prepared, requested;
static uint64_t armed_at;

/* When the frame that was taken is processed; 0: there is none. */
static uint64_t process_at;

static int level = 1;
static uint64_t boot_ns, rearm_ns, process_ns;
static unsigned long refuse;
static unsigned int dice;

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static unsigned long option(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : 0;
}

static void fail(const char *what)
{
	fprintf(stderr, "spi_slave: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The other end went away: so does the board. */
static void give(const void *octets, size_t len)
{
	if (write(wire, octets, len) != (ssize_t)len)
		exit(0);
}

static void drive(int new_level)
{
	struct command command = { COMMAND_INT, (uint32_t)new_level };

	if (new_level == level)
		return;
	level = new_level;
	give(&command, sizeof(command));
}

/* INT, and the timer for what comes by itself. */
static void settle(void)
{
	struct itimerspec next = { { 0, 0 }, { 0, 0 } };
	uint64_t time = now(), wake = process_at;

	drive(!(prepared && requested && armed_at <= time));
	if (prepared && requested && armed_at > time && (!wake || armed_at < wake))
		wake = armed_at;
	if (wake) {
		wake = wake > time ? wake - time : 1;
		next.it_value.tv_sec = (time_t)(wake / 1000000000);
		next.it_value.tv_nsec = (long)(wake % 1000000000);
	}
	timerfd_settime(timer, 0, &next, NULL);
}

/* Whether this transaction finds something prepared. */
static bool ready(uint64_t start)
{
	if (!prepared || start < armed_at)
		return false;
	if (refuse) {
		dice = dice * 1103515245 + 12345;
		return (dice >> 16) % refuse != 0;
	}
	return true;
}

static void transfer(const struct event *event, const uint8_t *mosi)
{
	static uint8_t answer[sizeof(struct command) + TRANSFER_MAX];
	struct command command = { COMMAND_MISO, event->value };
	uint8_t *miso = answer + sizeof(command);
	uint16_t len = (uint16_t)event->value;
	bool was_ready = ready(event->time_ns);

	memcpy(answer, &command, sizeof(command));
	memset(miso, 0xff, len);
	if (!was_ready) {
		give(answer, sizeof(command) + len);
		return;
	}
	memcpy(miso, output, output_len < len ? output_len : len);
	memcpy(input, mosi, input_len < len ? input_len : len);
	/* INT is released with chip select, and pulled again with the next frame. */
	prepared = false;
	drive(1);
	give(answer, sizeof(command) + len);
	armed_at = now() + rearm_ns;
	if (on_complete(context, output, output_len, input, input_len, len) && !process_at)
		process_at = now() + process_ns;
	settle();
}

static void reset(void)
{
	struct event event;

	close(timer);
	/* Held in reset until RES is released. */
	while (read(wire, &event, sizeof(event)) > 0 && !(event.kind == EVENT_RES && event.value))
		;
	otPlatReset(NULL);
}

static void receive(void)
{
	static uint8_t buffer[sizeof(struct event) + TRANSFER_MAX];
	struct event event;
	ssize_t len = read(wire, buffer, sizeof(buffer));

	if (len < (ssize_t)sizeof(event))
		exit(0);
	memcpy(&event, buffer, sizeof(event));
	if (event.kind == EVENT_TRANSFER)
		transfer(&event, buffer + sizeof(event));
	else if (event.kind == EVENT_RES && !event.value)
		reset();
}

static int connect_wire(void)
{
	const char *path = getenv("SPI_SLAVE");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat about;
	int fd;

	if (!path || stat(path, &about) != 0)
		fail("SPI_SLAVE must name a device or a socket");
	if (!S_ISSOCK(about.st_mode)) {
		fd = open(path, O_RDWR | O_CLOEXEC);
	} else {
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
			fail(path);
		/* Whom the test has on the line. */
		if (write(fd, "F", 1) != 1)
			fail(path);
	}
	if (fd < 0)
		fail(path);
	return fd;
}

otError otPlatSpiSlaveEnable(otPlatSpiSlaveTransactionCompleteCallback complete,
			     otPlatSpiSlaveTransactionProcessCallback process, void *its_context)
{
	if (on_complete)
		return OT_ERROR_ALREADY;
	on_complete = complete;
	on_process = process;
	context = its_context;
	boot_ns = option("SPI_SLAVE_BOOT_MS") * 1000000;
	rearm_ns = option("SPI_SLAVE_REARM_US") * 1000;
	process_ns = option("SPI_SLAVE_PROCESS_US") * 1000;
	refuse = option("SPI_SLAVE_REFUSE");
	dice = 1;
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	wire = connect_wire();
	armed_at = now() + boot_ns;
	return OT_ERROR_NONE;
}

void otPlatSpiSlaveDisable(void)
{
	on_complete = NULL;
	close(wire);
	close(timer);
}

otError otPlatSpiSlavePrepareTransaction(uint8_t *new_output, uint16_t new_output_len, uint8_t *new_input,
					 uint16_t new_input_len, bool request)
{
	if (!on_complete)
		return OT_ERROR_INVALID_STATE;
	if (new_output) {
		output = new_output;
		output_len = new_output_len;
	}
	if (new_input) {
		input = new_input;
		input_len = new_input_len;
	}
	prepared = true;
	requested = request;
	settle();
	return OT_ERROR_NONE;
}

/* ---- the main loop of the simulation ---- */

void platformUartUpdateFdSet(fd_set *reads, fd_set *writes, fd_set *errors, int *max_fd)
{
	(void)writes;
	(void)errors;
	FD_SET(wire, reads);
	FD_SET(timer, reads);
	if (wire > *max_fd)
		*max_fd = wire;
	if (timer > *max_fd)
		*max_fd = timer;
}

void platformUartProcess(void)
{
	struct timeval none = { 0, 0 };
	uint64_t count;
	fd_set reads;

	FD_ZERO(&reads);
	FD_SET(wire, &reads);
	if (select(wire + 1, &reads, NULL, NULL, &none) > 0)
		receive();
	if (read(timer, &count, sizeof(count)) > 0)
		settle();
	if (process_at && process_at <= now()) {
		process_at = 0;
		on_process(context);
		settle();
	}
}

void platformUartRestore(void)
{
}
