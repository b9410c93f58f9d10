/*
 * Who called? A server behind a FULLNAT service with `client_address: toa` reads its client from
 * the SYN that the kernel saved. No kernel module is needed.
 *
 *   cc -O2 -o server server.c && ./server 8080
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef TCP_SAVE_SYN
#define TCP_SAVE_SYN 27
#define TCP_SAVED_SYN 28
#endif

/* client writes who called as text, and returns 0; -1 if nobody told. */
static int client(int fd, char *text, size_t size)
{
	unsigned char syn[512], *tcp, *o, *end;
	char addr[INET6_ADDRSTRLEN];
	socklen_t len = sizeof(syn);

	/* The kernel gives the saved SYN once: read it right after accept(). */
	if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &len) || len < 40)
		return -1;
	tcp = syn + (syn[0] >> 4 == 4 ? (syn[0] & 15) * 4 : 40);
	end = tcp + (tcp[12] >> 4) * 4;
	if (end > syn + len)
		return -1;
	for (o = tcp + 20; o + 1 < end && o[0] != 0; o += o[0] == 1 ? 1 : o[1]) {
		if (o[0] == 1)
			continue;
		if (o[1] < 2 || o + o[1] > end)
			return -1;
		if (o[0] == 254 && (o[1] == 8 || o[1] == 20)) {
			inet_ntop(o[1] == 8 ? AF_INET : AF_INET6, o + 4, addr, sizeof(addr));
			snprintf(text, size, o[1] == 8 ? "%s:%d" : "[%s]:%d", addr, o[2] << 8 | o[3]);
			return 0;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(argc > 1 ? atoi(argv[1]) : 8080)};
	int yes = 1, l = socket(AF_INET6, SOCK_STREAM, 0);
	char text[80];

	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (setsockopt(l, IPPROTO_TCP, TCP_SAVE_SYN, &yes, sizeof(yes)) || bind(l, (void *)&any, sizeof(any)) || listen(l, 128)) {
		perror("listen");
		return 1;
	}
	for (;;) {
		int c = accept(l, NULL, NULL);

		if (c < 0)
			continue;
		dprintf(c, "%s\n", client(c, text, sizeof(text)) ? "nobody" : text);
		close(c);
	}
}
