#include "record/ledger_line.h"

#include "record/logline.h"

static struct span text_of(struct span line, const char *key)
{
	struct json_member m;
	return json_walk_find(line, key, &m) || m.kind != JSON_STRING ? span_of(NULL, 0) : m.value;
}

/* A number of more than 15 digits stands in quotes. */
static uint64_t number_of(struct span line, const char *key)
{
	struct json_member m;
	uint64_t v;
	return json_walk_find(line, key, &m) || text_read_u64(m.value, UINT64_MAX, &v) ? 0 : v;
}

static uint64_t boot_of(struct span line)
{
	uint8_t boot[8];
	struct buf b = BUF_OF(boot);
	return text_read_hex(text_of(line, "boot"), &b) || b.len != sizeof(boot) ? 0 : load_be64(boot);
}

void ledger_line_read(struct ledger *l, uint32_t entry, uint64_t boot, struct span line)
{
	struct logline g;
	if (logline_read(line, &g))
		return;
	if (span_eq(g.event, SPAN("shipped"))) {
		if (span_eq(g.role, SPAN("upload")))
			ledger_shipped(l, entry, text_of(line, "name"), number_of(line, "size"),
				       text_of(line, "sha256"), text_of(line, "sig"));
		return;
	}
	struct ledger_event e = {
		.entry = entry,
		.boot = boot,
		.ns = g.time_ns,
		.level = g.level,
		.role = g.role,
		.event = g.event,
		.of_keys = span_eq(text_of(line, "died"), SPAN("keys")),
		.line = line,
	};
	if (span_eq(g.event, SPAN("gap"))) {
		e.from_ns = number_of(line, "from_ns");
		e.to_ns = number_of(line, "to_ns");
		e.about_boot = boot_of(line);
	} else if (span_eq(g.event, SPAN("books"))) {
		e.arrived_least = number_of(line, "arrived_least");
		e.arrived_most = number_of(line, "arrived_most");
		e.recorded = number_of(line, "recorded");
		e.lost = number_of(line, "lost");
		e.filtered = number_of(line, "filtered");
		e.unattributed = number_of(line, "unattributed");
		e.surplus = number_of(line, "surplus");
	}
	ledger_event(l, &e);
}
