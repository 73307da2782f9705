/* pcapfilter: filters in libpcap's language (pcap-filter(7)): compiled once, then asked of Ethernet frames.
 *
 * Names of hosts, networks and services are not known, whatever machine compiles: libpcap gets pcapfilter.c's
 * getaddrinfo() instead of the C library's. The direction of a packet and its interface are not known either;
 * `protochain`, whose program runs in a circle, is refused. Compiling allocates and frees; matching does not.
 */
#ifndef SEALTAP_LIB_PCAPFILTER_H
#define SEALTAP_LIB_PCAPFILTER_H

#include "base/err.h"
#include "base/span.h"

/* Bytes. libpcap's optimizer takes the cube of it: a second for so long a one. */
#define PCAPFILTER_TEXT_MAX 512
#define PCAPFILTER_MAX 512 /* instructions */
#define PCAPFILTER_SNAPLEN 262144

/* Fixed size, no pointers. */
struct pcapfilter {
	uint32_t len; /* instructions */
	struct pcapfilter_step {
		uint16_t code;
		uint8_t jump_true, jump_false;
		uint32_t k;
	} step[PCAPFILTER_MAX]; /* classic BPF */
};

/* ERR_SYNTAX: it does not compile, matches nothing, or asks what is not known. ERR_TOO_LONG: longer than
 * PCAPFILTER_TEXT_MAX, or more than PCAPFILTER_MAX instructions. why: what is wrong, terminated visible
 * ASCII, at most `size` bytes. */
enum err pcapfilter_compile(const char *text, struct pcapfilter *out, char *why, size_t size) MUST_USE;

/* frame: what is at hand of it; wire_len: its length on the wire. A filter that asks for a byte that is not
 * at hand does not match. */
bool pcapfilter_matches(const struct pcapfilter *f, struct span frame, uint32_t wire_len);

#endif
