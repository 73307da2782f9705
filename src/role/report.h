/* report: a role's verdicts in words: what failed, on what, what to do. A step that works is told once, until
 * it fails again. */
#ifndef SEALTAP_ROLE_REPORT_H
#define SEALTAP_ROLE_REPORT_H

#include "role/peer.h"

struct report {
	struct peer *init; /* borrowed */
	bool told_ok[VERDICT_COUNT];
};

__attribute__((format(printf, 4, 5))) void report_verdict(struct report *r, enum verdict_code code, bool ok,
							  const char *format, ...);

struct report_text {
	char s[20];
};

/* IPv4, host order. */
struct report_text report_ip(uint32_t addr);
struct report_text report_mac(const uint8_t mac[6]);

#endif
