/* tls_mbed_shared: what the process's TLS connections share when Mbed TLS is behind them: an arena for all
 * that the library allocates, the random generator, the clock that it is shown, the configuration, the
 * anchors.
 *
 * What does not fit the arena is an error of that connection (MBEDTLS_ERR_*_ALLOC_FAILED). Results are Mbed
 * TLS's: 0 or a negative error.
 */
#ifndef SEALTAP_LIB_TLS_MBED_SHARED_H
#define SEALTAP_LIB_TLS_MBED_SHARED_H

#include "base/span.h"
#include "lib/tls.h"

struct mbedtls_ssl_config; /* the library's */

/* For seven connections, in the handshake at once. */
#define TLS_MBED_ARENA_BYTES (768 * 1024)

/* Before anything else of the library is used; more than once does nothing. */
void tls_mbed_up(void);
/* Begins the generator anew; needed before tls_mbed_config. */
void tls_mbed_entropy(struct span entropy);
/* The time that the library sees until the next call. */
void tls_mbed_time(uint64_t unix_time_s);
/* *conf verifies against these anchors, from now on for all connections; borrowed by it, compared by address.
 */
int tls_mbed_config(const struct tls_anchors *a, struct mbedtls_ssl_config **conf);
/* Bytes of the arena in use at the most so far. */
size_t tls_mbed_peak_bytes(void);

#endif
