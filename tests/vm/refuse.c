/*
 * refuse v1|v2|both PROGRAM [ARGUMENT]...: runs the program on a kernel that does not know these versions of the GPIO
 * interface. Debian's kernel cannot drop one, so a seccomp filter says EINVAL, as gpiolib does to an ioctl that it does
 * not know. The descriptors of lines are left alone: without the requests refused here there are none.
 *
 * refuse info: what the kernel says of the first line of /dev/gpiochip0.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/gpio.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REFUSED(request)                                            \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(request), 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL)

#define FILTER(...)                                                                                    \
	{                                                                                                  \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),                         \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 1, 0),                                          \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),                                                  \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])), __VA_ARGS__,       \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),                                                  \
	}

#define V1 REFUSED(GPIO_GET_LINEINFO_IOCTL), REFUSED(GPIO_GET_LINEHANDLE_IOCTL), REFUSED(GPIO_GET_LINEEVENT_IOCTL)
#define V2 REFUSED(GPIO_V2_GET_LINEINFO_IOCTL), REFUSED(GPIO_V2_GET_LINE_IOCTL)

static struct sock_filter v1[] = FILTER(V1), v2[] = FILTER(V2), both[] = FILTER(V1, V2);

static int info(void)
{
	struct gpio_v2_line_info line = { .offset = 0 };
	const char *bias = "as it is";

	if (ioctl(open("/dev/gpiochip0", O_RDONLY), GPIO_V2_GET_LINEINFO_IOCTL, &line) != 0) {
		perror("/dev/gpiochip0");
		return 2;
	}
	if (line.flags & GPIO_V2_LINE_FLAG_BIAS_PULL_UP)
		bias = "pull-up";
	if (line.flags & GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN)
		bias = "pull-down";
	if (line.flags & GPIO_V2_LINE_FLAG_BIAS_DISABLED)
		bias = "disabled";
	printf("%s: consumer=%s bias=%s\n", line.name, line.consumer, bias);
	return 0;
}

int main(int argc, char **argv)
{
	struct sock_fprog program = { sizeof(both) / sizeof(*both), both };

	if (argc == 2 && strcmp(argv[1], "info") == 0)
		return info();
	if (argc < 3)
		return 2;
	if (strcmp(argv[1], "v1") == 0)
		program = (struct sock_fprog){ sizeof(v1) / sizeof(*v1), v1 };
	if (strcmp(argv[1], "v2") == 0)
		program = (struct sock_fprog){ sizeof(v2) / sizeof(*v2), v2 };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("refuse");
		return 2;
	}
	execv(argv[2], argv + 2);
	perror(argv[2]);
	return 2;
}
