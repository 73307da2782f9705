/* Header: u16 id, u16 flags (QR, opcode, AA, TC, RD, RA, Z, rcode), u16 counts of questions, answers,
 * authorities, additionals. Question: name, u16 type, u16 class. Record: name, u16 type, u16 class, u32 ttl,
 * u16 length, data. Name: labels (length 1..63, bytes), ended by 0 or by a pointer (two upper bits set, 14
 * bits offset from the header). SOA data: two names, u32 serial, refresh, retry, expire, minimum. */
#include "net/dns.h"

#include <string.h>

#define HEADER_BYTES 12
#define NAME_MAX_BYTES 255
#define LABEL_MAX_BYTES 63
#define CHAIN_MAX 16

#define FLAG_RESPONSE 0x8000u
#define FLAGS_OPCODE 0x7800u
#define FLAG_TRUNCATED 0x0200u
#define FLAG_RECURSION_DESIRED 0x0100u
#define FLAGS_RCODE 0x000fu

#define TYPE_CNAME 5
#define TYPE_SOA 6
#define CLASS_IN 1

enum rcode { RCODE_OK, RCODE_FORMAT, RCODE_SERVER, RCODE_NAME, RCODE_NOT_IMPLEMENTED, RCODE_REFUSED };

/* A name in its uncompressed wire form. */
struct name {
	size_t len;
	uint8_t bytes[NAME_MAX_BYTES];
};

static bool is_host_byte(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

static enum err put_label(struct name *n, struct span label)
{
	if (label.len == 0)
		return ERR_SYNTAX;
	/* one more byte is kept for the end */
	if (label.len > LABEL_MAX_BYTES || n->len + 1 + label.len + 1 > sizeof(n->bytes))
		return ERR_TOO_LONG;
	n->bytes[n->len++] = (uint8_t)label.len;
	memcpy(n->bytes + n->len, label.p, label.len);
	n->len += label.len;
	return ERR_OK;
}

static enum err name_of_host(struct span host, struct name *n)
{
	if (host.len && host.p[host.len - 1] == '.')
		host.len--;
	if (host.len == 0)
		return ERR_SYNTAX;
	n->len = 0;
	for (bool more = true; more;) {
		more = span_find(host, '.') < host.len;
		struct span label = span_cut(&host, '.');
		for (size_t i = 0; i < label.len; i++)
			if (!is_host_byte(label.p[i]))
				return ERR_SYNTAX;
		TRY(put_label(n, label));
	}
	n->bytes[n->len++] = 0;
	return ERR_OK;
}

/* Reads the name at *at and moves *at behind it. A pointer must lead to before the name's part that it ends,
 * so that no chain of pointers is endless. */
static enum err read_name(struct span packet, size_t *at, struct name *n)
{
	size_t pos = *at, part = *at;
	bool jumped = false;
	n->len = 0;
	for (;;) {
		if (pos >= packet.len)
			return ERR_SYNTAX;
		size_t len = packet.p[pos++];
		if (len == 0)
			break;
		if (len >= 0xc0) {
			if (pos >= packet.len)
				return ERR_SYNTAX;
			size_t target = (len & 0x3f) << 8 | packet.p[pos++];
			if (target >= part || target < HEADER_BYTES)
				return ERR_SYNTAX;
			if (!jumped)
				*at = pos;
			jumped = true;
			pos = part = target;
			continue;
		}
		if (len > LABEL_MAX_BYTES || len > packet.len - pos ||
		    put_label(n, span_of(packet.p + pos, len)))
			return ERR_SYNTAX;
		pos += len;
	}
	n->bytes[n->len++] = 0;
	if (!jumped)
		*at = pos;
	return ERR_OK;
}

/* Lengths of labels are below the letters, so folding case does not touch them. */
static bool name_eq(const struct name *a, const struct name *b)
{
	return span_ieq(span_of(a->bytes, a->len), span_of(b->bytes, b->len));
}

enum err dns_query(struct buf *b, uint16_t id, struct span host, enum dns_type type)
{
	struct name n;
	TRY(name_of_host(host, &n));
	buf_be16(b, id);
	buf_be16(b, FLAG_RECURSION_DESIRED);
	buf_be16(b, 1);
	buf_fill(b, 0, 6);
	buf_put(b, span_of(n.bytes, n.len));
	buf_be16(b, (uint16_t)type);
	buf_be16(b, CLASS_IN);
	return buf_err(b);
}

struct record {
	struct name owner;
	uint16_t type, class;
	uint32_t ttl_s;
	size_t data, data_len; /* within the packet */
};

static enum err read_record(struct span packet, size_t *at, struct record *r)
{
	TRY(read_name(packet, at, &r->owner));
	if (packet.len - *at < 10)
		return ERR_SYNTAX;
	const uint8_t *p = packet.p + *at;
	r->type = load_be16(p);
	r->class = load_be16(p + 2);
	r->ttl_s = load_be32(p + 4);
	r->data_len = load_be16(p + 8);
	r->data = *at + 10;
	if (r->data_len > packet.len - r->data)
		return ERR_SYNTAX;
	*at = r->data + r->data_len;
	/* RFC 2181 section 8: the upper bit set means zero */
	if (r->ttl_s > INT32_MAX)
		r->ttl_s = 0;
	return ERR_OK;
}

static enum err take_address(struct span packet, const struct record *r, struct dns_answer *out)
{
	struct ip a;
	if (r->data_len != (r->type == DNS_A ? 4u : sizeof(a.bytes)))
		return ERR_SYNTAX;
	if (r->type == DNS_A)
		a = ip_from_v4(load_be32(packet.p + r->data));
	else
		memcpy(a.bytes, packet.p + r->data, sizeof(a.bytes));
	/* an IPv4 address in disguise is not of the family asked for */
	if (out->count < DNS_MAX_ADDRS && ip_is_v4(&a) == (r->type == DNS_A))
		out->addr[out->count++] = a;
	return ERR_OK;
}

static enum err take_alias(struct span packet, const struct record *r, struct name *target)
{
	size_t at = r->data;
	TRY(read_name(packet, &at, target));
	return at == r->data + r->data_len ? ERR_OK : ERR_SYNTAX;
}

/* One pass over the answers for one owner: its addresses, or the name it is an alias of. at: of the first;
 * *end: behind the last. */
static enum err scan(struct span packet, size_t at, unsigned records, enum dns_type type, struct name *owner,
		     bool *alias, size_t *end, struct dns_answer *out)
{
	struct name target;
	struct record r;
	*alias = false;
	for (unsigned i = 0; i < records; i++) {
		TRY(read_record(packet, &at, &r));
		bool wanted = r.class == CLASS_IN && (r.type == type || r.type == TYPE_CNAME);
		if (!wanted || !name_eq(&r.owner, owner))
			continue;
		if (r.ttl_s < out->ttl_s)
			out->ttl_s = r.ttl_s;
		if (r.type == type) {
			TRY(take_address(packet, &r, out));
		} else {
			TRY(take_alias(packet, &r, &target));
			*alias = true;
		}
	}
	if (*alias)
		*owner = target;
	*end = at;
	return ERR_OK;
}

static enum err read_rcode(uint16_t flags)
{
	switch (flags & FLAGS_RCODE) {
	case RCODE_OK:
		return ERR_OK;
	case RCODE_NAME:
		return ERR_NOT_FOUND;
	case RCODE_SERVER:
		return ERR_SERVICE;
	case RCODE_REFUSED:
		return ERR_REFUSED;
	default:
		return ERR_PROTOCOL;
	}
}

/* The question comes back as it was asked. */
static enum err read_question(struct span packet, size_t *at, const struct name *asked, enum dns_type type)
{
	struct name n;
	if (load_be16(packet.p + 4) != 1 || read_name(packet, at, &n) || packet.len - *at < 4)
		return ERR_MORE;
	bool same = name_eq(&n, asked) && load_be16(packet.p + *at) == type &&
		    load_be16(packet.p + *at + 2) == CLASS_IN;
	*at += 4;
	return same ? ERR_OK : ERR_MORE;
}

/* Seconds for which the absence may be remembered, from the SOA among the authorities. */
static uint32_t absence_ttl(struct span packet, size_t at, unsigned records)
{
	struct name n;
	struct record r;
	for (unsigned i = 0; i < records && !read_record(packet, &at, &r); i++) {
		size_t data = r.data;
		if (r.class != CLASS_IN || r.type != TYPE_SOA || read_name(packet, &data, &n) ||
		    read_name(packet, &data, &n) || data + 20 != r.data + r.data_len)
			continue;
		uint32_t minimum_s = load_be32(packet.p + data + 16);
		return minimum_s < r.ttl_s ? minimum_s : r.ttl_s;
	}
	return 0;
}

/* ERR_NOT_FOUND: nothing at the chain's end, which is not in the answer. *end: behind the last record. */
static enum err follow(struct span packet, size_t at, enum dns_type type, struct name *owner, size_t *end,
		       struct dns_answer *out)
{
	unsigned records = load_be16(packet.p + 6);
	for (unsigned i = 0; i < CHAIN_MAX; i++) {
		bool alias;
		TRY(scan(packet, at, records, type, owner, &alias, end, out));
		if (out->count)
			return ERR_OK;
		if (!alias)
			return ERR_NOT_FOUND;
	}
	return ERR_SYNTAX;
}

enum err dns_read(struct span packet, uint16_t id, struct span host, enum dns_type type,
		  struct dns_answer *out)
{
	struct name owner;
	*out = (struct dns_answer){.ttl_s = UINT32_MAX};
	TRY(name_of_host(host, &owner));
	if (packet.len < HEADER_BYTES || load_be16(packet.p) != id)
		return ERR_MORE;
	uint16_t flags = load_be16(packet.p + 2);
	if (!(flags & FLAG_RESPONSE) || (flags & FLAGS_OPCODE))
		return ERR_MORE;
	size_t at = HEADER_BYTES, end = packet.len;
	TRY(read_question(packet, &at, &owner, type));
	enum err e = read_rcode(flags);
	if (e && e != ERR_NOT_FOUND)
		return e;
	if (flags & FLAG_TRUNCATED)
		return ERR_TRUNCATED;
	enum err found = follow(packet, at, type, &owner, &end, out);
	if (e)
		out->count = 0;
	else
		e = found;
	if (e == ERR_NOT_FOUND) {
		uint32_t ttl_s =
			found == ERR_NOT_FOUND ? absence_ttl(packet, end, load_be16(packet.p + 8)) : 0;
		out->ttl_s = ttl_s < out->ttl_s ? ttl_s : out->ttl_s;
	}
	return e;
}

/* ---- over TCP */

enum err dns_tcp_query(struct buf *b, uint16_t id, struct span host, enum dns_type type)
{
	size_t at = b->len;
	buf_be16(b, 0);
	TRY(dns_query(b, id, host, type));
	store_be16(b->p + at, (uint16_t)(b->len - at - 2));
	return ERR_OK;
}

enum err dns_tcp_feed(struct dns_tcp *t, struct span *in, struct span *packet)
{
	/* the last one was whole */
	if (t->len >= 2 && t->len == 2u + load_be16(t->bytes))
		t->len = 0;
	for (;;) {
		size_t want = t->len < 2 ? 2 : 2u + load_be16(t->bytes);
		if (want > sizeof(t->bytes))
			return ERR_TOO_LONG;
		if (t->len == want) {
			*packet = span_of(t->bytes + 2, want - 2);
			return ERR_OK;
		}
		if (!span_collect(in, want, t->bytes, &t->len))
			return ERR_MORE;
	}
}
