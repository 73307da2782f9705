/* capture: one worker: ring -> pcapng -> zstd -> Encryption SDK -> segment. The only role that sees whole
 * packets (flows sees the heads of those that are not forwarded), and it alone has its ring.
 *
 * It runs in an empty network namespace with an inherited ring and keeps one data key. A ring block returns
 * to the kernel only when all its packets are sealed in the segment.
 */
#ifndef SEALTAP_ROLE_CAPTURE_CAPTURE_H
#define SEALTAP_ROLE_CAPTURE_CAPTURE_H

#include "role/role.h"

extern const struct role role_capture;

#endif
