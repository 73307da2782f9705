/* flowopen: from flows to their packets: a filter (pcap-filter(7)) and a time that take in the packets of the
 * flows that were chosen, on both sides of the translation.
 *
 * A filter has room for little (PCAPFILTER_TEXT_MAX). Where the flows' own addresses and ports do not fit, it
 * says who answered and on which port, which a translation of the source leaves as it is: it may take in
 * other flows of these. Where that does not fit either, it says by what the flows were asked for, and what
 * stands for it on the other side of the translation: more still may be among them. Else there is none.
 */
#ifndef SEALTAP_CLI_FLOWOPEN_H
#define SEALTAP_CLI_FLOWOPEN_H

#include "record/flowline.h"

enum flowopen_how { FLOWOPEN_EXACT, FLOWOPEN_SERVICES, FLOWOPEN_ASKED, FLOWOPEN_NONE };

struct flowopen {
	enum flowopen_how how;
	const char *filter; /* static, terminated; NULL: FLOWOPEN_NONE */
	uint64_t from_ns, to_ns;
	uint64_t flows, without; /* in it; those of which no address is known */
};

/* By what the flows were chosen; each flow has it on one side at least. */
struct flowopen_asked {
	bool by_host, by_port, by_proto;
	struct ip_net host;
	uint16_t port;
};

/* Copied. */
void flowopen_begin(const struct flowopen_asked *asked);
void flowopen_add(const struct flowline *f);
const struct flowopen *flowopen_end(void);

#endif
