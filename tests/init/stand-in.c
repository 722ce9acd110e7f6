// SPDX-License-Identifier: Apache-2.0 OR MIT
// Stands in for spinel-bridge where the init scripts are tested and the real one is not built: makes a pty, links it at
// --pty-link, tells systemd READY=1 and WATCHDOG=1, removes the link on SIGTERM. Also links it at --control, as if that
// were the control socket. "--spi-mode 9" ends it at once with an error, as a wrong option would.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char *option(int argc, char **argv, const char *name)
{
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	return NULL;
}

// systemd's notification protocol: one datagram to the socket that $NOTIFY_SOCKET names.
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (path == NULL || strlen(path) >= sizeof to.sun_path)
		return;
	strcpy(to.sun_path, path);
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(path);
	if (path[0] == '@')
		to.sun_path[0] = 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, length) < 0)
		exit(1);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *link = option(argc, argv, "--pty-link");
	const char *mode = option(argc, argv, "--spi-mode");
	if (link == NULL)
		link = option(argc, argv, "--control");
	if (link == NULL || (mode != NULL && strcmp(mode, "9") == 0))
		return 1;
	int pty = posix_openpt(O_RDWR | O_NOCTTY);
	if (pty < 0 || grantpt(pty) != 0 || unlockpt(pty) != 0)
		return 1;
	unlink(link);
	if (symlink(ptsname(pty), link) != 0)
		return 1;
	notify("READY=1");
	const char *watchdog = getenv("WATCHDOG_USEC");
	const struct timespec period = { .tv_sec = watchdog ? atol(watchdog) / 2000000 : 3600 };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (sigtimedwait(&set, NULL, &period) < 0)
		notify("WATCHDOG=1");
	unlink(link);
	return 0;
}
