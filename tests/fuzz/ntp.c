/* ntp: datagrams to a client. Input: bit 0: the origin is the request's nonce; bit 1: so many bytes behind it
 * are made the server's time; bit 2: the client has heard of the server before. Then the datagram. */
#include "net/ntp.h"

#include "base/time.h"
#include "fuzz.h"

#define BUILT_NS (1767225600ull * NS_PER_S)
#define SAYS_S (1767225600u + 2208988800u + 86400u)

static const uint64_t NONCE = 0x1122334455667788;

static uint64_t ask(struct ntp *n, uint64_t now_ns)
{
	uint8_t sent[NTP_PACKET_BYTES];
	struct buf packet = BUF_OF(sent);
	MUST(ntp_tick(n, 0, now_ns, NONCE, 5, &packet) == NTP_NOTHING && packet.len == NTP_PACKET_BYTES);
	return load_be64(sent + 40);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_of(data, size);
	uint8_t how = fuzz_byte(&in), bytes[256];
	struct ip addr = ip_from_v4(0x7f000001);
	struct ntp n;
	struct ntp_estimate e;
	uint32_t server;
	in = span_first(in, sizeof(bytes));
	if (in.len)
		memcpy(bytes, in.p, in.len);
	ntp_start(&n, &addr, 1, BUILT_NS, 0);
	uint64_t nonce = ask(&n, 0);
	if (in.len >= NTP_PACKET_BYTES && how & 1) {
		store_be32(bytes + 24, (uint32_t)(nonce >> 32));
		store_be32(bytes + 28, (uint32_t)nonce);
	}
	if (in.len >= NTP_PACKET_BYTES && how & 2) {
		store_be32(bytes + 32, SAYS_S);
		store_be32(bytes + 40, SAYS_S);
	}
	if (how & 4) {
		n.server[0].sample[0] =
			(struct ntp_sample){.offset_ns = (int64_t)(BUILT_NS + 86400 * NS_PER_S),
					    .delay_ns = 1000,
					    .error_ns = 500};
		n.server[0].count = n.server[0].next = 1;
	}
	enum ntp_event event = ntp_receive(&n, 0, NS_PER_S / 10, span_of(bytes, in.len));
	MUST(event == NTP_SAMPLE || event == NTP_SPIKE || event == NTP_KISS || event == NTP_REFUSED);
	MUST((event == NTP_REFUSED || event == NTP_KISS) == (n.server[0].refused != ERR_OK));
	MUST(how & 1 || event == NTP_REFUSED || load_be64(bytes + 24) == nonce);
	MUST(event != NTP_SPIKE || how & 4);
	MUST(ntp_due_ns(&n, &server) != UINT64_MAX && server == 0);
	if (ntp_best(&n, NS_PER_S, &e) == ERR_OK) {
		MUST(e.error_ns < NTP_ROOT_MAX_NS && e.stratum <= 15 && e.leap <= 2);
		MUST((uint64_t)e.offset_ns + NS_PER_S >= BUILT_NS);
	} else {
		MUST(!(how & 4) && event != NTP_SAMPLE);
	}
	/* the same once more is refused, whatever it was; the poll stays within its bounds */
	MUST(event == NTP_REFUSED ||
	     ntp_receive(&n, 0, NS_PER_S / 10, span_of(bytes, in.len)) == NTP_REFUSED);
	ask(&n, NS_PER_S);
	MUST(n.server[0].poll >= 6 && n.server[0].poll <= 10);
	return 0;
}
