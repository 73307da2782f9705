/* conf: what is accepted is within its bounds, and each setting can be shown; what is not names a line.
 * Input: the configuration. */
#include "base/conf_show.h"
#include "base/text.h"
#include "fuzz.h"

static void show(const struct settings *s)
{
	uint8_t text[CONF_VALUE_MAX];
	struct buf value = BUF_OF(text);
	struct conf_cursor at = {0, 0};
	const char *key;
	while (conf_show(s, &at, &key, &value))
		MUST(!value.overflow && text_is_utf8(buf_span(&value)));
}

static void check_gateway(const struct conf_gateway *c, size_t lines)
{
	MUST(c->nat <= CONF_NAT_SNAT && (c->nat == CONF_NAT_SNAT) == (c->snat_addr != 0));
	MUST(c->publish_count <= CONF_PUBLISHED && c->forward_count <= CONF_FORWARD_RULES);
	for (uint32_t i = 0; i < c->publish_count; i++) {
		const struct conf_publish *p = &c->publish[i];
		MUST(p->ports.first && p->ports.first <= p->ports.last && p->ports.last <= CONF_PORT_MAX);
		MUST(p->to_ports.first == p->to_ports.last && p->to && ip_net_is_v4(&p->from));
		MUST((p->protocol == CONF_TCP || p->protocol == CONF_UDP) && p->line <= lines);
	}
	for (uint32_t i = 0; i < c->forward_count; i++) {
		const struct conf_forward *r = &c->forward[i];
		MUST(r->allow <= 1 && r->direction <= CONF_IN && r->line <= lines);
		MUST(r->from_ports.first <= r->from_ports.last && r->to_ports.first <= r->to_ports.last);
		MUST(r->family || (!r->from.prefix_len && !r->to.prefix_len));
		MUST((!r->from_ports.first && !r->to_ports.first) || r->protocol == CONF_TCP ||
		     r->protocol == CONF_UDP);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s;
	struct conf_error at;
	memset(&s, 0xa5, sizeof(s));
	memset(&at, 0xa5, sizeof(at));
	if (conf_read(span_of(data, size), &s, &at)) {
		MUST_END(at.key);
		MUST(fuzz_printable(at.key) && at.line <= size + 1);
		return 0;
	}
	MUST_END(s.s3_bucket);
	MUST_END(s.s3_prefix);
	MUST_END(s.kms_key);
	MUST_END(s.appliance);
	MUST(strlen(s.s3_bucket) >= 3 && strlen(s.s3_prefix) <= 128 && s.kms_key[0]);
	MUST(text_is_unreserved(span_str(s.appliance)) && text_is_printable(span_str(s.kms_key)));
	MUST(s.object_max_bytes >= 1048576 && s.object_max_bytes <= 1073741824);
	MUST(s.object_max_seconds >= 1 && s.object_max_seconds <= 3600);
	MUST(s.key_max_seconds >= 60 && s.key_max_seconds <= 86400 && s.key_max_bytes >= 1048576);
	MUST(s.log_interval_seconds >= 1 && s.log_interval_seconds <= 300);
	MUST(s.ntp.count <= CONF_NTP_SERVERS && (s.ntp.count || s.ntp.given));
	MUST(s.rule_count <= CONF_RULES);
	for (uint32_t i = 0; i < s.rule_count; i++) {
		MUST_END(s.rule[i].filter);
		MUST(s.rule[i].filter[0] && s.rule[i].keep <= CONF_KEEP_NONE && s.rule[i].line <= size + 1);
	}
	check_gateway(&s.gateway, size + 1);
	MUST(s.zstd_level >= 1 && s.zstd_level <= 19);
	MUST(s.status_port < 64512 && s.status_sources.count <= CONF_NETS);
	MUST(!s.status_port == !s.status_sources.count);
	show(&s);
	return 0;
}
