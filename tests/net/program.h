/* program: what small test programs share: they end with a word on what failed. */
#ifndef SEALTAP_TESTS_NET_PROGRAM_H
#define SEALTAP_TESTS_NET_PROGRAM_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline int must(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static inline struct sockaddr_in address_of(const char *host, unsigned long port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1 || port > UINT16_MAX) {
		fprintf(stderr, "%s:%lu is no address\n", host, port);
		exit(2);
	}
	return a;
}

static inline uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline unsigned long number(const char *text, unsigned long most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	if (*end || end == text || n > most) {
		fprintf(stderr, "%s is no number up to %lu\n", text, most);
		exit(2);
	}
	return n;
}

#endif
