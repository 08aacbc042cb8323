/* A minimal UDP echo server: a baseline for benchmarks, not for production.
 * cc -O2 -static -o recvmmsg recvmmsg.c && ./recvmmsg PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 64, BYTES = 65536 };

int main(int argc, char **argv)
{
	static char buffers[BATCH][BYTES];
	static struct sockaddr_in peers[BATCH];
	static struct iovec pieces[BATCH];
	static struct mmsghdr messages[BATCH];
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&here, sizeof here))
		return 1;
	for (int i = 0; i < BATCH; i++) {
		pieces[i].iov_base = buffers[i];
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &peers[i];
	}
	for (;;) {
		int count, sent, n;

		for (int i = 0; i < BATCH; i++) {
			pieces[i].iov_len = BYTES;
			messages[i].msg_hdr.msg_namelen = sizeof *peers;
		}
		count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < count; i++)
			pieces[i].iov_len = messages[i].msg_len;
		/* A datagram that cannot be sent is dropped, so that the next ones are sent. */
		for (sent = 0; sent < count; sent += n > 0 ? n : 1)
			n = sendmmsg(fd, messages + sent, count - sent, 0);
	}
}
