/* tls_mbed_shared: what the process's TLS connections share when Mbed TLS is behind them: an arena for all
 * that the library allocates, the random generator, the clock that it is shown, the configuration, the
 * anchors.
 *
 * The arena is for so many connections at once; one more is refused before it takes anything, so that it does
 * no harm to the others (what the library says when it runs out of memory in a handshake is not always that).
 * Results are Mbed TLS's: 0 or a negative error.
 */
#ifndef SEALTAP_LIB_TLS_MBED_SHARED_H
#define SEALTAP_LIB_TLS_MBED_SHARED_H

#include "base/span.h"
#include "lib/tls.h"

struct mbedtls_ssl_config; /* the library's */

#define TLS_MBED_CONNECTIONS 7
/* In the handshake at once they take some 330 KiB with chains as AWS's; a certificate message of 16 KiB may
 * take more. */
#define TLS_MBED_ARENA_BYTES (768 * 1024)

/* Before anything else of the library is used; more than once does nothing. */
void tls_mbed_up(void);
/* Begins the generator anew; needed before tls_mbed_config. */
void tls_mbed_entropy(struct span entropy);
/* The time that the library sees until the next call. */
void tls_mbed_time(uint64_t unix_time_s);
/* *conf verifies against these anchors, from now on for all connections. Borrowed; compared by address. */
int tls_mbed_config(const struct tls_anchors *a, struct mbedtls_ssl_config **conf);
/* A connection begins, and ends. MBEDTLS_ERR_SSL_ALLOC_FAILED: there are TLS_MBED_CONNECTIONS already. */
int tls_mbed_join(void);
void tls_mbed_leave(void);

#endif
