#include "role/clocknote.h"

#include "base/text.h"
#include "net/ntp.h"

struct clocknote clocknote(const struct msg_clock *c, uint64_t now_ns)
{
	struct clocknote n = {"unsynchronised", "unknown", "unknown"};
	if (!c->synchronised)
		return n;
	uint64_t age_ns = now_ns > c->at_ns ? now_ns - c->at_ns : 0;
	struct buf source = BUF_OF(n.source), error = BUF_OF(n.error_ns), smeared = BUF_OF(n.smeared);
	buf_str(&source, "ntp:");
	ip_text(&source, &c->server);
	text_u64(&error, c->error_ns + age_ns / 1000000 * NTP_PHI_PPM);
	buf_str(&smeared, c->smeared ? "yes" : "unknown");
	ASSERT(buf_cstr(&source) && buf_cstr(&error) && buf_cstr(&smeared));
	return n;
}
