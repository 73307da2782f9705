/* conf_ntp: the configuration's time servers, as `ntp.server` gives them: IPv4 or IPv6 addresses, or `none`.
 * The reference is base/conf.h. */
#ifndef SEALTAP_BASE_CONF_NTP_H
#define SEALTAP_BASE_CONF_NTP_H

#include "base/ip.h"

#define CONF_NTP_SERVERS 4
/* Amazon Time Sync, at its link-local address. */
#define CONF_NTP_DEFAULT "169.254.169.123"

struct conf_ntp {
	uint32_t count; /* 0: none is asked */
	struct ip server[CONF_NTP_SERVERS];
	uint32_t given; /* lines that were read; 0: the default stands */
};

void conf_ntp_default(struct conf_ntp *n);
/* One line's value. The first one replaces the default. ERR_DUPLICATE, ERR_EXCLUSIVE: `none` and a server;
 * ERR_TOO_LONG: too many; else as ip_read() says. */
enum err conf_ntp_read(struct span value, struct conf_ntp *n) MUST_USE;

#endif
