#include "role/capture/section.h"

#include <stdio.h>

#include "base/text.h"
#include "base/version.h"
#include "record/pcapng.h"

static void put_line(struct buf *b, const char *key, struct span value)
{
	buf_str(b, key);
	buf_u8(b, '=');
	buf_put(b, value);
	buf_u8(b, '\n');
}

static void put_link(struct buf *b, const char *side, const struct msg_link *l)
{
	uint8_t value[96];
	char key[32];
	struct buf v = BUF_OF(value);
	buf_str(&v, l->eni[0] ? l->eni : "none");
	buf_u8(&v, ' ');
	text_mac(&v, l->mac);
	buf_u8(&v, ' ');
	text_ipv4(&v, l->own_addr);
	buf_u8(&v, '/');
	text_u64(&v, l->prefix_len);
	snprintf(key, sizeof(key), "eni.%s", side);
	put_line(b, key, buf_span(&v));
}

static void put_encoded(struct buf *b, const char *key, struct span bytes,
			void (*encode)(struct buf *, struct span))
{
	uint8_t value[160];
	struct buf v = BUF_OF(value);
	encode(&v, bytes);
	put_line(b, key, buf_span(&v));
}

static void put_number(struct buf *b, const char *key, uint64_t value)
{
	uint8_t digits[24];
	struct buf v = BUF_OF(digits);
	text_u64(&v, value);
	put_line(b, key, buf_span(&v));
}

/* What happens to traffic that can't be recorded. */
static void put_policy(struct buf *b, const struct settings *s)
{
	uint8_t value[64];
	struct buf v = BUF_OF(value);
	buf_str(&v, s->on_loss == CONF_ON_LOSS_STOP ? "on_loss=stop" : "on_loss=record");
	buf_str(&v, s->spool_full == CONF_SPOOL_FULL_STOP ? " spool.full=stop" : " spool.full=drop-newest");
	put_line(b, "policy", buf_span(&v));
}

/* What is kept of packets: the rules as they were configured, in their order. */
static void put_rules(struct buf *b, const struct settings *s)
{
	static const char *const words[] = {
		[CONF_KEEP_FULL] = "full", [CONF_KEEP_HEADERS] = "headers", [CONF_KEEP_NONE] = "none"};
	put_line(b, "rules",
		 s->rule_count ? SPAN("own connections: headers only; then these; all else: full")
			       : SPAN("own connections: headers only; all else: full"));
	for (uint32_t i = 0; i < s->rule_count; i++) {
		uint8_t value[sizeof(s->rule[i].filter) + 16];
		char key[16];
		struct buf v = BUF_OF(value);
		snprintf(key, sizeof(key), "rule.%u", i + 1);
		buf_str(&v, words[s->rule[i].keep]);
		buf_str(&v, " : ");
		buf_str(&v, s->rule[i].filter);
		put_line(b, key, buf_span(&v));
	}
	put_number(b, "flow_cutoff", s->flow_cutoff_bytes);
	put_number(b, "budget_bytes_per_day", s->budget_bytes_per_day);
}

/* The section header's comment: `key=value` lines. */
static void put_comment(struct buf *b, const struct settings *s, const struct object_identity *id,
			const struct msg_links *links, const struct clocknote *clock,
			const struct object_meta *meta, const struct object_meta *prev)
{
	uint8_t boot[16];
	struct buf hex = BUF_OF(boot);
	text_hex64(&hex, id->boot);
	put_line(b, "appliance", span_str(id->appliance));
	put_line(b, "boot", buf_span(&hex));
	put_line(b, "stream", span_str(meta->stream));
	put_number(b, "seq", meta->seq);
	put_encoded(b, "prev", span_of(meta->prev, sizeof(meta->prev)), text_hex);
	uint8_t signature[128];
	struct buf sig = BUF_OF(signature);
	if (prev)
		object_put_sig(&sig, prev);
	put_line(b, "prev_sig", buf_span(&sig));
	put_line(b, "instance", span_str(id->instance));
	put_line(b, "ami", span_str(id->ami));
	put_link(b, "outside", &links->link[0]);
	put_link(b, "inside", &links->link[1]);
	put_policy(b, s);
	put_rules(b, s);
	put_line(b, "clock", span_str(clock->source));
	put_line(b, "clock_error_ns", span_str(clock->error_ns));
	put_line(b, "clock_smeared", span_str(clock->smeared));
}

void section_write(struct buf *raw, const struct settings *s, const struct object_identity *id,
		   const struct msg_links *links, const struct clocknote *clock,
		   const struct object_meta *meta, const struct object_meta *prev)
{
	static const char *const sides[2] = {"outside", "inside"};
	uint8_t comment[2048 + CONF_RULES * sizeof(struct capture_rule)];
	struct buf c = BUF_OF(comment);
	put_comment(&c, s, id, links, clock, meta, prev);
	ASSERT(!c.overflow);
	char app[96];
	snprintf(app, sizeof(app), "sealtap %s", version_text);
	struct pcapng_section section = {
		.hardware = SPAN("x86_64"),
		.os = SPAN("Linux"),
		.userappl = span_str(app),
		.comment = buf_span(&c),
	};
	pcapng_section(raw, &section);
	for (uint32_t i = 0; i < 2; i++) {
		char description[64];
		snprintf(description, sizeof(description), "%s %s", sides[i], links->link[i].eni);
		struct pcapng_interface iface = {
			.name = span_str(links->link[i].name),
			.description = span_str(description),
			.speed_bps = links->link[i].speed_bps,
			.filter = SPAN("own TCP connections cut to headers"),
		};
		pcapng_interface(raw, &iface);
	}
}
