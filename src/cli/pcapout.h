/* pcapout: the capture that open, follow and extcap write: one pcapng section (or a pcap file), its
 * interfaces as they come, packets, at the end the interfaces' last statistics. One for the process.
 *
 * A block of a recording goes out as it is, with another number for its interface: options are kept.
 * Source: draft-ietf-opsawg-pcapng; draft-ietf-opsawg-pcap (nanoseconds, a1b23c4d). */
#ifndef SEALTAP_CLI_PCAPOUT_H
#define SEALTAP_CLI_PCAPOUT_H

#include "cli/command.h"
#include "lib/sha.h"
#include "record/pcapng_read.h"

#define PCAPOUT_INTERFACES 4096u
#define PCAPOUT_NO_INTERFACE UINT32_MAX

struct pcapout_options {
	const char *path;    /* NULL or "-": standard output */
	const char *keylog;  /* file of TLS secrets, as SSLKEYLOGFILE makes it; NULL */
	bool pcap;           /* the old format: no options, no statistics, no secrets */
	bool redact;         /* headers alone are written */
	bool hash;           /* for pcapout_hash() */
	struct span comment; /* of the section; UTF-8 */
};

/* Opens the output and writes its head. What failed was said. */
enum exit_status pcapout_begin(const struct pcapout_options *o);
/* Where a section's packets come from: for people, and so that equal interfaces of two workers stay
 * apart. description NULL: it was lost. The number of the interface in the output; written when it is
 * new. PCAPOUT_NO_INTERFACE: there are too many, which was said. */
uint32_t pcapout_interface(const struct pcapng_block *description, struct span origin);
/* b: a packet. */
enum exit_status pcapout_packet(const struct pcapng_block *b, uint32_t interface);
/* The interface's last are written at the end. */
void pcapout_statistics(const struct pcapng_block *b, uint32_t interface);
/* Everything so far reaches the reader. The first failure was said, and comes back from then on. */
enum exit_status pcapout_flush(void);
/* Waits so long, or until a signal comes, or the reader has gone: then as a failed write. */
enum exit_status pcapout_rest(unsigned ms);
enum exit_status pcapout_end(void);

uint64_t pcapout_packets(void);
uint64_t pcapout_bytes(void);
void pcapout_hash(uint8_t sha256[SHA256_BYTES]);

#endif
