#include "net/nft.h"

#include <stdarg.h>
#include <stdint.h>

#include "check.h"
#include "net/nlmsg.h"

/* ---- a batch as text, by linux/netfilter/nf_tables.h: what the kernel will understand */

static char text[4096];
static size_t text_len;
static bool broken;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text + text_len, sizeof(text) - text_len, format, args);
	va_end(args);
	broken |= n < 0 || (size_t)n >= sizeof(text) - text_len;
	if (!broken)
		text_len += (size_t)n;
}

/* The attribute of that type within attrs, or an empty span. */
static struct span find(struct span attrs, uint16_t want)
{
	struct span value, found = {NULL, 0};
	uint16_t type;
	enum err e;
	while ((e = nlmsg_attr_next(&attrs, &type, &value)) == ERR_OK)
		if (type == want)
			found = value;
	broken |= e != ERR_MORE;
	return found;
}

static uint32_t number(struct span attrs, uint16_t type)
{
	struct span v = find(attrs, type);
	broken |= v.len != 4;
	return v.len == 4 ? load_be32(v.p) : UINT32_MAX;
}

static const char *string(struct span attrs, uint16_t type)
{
	struct span v = find(attrs, type);
	bool ok = v.len && v.p[v.len - 1] == 0;
	broken |= !ok;
	return ok ? (const char *)v.p : "?";
}

static void say_data(struct span data)
{
	struct span value = find(data, 1);
	broken |= value.len == 0;
	for (size_t i = 0; i < value.len; i++)
		say("%02x", value.p[i]);
}

static void say_immediate(struct span d)
{
	uint32_t reg = number(d, 1);
	struct span data = find(d, 2);
	if (reg == 0) {
		uint32_t code = number(find(data, 2), 1);
		say("%s", code == 0 ? "drop" : code == 1 ? "accept" : "?");
		return;
	}
	say("r%u=", reg);
	say_data(data);
}

static void say_expression(struct span x)
{
	static const char *const keys[] = {[4] = "iif", [5] = "oif", [15] = "nfproto"};
	const char *name = string(x, 1);
	struct span d = find(x, 2);
	if (!strcmp(name, "meta")) {
		uint32_t key = number(d, 2);
		say("r%u=%s", number(d, 1), key < 16 && keys[key] ? keys[key] : "?");
	} else if (!strcmp(name, "cmp")) {
		say("r%u%s", number(d, 1), number(d, 2) == 0 ? "==" : number(d, 2) == 1 ? "!=" : "?");
		say_data(find(d, 3));
	} else if (!strcmp(name, "payload")) {
		say("r%u=header%u+%u,%u", number(d, 1), number(d, 2), number(d, 3), number(d, 4));
	} else if (!strcmp(name, "ct")) {
		say("r%u=ct%u", number(d, 1), number(d, 2));
	} else if (!strcmp(name, "bitwise")) {
		say("r%u=r%u,%u&", number(d, 2), number(d, 1), number(d, 3));
		say_data(find(d, 4));
		say("^");
		say_data(find(d, 5));
	} else if (!strcmp(name, "immediate")) {
		say_immediate(d);
	} else if (!strcmp(name, "masq")) {
		say("masq flags %u r%u-r%u", number(d, 1), number(d, 2), number(d, 3));
	} else {
		say("?");
	}
}

static void say_rule(struct span attrs)
{
	say("rule %s %s:", string(attrs, 1), string(attrs, 2));
	struct span list = find(attrs, 4), x;
	uint16_t type;
	while (nlmsg_attr_next(&list, &type, &x) == ERR_OK) {
		broken |= type != 1;
		say(" ");
		say_expression(x);
	}
	say("\n");
}

static void say_chain(struct span attrs)
{
	struct span hook = find(attrs, 4);
	say("chain %s %s %s hook %u priority %u policy %u\n", string(attrs, 1), string(attrs, 3),
	    string(attrs, 7), number(hook, 1), number(hook, 2), number(attrs, 5));
}

static void say_message(const struct nlmsg *m, uint32_t seq)
{
	broken |= m->body.len < 4 || m->seq != seq;
	struct span attrs = span_from(m->body, 4);
	bool inner = m->type >> 8 == 10;
	/* inet, version 0; request and acknowledgement */
	broken |= inner && (m->body.p[0] != 1 || m->body.p[1] != 0 || (m->flags & 5) != 5);
	switch (m->type) {
	case 16: /* the batch's ends name the subsystem, big-endian, and ask for nothing */
	case 17:
		broken |= m->flags != 1 || load_be16(m->body.p + 2) != 10;
		say(m->type == 16 ? "begin\n" : "end\n");
		return;
	case 10 << 8 | 0:
		say("%s %s\n", m->flags & 0x400 ? "create table" : "table", string(attrs, 1));
		return;
	case 10 << 8 | 2:
		say("delete table %s\n", string(attrs, 1));
		return;
	case 10 << 8 | 3:
		say_chain(attrs);
		return;
	case 10 << 8 | 6:
		broken |= (m->flags & 0xc00) != 0xc00; /* create, append */
		say_rule(attrs);
		return;
	default:
		say("?\n");
	}
}

static const char *as_text(const struct nft_gateway *g)
{
	static uint8_t bytes[NFT_BATCH_BYTES];
	struct buf b = BUF_OF(bytes);
	nft_replace(&b, 100, g);
	CHECK(buf_err(&b) == ERR_OK);
	struct span in = buf_span(&b);
	struct nlmsg m;
	uint32_t seq = 100;
	text_len = 0;
	text[0] = 0;
	broken = false;
	while (nlmsg_next(&in, &m) == ERR_OK)
		say_message(&m, seq++);
	CHECK(in.len == 0);
	CHECK(!broken);
	return text;
}

#define START                    \
	"begin\n"                \
	"create table sealtap\n" \
	"delete table sealtap\n" \
	"create table sealtap\n" \
	"chain sealtap forward filter hook 2 priority 0 policy 0\n"
#define OPEN                                                                                          \
	"rule sealtap forward: r1=iif r1==07000000 r1=nfproto r1==02 r1=header1+16,2 r1==a9fe drop\n" \
	"rule sealtap forward: r1=ct0 r1=r1,4&06000000^00000000 r1!=00000000 accept\n"                \
	"rule sealtap forward: r1=ct0 r1=r1,4&01000000^00000000 r1!=00000000 drop\n"                  \
	"rule sealtap forward: r1=iif r1==07000000 r1=oif r1==03000000 r1=nfproto r1==02 "            \
	"r1=ct0 r1=r1,4&08000000^00000000 r1!=00000000 accept\n"
#define NAT_CHAIN "chain sealtap postrouting nat hook 4 priority 100 policy 1\n"
#define MASQUERADE                                                                             \
	"rule sealtap postrouting: r1=iif r1==07000000 r1=oif r1==03000000 r1=nfproto r1==02 " \
	"r1=0400 r2=fbff masq flags 2 r1-r2\n"

static struct nft_gateway gateway(bool open, bool masquerade)
{
	return (struct nft_gateway){open, masquerade, 3, 7, 1024, 64511};
}

static void replaces_the_table(void)
{
	struct nft_gateway g = {.open = false};
	CHECK_SPAN(span_str(as_text(&g)), SPAN(START NAT_CHAIN "end\n"));
	g = gateway(false, true);
	CHECK_SPAN(span_str(as_text(&g)), SPAN(START NAT_CHAIN MASQUERADE "end\n"));
	g = gateway(true, true);
	CHECK_SPAN(span_str(as_text(&g)), SPAN(START OPEN NAT_CHAIN MASQUERADE "end\n"));
	g = gateway(true, false);
	CHECK_SPAN(span_str(as_text(&g)), SPAN(START OPEN NAT_CHAIN "end\n"));
}

static void never_overflows(void)
{
	static uint8_t bytes[NFT_BATCH_BYTES + 16];
	struct nft_gateway g = gateway(true, true);
	struct buf whole = buf_over(bytes, NFT_BATCH_BYTES);
	nft_replace(&whole, 1, &g);
	CHECK(buf_err(&whole) == ERR_OK && whole.len > 1000);
	for (size_t cap = 0; cap < whole.len; cap++) {
		memset(bytes, 0xaa, sizeof(bytes));
		struct buf b = buf_over(bytes, cap);
		nft_replace(&b, 1, &g);
		CHECK(buf_err(&b) == ERR_FULL);
		for (size_t i = cap; i < sizeof(bytes); i++)
			CHECK(bytes[i] == 0xaa);
	}
}

int main(void)
{
	RUN(replaces_the_table,
	    "the rule set, open or closed, with NAT or without, is one batch that says just that");
	RUN(never_overflows, "a batch that does not fit is an error, and writes nothing beyond");
	return check_done();
}
