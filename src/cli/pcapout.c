/* The section's blocks, in this order: section | [decryption secrets: type 10, "TLSK" u32, length u32,
 * the file's text] | interfaces and packets | statistics. Of pcap: magic a1b23c4d u32, 2 u16, 4 u16, 0
 * u32, 0 u32, snaplen u32, link type u32; a packet: seconds u32, nanoseconds u32, captured u32,
 * original u32, frame. */
#include "cli/pcapout.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "base/version.h"
#include "cli/say.h"
#include "record/headers.h"
#include "record/pcapng.h"

#define OUT_BYTES (1024u * 1024)
#define BLOCK_SECRETS 10u
#define SECRETS_TLS 0x544c534bu
#define KEYLOG_MAX (8u * 1024 * 1024)
#define MACS_BYTES 12 /* before the EtherType */
#define ETHERNET_BYTES 14
#define BLOCK_PACKET 6u
#define OPTION_COMMENT 1
#define DESCRIPTION_MAX 4096u

static struct {
	struct pcapout_options o;
	const char *name;
	int fd;
	enum exit_status failed;
	uint64_t packets, bytes;
	struct sha256 sha;
	uint32_t interfaces;
	bool too_many; /* interfaces: it was said */
	struct {
		uint8_t id[SHA256_BYTES]; /* of its description and origin */
		uint32_t statistics_bytes;
		uint8_t statistics[PCAPNG_STATISTICS_MAX];
	} interface[PCAPOUT_INTERFACES];
	struct buf out;
	uint8_t memory[OUT_BYTES];
	uint8_t keylog[KEYLOG_MAX + 1];
} g;

static enum exit_status output_failed(void)
{
	int why = errno;
	say_pipe_closed(why);
	g.failed = EXIT_OUTPUT;
	return say(EXIT_OUTPUT, "%s: can't write: %s; what is there is genuine, but not all", g.name,
		   strerror(why));
}

static enum exit_status write_all(struct span s)
{
	if (g.o.hash)
		sha256_update(&g.sha, s);
	while (s.len) {
		ssize_t n = write(g.fd, s.p, s.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return output_failed();
		g.bytes += (uint64_t)n;
		s = span_from(s, (size_t)n);
	}
	return EXIT_DONE;
}

enum exit_status pcapout_flush(void)
{
	if (!g.failed && g.out.len)
		write_all(buf_span(&g.out));
	buf_reset(&g.out);
	return g.failed;
}

enum exit_status pcapout_rest(unsigned ms)
{
	struct pollfd p = {.fd = g.fd};
	if (poll(&p, 1, (int)ms) == 1 && p.revents & POLLERR) {
		errno = EPIPE;
		return output_failed();
	}
	return g.failed;
}

/* Room for a block of so many bytes; NULL: it failed. */
static uint8_t *room(size_t bytes)
{
	if (buf_room(&g.out) < bytes)
		pcapout_flush();
	return g.failed ? NULL : buf_take(&g.out, bytes);
}

static enum exit_status put(struct span s)
{
	if (s.len > sizeof(g.memory))
		return pcapout_flush() ? g.failed : write_all(s);
	uint8_t *to = room(s.len);
	if (to && s.len)
		memcpy(to, s.p, s.len);
	return g.failed;
}

/* ---- the head */

static enum exit_status read_secrets(size_t *bytes)
{
	FILE *f = fopen(g.o.keylog, "rb");
	size_t len = f ? fread(g.keylog, 1, sizeof(g.keylog), f) : 0;
	bool failed = !f || ferror(f);
	if (failed)
		say(EXIT_NO_INPUT, "%s: can't read: %s", g.o.keylog, strerror(errno));
	if (f)
		fclose(f);
	if (failed)
		return EXIT_NO_INPUT;
	if (len > KEYLOG_MAX)
		return say(EXIT_WRONG_USAGE, "%s: more than 8 MiB are no file of TLS secrets", g.o.keylog);
	*bytes = len;
	return EXIT_DONE;
}

static enum exit_status put_secrets(size_t len)
{
	uint8_t text[24];
	size_t padding = (4 - len % 4) % 4;
	memset(g.keylog + len, 0, padding < sizeof(g.keylog) - len ? padding : 0);
	uint32_t total = (uint32_t)(20 + len + padding);
	struct buf b = BUF_OF(text);
	buf_le32(&b, BLOCK_SECRETS);
	buf_le32(&b, total);
	buf_le32(&b, SECRETS_TLS);
	buf_le32(&b, (uint32_t)len);
	put(buf_span(&b));
	put(span_of(g.keylog, len + padding));
	wipe(g.keylog, sizeof(g.keylog));
	buf_reset(&b);
	buf_le32(&b, total);
	return put(buf_span(&b));
}

static enum exit_status put_head(size_t secrets_bytes)
{
	char app[96];
	snprintf(app, sizeof(app), "sealtap %s", version_text);
	struct pcapng_section section = {.userappl = span_str(app), .comment = g.o.comment};
	if (!g.o.pcap) {
		pcapng_section(&g.out, &section);
		return g.o.keylog ? put_secrets(secrets_bytes) : g.failed;
	}
	buf_le32(&g.out, 0xa1b23c4d);
	buf_le16(&g.out, 2);
	buf_le16(&g.out, 4);
	buf_le64(&g.out, 0);
	buf_le32(&g.out, PCAPNG_SNAPLEN);
	buf_le32(&g.out, 1);
	return g.failed;
}

enum exit_status pcapout_begin(const struct pcapout_options *o)
{
	bool standard = !o->path || !strcmp(o->path, "-");
	g.o = *o;
	g.out = buf_over(g.memory, sizeof(g.memory));
	sha256_init(&g.sha);
	g.name = standard ? "standard output" : o->path;
	if (standard && isatty(STDOUT_FILENO))
		return say(EXIT_WRONG_USAGE, "packets are not for a terminal: give -w FILE, or a pipe: "
					     "sealtap open ... | wireshark -k -i -");
	size_t secrets_bytes = 0; /* read before the file is opened: a mistake leaves what was there */
	enum exit_status e = o->keylog && !o->pcap ? read_secrets(&secrets_bytes) : EXIT_DONE;
	if (e)
		return e;
	g.fd = standard ? STDOUT_FILENO : open(o->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (g.fd < 0 && errno == EINTR) /* of a FIFO nobody reads */
		return EXIT_INTERRUPTED;
	if (g.fd < 0)
		return say(EXIT_OUTPUT, "%s: can't write: %s", g.name, strerror(errno));
	return put_head(secrets_bytes);
}

/* ---- interfaces */

/* libpcap wants one interface, even where there is no packet. */
static enum exit_status put_unknown(const char *name, struct span origin)
{
	uint8_t text[512];
	struct buf b = BUF_OF(text);
	pcapng_interface(&b, &(struct pcapng_interface){.name = span_str(name), .description = origin});
	return put(buf_span(&b));
}

static enum exit_status put_interface(const struct pcapng_block *d, struct span origin)
{
	uint8_t text[DESCRIPTION_MAX];
	struct buf b = BUF_OF(text);
	size_t padding = (4 - origin.len % 4) % 4;
	buf_put(&b, span_first(d->bytes, 8 + 8));
	if (origin.len) {
		buf_le16(&b, OPTION_COMMENT);
		buf_le16(&b, (uint16_t)origin.len);
		buf_put(&b, origin);
		buf_fill(&b, 0, padding);
	}
	buf_put(&b, d->options);
	buf_le32(&b, (uint32_t)(b.len + 4));
	if (b.overflow) /* of strangers: as it is */
		return put(d->bytes);
	store_le32(text + 4, (uint32_t)b.len);
	return put(buf_span(&b));
}

uint32_t pcapout_interface(const struct pcapng_block *description, struct span origin)
{
	struct sha256 sha;
	uint8_t id[SHA256_BYTES];
	if (g.o.pcap) /* it has no interfaces */
		return 0;
	sha256_init(&sha);
	sha256_update(&sha, description ? description->bytes : SPAN(""));
	sha256_update(&sha, origin);
	sha256_final(&sha, id);
	for (uint32_t i = 0; i < g.interfaces; i++)
		if (!memcmp(g.interface[i].id, id, sizeof(id)))
			return i;
	if (g.interfaces == PCAPOUT_INTERFACES) {
		if (!g.too_many)
			say(EXIT_INCOMPLETE,
			    "more than %u interfaces don't fit into one capture: ask for less at once, or "
			    "--pcap",
			    PCAPOUT_INTERFACES);
		g.too_many = true;
		return PCAPOUT_NO_INTERFACE;
	}
	memcpy(g.interface[g.interfaces].id, id, sizeof(id));
	g.interface[g.interfaces].statistics_bytes = 0;
	if (description)
		put_interface(description, origin);
	else
		put_unknown("unknown", origin);
	return g.interfaces++;
}

void pcapout_statistics(const struct pcapng_block *b, uint32_t interface)
{
	if (g.o.pcap || interface == PCAPOUT_NO_INTERFACE || b->bytes.len > PCAPNG_STATISTICS_MAX)
		return;
	memcpy(g.interface[interface].statistics, b->bytes.p, b->bytes.len);
	g.interface[interface].statistics_bytes = (uint32_t)b->bytes.len;
	store_le32(g.interface[interface].statistics + PCAPNG_INTERFACE_AT, interface);
}

/* ---- packets */

static size_t kept(const struct pcapng_block *b)
{
	struct headers h;
	if (!g.o.redact)
		return b->frame.len;
	size_t n = headers_read(span_from(b->frame, MACS_BYTES), &h) ? ETHERNET_BYTES
								     : MACS_BYTES + h.len - h.unknown;
	return n < b->frame.len ? n : b->frame.len;
}

static enum exit_status put_pcap(const struct pcapng_block *b)
{
	size_t n = kept(b);
	uint8_t *to = room(16 + n);
	if (!to)
		return g.failed;
	store_le32(to, (uint32_t)(b->ts_ns / NS_PER_S));
	store_le32(to + 4, (uint32_t)(b->ts_ns % NS_PER_S));
	store_le32(to + 8, (uint32_t)n);
	store_le32(to + 12, b->len);
	memcpy(to + 16, b->frame.p, n);
	return EXIT_DONE;
}

static enum exit_status put_whole(const struct pcapng_block *b, uint32_t interface)
{
	uint8_t *to = room(b->bytes.len);
	if (!to)
		return g.failed;
	memcpy(to, b->bytes.p, b->bytes.len);
	store_le32(to + PCAPNG_INTERFACE_AT, interface);
	return EXIT_DONE;
}

static enum exit_status put_cut(const struct pcapng_block *b, uint32_t interface, size_t n)
{
	size_t padding = (4 - n % 4) % 4, total = PCAPNG_FRAME_AT + n + padding + b->options.len + 4;
	uint8_t *to = room(total);
	if (!to)
		return g.failed;
	memcpy(to, b->bytes.p, PCAPNG_FRAME_AT + n);
	store_le32(to + 4, (uint32_t)total);
	store_le32(to + PCAPNG_INTERFACE_AT, interface);
	store_le32(to + PCAPNG_CAPTURED_AT, (uint32_t)n);
	memset(to + PCAPNG_FRAME_AT + n, 0, padding);
	memcpy(to + PCAPNG_FRAME_AT + n + padding, b->options.p, b->options.len);
	store_le32(to + total - 4, (uint32_t)total);
	return EXIT_DONE;
}

enum exit_status pcapout_packet(const struct pcapng_block *b, uint32_t interface)
{
	size_t n = kept(b);
	enum exit_status e = g.o.pcap           ? put_pcap(b)
			     : n < b->frame.len ? put_cut(b, interface, n)
						: put_whole(b, interface);
	g.packets++;
	return e;
}

/* ---- the end */

enum exit_status pcapout_end(void)
{
	if (!g.o.pcap && !g.interfaces)
		put_unknown("none", SPAN(""));
	for (uint32_t i = 0; i < g.interfaces && !g.o.pcap; i++)
		put(span_of(g.interface[i].statistics, g.interface[i].statistics_bytes));
	if (pcapout_flush())
		return g.failed;
	if (g.fd != STDOUT_FILENO && close(g.fd))
		return output_failed();
	return EXIT_DONE;
}

uint64_t pcapout_packets(void)
{
	return g.packets;
}

uint64_t pcapout_bytes(void)
{
	return g.bytes;
}

void pcapout_hash(uint8_t sha256[SHA256_BYTES])
{
	struct sha256 copy = g.sha;
	sha256_final(&copy, sha256);
}
