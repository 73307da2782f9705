/* pcap.h needs u_int and struct addrinfo. */
#define _DEFAULT_SOURCE
#include "lib/pcapfilter.h"

#include <string.h>

#include <pcap.h>

#include "base/buf.h"

/* From here on "offsets" name what a kernel knows beside the bytes: linux/filter.h, SKF_AD_OFF and below. */
#define ASIDE 0x80000000u

_Static_assert(sizeof(struct bpf_insn) == sizeof(struct pcapfilter_step) &&
		       offsetof(struct bpf_insn, code) == offsetof(struct pcapfilter_step, code) &&
		       offsetof(struct bpf_insn, jt) == offsetof(struct pcapfilter_step, jump_true) &&
		       offsetof(struct bpf_insn, jf) == offsetof(struct pcapfilter_step, jump_false) &&
		       offsetof(struct bpf_insn, k) == offsetof(struct pcapfilter_step, k),
	       "a step is libpcap's instruction");

/* The linker gives libpcap this one in the place of the C library's (Makefile: --wrap), which would ask name
 * servers and files of the machine: addresses and numbers alone are read. */
int __real_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **res);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **res);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		       struct addrinfo **res)
{
	struct addrinfo numeric = {0};
	if (hints)
		numeric = *hints;
	numeric.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
	return __real_getaddrinfo(node, service, &numeric, res);
}

static void say(char *why, size_t size, const char *text)
{
	size_t n = 0;
	for (; text[n] && n + 1 < size; n++)
		why[n] = (char)(text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?');
	why[n] = 0;
}

static enum err take(const struct bpf_program *p, struct pcapfilter *out, char *why, size_t size)
{
	if (p->bf_len > PCAPFILTER_MAX) {
		say(why, size, "the filter is too long when compiled");
		return ERR_TOO_LONG;
	}
	for (uint32_t i = 0; i < p->bf_len; i++) {
		const struct bpf_insn *s = &p->bf_insns[i];
		if (BPF_CLASS(s->code) == BPF_LD && BPF_MODE(s->code) == BPF_ABS && s->k >= ASIDE) {
			say(why, size, "direction and interface are not known here");
			return ERR_SYNTAX;
		}
		if (s->code == (BPF_JMP | BPF_JA) && s->k > p->bf_len) { /* back, since negative */
			say(why, size, "a protochain has no bound");
			return ERR_SYNTAX;
		}
		out->step[i] = (struct pcapfilter_step){s->code, s->jt, s->jf, s->k};
	}
	out->len = p->bf_len;
	return ERR_OK;
}

enum err pcapfilter_compile(const char *text, struct pcapfilter *out, char *why, size_t size)
{
	ASSERT(size);
	out->len = 0;
	why[0] = 0;
	if (strlen(text) > PCAPFILTER_TEXT_MAX) {
		say(why, size, "the filter is too long");
		return ERR_TOO_LONG;
	}
	pcap_t *dead = pcap_open_dead(DLT_EN10MB, PCAPFILTER_SNAPLEN);
	struct bpf_program program = {0};
	if (!dead) {
		say(why, size, "out of memory");
		return ERR_SYSTEM;
	}
	enum err e = ERR_SYNTAX;
	if (pcap_compile(dead, &program, text, 1, PCAP_NETMASK_UNKNOWN)) {
		say(why, size, pcap_geterr(dead));
	} else {
		e = take(&program, out, why, size);
		pcap_freecode(&program);
	}
	pcap_close(dead);
	return e;
}

bool pcapfilter_matches(const struct pcapfilter *f, struct span frame, uint32_t wire_len)
{
	ASSERT(f->len && frame.len <= UINT32_MAX);
	const struct bpf_insn *program = (const struct bpf_insn *)(const void *)f->step;
	return bpf_filter(program, frame.p, wire_len, (u_int)frame.len) != 0;
}
