/* names: resolves host names for the roles: asks the DNS servers in turn with growing patience, over TCP
 * where the answer does not fit into UDP; IPv4 addresses first, then IPv6 if they are wanted.
 *
 * Answers are remembered as net/dns_cache says. When no server answers and an older answer is at hand, it is
 * given, so that an outage of the DNS stops nothing; the log says so once, and once that it is over.
 *
 * An address in dotted decimal answers itself. Source: net/dns.h.
 */
#ifndef SEALTAP_ROLE_NET_NAMES_H
#define SEALTAP_ROLE_NET_NAMES_H

#include "net/dns_cache.h"
#include "os/loop.h"
#include "role/report.h"

#define NAMES_SERVERS 2
#define NAMES_QUESTIONS 8

struct names;

struct names_question {
	struct names *names; /* borrowed */
	bool busy;
	struct peer *asker; /* borrowed; handed back */
	struct msg_name name;
	enum dns_type type;         /* being asked for */
	struct msg_addresses found; /* so far */
	unsigned attempt, attempts;
	bool tcp;
	uint16_t dns_id;
	uint32_t server; /* asked last; 0: none */
	enum err error;  /* of the last attempt */
	struct loop_watch watch;
	struct loop_timer patience;
	struct dns_tcp stream;
};

struct names {
	struct loop *loop; /* borrowed */
	uint32_t server[NAMES_SERVERS];
	uint32_t server_count;
	/* server: who gave the answer, or was asked last; 0: nobody, or it is an older answer */
	void (*answered)(void *arg, struct peer *asker, const struct msg_name *name,
			 const struct msg_addresses *a, uint32_t server);
	void *arg; /* borrowed */
	struct names_question question[NAMES_QUESTIONS];
	struct dns_cache cache;
	bool held;  /* questions wait for names_release() */
	bool stale; /* the last answer was an older one, for want of a server */
};

/* n is zeroed static storage; loop, answered and arg are set before. */
void names_init(struct names *n);
/* 0: none. Without any, the resolver that EC2 has in every network is asked. What was learnt from others
 * serves only when these do not answer. */
void names_servers(struct names *n, const uint32_t server[NAMES_SERVERS]);
/* What an answer says of the network's DNS, in words. */
void names_report(struct report *r, const struct msg_name *name, const struct msg_addresses *a,
		  uint32_t server);
/* From now on who asks is answered, and who has asked already. */
void names_release(struct names *n);
/* Answers by n->answered, at once where it can. */
void names_ask(struct names *n, struct peer *asker, const struct msg_name *name);

#endif
