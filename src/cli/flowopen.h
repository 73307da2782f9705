/* flowopen: from flows to their packets: the filter (pcap-filter(7)) and the time that take in the packets of
 * the flows that were chosen, on both sides of the translation.
 */
#ifndef SEALTAP_CLI_FLOWOPEN_H
#define SEALTAP_CLI_FLOWOPEN_H

#include "record/flowline.h"

#define FLOWOPEN_MAX 100u /* flows that differ in addresses or ports; a filter has no room for many more */

void flowopen_begin(void);
/* False: more than FLOWOPEN_MAX, or its addresses are not known (then it has no part in the filter). */
void flowopen_add(const struct flowline *f);

struct flowopen {
	const char *filter; /* static, terminated */
	uint64_t from_ns, to_ns;
	uint32_t flows;   /* in the filter */
	uint32_t without; /* flows and verdicts of which no address is known: not in it */
	bool too_many;
};
const struct flowopen *flowopen_end(void);

#endif
