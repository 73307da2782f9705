#include "role/flows/verdicts.h"

#include "check.h"

static struct verdicts v;

/* A datagram of 100 bytes, of which 32 are there. */
static uint8_t datagram[32] = {0x45, 0, 0,  100, 0,  0,   0,  0,    64, 17, 0,  0, 198,
			       19,   0, 10, 198, 51, 100, 10, 0x10, 0,  0,  53, 0, 80};

static struct nflog_packet packet(const char *reason, uint16_t source_port, uint64_t ns)
{
	struct nflog_packet p = {.ns = ns, .payload = span_of(datagram, sizeof(datagram))};
	memcpy(p.reason, reason, strlen(reason));
	datagram[20] = (uint8_t)(source_port >> 8);
	datagram[21] = (uint8_t)source_port;
	return p;
}

static void take(const char *reason, uint16_t source_port, uint64_t ns)
{
	struct nflog_packet p = packet(reason, source_port, ns);
	verdicts_take(&v, &p, 77);
}

static void by_reason_and_tuple(void)
{
	const struct verdicts_one *o;
	uint32_t i = 0;
	memset(&v, 0, sizeof(v));
	take("denied", 4096, 20);
	take("denied", 4096, 10);
	take("denied", 4097, 30);
	take("limit", 4096, 0); /* without a time: now */
	CHECK(verdicts_next(&v, &i, &o) && !strcmp(o->reason, "denied") && o->packets == 2 &&
	      o->bytes == 200);
	CHECK(o->first_ns == 10 && o->last_ns == 20 && o->proto == 17 && o->sport == 4096 && o->dport == 53);
	CHECK(ip_to_v4(&o->src) == 0xc613000a && ip_to_v4(&o->dst) == 0xc633640a && !o->other);
	CHECK(verdicts_next(&v, &i, &o) && o->sport == 4097 && o->packets == 1);
	CHECK(verdicts_next(&v, &i, &o) && !strcmp(o->reason, "limit") && o->first_ns == 77);
	CHECK(!verdicts_next(&v, &i, &o));
	verdicts_reset(&v);
	i = 0;
	CHECK(!verdicts_next(&v, &i, &o));
}

static void beyond_the_places(void)
{
	const struct verdicts_one *o;
	uint64_t packets = 0, others = 0;
	uint32_t i = 0;
	char reason[8] = "r00";
	memset(&v, 0, sizeof(v));
	for (uint32_t n = 0; n < VERDICTS_TUPLES + 500; n++)
		take("denied", (uint16_t)n, 1);
	for (uint32_t n = 0; n < 40; n++) {
		reason[1] = (char)('0' + n / 10);
		reason[2] = (char)('0' + n % 10);
		take(reason, 60000, 1);
	}
	while (verdicts_next(&v, &i, &o)) {
		packets += o->packets;
		others += o->other ? o->packets : 0;
		CHECK(!o->other || o->packets == 500 || o->packets == 1 || !strcmp(o->reason, "others"));
	}
	CHECK(packets == VERDICTS_TUPLES + 540 && others == 540 && v.others == VERDICTS_REASONS);
}

static void within_an_error(void)
{
	const struct verdicts_one *o;
	uint8_t error[28 + sizeof(datagram)] = {0x45, 0,   0,  60, 0,  0,   0,  0, 64, 1,  0,
						0,    198, 18, 0,  10, 198, 19, 0, 10, 11, 0};
	struct nflog_packet p = packet("ttl", 4096, 5);
	uint32_t i = 0;
	memset(&v, 0, sizeof(v));
	memcpy(error + 28, datagram, sizeof(datagram));
	p.payload = span_of(error, sizeof(error));
	verdicts_take(&v, &p, 0);
	CHECK(verdicts_next(&v, &i, &o) && ip_to_v4(&o->src) == 0xc613000a && o->sport == 4096 &&
	      o->bytes == 100);
	/* whatever is cut off, nothing outside is read */
	for (size_t len = 0; len < sizeof(error); len++) {
		p.payload = span_of(error, len);
		verdicts_take(&v, &p, 0);
	}
}

int main(void)
{
	RUN(by_reason_and_tuple,
	    "packets that are not forwarded are counted by reason and tuple, with bytes and times");
	RUN(beyond_the_places,
	    "beyond the places they are counted by reason, beyond those in one sum: none is lost");
	RUN(within_an_error, "of an ICMP error of our own the packet within is counted, however it is cut");
	return check_done();
}
