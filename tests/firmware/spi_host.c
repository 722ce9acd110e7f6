/*
 * /dev/spidev0.0 and /dev/gpiochip0 for a program that is started with this in LD_PRELOAD: the release binary as it is,
 * and OpenThread's own SPI host beside it. What they ask of the kernel goes to a board that is a Unix socket
 * (SEQPACKET) of the test, $SPI_BOARD/socket. The real drivers are in the virtual machine (tests/vm).
 *
 * A connection says first what it is:
 *
 *	S  the bus: a record is an event of tests/vm/module and the octets on MOSI; the answer is those on MISO
 *	I  INT: each record from the board is a struct gpioevent_data, the first part of version 2's event, to which read()
 *	   makes it longer for who asked in version 2; its level is the one character in $SPI_BOARD/int
 *	R  RES: each record is one octet, the level
 *	C  the chip, which says nothing
 *
 * Both versions of the GPIO interface, or what $SPI_GPIO says ("v1", "v2"); line 0 is INT, line 1 is RES.
 * SPI_IOC_MESSAGE is one assertion of chip select.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <linux/spi/spidev.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BUFSIZ_OF_SPIDEV 4096
#define EVENT_TRANSFER 1
#define LINES 2

struct event {
	uint32_t kind, value, speed_hz, mode, delay_us, spare;
	uint64_t time_ns;
};

static int level_fd = -1, v2_events = -1;
static uint32_t mode, speed_hz = 500000;
static uint8_t bits = 8;

static const char *board(void)
{
	const char *path = getenv("SPI_BOARD");

	return path ? path : "/nonexistent";
}

static int connect_as(char role)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", board());
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || send(fd, &role, 1, MSG_NOSIGNAL) != 1) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	return fd;
}

static int open_ours(const char *path)
{
	if (strcmp(path, "/dev/spidev0.0") == 0)
		return connect_as('S');
	if (strcmp(path, "/dev/gpiochip0") == 0)
		return connect_as('C');
	return -2;
}

#define OPEN(name)                                                                        \
	int name(const char *path, int flags, ...)                                        \
	{                                                                                 \
		static int (*next)(const char *, int, ...);                               \
		int fd = open_ours(path);                                                 \
		mode_t file_mode = 0;                                                     \
		va_list rest;                                                             \
											  \
		if (fd != -2)                                                             \
			return fd;                                                        \
		if (!next)                                                                \
			next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);  \
		if (flags & (O_CREAT | __O_TMPFILE)) {                                    \
			va_start(rest, flags);                                            \
			file_mode = va_arg(rest, mode_t);                                 \
			va_end(rest);                                                     \
		}                                                                         \
		return next(path, flags, file_mode);                                      \
	}

OPEN(open)
OPEN(open64)

/* Who lists the chips finds ours alone. */
DIR *opendir(const char *path)
{
	static DIR *(*next)(const char *);
	char ours[256];

	if (!next)
		next = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");
	if (strcmp(path, "/dev") != 0)
		return next(path);
	snprintf(ours, sizeof(ours), "%s/dev", board());
	return next(ours);
}

static int refuse(int error)
{
	errno = error;
	return -1;
}

static int message(int fd, const struct spi_ioc_transfer *transfers, size_t count)
{
	static uint8_t mosi[BUFSIZ_OF_SPIDEV], miso[BUFSIZ_OF_SPIDEV];
	struct event event = { .kind = EVENT_TRANSFER, .speed_hz = speed_hz, .mode = mode };
	struct iovec parts[] = { { &event, sizeof(event) }, { mosi, 0 } };
	struct timespec time;
	size_t len = 0, index;

	for (index = 0; index < count; index++) {
		const struct spi_ioc_transfer *transfer = &transfers[index];

		if (len + transfer->len > sizeof(mosi))
			return refuse(EMSGSIZE);
		if (transfer->tx_buf)
			memcpy(mosi + len, (const void *)(uintptr_t)transfer->tx_buf, transfer->len);
		else
			memset(mosi + len, 0, transfer->len);
		if (transfer->speed_hz)
			event.speed_hz = transfer->speed_hz;
		if (!len && !transfer->len)
			event.delay_us += transfer->delay_usecs;
		len += transfer->len;
	}
	if (len) {
		clock_gettime(CLOCK_MONOTONIC, &time);
		event.time_ns = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
		event.value = (uint32_t)len;
		parts[1].iov_len = len;
		if (writev(fd, parts, 2) < 0)
			return refuse(ESHUTDOWN);
		if (recv(fd, miso, sizeof(miso), 0) != (ssize_t)len)
			return refuse(ESHUTDOWN);
	}
	for (index = len = 0; index < count; index++) {
		if (transfers[index].rx_buf)
			memcpy((void *)(uintptr_t)transfers[index].rx_buf, miso + len, transfers[index].len);
		len += transfers[index].len;
	}
	return (int)len;
}

static void open_level(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/int", board());
	level_fd = open(path, O_RDONLY | O_CLOEXEC);
}

static int get_values(struct gpiohandle_data *data)
{
	char level = '1';

	if (pread(level_fd, &level, 1, 0) != 1)
		return refuse(EIO);
	data->values[0] = level == '1';
	return 0;
}

static int set_values(int fd, const struct gpiohandle_data *data)
{
	return send(fd, &data->values[0], 1, MSG_NOSIGNAL) == 1 ? 0 : refuse(EIO);
}

/* The descriptor of INT, with version 2's events. */
ssize_t read(int fd, void *buffer, size_t size)
{
	static ssize_t (*next)(int, void *, size_t);
	struct gpio_v2_line_event *event = buffer;
	struct gpioevent_data data;
	ssize_t got;

	if (!next)
		next = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
	if (fd < 0 || fd != v2_events)
		return next(fd, buffer, size);
	if (size < sizeof(*event))
		return refuse(EINVAL);
	got = next(fd, &data, sizeof(data));
	if (got <= 0)
		return got;
	*event = (struct gpio_v2_line_event){ .timestamp_ns = data.timestamp, .id = data.id };
	return sizeof(*event);
}

static int answers(const char *version)
{
	const char *only = getenv("SPI_GPIO");

	return !only || strcmp(only, version) == 0;
}

static int v2_line_info(struct gpio_v2_line_info *info)
{
	uint32_t offset = info->offset;

	if (offset >= LINES)
		return refuse(EINVAL);
	memset(info, 0, sizeof(*info));
	info->offset = offset;
	info->flags = offset == 1 ? GPIO_V2_LINE_FLAG_OUTPUT : GPIO_V2_LINE_FLAG_INPUT;
	snprintf(info->name, sizeof(info->name), "%s", offset == 1 ? "SPINEL_RES" : "SPINEL_INT");
	return 0;
}

static int v2_request(struct gpio_v2_line_request *request)
{
	struct gpiohandle_data data = { { 1 } };
	const struct gpio_v2_line_config_attribute *attr;
	uint32_t index;

	if (request->num_lines != 1 || request->offsets[0] >= LINES)
		return refuse(EINVAL);
	if (!(request->config.flags & GPIO_V2_LINE_FLAG_OUTPUT)) {
		if (request->offsets[0] != 0)
			return refuse(EINVAL);
		open_level();
		request->fd = v2_events = connect_as('I');
		return request->fd < 0 ? -1 : 0;
	}
	for (index = 0; index < request->config.num_attrs; index++) {
		attr = &request->config.attrs[index];
		if (attr->attr.id == GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES)
			data.values[0] = attr->attr.values & 1;
	}
	request->fd = connect_as('R');
	return request->fd < 0 ? -1 : set_values(request->fd, &data);
}

static int v2_get(struct gpio_v2_line_values *values)
{
	struct gpiohandle_data data;

	if (get_values(&data) != 0)
		return -1;
	values->bits = data.values[0] & values->mask;
	return 0;
}

static int v2_set(int fd, const struct gpio_v2_line_values *values)
{
	struct gpiohandle_data data = { { values->bits & 1 } };

	return set_values(fd, &data);
}

static int line_info(struct gpioline_info *info)
{
	if (info->line_offset >= LINES)
		return refuse(EINVAL);
	info->flags = info->line_offset == 1 ? GPIOLINE_FLAG_IS_OUT : 0;
	snprintf(info->name, sizeof(info->name), "%s", info->line_offset == 1 ? "SPINEL_RES" : "SPINEL_INT");
	info->consumer[0] = 0;
	return 0;
}

static int event_request(struct gpioevent_request *request)
{
	if (request->lineoffset != 0)
		return refuse(EINVAL);
	open_level();
	request->fd = connect_as('I');
	return request->fd < 0 ? -1 : 0;
}

static int handle_request(struct gpiohandle_request *request)
{
	struct gpiohandle_data data = { { 0 } };

	if (request->lines != 1 || request->lineoffsets[0] >= LINES)
		return refuse(EINVAL);
	if (!(request->flags & GPIOHANDLE_REQUEST_OUTPUT)) {
		open_level();
		request->fd = connect_as('C');
		return request->fd < 0 ? -1 : 0;
	}
	request->fd = connect_as('R');
	data.values[0] = request->default_values[0];
	return request->fd < 0 ? -1 : set_values(request->fd, &data);
}

/* No other program of a test has a device of this kind, so the request alone tells. */
int ioctl(int fd, unsigned long request, ...)
{
	static int (*next)(int, unsigned long, ...);
	va_list rest;
	void *argument;

	va_start(rest, request);
	argument = va_arg(rest, void *);
	va_end(rest);
	if (_IOC_TYPE(request) == SPI_IOC_MAGIC && _IOC_NR(request) == 0 && _IOC_DIR(request) == _IOC_WRITE)
		return message(fd, argument, _IOC_SIZE(request) / sizeof(struct spi_ioc_transfer));
	switch (request) {
	case SPI_IOC_WR_MODE:
		mode = *(uint8_t *)argument;
		return 0;
	case SPI_IOC_WR_MODE32:
		mode = *(uint32_t *)argument;
		return 0;
	case SPI_IOC_WR_BITS_PER_WORD:
		bits = *(uint8_t *)argument;
		return bits == 8 ? 0 : refuse(EINVAL);
	case SPI_IOC_WR_MAX_SPEED_HZ:
		speed_hz = *(uint32_t *)argument;
		return 0;
	case SPI_IOC_WR_LSB_FIRST:
		return *(uint8_t *)argument ? refuse(EINVAL) : 0;
	case SPI_IOC_RD_MODE:
		*(uint8_t *)argument = (uint8_t)mode;
		return 0;
	case SPI_IOC_RD_MODE32:
		*(uint32_t *)argument = mode;
		return 0;
	case SPI_IOC_RD_BITS_PER_WORD:
		*(uint8_t *)argument = bits;
		return 0;
	case SPI_IOC_RD_MAX_SPEED_HZ:
		*(uint32_t *)argument = speed_hz;
		return 0;
	case GPIO_GET_CHIPINFO_IOCTL:
		*(struct gpiochip_info *)argument =
			(struct gpiochip_info){ .name = "gpiochip0", .label = "spi-board", .lines = LINES };
		return 0;
	case GPIO_GET_LINEINFO_IOCTL:
		return answers("v1") ? line_info(argument) : refuse(EINVAL);
	case GPIO_GET_LINEEVENT_IOCTL:
		return answers("v1") ? event_request(argument) : refuse(EINVAL);
	case GPIO_GET_LINEHANDLE_IOCTL:
		return answers("v1") ? handle_request(argument) : refuse(EINVAL);
	case GPIO_V2_GET_LINEINFO_IOCTL:
		return answers("v2") ? v2_line_info(argument) : refuse(EINVAL);
	case GPIO_V2_GET_LINE_IOCTL:
		return answers("v2") ? v2_request(argument) : refuse(EINVAL);
	case GPIO_V2_LINE_GET_VALUES_IOCTL:
		return v2_get(argument);
	case GPIO_V2_LINE_SET_VALUES_IOCTL:
		return v2_set(fd, argument);
	case GPIOHANDLE_GET_LINE_VALUES_IOCTL:
		return get_values(argument);
	case GPIOHANDLE_SET_LINE_VALUES_IOCTL:
		return set_values(fd, argument);
	}
	if (!next)
		next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	return next(fd, request, argument);
}
