/* nft_text: a batch for the packet filter as text, by linux/netfilter/nf_tables.h: what the kernel will
 * understand. */
#ifndef SEALTAP_TESTS_NFT_TEXT_H
#define SEALTAP_TESTS_NFT_TEXT_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "net/nft.h"
#include "net/nlmsg.h"

static char text[65536];
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

static void say_verdict(struct span verdict)
{
	static const char *const words[] = {"goto ", "jump "};
	uint32_t code = number(verdict, 1);
	if (code == (uint32_t)-4 || code == (uint32_t)-3) {
		say("%s%s", words[code == (uint32_t)-3], string(verdict, 2));
		return;
	}
	say("%s", code == 0 ? "drop" : code == 1 ? "accept" : "?");
}

static void say_immediate(struct span d)
{
	uint32_t reg = number(d, 1);
	struct span data = find(d, 2);
	if (reg == 0) {
		say_verdict(find(data, 2));
		return;
	}
	say("r%u=", reg);
	say_data(data);
}

static void say_meta(struct span d)
{
	static const char *const keys[] = {
		[4] = "iif", [5] = "oif", [10] = "user", [15] = "nfproto", [16] = "l4proto"};
	uint32_t key = number(d, 2);
	if (find(d, 3).len)
		say("%s=r%u", key == 3 ? "mark" : "?", number(d, 3));
	else
		say("r%u=%s", number(d, 1), key < 17 && keys[key] ? keys[key] : "?");
}

static void say_cmp(struct span d)
{
	static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
	uint32_t op = number(d, 2);
	say("r%u%s", number(d, 1), op < 6 ? ops[op] : "?");
	say_data(find(d, 3));
}

static void say_payload(struct span d)
{
	if (find(d, 5).len) {
		say("header%u+%u,%u=r%u sum%u at %u", number(d, 2), number(d, 3), number(d, 4), number(d, 5),
		    number(d, 6), number(d, 7));
		return;
	}
	say("r%u=header%u+%u,%u", number(d, 1), number(d, 2), number(d, 3), number(d, 4));
}

static void say_ct(struct span d)
{
	struct span direction = find(d, 3);
	say("r%u=ct%u", number(d, 1), number(d, 2));
	if (direction.len)
		say("%s", direction.len == 1 && direction.p[0] == 0 ? " there" : "?");
}

static void say_bitwise(struct span d)
{
	say("r%u=r%u,%u&", number(d, 2), number(d, 1), number(d, 3));
	say_data(find(d, 4));
	say("^");
	say_data(find(d, 5));
}

/* Result 1: a link, 3: a type. */
static void say_fib(struct span d)
{
	say("r%u=fib%u flags %x", number(d, 1), number(d, 2), number(d, 3));
}

static void say_byteorder(struct span d)
{
	say("r%u=order%u r%u %u,%u", number(d, 2), number(d, 3), number(d, 1), number(d, 4), number(d, 5));
}

static void say_rt(struct span d)
{
	say("r%u=rt%u", number(d, 1), number(d, 2));
}

static void say_exthdr(struct span d)
{
	struct span option = find(d, 2);
	broken |= option.len != 1;
	say("option%u+%u,%u op %u=r%u", option.len ? option.p[0] : 0, number(d, 3), number(d, 4),
	    number(d, 6), number(d, 7));
}

static uint64_t long_number(struct span attrs, uint16_t type)
{
	struct span v = find(attrs, type);
	broken |= v.len != 8;
	return v.len == 8 ? load_be64(v.p) : UINT64_MAX;
}

static void say_connlimit(struct span d)
{
	say("flows %u flags %u", number(d, 1), number(d, 2));
}

static void say_limit(struct span d)
{
	say("rate %llu/%llu burst %u type %u flags %u", (unsigned long long)long_number(d, 1),
	    (unsigned long long)long_number(d, 2), number(d, 3), number(d, 4), number(d, 5));
}

static void say_objref(struct span d)
{
	say("count%u %s", number(d, 1), string(d, 2));
}

static void say_log(struct span d)
{
	struct span group = find(d, 1);
	broken |= group.len != 2;
	say("log %s to %u,%u", string(d, 2), group.len == 2 ? load_be16(group.p) : 0, number(d, 3));
}

static void say_masq(struct span d)
{
	say("masq flags %u r%u-r%u", number(d, 1), number(d, 2), number(d, 3));
}

static void say_nat(struct span d)
{
	say("nat%u family %u r%u", number(d, 1), number(d, 2), number(d, 3));
	if (find(d, 7).len)
		say(" r%u-r%u flags %u", number(d, 5), number(d, 6), number(d, 7));
}

static void say_lookup(struct span d)
{
	say("r%u in %s", number(d, 2), string(d, 1));
}

static void say_dynset(struct span d);

static const struct {
	const char *name;
	void (*say)(struct span data);
} expressions[] = {
	{"meta", say_meta},     {"cmp", say_cmp},         {"payload", say_payload},
	{"ct", say_ct},         {"bitwise", say_bitwise}, {"immediate", say_immediate},
	{"fib", say_fib},       {"rt", say_rt},           {"byteorder", say_byteorder},
	{"exthdr", say_exthdr}, {"dynset", say_dynset},   {"connlimit", say_connlimit},
	{"limit", say_limit},   {"objref", say_objref},   {"log", say_log},
	{"masq", say_masq},     {"nat", say_nat},         {"lookup", say_lookup},
};

static void say_expression(struct span x)
{
	const char *name = string(x, 1);
	for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
		if (strcmp(name, expressions[i].name) != 0)
			continue;
		expressions[i].say(find(x, 2));
		return;
	}
	say("?");
}

static void say_dynset(struct span d)
{
	say("%s %s r%u {", number(d, 3) ? "update" : "add", string(d, 1), number(d, 4));
	say_expression(find(d, 7));
	say("}");
}

static void say_rule(struct span attrs)
{
	broken |= strcmp(string(attrs, 1), "sealtap") != 0;
	say("%s:", string(attrs, 2));
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
	broken |= strcmp(string(attrs, 1), "sealtap") != 0;
	say("chain %s", string(attrs, 3));
	if (hook.len)
		say(" %s hook %u priority %d policy %u", string(attrs, 7), number(hook, 1),
		    (int)number(hook, 2), number(attrs, 5));
	say("\n");
}

static void say_set(struct span attrs)
{
	broken |= strcmp(string(attrs, 1), "sealtap") != 0;
	say("set %s flags %x type %u,%u id %u size %u", string(attrs, 2), number(attrs, 3), number(attrs, 4),
	    number(attrs, 5), number(attrs, 10), number(find(attrs, 9), 1));
	if (find(attrs, 11).len)
		say(" timeout %llu", (unsigned long long)long_number(attrs, 11));
	say("\n");
}

static void say_element(const char *what, struct span attrs)
{
	broken |= strcmp(string(attrs, 1), "sealtap") != 0;
	say("%s %s ", what, string(attrs, 2));
	say_data(find(find(find(attrs, 3), 1), 1));
	say("\n");
}

static void say_object(struct span attrs)
{
	broken |= strcmp(string(attrs, 1), "sealtap") != 0;
	say("object%u %s\n", number(attrs, 3), string(attrs, 2));
}

static void say_message(const struct nlmsg *m, uint32_t seq)
{
	broken |= m->body.len < 4 || m->seq != seq;
	struct span attrs = span_from(m->body, 4);
	bool inner = m->type >> 8 == 10;
	/* inet, version 0; a request */
	broken |= inner && (m->body.p[0] != 1 || m->body.p[1] != 0 || (m->flags & 1) != 1);
	switch (m->type) {
	case 16: /* the batch's ends name the subsystem, big-endian, and ask for nothing */
	case 17:
		broken |= m->flags != 1 || load_be16(m->body.p + 2) != 10;
		say(m->type == 16 ? "begin\n" : "end\n");
		return;
	case 10 << 8 | 0:
		say("table %s%s%s\n", string(attrs, 1), m->flags & 0x400 ? " create" : "",
		    m->flags & 4 ? " acknowledge" : "");
		return;
	case 10 << 8 | 2:
		say("delete table %s\n", string(attrs, 1));
		return;
	case 10 << 8 | 3:
		broken |= m->flags != 0x401;
		say_chain(attrs);
		return;
	case 10 << 8 | 6:
		broken |= m->flags != 0xc01; /* create, append */
		say_rule(attrs);
		return;
	case 10 << 8 | 8:
		broken |= find(attrs, 3).len != 0;
		say("flush %s", string(attrs, 1));
		if (find(attrs, 2).len)
			say(" %s", string(attrs, 2));
		say("\n");
		return;
	case 10 << 8 | 9:
		broken |= m->flags != 0x401;
		say_set(attrs);
		return;
	case 10 << 8 | 12:
		broken |= m->flags != 0x401;
		say_element("add", attrs);
		return;
	case 10 << 8 | 14:
		say_element("remove", attrs);
		return;
	case 10 << 8 | 18:
		broken |= m->flags != 0x401;
		say_object(attrs);
		return;
	default:
		say("?\n");
	}
}

/* Messages from 100 on. */
static const char *batch_as_text(const struct buf *b)
{
	CHECK(buf_err(b) == ERR_OK);
	struct span in = buf_span(b);
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

static const char *as_text(const struct nft_gateway *g)
{
	static uint8_t bytes[NFT_BATCH_BYTES];
	struct buf b = BUF_OF(bytes);
	nft_replace(&b, 100, g);
	return batch_as_text(&b);
}

static struct conf_gateway conf;

static void configure(const char *nat)
{
	conf = (struct conf_gateway){.nat = 0};
	CHECK(conf_gateway_read_nat(span_str(nat), &conf) == ERR_OK);
}

static struct nft_gateway opened(void)
{
	return (struct nft_gateway){.open = true, .outside = 3, .inside = 7, .conf = &conf};
}

/* Lines that begin with this. */
static const char *lines_of(const char *all, const char *start)
{
	static char some[16384];
	size_t n = 0;
	for (const char *line = all; *line; line = strchr(line, '\n') + 1) {
		size_t len = (size_t)(strchr(line, '\n') + 1 - line);
		if (strncmp(line, start, strlen(start)) != 0 || n + len >= sizeof(some))
			continue;
		memcpy(some + n, line, len);
		n += len;
	}
	some[n] = 0;
	return some;
}

#define CHECK_LINES(all, start, want) CHECK_SPAN(span_str(lines_of(all, start)), SPAN(want))

/* A link, a family, a protocol. */
#define IN "r1=iif r1==07000000 "
#define V4 "r1=nfproto r1==02 "
#define V6 "r1=nfproto r1==0a "
#define TCP "r1=l4proto r1==06 "
#define UDP "r1=l4proto r1==11 "
#define ICMP "r1=l4proto r1==01 "
#define ICMPV6 "r1=l4proto r1==3a "

#define GOALS                                                                 \
	"set goals4 flags 10 type 98765,12 id 5 size 65535 timeout 3600000\n" \
	"set goals6 flags 10 type 98829,24 id 6 size 65535 timeout 3600000\n"

#endif
