/* flowline: reads a line of the `flows` stream back: what role/flows/flowlines.c writes; the format stands at
 * the top of that. Pure; nothing is copied.
 */
#ifndef SEALTAP_RECORD_FLOWLINE_H
#define SEALTAP_RECORD_FLOWLINE_H

#include "base/ip.h"

enum flowline_kind {
	FLOWLINE_END,     /* a flow that is over */
	FLOWLINE_LIVE,    /* one that goes on; counts so far */
	FLOWLINE_CROWD,   /* flows without an answer, beyond the first, to one destination */
	FLOWLINE_VERDICT, /* packets that were recorded but not forwarded */
	FLOWLINE_NOTE,    /* losses of the record itself, the object's head: no traffic */
};

struct flowline_side {
	struct ip src, dst;
	uint16_t sport, dport;                  /* not of ICMP */
	uint16_t icmp_type, icmp_code, icmp_id; /* of ICMP alone */
	bool has_src, has_dst;
};

struct flowline {
	enum flowline_kind kind;
	uint64_t time_ns;        /* when the line was written */
	uint64_t from_ns, to_ns; /* of the traffic */
	uint64_t id;             /* END, LIVE: of the flow, for its life */
	uint8_t proto;
	bool answered;              /* END, LIVE */
	struct flowline_side orig;  /* CROWD: dst alone. VERDICT: may be empty */
	struct flowline_side reply; /* END, LIVE: as the answers come */
	uint64_t packets_out, bytes_out, packets_in, bytes_in;
	uint64_t flows;     /* CROWD: how many */
	struct span reason; /* END: why it ended; VERDICT: why it was not forwarded; as it stands in JSON */
	struct span community_id, community_id_nat;
	struct span sources; /* CROWD: the array of the first sources */
};

/* ERR_SYNTAX: it is no line of that stream. */
enum err flowline_read(struct span line, struct flowline *f) MUST_USE;

bool flowline_is_icmp(const struct flowline *f);
/* It is of a protocol that has ports; of others sport and dport say nothing. */
bool flowline_has_ports(const struct flowline *f);
/* The traffic is translated: the far side sees other addresses or ports than orig. */
bool flowline_is_translated(const struct flowline *f);
/* Source i of a crowd; false: there is none. */
bool flowline_source(const struct flowline *f, unsigned i, struct ip *source);
/* "tcp", "udp", "icmp" ...; NULL: it has no name here. Static. */
const char *flowline_proto_name(uint8_t proto);

#endif
