#include "role/anchors.h"

#include <unistd.h>

#include "os/log.h"

#define ANCHORS_MAX_BYTES 65536

void anchors_load(int fd, struct peer *init, struct tls_anchors *out)
{
	static uint8_t pem[ANCHORS_MAX_BYTES];
	size_t len = 0;
	for (ssize_t n = 1; n > 0 && len < sizeof(pem);) {
		n = pread(fd, pem + len, sizeof(pem) - len, (off_t)len);
		len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	enum err e = len == sizeof(pem) ? ERR_TOO_LONG : tls_anchors_read(span_of(pem, len), out);
	if (!e)
		return;
	log_event(LOG_ALARM, "trust-anchors", "reason", err_text(e));
	peer_verdict(init, VERDICT_ROLE, false,
		     "the trust anchors of the image can't be read; use an unmodified image");
	_exit(1);
}
