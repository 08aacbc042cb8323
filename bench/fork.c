/* A minimal fork-per-client echo server: a baseline for benchmarks, not for production.
 * cc -O2 -static -o fork fork.c && ./fork PORT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void echo(int peer)
{
	static char buffer[65536];
	ssize_t count;

	while ((count = read(peer, buffer, sizeof buffer)) > 0)
		for (ssize_t sent = 0, n; sent < count; sent += n)
			if ((n = write(peer, buffer + sent, count - sent)) < 0)
				_exit(1);
	_exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0) };
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096))
		return 1;
	signal(SIGCHLD, SIG_IGN); /* the kernel reaps children */
	for (;;) {
		int peer = accept(listener, NULL, NULL);

		if (peer < 0)
			continue;
		if (fork() == 0) {
			close(listener);
			echo(peer);
		}
		close(peer);
	}
}
