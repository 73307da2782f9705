#include "base/conf_show.h"

#include "base/conf_table.h"
#include "base/text.h"

static void put_u64(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	(void)r;
	(void)item;
	text_u64(b, *(const uint64_t *)field);
}

static void put_u32(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	(void)r;
	(void)item;
	text_u64(b, *(const uint32_t *)field);
}

static void put_level(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	int32_t v = *(const int32_t *)field;
	(void)r;
	(void)item;
	buf_str(b, v < 0 ? "-" : "");
	text_u64(b, v < 0 ? (uint64_t)-v : (uint64_t)v);
}

static void put_word(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	(void)item;
	buf_str(b, conf_words[r->kind][*(const uint32_t *)field != 0]);
}

static void put_text(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	(void)r;
	(void)item;
	buf_str(b, field);
}

static void put_spool(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	const char *name = field;
	put_text(b, r, name[0] ? name : "memory", item);
}

static void put_endpoint(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	const struct endpoint *e = field;
	(void)r;
	(void)item;
	if (!e->host[0])
		return;
	buf_str(b, "https://");
	buf_str(b, e->host);
	buf_u8(b, ':');
	text_u64(b, e->port);
}

static void put_rule(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	const struct capture_rule *rule = field;
	(void)r;
	buf_str(b, conf_keep_words[rule[item].keep % 3]);
	buf_str(b, " : ");
	buf_str(b, rule[item].filter);
}

static void put_net(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	const struct conf_nets *nets = field;
	(void)r;
	ip_net_text(b, &nets->net[item]);
}

static void put_nat(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	(void)r;
	(void)item;
	conf_gateway_nat_text(b, field); /* the first field of struct conf_gateway */
}

static void put_publish(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	(void)r;
	conf_gateway_publish_text(b, (const struct conf_publish *)field + item);
}

static void put_forward(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	(void)r;
	conf_gateway_forward_text(b, (const struct conf_forward *)field + item);
}

static void put_ntp(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	const struct conf_ntp *ntp = field;
	(void)r;
	if (ntp->count)
		ip_text(b, &ntp->server[item]);
	else
		buf_str(b, "none");
}

static void put_route(struct buf *b, const struct conf_row *r, const void *field, size_t item)
{
	(void)r;
	ip_net_text(b, (const struct ip_net *)field + item);
}

/* item: which of a repeatable key's values. */
static void (*const writers[KIND_COUNT])(struct buf *b, const struct conf_row *r, const void *field,
					 size_t item) = {
	[KIND_U64] = put_u64,           [KIND_U32] = put_u32,        [KIND_NAT] = put_nat,
	[KIND_LEVEL] = put_level,       [KIND_ON_LOSS] = put_word,   [KIND_FLAG] = put_word,
	[KIND_SIDE] = put_word,         [KIND_SPOOL] = put_spool,    [KIND_SPOOL_FULL] = put_word,
	[KIND_ENDPOINT] = put_endpoint, [KIND_RULE] = put_rule,      [KIND_NETS] = put_net,
	[KIND_BUCKET] = put_text,       [KIND_PREFIX] = put_text,    [KIND_KEY_ARN] = put_text,
	[KIND_TOPIC_ARN] = put_text,    [KIND_NAMESPACE] = put_text, [KIND_NAME] = put_text,
	[KIND_PUBLISH] = put_publish,   [KIND_ALLOW] = put_forward,  [KIND_DENY] = put_forward,
	[KIND_NTP] = put_ntp,           [KIND_ROUTES] = put_route,   [KIND_EVIDENCE] = put_word,
};

/* How many values a key has. */
static size_t items(const struct settings *s, enum conf_kind kind, const void *field)
{
	switch (kind) {
	case KIND_RULE:
		return s->rule_count;
	case KIND_PUBLISH:
		return s->gateway.publish_count;
	case KIND_ALLOW: /* all of the list, in order */
		return s->gateway.forward_count;
	case KIND_DENY:
		return 0;
	case KIND_ROUTES:
		return s->inside_route_count;
	case KIND_NTP: {
		uint32_t count = ((const struct conf_ntp *)field)->count;
		return count ? count : 1; /* none */
	}
	case KIND_NETS:
		return ((const struct conf_nets *)field)->count;
	default:
		return 1;
	}
}

bool conf_show(const struct settings *s, struct conf_cursor *at, const char **key, struct buf *value)
{
	buf_reset(value);
	/* its rules stand among those of KIND_ALLOW, the row before */
	if (at->row < conf_row_count && conf_rows[at->row].kind == KIND_DENY && s->gateway.forward_count)
		at->row++;
	if (at->row == conf_row_count)
		return false;
	const struct conf_row *r = &conf_rows[at->row];
	const void *field = (const uint8_t *)s + r->offset;
	size_t count = items(s, r->kind, field);
	*key = r->key;
	if (r->kind == KIND_ALLOW && at->item < count && !s->gateway.forward[at->item].allow)
		*key = r[1].key;
	ASSERT(writers[r->kind]);
	if (at->item < count)
		writers[r->kind](value, r, field, at->item);
	at->item++;
	if (at->item >= count)
		*at = (struct conf_cursor){.row = at->row + 1};
	return true;
}
