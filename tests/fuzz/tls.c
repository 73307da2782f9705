/* tls: whatever comes from a server, a connection lives or has ended with an error, and takes no byte beyond
 * the room it shows. Input: how it is cut, then the server's bytes. The client says the same each time, so
 * that an answer that was recorded once leads up to the data behind the handshake. */
#include "lib/tls.h"

#include "fuzz.h"

#define NAME "s3.example.test"
#define NOW_S 1798761600u /* 2027-01-01 */

/* Of a CA that was made for this. */
static const char ca[] = "-----BEGIN CERTIFICATE-----\n"
			 "MIIBdTCCARugAwIBAgIUNCdEp5jc20ZYk4lVb4wCRUklbc4wCgYIKoZIzj0EAwIw\n"
			 "DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjcxOTM4MzhaGA8yMTI2MTEwMzE5Mzgz\n"
			 "OFowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABL0g\n"
			 "5TFP5kuvSCehTLMyEqsKewvzLGLrGWIkOguOci+Hkv1Q+EuGNbFPzpsRQzODYwnb\n"
			 "i6e5N2TlgHWL/hq1pymjUzBRMB0GA1UdDgQWBBQ5sOEqynAv+cubW8TKqtrXi0NC\n"
			 "DDAfBgNVHSMEGDAWgBQ5sOEqynAv+cubW8TKqtrXi0NCDDAPBgNVHRMBAf8EBTAD\n"
			 "AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDNqBz4vXJTjqcaDuoF2I0F/ttuCL/yF4hK\n"
			 "BtC2ZP0USAIgMFLkN2kYVnKvTqvxO0oIhfqGTztKYn9BtgAvIXcwET0=\n"
			 "-----END CERTIFICATE-----\n";

static struct tls t;
static struct tls_anchors anchors;

/* Each plaintext is read, each answer sent. */
static void settle(void)
{
	for (struct span s = tls_read(&t); s.len; s = tls_read(&t))
		tls_read_done(&t, s.len);
	for (struct span s = tls_out(&t); s.len; s = tls_out(&t))
		tls_out_done(&t, s.len);
}

static void receive(struct span piece)
{
	while (piece.len) {
		size_t room = 0;
		uint8_t *at = tls_in(&t, &room);
		MUST(!at == !room);
		if (!room)
			return;
		struct span part = span_first(piece, room);
		memcpy(at, part.p, part.len);
		tls_in_done(&t, part.len);
		piece = span_from(piece, part.len);
		settle();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t entropy[TLS_ENTROPY_BYTES] = {1, 2, 3};
	struct span in = span_of(data, size);
	uint32_t seed = fuzz_byte(&in);
	if (!anchors.count)
		MUST(!tls_anchors_read(span_str(ca), &anchors));
	tls_init(&t);
	MUST(!tls_begin(&t, &anchors, NAME, NOW_S, entropy) && !tls_ready(&t));
	settle();
	while (in.len && !tls_status(&t)) {
		/* whole records at once, unless it is to be cut small */
		struct span piece = seed ? fuzz_piece(&in, &seed) : in;
		in = seed ? in : span_from(in, in.len);
		receive(piece);
	}
	tls_eof(&t);
	settle();
	MUST(tls_status(&t) && tls_why(&t)[0]);
	tls_wipe(&t);
	return 0;
}
