// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * For tests only: an SPI bus with one device on it, and a GPIO chip with its INT and RES lines, whose
 * far side is a program: the co-processor, behind /dev/spinel-slave.
 *
 * read() gives one event at a time, poll() tells of it:
 *
 *	struct event { u32 kind, value, speed_hz, mode, delay_us, spare; u64 time_ns; },
 *	then for TRANSFER `value` octets
 *	TRANSFER  chip select is active, the octets are those on MOSI; answer with MISO; delay_us is
 *	          the time from chip select to the first clock
 *	RES       the level of RES changed to `value`, at `time_ns` of CLOCK_MONOTONIC
 *
 * write() takes commands, as many as there are:
 *
 *	struct command { u32 kind, value; }, then for MISO `value` octets
 *	MISO      ends the transfer; what is missing is 0xff, as on a wire that nobody drives
 *	INT       sets the level of INT to `value`
 *
 * One transfer stands for one assertion of chip select: all transfers of a message are joined, up to a
 * cs_change. A slave that is absent, that dies, or that says nothing for a second gives 0xff and no
 * error. Both lines are high when nobody drives them.
 */
#include <linux/gpio/driver.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/spi/spi.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#define LABEL		"spinel-vm"
#define LINE_INT	0
#define LINE_RES	1
#define LINES		2

/* Longer than any spidev.bufsiz that a test wants. */
#define FRAME_MAX	8192
/* Changes of RES that wait to be read; more are counted in events_lost. */
#define EVENTS_MAX	64
/* How long a slave may take to answer. It is a program on a slow machine; a wire would not wait. */
#define SILENCE		msecs_to_jiffies(1000)

enum { EVENT_TRANSFER = 1, EVENT_RES = 2 };
enum { COMMAND_MISO = 1, COMMAND_INT = 2 };

struct event {
	u32 kind;
	u32 value;
	u32 speed_hz;
	u32 mode;
	u32 delay_us;
	u32 spare;
	u64 time_ns;
};

struct command {
	u32 kind;
	u32 value;
};

struct rig {
	struct device *dev;
	struct spi_controller *controller;
	struct spi_device *spi;
	struct gpio_chip gpio;
	struct miscdevice misc;

	/* Guards all below. */
	spinlock_t lock;
	wait_queue_head_t readable;
	wait_queue_head_t answered;
	bool opened;

	struct event events[EVENTS_MAX];
	unsigned int first, count;

	/* The transfer that waits for its MISO. */
	bool pending, pending_read;
	struct event transfer;
	u8 mosi[FRAME_MAX];
	u8 miso[FRAME_MAX];

	int level[LINES];
	bool is_output[LINES];
	unsigned int irq_type;
	bool irq_enabled;
};

static struct rig *rig;

static bool lose_edges;
module_param(lose_edges, bool, 0644);
MODULE_PARM_DESC(lose_edges, "INT changes its level without an interrupt");

static bool stuck_int;
module_param(stuck_int, bool, 0644);
MODULE_PARM_DESC(stuck_int, "INT is low, whatever the slave does");

static unsigned int events_lost;
module_param(events_lost, uint, 0444);
MODULE_PARM_DESC(events_lost, "changes of RES that did not fit");

/* ---- INT and RES ---- */

static int gpio_get_direction(struct gpio_chip *chip, unsigned int offset)
{
	return rig->is_output[offset] ? GPIO_LINE_DIRECTION_OUT : GPIO_LINE_DIRECTION_IN;
}

static int gpio_direction_input(struct gpio_chip *chip, unsigned int offset)
{
	rig->is_output[offset] = false;
	return 0;
}

static int gpio_get(struct gpio_chip *chip, unsigned int offset)
{
	if (offset == LINE_INT && stuck_int)
		return 0;
	return READ_ONCE(rig->level[offset]);
}

static void gpio_set(struct gpio_chip *chip, unsigned int offset, int value)
{
	struct event *event;
	unsigned long flags;

	if (offset != LINE_RES)
		return;
	spin_lock_irqsave(&rig->lock, flags);
	if (rig->level[LINE_RES] != !!value) {
		rig->level[LINE_RES] = !!value;
		if (!rig->opened) {
			/* Nobody is there to see it. */
		} else if (rig->count < EVENTS_MAX) {
			event = &rig->events[(rig->first + rig->count++) % EVENTS_MAX];
			*event = (struct event){ .kind = EVENT_RES, .value = !!value,
						 .time_ns = ktime_get_ns() };
		} else {
			events_lost++;
		}
	}
	spin_unlock_irqrestore(&rig->lock, flags);
	wake_up_interruptible(&rig->readable);
}

static int gpio_direction_output(struct gpio_chip *chip, unsigned int offset, int value)
{
	if (offset == LINE_INT)
		return -EPERM;
	gpio_set(chip, offset, value);
	rig->is_output[offset] = true;
	return 0;
}

/* The slave drives INT. */
static void drive_int(int level)
{
	unsigned long flags;
	unsigned int irq, edge;
	bool fire;

	spin_lock_irqsave(&rig->lock, flags);
	edge = level ? IRQ_TYPE_EDGE_RISING : IRQ_TYPE_EDGE_FALLING;
	fire = rig->level[LINE_INT] != level && rig->irq_enabled && (rig->irq_type & edge) &&
	       !lose_edges && !stuck_int;
	WRITE_ONCE(rig->level[LINE_INT], level);
	spin_unlock_irqrestore(&rig->lock, flags);
	if (!fire)
		return;
	irq = irq_find_mapping(rig->gpio.irq.domain, LINE_INT);
	local_irq_save(flags);
	generic_handle_irq(irq);
	local_irq_restore(flags);
}

static void irq_mask(struct irq_data *data)
{
	WRITE_ONCE(rig->irq_enabled, false);
	gpiochip_disable_irq(&rig->gpio, irqd_to_hwirq(data));
}

static void irq_unmask(struct irq_data *data)
{
	gpiochip_enable_irq(&rig->gpio, irqd_to_hwirq(data));
	WRITE_ONCE(rig->irq_enabled, true);
}

static int irq_set_type(struct irq_data *data, unsigned int type)
{
	if (irqd_to_hwirq(data) != LINE_INT || (type & IRQ_TYPE_LEVEL_MASK))
		return -EINVAL;
	WRITE_ONCE(rig->irq_type, type);
	return 0;
}

static const struct irq_chip irq_chip = {
	.name = LABEL,
	.irq_mask = irq_mask,
	.irq_unmask = irq_unmask,
	.irq_set_type = irq_set_type,
	.flags = IRQCHIP_IMMUTABLE,
	GPIOCHIP_IRQ_RESOURCE_HELPERS,
};

static const char *const line_names[LINES] = {
	[LINE_INT] = "SPINEL_INT",
	[LINE_RES] = "SPINEL_RES",
};

static int add_gpio(void)
{
	struct gpio_chip *chip = &rig->gpio;
	struct gpio_irq_chip *girq = &chip->irq;

	chip->label = LABEL;
	chip->parent = rig->dev;
	chip->owner = THIS_MODULE;
	chip->base = -1;
	chip->ngpio = LINES;
	chip->names = line_names;
	chip->get_direction = gpio_get_direction;
	chip->direction_input = gpio_direction_input;
	chip->direction_output = gpio_direction_output;
	chip->get = gpio_get;
	chip->set = gpio_set;
	gpio_irq_chip_set_chip(girq, &irq_chip);
	girq->handler = handle_simple_irq;
	girq->default_type = IRQ_TYPE_NONE;
	return devm_gpiochip_add_data(rig->dev, chip, rig);
}

/* ---- the bus ---- */

/* Chip select rises: gives the slave what was clocked in, and takes what it drives. */
static void exchange(u32 len, const struct spi_transfer *last, u32 mode, u32 delay_us)
{
	spin_lock_irq(&rig->lock);
	memset(rig->miso, 0xff, len);
	if (!rig->opened) {
		spin_unlock_irq(&rig->lock);
		return;
	}
	rig->transfer = (struct event){ .kind = EVENT_TRANSFER, .value = len, .speed_hz = last->speed_hz,
					.mode = mode, .delay_us = delay_us, .time_ns = ktime_get_ns() };
	rig->pending = true;
	rig->pending_read = false;
	spin_unlock_irq(&rig->lock);
	wake_up_interruptible(&rig->readable);
	wait_event_timeout(rig->answered, !READ_ONCE(rig->pending), SILENCE);
	/* An answer that comes later finds nothing pending. */
	spin_lock_irq(&rig->lock);
	rig->pending = false;
	spin_unlock_irq(&rig->lock);
}

static void scatter(struct spi_transfer *first, struct spi_transfer *last)
{
	struct spi_transfer *xfer = first;
	u32 done = 0;

	for (;; xfer = list_next_entry(xfer, transfer_list)) {
		if (xfer->rx_buf)
			memcpy(xfer->rx_buf, rig->miso + done, xfer->len);
		done += xfer->len;
		if (xfer == last)
			return;
	}
}

static int transfer_one_message(struct spi_controller *controller, struct spi_message *message)
{
	struct spi_transfer *xfer, *first = NULL;
	u32 len = 0, delay_us = 0;
	int status = 0;

	list_for_each_entry(xfer, &message->transfers, transfer_list) {
		if (!first)
			first = xfer;
		if (len + xfer->len > FRAME_MAX) {
			status = -EMSGSIZE;
			break;
		}
		if (xfer->tx_buf)
			memcpy(rig->mosi + len, xfer->tx_buf, xfer->len);
		else
			memset(rig->mosi + len, 0, xfer->len);
		if (!len && !xfer->len)
			delay_us += spi_delay_to_ns(&xfer->delay, xfer) / 1000;
		len += xfer->len;
		spi_transfer_delay_exec(xfer);
		message->actual_length += xfer->len;
		if (xfer->cs_change || list_is_last(&xfer->transfer_list, &message->transfers)) {
			if (len) {
				exchange(len, xfer, message->spi->mode, delay_us);
				scatter(first, xfer);
			}
			first = NULL;
			len = 0;
			delay_us = 0;
		}
	}
	message->status = status;
	spi_finalize_current_message(controller);
	return status;
}

static int add_bus(void)
{
	/* spidev takes no device of its own name; this one is in its table. */
	struct spi_board_info board = { .modalias = "dh2228fv", .max_speed_hz = 10000000 };
	struct spi_controller *controller = spi_alloc_master(rig->dev, 0);
	int error;

	if (!controller)
		return -ENOMEM;
	controller->bus_num = 0;
	controller->num_chipselect = 1;
	controller->mode_bits = SPI_CPOL | SPI_CPHA;
	controller->bits_per_word_mask = SPI_BPW_MASK(8);
	controller->min_speed_hz = 1000;
	controller->max_speed_hz = 10000000;
	controller->transfer_one_message = transfer_one_message;
	error = spi_register_controller(controller);
	if (error) {
		spi_controller_put(controller);
		return error;
	}
	rig->controller = controller;
	rig->spi = spi_new_device(controller, &board);
	if (!rig->spi) {
		spi_unregister_controller(controller);
		return -ENODEV;
	}
	return 0;
}

/* ---- the far side ---- */

static int slave_open(struct inode *inode, struct file *file)
{
	int error = 0;

	spin_lock_irq(&rig->lock);
	if (rig->opened)
		error = -EBUSY;
	else
		rig->opened = true;
	rig->count = 0;
	spin_unlock_irq(&rig->lock);
	return error ?: stream_open(inode, file);
}

static int slave_release(struct inode *inode, struct file *file)
{
	spin_lock_irq(&rig->lock);
	rig->opened = false;
	rig->pending = false;
	spin_unlock_irq(&rig->lock);
	wake_up(&rig->answered);
	/* Nobody drives the line any more: it goes high. */
	drive_int(1);
	return 0;
}

static bool has_event(void)
{
	return READ_ONCE(rig->count) || (READ_ONCE(rig->pending) && !READ_ONCE(rig->pending_read));
}

static bool take_event(struct event *event)
{
	bool taken = true;

	spin_lock_irq(&rig->lock);
	if (rig->count) {
		*event = rig->events[rig->first];
		rig->first = (rig->first + 1) % EVENTS_MAX;
		rig->count--;
	} else if (rig->pending && !rig->pending_read) {
		*event = rig->transfer;
		rig->pending_read = true;
	} else {
		taken = false;
	}
	spin_unlock_irq(&rig->lock);
	return taken;
}

static ssize_t slave_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct event event;
	size_t len;

	if (size < sizeof(event) + FRAME_MAX)
		return -EINVAL;
	while (!take_event(&event)) {
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		if (wait_event_interruptible(rig->readable, has_event()))
			return -ERESTARTSYS;
	}
	len = event.kind == EVENT_TRANSFER ? event.value : 0;
	if (copy_to_user(buf, &event, sizeof(event)) ||
	    copy_to_user(buf + sizeof(event), rig->mosi, len))
		return -EFAULT;
	return sizeof(event) + len;
}

static void answer(const u8 *octets, u32 len)
{
	spin_lock_irq(&rig->lock);
	if (rig->pending && rig->pending_read) {
		memcpy(rig->miso, octets, min(len, rig->transfer.value));
		rig->pending = false;
	}
	spin_unlock_irq(&rig->lock);
	wake_up(&rig->answered);
}

static ssize_t obey(const u8 *commands, size_t size)
{
	struct command command;
	size_t done = 0;

	while (size - done >= sizeof(command)) {
		memcpy(&command, commands + done, sizeof(command));
		done += sizeof(command);
		switch (command.kind) {
		case COMMAND_MISO:
			if (command.value > size - done)
				return -EINVAL;
			answer(commands + done, command.value);
			done += command.value;
			break;
		case COMMAND_INT:
			drive_int(!!command.value);
			break;
		default:
			return -EINVAL;
		}
	}
	return done == size ? size : -EINVAL;
}

static ssize_t slave_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	u8 *commands;
	ssize_t result;

	if (size > 2 * FRAME_MAX)
		return -EMSGSIZE;
	commands = memdup_user(buf, size);
	if (IS_ERR(commands))
		return PTR_ERR(commands);
	result = obey(commands, size);
	kfree(commands);
	return result;
}

static __poll_t slave_poll(struct file *file, poll_table *wait)
{
	poll_wait(file, &rig->readable, wait);
	return EPOLLOUT | EPOLLWRNORM | (has_event() ? EPOLLIN | EPOLLRDNORM : 0);
}

static const struct file_operations slave_operations = {
	.owner = THIS_MODULE,
	.open = slave_open,
	.release = slave_release,
	.read = slave_read,
	.write = slave_write,
	.poll = slave_poll,
	.llseek = no_llseek,
};

/* ---- all of it ---- */

static int rig_probe(struct platform_device *platform)
{
	int error;

	rig = devm_kzalloc(&platform->dev, sizeof(*rig), GFP_KERNEL);
	if (!rig)
		return -ENOMEM;
	rig->dev = &platform->dev;
	rig->level[LINE_INT] = 1;
	rig->level[LINE_RES] = 1;
	spin_lock_init(&rig->lock);
	init_waitqueue_head(&rig->readable);
	init_waitqueue_head(&rig->answered);
	rig->misc = (struct miscdevice){ .minor = MISC_DYNAMIC_MINOR, .name = "spinel-slave",
					 .fops = &slave_operations };

	error = add_gpio();
	if (error)
		return error;
	error = add_bus();
	if (error)
		return error;
	error = misc_register(&rig->misc);
	if (error)
		spi_unregister_controller(rig->controller);
	return error;
}

static int rig_remove(struct platform_device *platform)
{
	misc_deregister(&rig->misc);
	/* Takes its device along. */
	spi_unregister_controller(rig->controller);
	return 0;
}

static struct platform_driver rig_driver = {
	.driver = { .name = LABEL, .suppress_bind_attrs = true },
	.probe = rig_probe,
	.remove = rig_remove,
};

static struct platform_device *rig_device;

static int __init rig_init(void)
{
	int error = platform_driver_register(&rig_driver);

	if (error)
		return error;
	rig_device = platform_device_register_simple(LABEL, -1, NULL, 0);
	if (IS_ERR(rig_device)) {
		platform_driver_unregister(&rig_driver);
		return PTR_ERR(rig_device);
	}
	return 0;
}

static void __exit rig_exit(void)
{
	platform_device_unregister(rig_device);
	platform_driver_unregister(&rig_driver);
}

module_init(rig_init);
module_exit(rig_exit);
MODULE_DESCRIPTION("An SPI bus and GPIO lines with a program at the far side, for tests");
MODULE_LICENSE("Dual MIT/GPL");
