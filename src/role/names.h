/* names: resolves host names for the roles: asks the DNS servers in turn with growing patience, remembers
 * answers as long as their TTL allows.
 *
 * An address in dotted decimal answers itself. Source: net/dns.h.
 */
#ifndef SEALTAP_ROLE_NAMES_H
#define SEALTAP_ROLE_NAMES_H

#include "net/dns.h"
#include "os/loop.h"
#include "role/msg.h"

#define NAMES_SERVERS 2
#define NAMES_QUESTIONS 8
#define NAMES_CACHE 16

struct names;

struct names_question {
	struct names *names; /* borrowed */
	bool busy;
	struct peer *asker; /* borrowed; handed back */
	struct msg_name name;
	unsigned attempt;
	uint16_t dns_id;
	uint32_t server; /* asked last */
	enum err error;  /* of the last attempt */
	struct loop_watch watch;
	struct loop_timer patience;
};

struct names_known {
	char host[256]; /* empty: unused */
	uint64_t until_ns;
	uint32_t count;
	uint32_t addr[DNS_MAX_ADDRS];
};

struct names {
	struct loop *loop; /* borrowed */
	uint32_t server[NAMES_SERVERS];
	uint32_t server_count;
	/* server: who gave the answer, or was asked last; 0: nobody */
	void (*answered)(void *arg, struct peer *asker, const struct msg_name *name,
			 const struct msg_addresses *a, uint32_t server);
	void *arg; /* borrowed */
	struct names_question question[NAMES_QUESTIONS];
	struct names_known known[NAMES_CACHE];
};

/* n is zeroed static storage; loop, answered and arg are set before. */
void names_init(struct names *n);
/* 0: none. Without any, the resolver that EC2 has in every network is asked. What was learnt from others is
 * forgotten. */
void names_servers(struct names *n, const uint32_t server[NAMES_SERVERS]);
/* Answers by n->answered, at once where it can. */
void names_ask(struct names *n, struct peer *asker, const struct msg_name *name);

#endif
