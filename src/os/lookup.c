#include "os/lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* The linker keeps the C library's own for this caller; the other looks no names up (lib/pcapfilter.c). */
int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **res);

static bool take(const struct addrinfo *a, struct ip *out)
{
	if (a->ai_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)a->ai_addr;
		*out = ip_from_v4(ntohl(v4->sin_addr.s_addr));
	} else if (a->ai_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)a->ai_addr;
		memcpy(out->bytes, &v6->sin6_addr, sizeof(out->bytes));
	}
	return a->ai_family == AF_INET || a->ai_family == AF_INET6;
}

/* "[2001:db8::1]", as a URL has it: in brackets no zone and no name may stand. */
static bool is_in_brackets(const char *host, struct ip *out)
{
	struct span s = span_str(host);
	return s.len > 2 && s.p[0] == '[' && s.p[s.len - 1] == ']' &&
	       !ip_read(span_first(span_from(s, 1), s.len - 2), out);
}

enum err lookup_name(const char *host, struct ip *out, uint32_t cap, uint32_t *count)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *all = NULL;
	*count = cap && is_in_brackets(host, out);
	if (*count)
		return ERR_OK;
	int e = __real_getaddrinfo(host, NULL, &hints, &all);
	if (e)
		return e == EAI_AGAIN || e == EAI_SYSTEM ? ERR_UNREACHABLE : ERR_NOT_FOUND;
	for (const struct addrinfo *a = all; a && *count < cap; a = a->ai_next)
		*count += take(a, &out[*count]);
	freeaddrinfo(all);
	return *count ? ERR_OK : ERR_NOT_FOUND;
}
