#include "cli/trust.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/say.h"
#include "cli/session.h"

#define BUNDLE_MAX_BYTES 1048576

/* The files as they stand in the sources; make runs in their top folder. */
__asm__(".section .rodata\n"
	"amazon_roots:\n"
	".incbin \"rootfs/anchors/Amazon_Root_CA_1.pem\"\n"
	".ascii \"\\n\"\n"
	".incbin \"rootfs/anchors/Amazon_Root_CA_2.pem\"\n"
	".ascii \"\\n\"\n"
	".incbin \"rootfs/anchors/Amazon_Root_CA_3.pem\"\n"
	".ascii \"\\n\"\n"
	".incbin \"rootfs/anchors/Amazon_Root_CA_4.pem\"\n"
	".ascii \"\\n\"\n"
	".incbin \"rootfs/anchors/Starfield_Services_Root_Certificate_Authority_-_G2.pem\"\n"
	"amazon_roots_end:\n"
	".balign 4\n"
	"amazon_roots_bytes: .long amazon_roots_end - amazon_roots\n"
	".previous\n");
extern const char amazon_roots[];
extern const uint32_t amazon_roots_bytes;

static struct {
	const char *path; /* of the operator's bundle; NULL: none */
	bool read, good;
	struct tls_anchors anchors;
	uint8_t text[BUNDLE_MAX_BYTES];
} g;

static bool refuse(const char *why)
{
	(void)say(EXIT_NOT_SET_UP,
		  "can't use the certificates in %s: %s; name a file of PEM certificates of the"
		  " authorities that are to be trusted, at most %d",
		  g.path, why, TLS_MAX_ANCHORS);
	return false;
}

static bool read_bundle(void)
{
	FILE *f = fopen(g.path, "rb");
	if (!f)
		return refuse(strerror(errno));
	size_t n = fread(g.text, 1, sizeof(g.text), f);
	const char *why = ferror(f) ? strerror(errno) : n == sizeof(g.text) ? "it is too long" : NULL;
	fclose(f);
	if (why)
		return refuse(why);
	enum err e = tls_anchors_read_known(span_of(g.text, n), &g.anchors);
	return e ? refuse(e == ERR_FULL ? "there are too many of them" : err_text(e)) : true;
}

const struct tls_anchors *trust_anchors(void)
{
	if (!g.read) {
		g.path = session_ca_bundle();
		g.good = g.path ? read_bundle()
				: tls_anchors_read(span_of(amazon_roots, amazon_roots_bytes), &g.anchors) ==
					  ERR_OK;
		g.read = true;
	}
	return g.good ? &g.anchors : NULL;
}
