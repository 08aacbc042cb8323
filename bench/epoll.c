/* A minimal echo server with one epoll loop: a baseline for benchmarks, not for production.
 * cc -O2 -static -o epoll epoll.c && ./epoll PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void watch(int loop, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event))
		close(fd);
}

static void echo(int peer)
{
	static char buffer[65536];
	ssize_t count = read(peer, buffer, sizeof buffer);

	/* Nothing is buffered: a partial write closes the connection. */
	if (count <= 0 || write(peer, buffer, count) != count)
		close(peer);
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), loop = epoll_create1(0), on = 1;
	struct epoll_event events[256];

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096))
		return 1;
	watch(loop, listener);
	for (;;) {
		int ready = epoll_wait(loop, events, sizeof events / sizeof *events, -1);

		for (int i = 0; i < ready; i++) {
			int peer;

			if (events[i].data.fd != listener)
				echo(events[i].data.fd);
			else if ((peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0)
				watch(loop, peer);
		}
	}
}
