/* rules: the operator's ordered rules (capture.rule): the first one whose filter matches decides what is kept
 * of a packet; what matches none is kept in full.
 */
#ifndef SEALTAP_RECORD_RULES_H
#define SEALTAP_RECORD_RULES_H

#include "base/conf.h"
#include "lib/pcapfilter.h"

struct rules {
	uint32_t count;
	enum conf_keep keep[CONF_RULES];
	struct pcapfilter filter[CONF_RULES];
};

/* On error *at tells line, key and what libpcap says. Allocates (lib/pcapfilter): at start only. */
enum err rules_compile(const struct settings *s, struct rules *out, struct conf_error *at) MUST_USE;
/* Whether rules_compile() would take them. */
enum err rules_check(const struct settings *s, struct conf_error *at) MUST_USE;
/* frame: the packet as on the wire, what is at hand of it. */
enum conf_keep rules_verdict(const struct rules *r, struct span frame, uint32_t wire_len);

#endif
