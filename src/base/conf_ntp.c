#include "base/conf_ntp.h"

void conf_ntp_default(struct conf_ntp *n)
{
	*n = (struct conf_ntp){.count = 1};
	ASSERT(ip_read(SPAN(CONF_NTP_DEFAULT), &n->server[0]) == ERR_OK);
}

enum err conf_ntp_read(struct span value, struct conf_ntp *n)
{
	struct ip addr;
	bool none = span_eq(value, SPAN("none"));
	if (n->given && none)
		return n->count ? ERR_EXCLUSIVE : ERR_DUPLICATE;
	if (n->given && n->count == 0)
		return ERR_EXCLUSIVE;
	if (!none)
		TRY(ip_read(value, &addr));
	if (!n->given++)
		n->count = 0;
	if (none)
		return ERR_OK;
	for (uint32_t i = 0; i < n->count; i++)
		if (ip_eq(&n->server[i], &addr))
			return ERR_DUPLICATE;
	if (n->count == CONF_NTP_SERVERS)
		return ERR_TOO_LONG;
	n->server[n->count++] = addr;
	return ERR_OK;
}
