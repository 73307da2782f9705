/* trust: the roots by which servers are judged: Amazon's (rootfs/anchors, inside the binary), or the
 * operator's bundle in their place (--ca-bundle, AWS_CA_BUNDLE: session_ca_bundle). */
#ifndef SEALTAP_CLI_TRUST_H
#define SEALTAP_CLI_TRUST_H

#include "lib/tls.h"

/* Read once. NULL: it was said what is wrong with the bundle (EXIT_NOT_SET_UP). */
const struct tls_anchors *trust_anchors(void);

#endif
